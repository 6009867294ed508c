from __future__ import annotations

import pytest

from tests.unit.fake_venue import START, FakeVenue, quote, trade, turns
from tests.unit.live_desk import Desk, running
from tradectl.domain.events import MarketDataEvent, SymbolRestricted
from tradectl.domain.time import SECOND
from tradectl.exchange.venue import Channel

TRADES, QUOTES = Channel.TRADES, Channel.QUOTES
HELD, FREE = ("BTCUSDT", True), ("BTCUSDT", False)


def fresh(desk: Desk, number: int) -> MarketDataEvent:
    return trade(number, ts=desk.time.now())


async def test_silence_holds_a_symbol_once_and_fresh_data_lets_it_go() -> None:
    async with running(Desk()) as desk:
        await desk.push(TRADES, fresh(desk, 1))
        await desk.time.pass_by(29)
        assert desk.stale == []
        await desk.time.pass_by(3)
        assert desk.stale == [HELD]
        await desk.time.pass_by(100)
        assert desk.stale == [HELD]
        await desk.push(TRADES, fresh(desk, 2))
        await desk.time.pass_by(1)
        assert desk.stale == [HELD, FREE]
        hold = next(said for said in desk.said if isinstance(said, SymbolRestricted))
        assert hold.message.startswith("no fresh market data for 3")


async def test_a_symbol_without_any_data_counts_from_the_start() -> None:
    async with running(Desk(symbols={"BTCUSDT": "fake", "ETHUSDT": "fake"})) as desk:
        for second in range(31):
            await desk.push(TRADES, trade(second, symbol="ETHUSDT", ts=desk.time.now()))
            await desk.time.pass_by(1)
        assert desk.stale == [HELD]


async def test_quotes_without_a_time_keep_a_symbol_fresh() -> None:
    async with running(Desk()) as desk:
        for _ in range(100):
            await desk.push(QUOTES, quote())
            await desk.time.pass_by(1)
        assert desk.stale == []


async def test_what_lags_by_its_own_time_holds_before_it_is_handed_on_and_never_lifts() -> None:
    async with running(Desk()) as desk:
        for number in range(100):
            await desk.push(TRADES, trade(number, ts=desk.time.now() - 31 * SECOND))
            await desk.time.pass_by(1)
        assert desk.stale == [HELD]
        assert isinstance(desk.said[0], SymbolRestricted)
        assert desk.said[0].message == "its newest market data is 31.0 s old"
        await desk.push(TRADES, fresh(desk, 200))
        await desk.time.pass_by(1)
        assert desk.stale == [HELD, FREE]


async def test_quotes_without_a_time_do_not_hide_that_the_trades_are_old() -> None:
    async with running(Desk()) as desk:
        for number in range(60):
            await desk.push(TRADES, trade(number, ts=desk.time.now() - 31 * SECOND))
            await desk.push(QUOTES, quote())
            await desk.time.pass_by(1)
        assert desk.stale == [HELD]
        for _ in range(32):
            await desk.push(QUOTES, quote())
            await desk.time.pass_by(1)
        assert desk.stale == [HELD, FREE]


async def test_a_hold_is_not_lifted_before_what_came_with_the_fresh_data_is_handed_on() -> None:
    async with running(Desk()) as desk:
        await desk.time.pass_by(31)
        await desk.push(TRADES, trade(1), trade(2), fresh(desk, 3))
        assert desk.stale == [HELD]
        assert desk.ids == ["1", "2", "3"]
        await desk.time.pass_by(1)
        assert desk.stale == [HELD, FREE]


async def test_data_that_is_dropped_is_no_sign_of_life() -> None:
    async with running(Desk()) as desk:
        await desk.push(TRADES, fresh(desk, 1))
        for _ in range(40):
            await desk.push(TRADES, trade(1, ts=desk.time.now()))
            await desk.push(QUOTES, quote("101", "99", ts=desk.time.now()))
            await desk.time.pass_by(1)
        assert desk.stale == [HELD]


async def test_after_the_process_stood_still_all_is_held_before_what_waited_is_handed_on() -> None:
    symbols = {"BTCUSDT": "fake", "ETHUSDT": "fake"}
    async with running(Desk(symbols=symbols)) as desk:
        await desk.push(TRADES, fresh(desk, 1), trade(1, symbol="ETHUSDT", ts=desk.time.now()))
        desk.time.jump(60)
        desk.venue.push(TRADES, trade(2))
        desk.venue.push(QUOTES, quote("98"))
        await turns()
        kinds = [type(said) for said in desk.said[1:]]
        assert kinds == [SymbolRestricted, SymbolRestricted, list]
        assert desk.stale == [HELD, ("ETHUSDT", True)]
        hold = desk.said[1]
        assert isinstance(hold, SymbolRestricted)
        assert "stood still for 5" in hold.message


async def test_then_quotes_count_again_after_a_while_and_fresh_trades_at_once() -> None:
    symbols = {"BTCUSDT": "fake", "ETHUSDT": "fake"}
    async with running(Desk(symbols=symbols)) as desk:
        desk.time.jump(60)
        await desk.time.wake()
        assert desk.stale == [HELD, ("ETHUSDT", True)]
        await desk.time.pass_by(0.1)
        await desk.push(QUOTES, quote(), quote(ts=desk.time.now()))
        await desk.push(TRADES, trade(1))
        await desk.time.pass_by(2)
        assert len(desk.stale) == 2
        await desk.push(TRADES, trade(2, symbol="ETHUSDT", ts=desk.time.now()))
        await desk.time.pass_by(2)
        assert desk.stale[2:] == [("ETHUSDT", False)]
        await desk.time.pass_by(30)
        await desk.push(QUOTES, quote())
        await desk.time.pass_by(2)
        assert [told for told in desk.stale if told[0] == "BTCUSDT"] == [HELD, FREE]


async def test_a_short_pause_is_none() -> None:
    async with running(Desk()) as desk:
        desk.time.jump(29)
        await desk.push(TRADES, fresh(desk, 1))
        await desk.time.wake()
        assert desk.stale == []


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_a_jump_of_the_clock_alone_is_no_standstill(jump: float) -> None:
    async with running(Desk()) as desk:
        desk.time.offset = jump
        await desk.time.pass_by(5)
        assert desk.stale == []


@pytest.mark.parametrize(("pushes", "patience"), [((), 60), ((QUOTES,), 30), ((TRADES,), 30)])
async def test_what_is_only_polled_may_be_three_polls_old(
    pushes: tuple[Channel, ...], patience: int
) -> None:
    desk = Desk([FakeVenue(pushes=pushes)], polls={"fake": 20.0})
    async with running(desk):
        await desk.push(TRADES, fresh(desk, 1))
        await desk.time.pass_by(patience - 1)
        assert desk.stale == []
        await desk.time.pass_by(3)
        assert desk.stale == [HELD]


async def test_a_poll_that_is_slower_than_data_grows_stale_is_not_given_up() -> None:
    desk = Desk([FakeVenue(pushes=(TRADES,))], polls={"fake": 40.0})
    async with running(desk):
        for number in range(60):
            await desk.push(TRADES, fresh(desk, number))
            if number % 40 == 0:
                await desk.push(QUOTES, quote())
            await desk.time.pass_by(1)
        assert desk.feed.counts["reconnects"] == 0


async def test_ages_are_by_arrival_or_by_the_data_s_own_time() -> None:
    symbols = {"BTCUSDT": "fake", "ETHUSDT": "fake", "SOLUSDT": "fake"}
    async with running(Desk(symbols=symbols)) as desk:
        await desk.push(QUOTES, quote())
        await desk.push(TRADES, trade(1, symbol="ETHUSDT", ts=START - 3 * SECOND))
        await desk.time.pass_by(2)
        assert desk.feed.ages() == {"BTCUSDT": 2.0, "ETHUSDT": 5.0, "SOLUSDT": 2.0}
