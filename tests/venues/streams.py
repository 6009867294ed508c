"""A dialect's websocket: what a client sends is answered, and what happens is pushed to who listens.

A dialect says how (`StreamTalk`); the sockets, and what happens, are the loopback exchange's own. A
connection that showed the credentials, and subscribed to an account's channel, is told of orders and
fills.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.venues.asked import Asked
from tests.venues.shapes import fields_of
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.sockets import Socket
from tradectl.testkit.symbols import Rules
from tradectl.testkit.trades import Trade

if TYPE_CHECKING:
    from tests.venues.dialect import Dialect
    from tradectl.testkit.exchange import LoopbackExchange

Top = tuple[Decimal, Decimal]
STREAMS, ORDERS, FILLS, LOGIN = "streams", "orders pushed", "fills pushed", "login"


@dataclass
class Connection:
    """`channels` are those that were subscribed to, as the dialect calls them."""

    socket: Socket
    path: str
    query: Mapping[str, str]
    knows_key: bool = False
    channels: set[str] = field(default_factory=set)
    is_kept_open: bool = False
    """where a quiet one is closed unless that was asked for"""


@dataclass(frozen=True)
class StreamTalk:
    """`heard` gives what is answered to a message, and notes in the connection what it subscribed to.
    What is pushed is a message by channel, or a tuple of messages: of an order, where `fill` just came to
    it or is None, of a trade, and of the best prices (price and size of the bid and of the ask). `source`
    names ccxt's file and the methods that quote the shapes."""

    heard: Callable[[Any, Connection, Asked], list[Any]]
    ordered: Callable[[Order, Fill | None, Asked], Mapping[str, Any]]
    traded: Callable[[Rules, Trade, Asked], Mapping[str, Any]]
    quoted: Callable[[Rules, Top, Top, Asked], Mapping[str, Any]]
    source: str
    account: tuple[str, ...]
    """what stands in the names of the channels that carry the account's orders and fills"""
    taken: frozenset[str] = frozenset({ORDERS, FILLS})
    """what of it our venue goes by; it asks for the other"""
    pushes_prices: bool = True
    """the best ones, by themselves"""
    has_login: bool = True
    """the account is not told of to everybody who names it"""
    greets: Callable[[Connection, Asked], list[Any]] = lambda _connection, _asked: []


class DialectStreams:
    """All connections to one exchange; hears of what its engines do."""

    def __init__(self, exchange: LoopbackExchange, dialect: Dialect, talk: StreamTalk) -> None:
        self._exchange = exchange
        self.dialect = dialect
        self._talk = talk
        self.open: list[Connection] = []
        self.said: set[str] | None = None
        """where that is a set, it gets the fields of all that is told"""
        broadcast: Any = exchange._broadcast
        report, trade, book = broadcast.on_report, broadcast.on_trade, broadcast.on_book

        def on_report(order: Order, execution: str, fill: Fill | None) -> None:
            report(order, execution, fill)
            self._push(talk.ordered(order, fill, self._asked()))

        def on_trade(rules: Rules, made: Trade) -> None:
            trade(rules, made)
            if rules.market == dialect.market:
                self._push(talk.traded(rules, made, self._asked()))

        def on_book(rules: Rules, changes: Any, first_id: int) -> None:
            book(rules, changes, first_id)
            depth = exchange.engines[rules.market].books[rules.symbol]
            bid, ask = depth.top("BUY"), depth.top("SELL")
            if rules.market == dialect.market and bid is not None and ask is not None:
                self._push(talk.quoted(rules, bid, ask, self._asked()))

        broadcast.on_report, broadcast.on_trade, broadcast.on_book = on_report, on_trade, on_book

    def _asked(self, path: str = "") -> Asked:
        return Asked(self._exchange, self.dialect, "GET", path, {}, "", {})

    def _push(self, messages: Mapping[str, Any]) -> None:
        for connection in [c for c in self.open if not c.socket.closed]:
            for channel, message in messages.items():
                for one in message if isinstance(message, tuple) else (message,):
                    if channel in connection.channels:
                        self._say(connection.socket, one)

    def _say(self, socket: Socket, message: Any) -> None:
        if self.said is not None:
            self.said |= fields_of(message)
        socket.send_text(_text(message))

    async def accept(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=True)
        await ws.prepare(request)
        socket = Socket(request, ws, self.dialect.market)
        connection = Connection(socket, request.path, dict(request.query))
        self._exchange.hub.sockets.add(socket)
        self.open.append(connection)
        try:
            for answer in self._talk.greets(connection, self._asked(request.path)):
                self._say(socket, answer)
            async for message in ws:
                if message.type is not WSMsgType.TEXT:
                    continue
                for answer in self._talk.heard(_read(message.data), connection, self._asked()):
                    self._say(socket, answer)
        finally:
            self.open.remove(connection)
            self._exchange.hub.sockets.discard(socket)
            socket.cut()
        return ws


def _read(text: str) -> Any:
    return json.loads(text) if text[:1] in ("{", "[") else text


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, default=str)


__all__ = [
    "FILLS",
    "LOGIN",
    "ORDERS",
    "STREAMS",
    "Connection",
    "DialectStreams",
    "StreamTalk",
    "Top",
]
