"""Guarding ccxt's WebSocket connections.

Left alone, ccxt's receiver dies silently of one message that it cannot read: the socket stays open and
nothing comes any more. Of several updates between two reads it hands over the last, or those of one
symbol, and some it overlooks. So every connection is guarded. Market data that cannot be read is dropped
and counted; on the account's own stream it may have been a fill, and ends the connection, loudly, like
any other loss. Orders and fills are taken as each message is handled, in the order of their arrival;
connections that no stream needs any more are closed. ccxt calls a line dead by the computer's clock, and
loses all of them when that is set; here it is dead when pings stay unanswered, whatever any clock says.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

from tradectl.domain.text import harmless
from tradectl.exchange.ccxt_venue.quirks import Quirks

MOST_WAITING = 100_000
CLOSE_SECONDS = 2.0


class _Used(set[Any]):
    """The connections of one stream; `account` if it is the account's own."""

    def __init__(self, account: bool) -> None:
        super().__init__()
        self.account = account
        self.broken = False


_USED: ContextVar[_Used | None] = ContextVar("ccxt_stream_connections", default=None)


class AccountUpdate(NamedTuple):
    is_fill: bool
    raw: dict[str, Any]


class WebsocketGuard:
    """Installs itself on a ccxt object. `updates` are the account's orders and fills, oldest first, while
    `follows_account` is set."""

    def __init__(self, client: Any, quirks: Quirks, dropped: Counter[str]) -> None:
        self.client = client
        self.updates: deque[AccountUpdate] = deque(maxlen=MOST_WAITING)
        self.follows_account = False
        self.on_account_message: Callable[[Mapping[str, Any]], None] = lambda _: None
        """hears of each message of the account's own stream while it is followed"""
        self._dropped = dropped
        self._quirks = quirks
        self._is_of_before = False
        self._users: Counter[Any] = Counter()
        self._make = client.client
        self._handle = client.handle_message
        self._collected_from: dict[str, Any] = {}
        self._closing: set[asyncio.Task[None]] = set()
        client.client = self._connection
        client.handle_message = self._message

    @contextmanager
    def using(self, *, account: bool = False) -> Iterator[None]:
        """What is connected to inside belongs to this stream, and is closed with its last one."""
        used = _Used(account)
        token = _USED.set(used)
        try:
            yield
        finally:
            _USED.reset(token)
            for connection in used:
                self._users[connection] -= 1
                if self._users[connection] <= 0:
                    del self._users[connection]
                    self._close(connection)
                elif used.broken:
                    self._close(connection)

    def mark_broken(self) -> None:
        """What this stream is subscribed to cannot be repaired: its connections end with it, even those
        that others use, who will ask for new ones."""
        used = _USED.get()
        if used is not None:
            used.broken = True

    def _connection(self, url: str) -> Any:
        connection = self._make(url)
        if not hasattr(connection, "is_account"):
            connection.is_account = False
            connection.handle_message = self._guarded(connection, connection.handle_message)
            connection.future = _heard(connection.future)
            connection.ping_loop = partial(_pings, connection, self._quirks.said_first)
        used = _USED.get()
        if used is not None and connection not in used:
            used.add(connection)
            self._users[connection] += 1
            connection.is_account |= used.account
        return connection

    def _guarded(self, connection: Any, handle: Callable[[Any], None]) -> Callable[[Any], None]:
        def handle_message(message: Any) -> None:
            try:
                handle(message)
            except Exception as error:  # unread, it would end ccxt's receiver without a word
                self._dropped["not readable"] += 1
                if connection.is_account:
                    self._lose(connection, f"an update that cannot be read: {type(error).__name__}")

        return handle_message

    def _message(self, connection: Any, message: Any) -> None:
        if isinstance(message, dict) and (why := self._quirks.over(message)):
            self._lose(connection, f"the exchange ended the stream: {harmless(why, 100)}")
            return
        if not connection.is_account or not isinstance(message, dict):
            self._handle(connection, message)
            self._collect()
            return
        self._is_of_before = self._quirks.is_of_before(message)
        for part in self._quirks.split(message):
            self._handle(connection, part)
            self._collect()
        self._is_of_before = False
        if self.follows_account:
            self.on_account_message(message)

    def _lose(self, connection: Any, reason: str) -> None:
        from ccxt import NetworkError

        connection.on_error(NetworkError(reason))

    def _collect(self) -> None:
        """Take what the message brought, and record from now on what is put into the caches."""
        for name, is_fill in (("orders", False), ("myTrades", True)):
            cache: Any = getattr(self.client, name, None)
            if cache is None or isinstance(cache, dict):
                continue
            if self._collected_from.get(name) is not cache:
                self._collected_from[name] = cache
                self._take(is_fill, *cache)
                cache.append = self._recording(cache.append, is_fill)
            if is_fill or self._quirks.forget_orders:
                cache.clear()

    def _recording(self, append: Callable[[Any], None], is_fill: bool) -> Callable[[Any], None]:
        def record(item: Any) -> None:
            self._take(is_fill, item)
            append(item)

        return record

    def _take(self, is_fill: bool, *items: Any) -> None:
        name = "fills" if is_fill else "orders"
        if self.follows_account and not self._is_of_before and name in self._quirks.streamed:
            self.updates.extend(AccountUpdate(is_fill, dict(item)) for item in items)

    def _close(self, connection: Any) -> None:
        clients = self.client.clients or {}
        url = connection.url
        if clients.get(url) is connection:
            del clients[url]
        connection.error = connection.error or ConnectionError("closed by us")
        task = asyncio.ensure_future(_closed(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def wait_closed(self) -> None:
        """Wait for the connections that are being closed, bounded."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_SECONDS)


def _heard(future: Callable[[str], Any]) -> Callable[[str], Any]:
    """What ccxt makes to wait by, and may reject when nobody waits any more: no complaint about that."""

    def heard(message_hash: str) -> Any:
        made = future(message_hash)
        if not hasattr(made, "is_heard"):
            made.is_heard = True
            made.add_done_callback(_retrieve)
        return made

    return heard


async def _pings(connection: Any, said_first: Mapping[str, Any] | None) -> None:
    """In place of ccxt's, begun with the connection: a line is lost by so many pings in a row without a
    pong between them as ccxt allows it. `lastPong` is a time that may be any clock's: only that it was
    set says something."""
    from ccxt import RequestTimeout

    if said_first is not None and not await _said(connection, connection.send, said_first):
        return
    unanswered = -1  # before the first there is nothing to answer
    while connection.keepAlive and not connection.closed():
        await asyncio.sleep(connection.keepAlive / 1000)
        unanswered = 0 if connection.lastPong is not None else unanswered + 1
        connection.lastPong = None
        if unanswered >= connection.maxPingPongMisses:
            connection.on_error(RequestTimeout(f"no answer to {unanswered} pings"))
            return
        if connection.ping:
            is_said = await _said(connection, connection.send, connection.ping(connection))
        else:
            is_said = await _said(connection, connection.connection.ping)
        if not is_said:
            return


async def _said(connection: Any, send: Callable[..., Awaitable[Any]], *message: Any) -> bool:
    try:
        await send(*message)
    except Exception as error:  # the line may have gone in the meantime
        if not connection.closed():
            connection.on_error(error)
        return False
    return True


def _retrieve(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


async def _closed(connection: Any) -> None:
    try:
        await asyncio.wait_for(connection.close(), CLOSE_SECONDS)
    except Exception:  # whatever state it was in, it is not used any more
        return


__all__ = ["AccountUpdate", "WebsocketGuard"]
