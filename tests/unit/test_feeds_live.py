from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal

import msgspec
import pytest

from tests.fixtures.fake_venue import START, FakeVenue, book, quote, trade, turns
from tests.fixtures.live_feed import FeedHarness, running
from tests.fixtures.rows import each_row
from tradectl.domain.errors import AccessLost, NotExecuted, VenueRefusal
from tradectl.domain.events import RestrictionKind, SymbolRestricted
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.exchange.venue import Channel
from tradectl.feeds.base import Feed
from tradectl.feeds.live.conflator import conflated
from tradectl.feeds.live.live_feed import STEADY_AFTER_S

TRADES, QUOTES, BOOK = Channel.TRADES, Channel.QUOTES, Channel.BOOK
TWO = {"BTCUSDT": "fake", "ETHUSDT": "fake"}


async def test_it_says_what_it_is() -> None:
    venues = [FakeVenue("a"), FakeVenue("b")]
    harness = FeedHarness(venues, {"BTCUSDT": "a", "b:BTC/USD": "b"})
    feed: Feed = harness.feed
    assert (feed.name, feed.simulated, feed.symbols) == ("a, b", False, ("BTCUSDT", "b:BTC/USD"))


async def test_how_late_data_comes_is_measured_by_the_exchange_s_own_clock() -> None:
    venue = FakeVenue()
    venue.clock_is_ahead = 2 * SECOND
    async with running(FeedHarness([venue], channels=(TRADES, QUOTES))) as harness:
        meter, time = harness.feed.lags["fake"], harness.time

        async def comes(late_ms: int) -> None:
            ts = time.now() + venue.clock_is_ahead - late_ms * MILLISECOND
            await harness.push(TRADES, trade(next(ids), ts=ts))

        ids = itertools.count(1)
        await comes(9_000)  # the first of a connection may be of long before
        assert meter.figures() is None
        for late_ms in (40, 30, 35):
            await time.pass_by(1)
            await comes(late_ms)
        await comes(500)  # an older one comes again
        await harness.push(QUOTES, quote())  # dated by us
        found = meter.figures()
        assert found is not None
        assert (found.p50_ms, found.p99_ms, found.clock_offset_ms) == (35.0, 40.0, 2_000.0)
        assert (meter.durations.count, meter.durations.total) == (3, 0.105)
        await harness.lose(TRADES)
        await comes(8_000)
        assert meter.durations.count == 3
        venue.clock_is_ahead = 0
        await time.pass_by(60)
        assert meter.offset == 0
        await time.pass_by(300)  # what came so long ago is not how late it comes now
        assert (meter.figures(), meter.durations.count) == (None, 3)


async def test_a_clock_that_is_set_makes_no_data_late() -> None:
    """The run keeps its own time then, and the exchange is another distance ahead of the computer's."""
    venue, set_by = FakeVenue(), 0
    feed: FeedHarness = FeedHarness(
        [venue], channels=(TRADES,), stale_after=90.0, wall=lambda: feed.time.now() + set_by
    )
    async with running(feed) as harness:
        meter, time = harness.feed.lags["fake"], harness.time
        for number, moved in enumerate((0, 0, -3_600 * SECOND, 7_200 * SECOND)):
            set_by, venue.clock_is_ahead = moved, -moved
            await harness.push(TRADES, trade(2 * number + 1, ts=time.now() - 40 * MILLISECOND))
            await time.pass_by(60)  # the exchange is asked
            await harness.push(TRADES, trade(2 * number + 2, ts=time.now() - 40 * MILLISECOND))
        found = meter.figures()
        assert found is not None
        assert (found.p50_ms, found.p99_ms) == (40.0, 40.0)
        assert found.clock_offset_ms == -7_200_000.0


async def test_what_comes_in_one_turn_of_the_loop_is_handed_on_as_one_list_in_order() -> None:
    async with running(FeedHarness(conflate=False)) as harness:
        harness.venue.push(TRADES, trade(1), trade(2))
        harness.venue.push(QUOTES, quote())
        harness.venue.push(TRADES, trade(3))
        assert harness.said == []
        await turns()
        assert harness.batches == [[trade(1), trade(2), quote(), trade(3)]]
        await harness.push(TRADES, trade(4))
        assert len(harness.batches) == 2


async def test_of_quotes_and_books_that_pile_up_the_newest_of_each_symbol_is_handed_on() -> None:
    async with running(FeedHarness(symbols=TWO, channels=tuple(Channel))) as harness:
        harness.venue.push(QUOTES, quote("90"), quote("91", symbol="ETHUSDT"), quote("92"))
        harness.venue.push(TRADES, trade(1), trade(2))
        harness.venue.push(BOOK, book("93"), book("94"))
        await turns()
        assert harness.batches == [
            [quote("91", symbol="ETHUSDT"), quote("92"), trade(1), trade(2), book("94")]
        ]
        assert harness.feed.counts["conflated"] == 2


def test_trades_are_never_conflated() -> None:
    batch = [trade(1), quote("90"), trade(1), quote("91"), trade(2)]
    assert conflated(batch) == [trade(1), trade(1), quote("91"), trade(2)]


# --- connections ----------------------------------------------------------------------------------


async def test_a_lost_connection_is_made_again_while_the_others_go_on() -> None:
    async with running(FeedHarness()) as harness:
        await harness.push(TRADES, trade(1))
        harness.venue.lose(TRADES)
        await turns()
        assert not harness.venue.connected(TRADES)
        await harness.push(QUOTES, quote())
        assert quote() in harness.events
        await harness.time.pass_by(0.1)
        await harness.push(TRADES, trade(2))
        await harness.time.pass_by(0.2)
        assert harness.ids == ["1", "2"]
        assert harness.feed.counts["reconnects"] == 1
        assert harness.news == ["feed_lost"]
        await harness.time.pass_by(STEADY_AFTER_S)
        await harness.push(TRADES, trade(3))
        assert harness.news == ["feed_lost", "feed_back"]


async def test_a_connection_that_is_lost_again_and_again_is_not_back_in_between() -> None:
    async with running(FeedHarness(channels=(TRADES,))) as harness:
        for number in range(1, 4):
            await harness.push(TRADES, trade(number))
            await harness.lose(TRADES, wait=1)
        for number in range(4, 7):
            await harness.push(TRADES, trade(number))
            await harness.time.pass_by(STEADY_AFTER_S)
        assert harness.news == ["feed_lost", "feed_lost", "feed_lost", "feed_back"]


async def test_the_pauses_double_up_to_ten_seconds_and_obey_the_exchange() -> None:
    async with running(FeedHarness(channels=(TRADES,))) as harness:
        pauses = []
        for attempt in range(10):
            harness.time.naps.clear()
            harness.venue.lose(TRADES, NotExecuted("banned", 25.0 if attempt == 3 else 0.0))
            await turns()
            pauses.append(harness.time.naps[-1])
            await harness.time.pass_by(pauses[-1])
        assert pauses == [0.1, 0.2, 0.4, 25.0, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
        assert harness.news == ["feed_lost"]


async def test_half_a_minute_of_data_makes_the_pauses_small_again() -> None:
    async with running(FeedHarness(channels=(TRADES,))) as harness:
        for _ in range(3):
            await harness.lose(TRADES, wait=10)
        await harness.push(TRADES, trade(1))
        await harness.time.pass_by(29)
        await harness.push(TRADES, trade(2))
        harness.venue.lose(TRADES)
        await turns()
        assert 0.8 in harness.time.naps[-3:]
        await harness.time.pass_by(0.8)
        for number in (3, 4, 5):
            await harness.push(TRADES, trade(number))
            await harness.time.pass_by(15)
        await harness.push(TRADES, trade(6))
        harness.time.naps.clear()
        harness.venue.lose(TRADES)
        await turns()
        assert 0.1 in harness.time.naps


async def test_a_connection_that_is_open_and_silent_is_given_up_each_time_after_longer() -> None:
    async with running(FeedHarness(channels=(TRADES,))) as harness:
        await harness.push(TRADES, trade(1))
        await harness.time.pass_by(29.9)
        assert harness.feed.counts["reconnects"] == 0
        await harness.time.pass_by(0.3)
        assert harness.feed.counts["reconnects"] == 1
        await harness.time.pass_by(29)
        assert harness.feed.counts["reconnects"] == 1
        await harness.time.pass_by(3600)
        assert 12 <= harness.feed.counts["reconnects"] <= 17
        assert harness.venue.connected(TRADES)


@pytest.mark.parametrize("error", [AccessLost("banned"), VenueRefusal("no such market")])
async def test_what_no_reconnecting_mends_ends_the_feed(error: Exception) -> None:
    async with running(FeedHarness()) as harness:
        await harness.push(TRADES, trade(1))
        harness.venue.lose(QUOTES, error)
        assert harness.task is not None
        with pytest.raises(type(error)):
            await harness.task
        assert not harness.venue.connected(TRADES)


async def test_it_may_run_again_after_it_broke() -> None:
    harness = FeedHarness()
    async with running(harness):
        await harness.push(TRADES, trade(1))
        harness.venue.lose(TRADES, ValueError("a bug"))
        assert harness.task is not None
        with pytest.raises(ValueError, match="a bug"):
            await harness.task
    harness.venue.told["BTCUSDT"] = [trade(1), trade(2), trade(3)]
    async with running(harness):
        await harness.push(TRADES, trade(3))
        assert harness.ids == ["1", "2", "3"]


# --- quality --------------------------------------------------------------------------------------


@each_row(
    ("event", "rule"),
    [
        (trade(1, "NaN"), "not_finite"),
        (trade(1, "Infinity"), "not_finite"),
        (trade(1, "1e400"), "not_finite"),
        (trade(1, "0"), "not_positive"),
        (trade(1, "-5"), "not_positive"),
        (trade(1, volume="0"), "not_positive"),
        (trade(1, volume="NaN"), "not_finite"),
        (trade(1, ts=START + 61 * SECOND), "in_the_future"),
        (trade(1, ts=1 << 80), "in_the_future"),
        (trade(1, ts=-1), "not_a_time"),
        (trade(1, "1000.1"), "price_spike"),
        (trade(1, symbol="DOGEUSDT"), "bad_symbol"),
        (quote("101", "99"), "crossed_quote"),
        (quote("100", "100"), "crossed_quote"),
        (quote("NaN", "101"), "not_finite"),
        (quote("-1", "101"), "not_positive"),
        (quote(ts=START - SECOND), "time_goes_back"),
    ],
)
async def test_what_cannot_be_is_dropped_by_name(event: msgspec.Struct, rule: str) -> None:
    async with running(FeedHarness()) as harness:
        await harness.push(TRADES, trade(0))
        await harness.push(QUOTES, quote(ts=START))
        await harness.push(TRADES, event)  # type: ignore[arg-type]
        assert harness.feed.counts[rule] == 1
        assert harness.events == [trade(0), quote(ts=START)]


async def test_the_first_print_of_a_run_is_judged_by_what_the_account_knew() -> None:
    async with running(FeedHarness(known={"BTCUSDT": Decimal(1000)})) as harness:
        await harness.push(TRADES, trade(0, "100"), trade(1, "990"))
        assert harness.feed.counts["price_spike"] == 1
        assert [event.price for event in harness.events] == [990]


async def test_a_trade_that_is_dropped_is_no_gap() -> None:
    async with running(FeedHarness()) as harness:
        numbers = list(range(1, 30))
        await harness.push(TRADES, *map(trade, numbers), trade(30, "NaN"), trade(31))
        assert harness.ids == [str(n) for n in [*numbers, 31]]
        assert harness.venue.asked == []


async def test_five_quotes_in_a_row_make_a_time_that_seems_to_go_back_believed() -> None:
    async with running(FeedHarness(conflate=False)) as harness:
        await harness.push(QUOTES, quote(ts=START + 50 * SECOND))
        for second in range(10):
            await harness.push(QUOTES, quote(ts=START + second * SECOND))
        assert harness.feed.counts["time_goes_back"] == 4
        assert len(harness.events) == 7


async def test_an_older_time_with_a_newer_id_is_good() -> None:
    async with running(FeedHarness()) as harness:
        await harness.push(TRADES, trade(1, ts=START + SECOND), trade(2, ts=START))
        assert harness.ids == ["1", "2"]


# --- order books ----------------------------------------------------------------------------------


async def test_a_lost_step_holds_the_symbols_until_their_whole_book_comes() -> None:
    async with running(FeedHarness(symbols=TWO, channels=(BOOK, TRADES))) as harness:
        await harness.push(BOOK, book(), book(symbol="ETHUSDT"))
        assert harness.restrictions(RestrictionKind.BROKEN_BOOK) == []
        await harness.lose(BOOK, NotExecuted("a step is missing"))
        assert harness.restrictions(RestrictionKind.BROKEN_BOOK) == [
            ("BTCUSDT", True),
            ("ETHUSDT", True),
        ]
        hold = next(said for said in harness.said if isinstance(said, SymbolRestricted))
        assert "a step is missing" in hold.message
        await harness.push(TRADES, trade(1))
        await harness.push(BOOK, book())
        assert harness.restrictions(RestrictionKind.BROKEN_BOOK)[2:] == [("BTCUSDT", False)]
        await harness.push(BOOK, book(symbol="ETHUSDT"))
        assert harness.restrictions(RestrictionKind.BROKEN_BOOK)[3:] == [("ETHUSDT", False)]
        assert harness.venue.listened == [BOOK, TRADES, BOOK]


@each_row(
    "change",
    [
        {"bids": ((Decimal(102), Decimal(1)),)},
        {"bids": ()},
        {"asks": ((Decimal(102), Decimal(1)), (Decimal(101), Decimal(1)))},
        {"asks": ((Decimal("NaN"), Decimal(1)),)},
    ],
)
async def test_a_book_that_cannot_be_holds_its_symbol(change: dict[str, object]) -> None:
    async with running(FeedHarness(channels=(BOOK,))) as harness:
        await harness.push(BOOK, msgspec.structs.replace(book(), **change))
        assert harness.restrictions(RestrictionKind.BROKEN_BOOK) == [("BTCUSDT", True)]
        assert harness.events == []
        await harness.push(BOOK, book())
        assert harness.restrictions(RestrictionKind.BROKEN_BOOK)[1:] == [("BTCUSDT", False)]


async def test_two_venues_are_kept_apart() -> None:
    venues = [FakeVenue("a"), FakeVenue("b")]
    harness = FeedHarness(venues, {"BTCUSDT": "a", "b:BTCUSDT": "b"}, channels=(TRADES,))
    async with running(harness):
        await harness.push(TRADES, trade(7), venue=venues[0])
        await harness.push(TRADES, trade(7, symbol="b:BTCUSDT"), venue=venues[1])
        await harness.push(TRADES, trade(8, symbol="b:BTCUSDT"), venue=venues[0])
        assert harness.events == [trade(7), trade(7, symbol="b:BTCUSDT")]
        assert harness.feed.counts["bad_symbol"] == 1
        venues[1].lose(TRADES)
        await asyncio.sleep(0)
        await harness.push(TRADES, trade(8), venue=venues[0])
        assert harness.events[-1] == trade(8)
