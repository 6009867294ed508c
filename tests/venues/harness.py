"""Our venue at a playback venue, without streams: ccxt itself, and what it polls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from decimal import Decimal
from functools import wraps
from typing import Any
from unittest import mock

from tests.venues.dialect import Dialect
from tests.venues.door import DialectServer, Refused
from tests.venues.streams import Connection
from tests.venues.wrong import Said
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.time import DAY
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.ccxt_venue.client import make_client
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import VenueIncome
from tradectl.testkit import Fees, LoopbackExchange

SYMBOL, OTHER = "BTCUSDT", "ETHUSDT"
ACCOUNT = "account"
"""the channel of orders and fills of the loopback exchange's own streams"""


@contextmanager
def without_streams(exchange_id: str = "") -> Iterator[None]:
    """Nothing is pushed, by one exchange or by any: the streams of a dialect are not played back."""
    make = make_client

    def made(*args: Any) -> Any:
        client = make(*args)
        for name in client.has:
            if name.startswith("watch") and exchange_id in ("", client.id):
                client.has[name] = False
        return client

    with mock.patch("tradectl.exchange.ccxt_venue.venue.make_client", made):
        yield


@contextmanager
def under_its_names(dialect: Dialect) -> Iterator[None]:
    """Symbols of the loopback exchange, and its money, are those that the dialect calls otherwise."""
    make = CcxtVenue.__init__

    def named(local: str) -> str:
        return dialect.symbol.replace("BTC", local.removesuffix("USDT"))

    @wraps(make)  # its clocks are those of the system that it is moved onto
    def made(self: CcxtVenue, settings: Any, symbols: Any, *rest: Any, **more: Any) -> None:
        theirs = {symbol: named(local) for symbol, local in symbols.items()}
        make(self, settings, theirs, *rest, **more)

    with mock.patch.object(CcxtVenue, "__init__", made):
        yield


class VenueAt:
    """An exchange that speaks a dialect, and our venue at it."""

    def __init__(self, exchange: LoopbackExchange, dialect: Dialect, **settings: Any) -> None:
        self.exchange = exchange
        self.dialect = dialect
        self.market = dialect.market
        usual = {"id": dialect.exchange_id, "timeout_seconds": 30.0, "requests_per_second": 10_000}
        self.settings = ExchangeSettings(
            market=dialect.kind,  # type: ignore[arg-type]
            url=exchange.url,
            **{**usual, **settings},
        )
        self.venue = self.venue_of(SYMBOL)
        self.sent = 0

    def venue_of(self, *symbols: str) -> CcxtVenue:
        theirs = {s: self.dialect.symbol.replace("BTC", s.removesuffix("USDT")) for s in symbols}
        return CcxtVenue(self.settings, theirs, Credentials(*self.dialect.credentials))

    def refuse(self, said: Said, *, orders_alone: bool = False, **headers: str) -> None:
        """All that is signed, or orders alone, in these words from now on."""
        door = self.exchange.door
        assert isinstance(door, DialectServer)
        door.refused = Refused(
            said, orders_alone, {k.replace("_", "-"): v for k, v in headers.items()}
        )

    def forget_key(self) -> None:
        """The exchange knows ours no more."""
        door = self.exchange.door
        assert isinstance(door, DialectServer)
        assert door.streams is not None
        others = ("key-of-another", "", "")
        door.dialect = door.streams.dialect = replace(door.dialect, credentials=others)

    @property
    def engine(self) -> Any:
        return self.exchange.engines[self.market]

    def connections(self) -> list[Connection]:
        """Websockets that are open."""
        door = self.exchange.door
        assert isinstance(door, DialectServer)
        assert door.streams is not None
        return door.streams.open

    def channels(self) -> set[str]:
        """That somebody subscribed to, as the dialect calls them."""
        if not self.dialect.is_native:
            return set[str]().union(*(connection.channels for connection in self.connections()))
        sockets = self.exchange.hub.sockets
        told = {ACCOUNT for socket in sockets if socket.account}
        return told.union(*(socket.subscribed for socket in sockets))

    def listens(self, *channels: str) -> bool:
        """Somebody subscribed to each of them, as the dialect calls them."""
        return all(any(name in c for c in self.channels()) for name in channels)

    @property
    def since(self) -> int:
        """Before anything happened, ns."""
        return self.exchange.now_ns() - 3600 * 10**9

    async def income(self, days: int = 1) -> list[VenueIncome]:
        """Of the last days."""
        now = self.exchange.now_ns()
        return await self.venue.income(now - days * DAY, now)

    def quote(self, bid: str, ask: str, size: str = "2") -> None:
        self.exchange.quote(SYMBOL, bid, ask, size, market=self.market)

    def trade(self, price: str, quantity: str) -> None:
        self.exchange.print_trade(SYMBOL, price, quantity, market=self.market)

    def spec(self, side: str, quantity: str, price: str | None = None, **more: Any) -> OrderSpec:
        kind = more.pop("type", OrderType.MARKET if price is None else OrderType.LIMIT)
        limit = None if price is None else Decimal(price)
        return OrderSpec("o", SYMBOL, Side(side), Decimal(quantity), kind, limit, **more)

    @property
    def client_id(self) -> str:
        """Of the last order that was sent: as long, and made of the same letters, as ours are."""
        return f"tcabcde{self.sent:011d}"

    async def submit(self, side: str, quantity: str, price: str | None = None, **more: Any) -> Any:
        self.sent += 1
        return await self.venue.submit(self.spec(side, quantity, price, **more), self.client_id)

    async def held(self) -> Decimal:
        holdings = await self.venue.holdings()
        return holdings.of(self.venue.instrument(SYMBOL))


@asynccontextmanager
async def venue_at(
    dialect: Dialect, *, answered: set[str] | None = None, streams: bool = False, **settings: Any
) -> AsyncIterator[VenueAt]:
    """`answered` gets the fields of all that the exchange answers. Without `streams` what it could push
    is polled."""
    async with LoopbackExchange(seed=1, dialect=dialect, fees=Fees(asset="quote")) as exchange:
        if isinstance(exchange.door, DialectServer):
            exchange.door.answered = answered
            if exchange.door.streams is not None:
                exchange.door.streams.said = answered
        at = VenueAt(exchange, dialect, **settings)
        at.quote("59990", "60010")
        with nullcontext() if streams else without_streams():
            await at.venue.open()
        try:
            yield at
        finally:
            await at.venue.close()
            assert exchange.unanswered() == []


__all__ = [
    "ACCOUNT",
    "OTHER",
    "SYMBOL",
    "VenueAt",
    "under_its_names",
    "venue_at",
    "without_streams",
]
