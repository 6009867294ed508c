"""Streams of market data and of the account's news: nothing missed, nothing twice, no silent death."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType

from tests.fixtures.loopback_venue import (
    SYMBOL,
    News,
    VenueHarness,
    stopped,
    user_stream,
    venue_harness,
)
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import BookEvent, MarketDataEvent, QuoteEvent
from tradectl.exchange.venue import Channel

pytestmark = pytest.mark.virtual_time

OTHER = "ETHUSDT"
BOTH = (SYMBOL, OTHER)


@pytest.fixture(params=["spot", "perpetual"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[VenueHarness]:
    async with venue_harness(request.param, poll_seconds=0.05) as opened:
        yield opened


class Heard:
    """A stream, and what it handed over."""

    def __init__(
        self, harness: VenueHarness, channel: Channel, symbols: Sequence[str] = (SYMBOL,)
    ) -> None:
        self.harness = harness
        self.events: list[MarketDataEvent] = []
        self.task = asyncio.create_task(harness.venue.stream(channel, symbols, self.events.extend))

    @property
    def ids(self) -> list[tuple[str, str]]:
        return [(event.symbol, event.trade_id) for event in self.events]

    def of(self, symbol: str) -> list[MarketDataEvent]:
        return [event for event in self.events if event.symbol == symbol]

    async def until(self, done: Any) -> None:
        def checked() -> Any:
            if self.task.done():
                self.task.result()
            return done()

        await self.harness.exchange.until(checked)

    async def begun(self, symbols: Sequence[str] = (SYMBOL,)) -> Heard:
        """Market moves until every symbol has been heard of, so that the stream is known to run."""
        price = 60_000
        while not all(self.of(symbol) for symbol in symbols):
            price += 10
            for symbol in symbols:
                self.harness.exchange.move(symbol, price, market=self.harness.market)
            try:
                await self.harness.exchange.until(
                    lambda: self.task.done() or all(self.of(symbol) for symbol in symbols), 0.1
                )
            except TimeoutError:
                continue
            if self.task.done():
                self.task.result()
        return self

    async def ends(self) -> None:
        """The connection is lost, which is told, and nothing is left open."""
        with pytest.raises(NotExecuted):
            await self.task


async def test_every_trade_of_every_symbol_is_handed_over_once(harness: VenueHarness) -> None:
    heard = await Heard(harness, Channel.TRADES, BOTH).begun(BOTH)
    before = len(heard.events)
    for step in range(200):
        symbol = BOTH[step % 3 == 0]
        harness.exchange.print_trade(symbol, 61_000 + step, "0.01", market=harness.market)
    last = 61_000 + 199
    await heard.until(lambda: any(event.price == last for event in heard.events))
    await heard.until(lambda: len(heard.events) >= before + 200)
    assert len(set(heard.ids)) == len(heard.ids) == before + 200
    for symbol in BOTH:
        numbers = [int(event.trade_id) for event in heard.of(symbol)]
        assert numbers == sorted(numbers)
    await stopped(heard.task)


async def test_a_trade_of_a_quiet_symbol_does_not_wait_for_the_next_one(
    harness: VenueHarness,
) -> None:
    """ccxt wakes for one symbol only; the other's trade is not left lying until its next."""
    heard = await Heard(harness, Channel.TRADES, BOTH).begun(BOTH)
    before = len(heard.of(OTHER))
    for symbol in (SYMBOL, OTHER, SYMBOL):
        harness.exchange.print_trade(symbol, 61_000, "0.01", market=harness.market)
    await heard.until(lambda: len(heard.of(OTHER)) > before)
    await stopped(heard.task)


async def test_ids_of_the_stream_are_those_of_the_recent_trades(harness: VenueHarness) -> None:
    heard = await Heard(harness, Channel.TRADES).begun()
    harness.trade("61000", "0.02")
    await heard.until(lambda: heard.events[-1].price == 61000)
    recent = await harness.venue.recent_trades(SYMBOL, 0)
    assert recent[-1] == heard.events[-1]
    since = recent[-1].ts
    assert [e.trade_id for e in await harness.venue.recent_trades(SYMBOL, since)] == [
        event.trade_id for event in recent if event.ts >= since
    ]
    await stopped(heard.task)


async def test_quotes_of_several_symbols(harness: VenueHarness) -> None:
    heard = await Heard(harness, Channel.QUOTES, BOTH).begun(BOTH)
    for symbol in BOTH:
        harness.exchange.quote(symbol, "3000", "3001", "7", market=harness.market)
    await heard.until(lambda: all(heard.of(symbol)[-1].bid == 3000 for symbol in BOTH))
    quote = heard.of(OTHER)[-1]
    assert isinstance(quote, QuoteEvent)
    assert [quote.ask, quote.bid_size, quote.price] == [3001, 7, Decimal("3000.5")]
    await stopped(heard.task)


async def test_the_book(harness: VenueHarness) -> None:
    heard = await Heard(harness, Channel.BOOK, BOTH).begun(BOTH)
    harness.quote("60000", "60001", "0.3")
    await heard.until(lambda: heard.of(SYMBOL)[-1].bid == 60000)
    book = heard.of(SYMBOL)[-1]
    assert isinstance(book, BookEvent)
    assert book.bids[0] == (Decimal(60000), Decimal("0.3"))
    assert [price for price, _ in book.asks] == sorted(price for price, _ in book.asks)
    await stopped(heard.task)


@pytest.mark.parametrize("fault", ["drop", "crossed", "disconnect"])
async def test_a_book_that_lost_a_step_ends_and_begins_anew_with_a_whole_one(
    harness: VenueHarness, fault: str
) -> None:
    heard = await Heard(harness, Channel.BOOK).begun()
    armed = harness.exchange.misbehave(fault, event="depthUpdate")
    ended = asyncio.create_task(heard.ends())
    step = 0
    while not ended.done():
        step += 1
        harness.quote(str(61_000 + step), str(61_010 + step))
        await asyncio.wait([ended], timeout=0.05)
    await ended
    assert armed.hits == 1
    again = await Heard(harness, Channel.BOOK).begun()
    harness.quote("62000", "62001", "0.3")
    await again.until(lambda: again.events[-1].bid == 62000)
    assert all(event.bid < event.ask for event in again.events if event.bid and event.ask)
    await stopped(again.task)


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_lost_connection_is_told_and_the_next_one_works(
    harness: VenueHarness, channel: Channel
) -> None:
    heard = await Heard(harness, channel).begun()
    harness.exchange.restart_streams()
    await heard.ends()
    await stopped((await Heard(harness, channel).begun()).task)


@pytest.mark.parametrize("channel", list(Channel))
async def test_a_stream_that_ends_leaves_no_connection(
    harness: VenueHarness, channel: Channel
) -> None:
    heard = await Heard(harness, channel).begun()
    assert harness.exchange.hub.sockets
    await stopped(heard.task)
    await harness.exchange.until(lambda: not harness.exchange.hub.sockets)


GARBAGE = [
    "{not json",
    '{"e":"trade","s":"BTCUSDT","t":1,"p":"NaN","q":"1","T":1,"m":true}',
    '{"e":"trade","s":"BTCUSDT","t":1,"p":"1e400","q":"1","T":1,"m":true}',
    '{"e":"trade","s":"BTCUSDT","t":1,"p":"-5","q":"1","T":1,"m":true}',
    '{"e":"trade","s":"BTCUSDT","t":1,"p":"' + "9" * 5000 + '","q":"1","T":1,"m":true}',
    "[" * 100_000,
    "[[]]",
]


def say(harness: VenueHarness, text: str) -> None:
    """As if the exchange had sent it, on every connection there is."""
    for connection in list(harness.venue._at.client.clients.values()):
        connection.handle_message(WSMessage(WSMsgType.TEXT, text, None))


@pytest.mark.parametrize("text", GARBAGE)
async def test_a_message_that_is_none_is_dropped_and_the_stream_lives(
    harness: VenueHarness, text: str
) -> None:
    heard = await Heard(harness, Channel.TRADES).begun()
    say(harness, text)
    harness.trade("61000", "0.02")
    await heard.until(lambda: heard.events[-1].price == 61000)
    assert sum(harness.venue.dropped.values()) == 1
    assert all(event.price > 0 and event.price.is_finite() for event in heard.events)
    await stopped(heard.task)


async def test_crossed_quotes_are_dropped_and_counted(harness: VenueHarness) -> None:
    heard = await Heard(harness, Channel.QUOTES).begun()
    harness.exchange.misbehave("crossed", event="bookTicker")
    harness.quote("61000", "61001")
    harness.quote("62000", "62001")
    await heard.until(lambda: heard.events[-1].bid == 62000)
    assert harness.venue.dropped == {"crossed": 1}
    await stopped(heard.task)


async def test_news_that_cannot_be_read_may_have_been_a_fill(harness: VenueHarness) -> None:
    task = await user_stream(harness, News())
    say(harness, "{not json")
    with pytest.raises(NotExecuted):
        await task
    assert set(harness.venue.dropped) == {"not readable"}


@pytest.mark.parametrize("event", ["listenKeyExpired", "eventStreamTerminated"])
async def test_a_user_stream_that_the_exchange_ends_is_a_lost_one(
    harness: VenueHarness, event: str
) -> None:
    task = await user_stream(harness, News())
    say(harness, f'{{"e":"{event}","E":1}}')
    with pytest.raises(NotExecuted):
        await task
    news = News()
    await stopped(await user_stream(harness, news))


async def test_duplicates_and_disorder_of_news_are_told_as_they_come(harness: VenueHarness) -> None:
    news = News()
    task = await user_stream(harness, news)
    harness.exchange.misbehave("duplicate", stream="user", count=2)
    await harness.submit("buy", "0.5", "60000")
    harness.trade("60000", "0.2")
    harness.trade("60000", "0.3")
    await harness.exchange.until(
        lambda: (
            sum(fill.quantity for fill in {f.trade_id: f for f in news.fills}.values())
            == Decimal("0.5")
        )
    )
    assert {fill.client_order_id for fill in news.fills} == {"cid-1"}
    await stopped(task)


async def test_where_nothing_is_pushed_it_is_asked_again_and_again(harness: VenueHarness) -> None:
    has = harness.venue._at.client.has
    for name in (
        "watchTradesForSymbols", "watchTrades", "watchBidsAsks", "watchTicker",
        "watchOrderBookForSymbols", "watchOrderBook",
    ):  # fmt: skip
        has[name] = False
    assert harness.venue.abilities.channels == ()
    harness.trade("60000", "0.02")
    heards = {channel: Heard(harness, channel, BOTH) for channel in Channel}
    trades = heards[Channel.TRADES]
    await trades.until(lambda: trades.of(SYMBOL))
    for step in range(5):
        harness.trade(str(60_000 + step), "0.01")
    await trades.until(lambda: trades.of(SYMBOL)[-1].price == 60_004)
    assert len(set(trades.ids)) == len(trades.ids)
    for channel in (Channel.QUOTES, Channel.BOOK):
        heard = heards[channel]
        await heard.until(lambda heard=heard: all(len(heard.of(s)) > 1 for s in BOTH))
    for heard in heards.values():
        await stopped(heard.task)


async def test_polling_ends_when_there_is_no_answer(harness: VenueHarness) -> None:
    harness.venue._at.client.has["watchTradesForSymbols"] = False
    harness.venue._at.client.has["watchTrades"] = False
    heard = await Heard(harness, Channel.TRADES).begun()
    harness.exchange.misbehave("html", path="trades")
    await heard.ends()


@pytest.mark.virtual_time(lasting=600.0)
async def test_a_line_is_lost_by_pings_without_an_answer(harness: VenueHarness) -> None:
    """Quiet alone, for however long, is none."""
    heard = await Heard(harness, Channel.TRADES).begun()
    await asyncio.sleep(300)
    assert not heard.task.done()

    async def unheard() -> None: ...

    for connection in harness.venue._at.client.clients.values():
        connection.connection.ping = unheard
    before = asyncio.get_running_loop().time()
    await heard.ends()
    assert 30 <= asyncio.get_running_loop().time() - before <= 50
