from __future__ import annotations

import pytest

from tests.fixtures.fake_venue import START, FakeVenue, quote, trade, turns
from tests.fixtures.live_feed import FeedHarness, running
from tradectl.domain.events import MarketDataEvent, SymbolRestricted
from tradectl.domain.time import SECOND
from tradectl.exchange.venue import Channel

TRADES, QUOTES = Channel.TRADES, Channel.QUOTES
HELD, FREE = ("BTCUSDT", True), ("BTCUSDT", False)


def fresh(harness: FeedHarness, number: int) -> MarketDataEvent:
    return trade(number, ts=harness.time.now())


async def test_silence_holds_a_symbol_once_and_fresh_data_lets_it_go() -> None:
    async with running(FeedHarness()) as harness:
        await harness.push(TRADES, fresh(harness, 1))
        await harness.time.pass_by(29)
        assert harness.stale == []
        await harness.time.pass_by(3)
        assert harness.stale == [HELD]
        await harness.time.pass_by(100)
        assert harness.stale == [HELD]
        await harness.push(TRADES, fresh(harness, 2))
        await harness.time.pass_by(1)
        assert harness.stale == [HELD, FREE]
        hold = next(said for said in harness.said if isinstance(said, SymbolRestricted))
        assert hold.message.startswith("no fresh market data for 3")


async def test_a_symbol_without_any_data_counts_from_the_start() -> None:
    async with running(FeedHarness(symbols={"BTCUSDT": "fake", "ETHUSDT": "fake"})) as harness:
        for second in range(31):
            await harness.push(TRADES, trade(second, symbol="ETHUSDT", ts=harness.time.now()))
            await harness.time.pass_by(1)
        assert harness.stale == [HELD]


async def test_quotes_without_a_time_keep_a_symbol_fresh() -> None:
    async with running(FeedHarness()) as harness:
        for _ in range(100):
            await harness.push(QUOTES, quote())
            await harness.time.pass_by(1)
        assert harness.stale == []


async def test_what_lags_by_its_own_time_holds_before_it_is_handed_on_and_never_lifts() -> None:
    async with running(FeedHarness()) as harness:
        for number in range(100):
            await harness.push(TRADES, trade(number, ts=harness.time.now() - 31 * SECOND))
            await harness.time.pass_by(1)
        assert harness.stale == [HELD]
        assert isinstance(harness.said[0], SymbolRestricted)
        assert harness.said[0].message == "its newest market data is 31.0 s old"
        await harness.push(TRADES, fresh(harness, 200))
        await harness.time.pass_by(1)
        assert harness.stale == [HELD, FREE]


async def test_quotes_without_a_time_do_not_hide_that_the_trades_are_old() -> None:
    async with running(FeedHarness()) as harness:
        for number in range(60):
            await harness.push(TRADES, trade(number, ts=harness.time.now() - 31 * SECOND))
            await harness.push(QUOTES, quote())
            await harness.time.pass_by(1)
        assert harness.stale == [HELD]
        for _ in range(32):
            await harness.push(QUOTES, quote())
            await harness.time.pass_by(1)
        assert harness.stale == [HELD, FREE]


async def test_a_hold_is_not_lifted_before_what_came_with_the_fresh_data_is_handed_on() -> None:
    async with running(FeedHarness()) as harness:
        await harness.time.pass_by(31)
        await harness.push(TRADES, trade(1), trade(2), fresh(harness, 3))
        assert harness.stale == [HELD]
        assert harness.ids == ["1", "2", "3"]
        await harness.time.pass_by(1)
        assert harness.stale == [HELD, FREE]


async def test_data_that_is_dropped_is_no_sign_of_life() -> None:
    async with running(FeedHarness()) as harness:
        await harness.push(TRADES, fresh(harness, 1))
        for _ in range(40):
            await harness.push(TRADES, trade(1, ts=harness.time.now()))
            await harness.push(QUOTES, quote("101", "99", ts=harness.time.now()))
            await harness.time.pass_by(1)
        assert harness.stale == [HELD]


async def test_after_the_process_stood_still_all_is_held_before_what_waited_is_handed_on() -> None:
    symbols = {"BTCUSDT": "fake", "ETHUSDT": "fake"}
    async with running(FeedHarness(symbols=symbols)) as harness:
        await harness.push(
            TRADES, fresh(harness, 1), trade(1, symbol="ETHUSDT", ts=harness.time.now())
        )
        harness.time.jump(60)
        harness.venue.push(TRADES, trade(2))
        harness.venue.push(QUOTES, quote("98"))
        await turns()
        kinds = [type(said) for said in harness.said[1:]]
        assert kinds == [SymbolRestricted, SymbolRestricted, list]
        assert harness.stale == [HELD, ("ETHUSDT", True)]
        hold = harness.said[1]
        assert isinstance(hold, SymbolRestricted)
        assert "stood still for 5" in hold.message


async def test_then_quotes_count_again_after_a_while_and_fresh_trades_at_once() -> None:
    symbols = {"BTCUSDT": "fake", "ETHUSDT": "fake"}
    async with running(FeedHarness(symbols=symbols)) as harness:
        harness.time.jump(60)
        await harness.time.wake()
        assert harness.stale == [HELD, ("ETHUSDT", True)]
        await harness.time.pass_by(0.1)
        await harness.push(QUOTES, quote(), quote(ts=harness.time.now()))
        await harness.push(TRADES, trade(1))
        await harness.time.pass_by(2)
        assert len(harness.stale) == 2
        await harness.push(TRADES, trade(2, symbol="ETHUSDT", ts=harness.time.now()))
        await harness.time.pass_by(2)
        assert harness.stale[2:] == [("ETHUSDT", False)]
        await harness.time.pass_by(30)
        await harness.push(QUOTES, quote())
        await harness.time.pass_by(2)
        assert [told for told in harness.stale if told[0] == "BTCUSDT"] == [HELD, FREE]


async def test_a_short_pause_is_none() -> None:
    async with running(FeedHarness()) as harness:
        harness.time.jump(29)
        await harness.push(TRADES, fresh(harness, 1))
        await harness.time.wake()
        assert harness.stale == []


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_jump_of_the_clock_alone_is_no_standstill(jump: float) -> None:
    async with running(FeedHarness()) as harness:
        harness.time.offset = jump
        await harness.time.pass_by(5)
        assert harness.stale == []


@pytest.mark.parametrize(("pushes", "patience"), [((), 60), ((QUOTES,), 30), ((TRADES,), 30)])
async def test_what_is_only_polled_may_be_three_polls_old(
    pushes: tuple[Channel, ...], patience: int
) -> None:
    harness = FeedHarness([FakeVenue(pushes=pushes)], polls={"fake": 20.0})
    async with running(harness):
        await harness.push(TRADES, fresh(harness, 1))
        await harness.time.pass_by(patience - 1)
        assert harness.stale == []
        await harness.time.pass_by(3)
        assert harness.stale == [HELD]


async def test_a_poll_that_is_slower_than_data_grows_stale_is_not_given_up() -> None:
    harness = FeedHarness([FakeVenue(pushes=(TRADES,))], polls={"fake": 40.0})
    async with running(harness):
        for number in range(60):
            await harness.push(TRADES, fresh(harness, number))
            if number % 40 == 0:
                await harness.push(QUOTES, quote())
            await harness.time.pass_by(1)
        assert harness.feed.counts["reconnects"] == 0


async def test_ages_are_by_arrival_or_by_the_data_s_own_time() -> None:
    symbols = {"BTCUSDT": "fake", "ETHUSDT": "fake", "SOLUSDT": "fake"}
    async with running(FeedHarness(symbols=symbols)) as harness:
        await harness.push(QUOTES, quote())
        await harness.push(TRADES, trade(1, symbol="ETHUSDT", ts=START - 3 * SECOND))
        await harness.time.pass_by(2)
        assert harness.feed.ages() == {"BTCUSDT": 2.0, "ETHUSDT": 5.0, "SOLUSDT": 2.0}
