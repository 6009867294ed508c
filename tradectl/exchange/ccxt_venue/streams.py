"""Streams of market data: pushed where the exchange pushes, else polled.

Each stream runs until its connection is lost, which is NotExecuted, and leaves nothing behind: asked
again it subscribes anew. ccxt wakes a waiter for one symbol and forgets to say that others came
along; so at each waking everything that its caches hold for the stream's symbols is taken.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tradectl.bus.clock import ComputerClock, Sleep
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import MarketDataEvent
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.market_data import CrossedBook, MarketData
from tradectl.exchange.ccxt_venue.markets import Market
from tradectl.exchange.ccxt_venue.websocket_guard import WebsocketGuard
from tradectl.exchange.tasks import run_together
from tradectl.exchange.venue import Channel, Deliver

REMEMBERED = 10_000
"""ids of trades that polling has handed over"""

PUSHED = {
    Channel.TRADES: (("watchTradesForSymbols", True), ("watchTrades", False)),
    Channel.QUOTES: (("watchBidsAsks", True), ("watchTicker", False)),
    Channel.BOOK: (("watchOrderBookForSymbols", True), ("watchOrderBook", False)),
}
"""ccxt's methods by preference, and whether they take several symbols"""


def pushed_channels(client: Any) -> tuple[Channel, ...]:
    return tuple(channel for channel in Channel if _method(client, channel) is not None)


class Streams:
    """`recent` and `quote` ask once over REST: they are what polling goes by."""

    def __init__(
        self,
        client: Any,
        caller: Caller,
        guard: WebsocketGuard,
        data: MarketData,
        *,
        poll_seconds: float,
        recent: Callable[[Market], Awaitable[list[MarketDataEvent]]],
        quote: Callable[[Market], Awaitable[MarketDataEvent]],
        sleep: Sleep = ComputerClock.sleep,
    ) -> None:
        self._client = client
        self._caller = caller
        self._guard = guard
        self._data = data
        self._poll_seconds = poll_seconds
        self._recent_trades = recent
        self._quote = quote
        self._sleep = sleep

    async def run(self, channel: Channel, markets: Sequence[Market], deliver: Deliver) -> None:
        method = _method(self._client, channel)
        with self._guard.using():
            if method is None:
                await run_together(*(self._poll(channel, market, deliver) for market in markets))
                return
            name, takes_several = method
            groups = [list(markets)] if takes_several else [[market] for market in markets]
            await run_together(
                *(self._watch(channel, name, group, takes_several, deliver) for group in groups)
            )

    async def _watch(
        self,
        channel: Channel,
        name: str,
        markets: list[Market],
        takes_several: bool,
        deliver: Deliver,
    ) -> None:
        watch = getattr(self._client, _snake(name))
        asked: Any = [m.unified for m in markets] if takes_several else markets[0].unified
        source = _SOURCES[channel](self._client, self._data, markets)
        what = f"{channel} of {', '.join(market.symbol for market in markets[:3])}"
        try:
            while True:
                update = await self._caller.watch(what, lambda: watch(asked))
                if events := source.take_new(update):
                    deliver(events)
        except CrossedBook as crossed:
            lost = f"{what}: the book is crossed, {crossed}"
            self._guard.mark_broken()
        except NotExecuted:
            if channel is Channel.BOOK:
                self._guard.mark_broken()  # a whole book comes with a new subscription only
            raise
        finally:
            source.forget()
        raise NotExecuted(lost)

    async def _poll(self, channel: Channel, market: Market, deliver: Deliver) -> None:
        seen: dict[str, None] = {}
        while True:
            if channel is Channel.TRADES:
                events = _unseen(await self._recent_trades(market), seen)
            elif channel is Channel.QUOTES:
                events = [await self._quote(market)]
            else:
                events = await self._fetched_book(market)
            if events:
                deliver(events)
            await self._sleep(self._poll_seconds)

    async def _fetched_book(self, market: Market) -> list[MarketDataEvent]:
        def read(raw: Any) -> list[MarketDataEvent]:
            event = self._data.book(raw, market)
            return [] if event is None else [event]

        return await self._caller.ask(
            f"book of {market.symbol}",
            lambda: self._client.fetch_order_book(market.unified),
            read,
        )


class _Source(ABC):
    """What ccxt has gathered of some markets on one channel."""

    def __init__(self, client: Any, data: MarketData, markets: Sequence[Market]) -> None:
        self._client = client
        self._data = data
        self._markets = markets
        self._last: dict[str, Any] = {}

    @abstractmethod
    def take_new(self, update: Any) -> list[MarketDataEvent]:
        """The events of what has come since the last time; `update` is what ccxt woke us with."""

    @abstractmethod
    def forget(self) -> None:
        """Empty ccxt's caches, so that a new subscription begins afresh."""


class _Trades(_Source):
    def take_new(self, update: Any) -> list[MarketDataEvent]:
        events: list[MarketDataEvent] = []
        caches = self._client.trades or {}
        are_cached = False
        for market in self._markets:
            if cache := caches.get(market.unified):
                are_cached = True
                events += self._data.trades(list(cache), market)
                cache.clear()
        return events if are_cached else self._of_answer(update)

    def _of_answer(self, update: Any) -> list[MarketDataEvent]:
        """Of an exchange whose trades ccxt keeps elsewhere."""
        by_name = {market.unified: market for market in self._markets}
        events: list[MarketDataEvent] = []
        for raw in update or ():
            if market := by_name.get(raw.get("symbol")):
                events += self._data.trades([raw], market)
        return events

    def forget(self) -> None:
        for market in self._markets:
            (self._client.trades or {}).pop(market.unified, None)


class _Quotes(_Source):
    """The newest of each symbol: a quote that another has replaced is not handed on."""

    def take_new(self, update: Any) -> list[MarketDataEvent]:
        events: list[MarketDataEvent] = []
        for market in self._markets:
            raw = self._newest(update, market.unified)
            if raw is None or raw is self._last.get(market.unified):
                continue
            self._last[market.unified] = raw
            if event := self._data.quote(raw, market):
                events.append(event)
        return events

    def _newest(self, update: Any, unified: str) -> Any:
        if isinstance(update, dict) and update.get("symbol") == unified:
            return update
        if isinstance(update, dict) and isinstance(update.get(unified), dict):
            return update[unified]
        return (getattr(self._client, "bidsasks", None) or {}).get(unified)

    def forget(self) -> None:
        for market in self._markets:
            (getattr(self._client, "bidsasks", None) or {}).pop(market.unified, None)


class _Books(_Source):
    def take_new(self, update: Any) -> list[MarketDataEvent]:
        events: list[MarketDataEvent] = []
        for market in self._markets:
            is_update = update.get("symbol") == market.unified
            raw = update if is_update else (self._client.orderbooks or {}).get(market.unified)
            if raw is None:
                continue
            step = (raw.get("nonce"), raw.get("timestamp"))
            if not is_update and (step[0] is None or step == self._last.get(market.unified)):
                continue
            self._last[market.unified] = step
            if event := self._data.book(raw, market):
                events.append(event)
        return events

    def forget(self) -> None:
        """So that ccxt begins with a whole book, not with what is left of a broken one."""
        for market in self._markets:
            (self._client.orderbooks or {}).pop(market.unified, None)


_SOURCES: dict[Channel, type[_Source]] = {
    Channel.TRADES: _Trades,
    Channel.QUOTES: _Quotes,
    Channel.BOOK: _Books,
}


def _unseen(events: list[MarketDataEvent], seen: dict[str, None]) -> list[MarketDataEvent]:
    fresh = [event for event in events if not event.trade_id or event.trade_id not in seen]
    seen.update((event.trade_id, None) for event in fresh)
    while len(seen) > REMEMBERED:
        del seen[next(iter(seen))]
    return fresh


def _method(client: Any, channel: Channel) -> tuple[str, bool] | None:
    for name, takes_several in PUSHED[channel]:
        if client.has.get(name) is True and hasattr(client, _snake(name)):
            return name, takes_several
    return None


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


__all__ = ["Streams", "pushed_channels"]
