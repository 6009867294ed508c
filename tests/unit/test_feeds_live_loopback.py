"""The feed through the real ccxt, against an exchange on this machine that misbehaves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tradectl.domain.events import (
    BookEvent,
    Event,
    MarketDataEvent,
    RestrictionKind,
    SymbolRestricted,
)
from tradectl.exchange.ccxt_venue import CcxtVenue
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import Channel
from tradectl.feeds.live.live_feed import LiveFeed
from tradectl.testkit import LoopbackExchange

pytestmark = pytest.mark.virtual_time

SYMBOL = "BTCUSDT"
TRADES, QUOTES, BOOK = Channel.TRADES, Channel.QUOTES, Channel.BOOK


class FeedHarness:
    """A feed that runs on the exchange's public data, and what it said."""

    def __init__(self, exchange: LoopbackExchange, *channels: Channel, **settings: Any) -> None:
        self.exchange = exchange
        self.posted: list[Event] = []
        self.events: list[MarketDataEvent] = []
        self.channels = channels
        self.settings = settings
        self.venue = CcxtVenue(
            ExchangeSettings(id="binance", url=exchange.url, timeout_seconds=2), {SYMBOL: SYMBOL}
        )

    @property
    def ids(self) -> list[int]:
        return [int(event.trade_id) for event in self.events if event.trade_id]

    @property
    def is_holding(self) -> list[tuple[RestrictionKind, bool]]:
        return [
            (event.kind, event.restricted)
            for event in self.posted
            if isinstance(event, SymbolRestricted)
        ]

    @property
    def printed(self) -> list[int]:
        """Every trade that the exchange made."""
        return [trade.id for trade in self.exchange.engines["spot"].trades[SYMBOL].trades]

    def trade(self, count: int = 1) -> None:
        for _ in range(count):
            self.exchange.print_trade(SYMBOL, "60005", "0.01")

    async def until(self, done: Callable[[], object]) -> None:
        await self.exchange.until(done)

    async def while_quoting(self, done: Callable[[], object]) -> None:
        """Until it is so, with another step of the book at each look."""
        steps = itertools.count()

        def looked() -> object:
            step = next(steps)
            self.exchange.quote(SYMBOL, str(60000 - step), str(60010 + step), "2")
            return done()

        await self.exchange.until(looked)

    async def subscribed(self) -> None:
        """Every channel is heard."""
        self.exchange.quote(SYMBOL, "60000", "60010", "2")
        wanted = {TRADES: "@trade", QUOTES: "@bookTicker", BOOK: "@depth"}
        streams = [wanted[channel] for channel in self.channels]
        hub = self.exchange.hub
        await self.until(
            lambda: all(any(w in s for s in hub.streams("spot", "btc")) for w in streams)
        )


@asynccontextmanager
async def at_work(*channels: Channel, **settings: Any) -> AsyncIterator[FeedHarness]:
    async with LoopbackExchange(seed=1) as exchange:
        harness = FeedHarness(exchange, *channels, **settings)
        await harness.venue.open()
        feed = LiveFeed(
            {"binance": harness.venue},
            {SYMBOL: "binance"},
            {"binance": channels},
            harness.events.extend,
            harness.posted.append,
            stale_after=settings.get("stale_after", 30.0),
        )
        task = asyncio.ensure_future(feed.run())
        try:
            await harness.subscribed()
            yield harness
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await harness.venue.close()


async def test_no_trade_is_lost_to_lost_connections() -> None:
    async with at_work(TRADES, QUOTES) as harness:
        first = len(harness.printed)
        harness.trade(30)
        for _ in range(3):
            await harness.until(
                lambda: harness.printed and harness.ids[-1:] == harness.printed[-1:]
            )
            harness.exchange.restart_streams()
            harness.trade(7)
            await harness.subscribed()
            harness.trade(3)
        await harness.until(lambda: harness.ids[-1:] == harness.printed[-1:])
        assert harness.ids == harness.printed[first:]


@pytest.mark.parametrize("kind", ["drop", "duplicate", "reorder"])
async def test_no_trade_is_lost_or_told_twice_by_a_stream_that_lies(kind: str) -> None:
    async with at_work(TRADES) as harness:
        first = len(harness.printed)
        harness.trade(30)
        await harness.until(lambda: len(harness.ids) == 30)
        harness.exchange.misbehave(kind, stream="btcusdt@trade", count=3)
        harness.trade(10)
        await harness.until(lambda: len(harness.ids) == 40)
        assert harness.ids == harness.printed[first:]


async def test_a_half_open_connection_holds_its_symbol_and_is_made_again() -> None:
    async with at_work(TRADES, QUOTES, stale_after=0.4) as harness:
        harness.exchange.start_walking(50)
        await harness.until(lambda: len(harness.events) > 20)
        stall = harness.exchange.misbehave("stall", stream="btcusdt@*")
        await harness.until(lambda: (RestrictionKind.STALE, True) in harness.is_holding)
        stall.remove()
        await harness.until(lambda: (RestrictionKind.STALE, False) in harness.is_holding)
        await harness.until(lambda: harness.ids and harness.ids[-1] >= harness.printed[-1] - 1)
        first = harness.printed.index(harness.ids[0])
        assert harness.ids == harness.printed[first : first + len(harness.ids)]


@pytest.mark.parametrize("kind", ["drop", "crossed"])
async def test_a_book_that_lost_a_step_is_held_until_it_is_whole_again(kind: str) -> None:
    async with at_work(BOOK) as harness:
        await harness.until(lambda: harness.events)
        harness.exchange.misbehave(kind, stream="btcusdt@depth*", count=1)
        await harness.while_quoting(
            lambda: (RestrictionKind.BROKEN_BOOK, True) in harness.is_holding
        )
        await harness.while_quoting(
            lambda: (RestrictionKind.BROKEN_BOOK, False) in harness.is_holding
        )
        book = harness.events[-1]
        assert isinstance(book, BookEvent)
        assert book.bid is not None
        assert book.ask is not None
        assert book.bid < book.ask
