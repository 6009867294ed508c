"""WebSocket connections of clients, and what each of them listens to.

Each has a queue and a task that empties it, so a client that never reads holds up nobody. Only the
player of recorded data waits for room. Closing cuts the connection: a proper goodbye to a client that
floods or never reads may take forever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from tradectl.testkit.faults import Fault, Faults, Kind

LIMIT = 200_000
"""messages that may wait for one client before it is cut off"""
ROOMY = 1_000
USER = "user"

Json = dict[str, Any]
Send = Callable[[Json], None]
_encode = msgspec.json.Encoder().encode


class Socket:
    """`account` is set where the connection carries an account's messages; `wrap` puts a message as this
    connection wants it."""

    def __init__(self, request: web.Request, ws: web.WebSocketResponse, market: str) -> None:
        self._request = request
        self._ws = ws
        self.market = market
        self.subscribed: set[str] = set()
        self.account = ""
        self.combined = False
        self.subscription_id: int | None = None
        self.sent = 0
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()
        self.closed = False
        self._writer = asyncio.create_task(self._write())

    def wants(self, stream: str) -> bool:
        return stream in self.subscribed

    def send(self, message: Json) -> None:
        self.send_text(_encode(message).decode())

    def send_text(self, text: str) -> None:
        if self.closed:
            return
        self._queue.put_nowait(text)
        if self._queue.qsize() > LIMIT:
            self.cut()
        elif self._queue.qsize() > ROOMY:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the client has taken most of what it was sent."""
        await self._room.wait()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                text = await self._queue.get()
                await self._ws.send_str(text)
                self.sent += 1
                if self._queue.qsize() <= ROOMY // 2:
                    self._room.set()
        self.cut()

    async def say_goodbye(self, code: int) -> None:
        """Close it as the protocol has it."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._ws.close(code=code, drain=False)

    def cut(self) -> None:
        self.closed = True
        self._room.set()
        self._writer.cancel()
        if (transport := self._request.transport) is not None:
            transport.abort()


class Hub:
    """All sockets. What is published goes through the stream faults, then to whom it concerns."""

    def __init__(self, faults: Faults, note: Callable[..., None]) -> None:
        self.sockets: set[Socket] = set()
        self._faults = faults
        self._note = note
        self._held: list[tuple[str, Fault, Callable[[], None]]] = []

    def wanted(self, market: str, streams: Iterable[str]) -> bool:
        mine = [s for s in self.sockets if s.market == market]
        return any(s.wants(stream) for stream in streams for s in mine)

    def streams(self, market: str, prefix: str) -> set[str]:
        """Those of that beginning which somebody listens to."""
        return {
            stream
            for s in self.sockets
            if s.market == market
            for stream in s.subscribed
            if stream.startswith(prefix)
        }

    def publish(self, market: str, stream: str, message: Json) -> None:
        chosen = [s for s in self.sockets if s.market == market and s.wants(stream)]

        def send(payload: Json) -> None:
            for socket in chosen:
                socket.send({"stream": stream, "data": payload} if socket.combined else payload)

        if chosen:
            self._through_faults(stream, message, send)

    def publish_user(self, market: str, account: str, message: Json) -> None:
        chosen = [s for s in self.sockets if s.market == market and s.account == account]

        def send(payload: Json) -> None:
            for socket in chosen:
                number = socket.subscription_id
                wrapped = {"subscriptionId": number, "event": payload}
                socket.send(payload if number is None else wrapped)

        if chosen:
            self._through_faults(USER, message, send)

    def _through_faults(self, stream: str, message: Json, send: Send) -> None:
        event = _event(message)
        found = self._faults.for_message(stream, event)
        if found is None:
            send(message)
            self._let_go(stream, event)
            return
        kind, fault = found
        self._note("fault", fault=kind.value, stream=stream, event=event)
        loop = asyncio.get_running_loop()
        if kind is Kind.DUPLICATE:
            send(message)
            send(message)
        elif kind is Kind.REORDER:
            self._held.append((stream, fault, lambda: send(message)))
            loop.call_later(fault.seconds or 0.2, self._let_go, stream, event)
        elif kind is Kind.DELAY:
            loop.call_later(fault.seconds, send, message)
        elif kind is Kind.DISCONNECT:
            self.cut(stream)
        elif kind is Kind.CROSSED:
            send(_crossed(message))

    def _let_go(self, stream: str, event: str) -> None:
        """What was held back for a message like this one follows it."""
        due = [held for held in self._held if held[0] == stream and held[1].concerns(event)]
        self._held = [held for held in self._held if held not in due]
        for _, _, send in due:
            send()

    def cut(self, stream: str = "*") -> int:
        """Drop connections: all, those of a stream, or (`user`) those that carry an account."""
        chosen = [
            s
            for s in self.sockets
            if stream == "*" or s.wants(stream) or (stream == USER and s.account)
        ]
        for socket in chosen:
            socket.cut()
        return len(chosen)


def _event(message: Json) -> str:
    """A message's type and, where it reports an order, what was executed."""
    name = str(message.get("e", "bookTicker"))
    detail = message.get("o") if name == "ORDER_TRADE_UPDATE" else message
    execution = detail.get("x") if isinstance(detail, dict) else None
    return f"{name}:{execution}" if isinstance(execution, str) else name


def _crossed(message: Json) -> Json:
    """Bid and ask in each other's place."""
    shown = dict(message)
    for one, other in (("b", "a"), ("B", "A")):
        if one in message and other in message:
            shown[one], shown[other] = message[other], message[one]
    return shown
