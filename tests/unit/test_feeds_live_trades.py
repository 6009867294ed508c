from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_venue import START, FakeVenue, trade, turns
from tests.fixtures.live_feed import FeedHarness, running
from tests.fixtures.rows import each_row
from tradectl.domain.errors import NotExecuted, OutcomeUnknown
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.exchange.venue import Channel
from tradectl.feeds.live.named_trades import NamedTradeSequencer, sequencer_for
from tradectl.feeds.live.numbered_trades import (
    MOST_FRUITLESS,
    RENUMBERED_AFTER,
    TRUSTED_AFTER,
    NumberedTradeSequencer,
)
from tradectl.feeds.live.trade_sequencer import SequencerState

TRADES = Channel.TRADES


def trades(numbers: Iterable[int]) -> list[MarketDataEvent]:
    return [trade(number) for number in numbers]


def texts(numbers: Iterable[int]) -> list[str]:
    return [str(number) for number in numbers]


def harness_of(told: Iterable[int] = (), **settings: Any) -> FeedHarness:
    venue = FakeVenue()
    venue.told["BTCUSDT"] = trades(told)
    return FeedHarness([venue], channels=(TRADES,), **settings)


async def test_the_same_trade_is_handed_on_once() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, trade(1), trade(2), trade(1))
        await harness.push(TRADES, trade(2), trade(3), trade(2))
        assert harness.ids == ["1", "2", "3"]
        assert harness.feed.counts["duplicates"] == 3


async def test_an_older_trade_that_was_never_seen_is_too_late() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, trade(5), trade(9), trade(7))
        assert harness.ids == ["5", "9"]
        assert harness.feed.counts["late"] == 1


# --- after a lost connection ------------------------------------------------------------------------


async def test_what_was_missed_is_asked_for_and_handed_on_in_order() -> None:
    async with running(harness_of(range(1, 12))) as harness:
        await harness.push(TRADES, *trades(range(1, 6)))
        await harness.lose(TRADES)
        await harness.push(TRADES, trade(10), trade(11))
        assert harness.ids == texts(range(1, 12))
        assert harness.feed.counts["backfilled"] == 4
        assert harness.venue.asked == [("BTCUSDT", START + 5 * MILLISECOND - SECOND)]


async def test_nothing_is_asked_for_where_nothing_can_be_missing() -> None:
    async with running(harness_of()) as harness:
        await harness.lose(TRADES)
        await harness.push(TRADES, *trades(range(1, 30)))
        await harness.lose(TRADES, wait=10)
        await harness.push(TRADES, trade(30))
        assert harness.ids == texts(range(1, 31))
        assert [since for _, since in harness.venue.asked] == [START + 29 * MILLISECOND - SECOND]


async def test_of_a_quiet_symbol_it_is_asked_without_waiting_for_a_trade() -> None:
    async with running(harness_of(range(1, 5))) as harness:
        await harness.push(TRADES, trade(1))
        await harness.lose(TRADES)
        assert harness.venue.asked == []
        await harness.time.pass_by(2)
        assert harness.ids == texts(range(1, 5))
        harness.venue.told["BTCUSDT"] = trades(range(1, 7))
        await harness.push(TRADES, trade(6))
        assert harness.ids == texts(range(1, 7))


async def test_long_gaps_are_filled_page_by_page() -> None:
    async with running(harness_of(range(1, 101))) as harness:
        harness.venue.page = 10
        await harness.push(TRADES, trade(1))
        await harness.lose(TRADES)
        await harness.push(TRADES, trade(100))
        assert harness.ids == texts(range(1, 101))
        assert len(harness.venue.asked) == 11


async def test_trades_that_come_while_it_is_asked_wait_for_those_before_them() -> None:
    async with running(harness_of(range(1, 10))) as harness:
        await harness.push(TRADES, trade(1))
        await harness.lose(TRADES)
        harness.venue.on_ask = lambda: harness.venue.push(TRADES, trade(11))
        await harness.push(TRADES, trade(9), trade(10))
        assert harness.ids == texts(range(1, 12))


@pytest.mark.parametrize("error", [NotExecuted("busy"), NotExecuted("banned", 3.0)])
async def test_an_exchange_that_cannot_tell_now_is_asked_again(error: NotExecuted) -> None:
    async with running(harness_of(range(1, 10))) as harness:
        await harness.push(TRADES, trade(1))
        await harness.lose(TRADES)
        harness.venue.refusing = [error, error]
        await harness.push(TRADES, trade(9))
        assert harness.ids == ["1"]
        await harness.time.pass_by(0.2)
        assert len(harness.venue.asked) == (1 if error.retry_after else 2)
        await harness.time.pass_by(6)
        assert harness.ids == texts(range(1, 10))


async def test_one_that_will_not_tell_costs_the_missing_trades_and_no_others() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, *trades(range(1, 30)))
        await harness.lose(TRADES)
        harness.venue.refusing = [OutcomeUnknown("cut off")]
        await harness.push(TRADES, trade(35))
        assert harness.ids == texts([*range(1, 30), 35])
        assert harness.feed.counts["unfilled"] == 1


async def test_trades_wait_no_longer_than_patience_lasts() -> None:
    async with running(harness_of(patience=0.02)) as harness:
        await harness.push(TRADES, trade(1))
        await harness.lose(TRADES)
        harness.venue.refusing = [NotExecuted("banned", 1e9)] * 9
        harness.venue.push(TRADES, trade(5))
        while harness.ids != ["1", "5"]:
            await turns(1)


async def test_when_the_feed_ends_what_waits_is_handed_on() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, trade(1))
        await harness.lose(TRADES)
        harness.venue.refusing = [NotExecuted("banned", 1e9)]
        await harness.push(TRADES, trade(5))
        assert harness.ids == ["1"]
    assert harness.ids == ["1", "5"]


# --- gaps within a stream -----------------------------------------------------------------------------


async def test_a_gap_in_numbers_that_left_none_out_is_filled() -> None:
    async with running(harness_of(range(1, 50))) as harness:
        await harness.push(TRADES, *trades(range(1, 26)), *trades(range(30, 40)))
        assert harness.ids == texts(range(1, 50))
        assert harness.feed.counts["gaps"] == 1
        assert harness.feed.counts["backfilled"] == 14


async def test_numbers_that_skip_mean_nothing() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, *trades(range(1, 200, 2)))
        assert len(harness.ids) == 100
        assert harness.venue.asked == []


async def test_a_trade_that_was_overtaken_closes_the_gap_itself() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, *trades(range(1, 26)))
        await harness.push(TRADES, trade(27), trade(28), trade(26), trade(29))
        assert harness.ids == texts(range(1, 30))
        assert harness.feed.counts["gaps"] == 1


async def test_a_gap_that_the_exchange_knows_no_trades_for_is_none() -> None:
    async with running(harness_of(range(30, 40))) as harness:
        await harness.push(TRADES, *trades(range(1, 26)), trade(30), trade(31))
        assert harness.ids == texts([*range(1, 26), *range(30, 40)])
        assert harness.feed.counts["unfilled"] == 1


async def test_an_exchange_that_tells_late_is_asked_twice() -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, *trades(range(1, 26)), trade(30))
        assert harness.ids == texts(range(1, 26))
        harness.venue.told["BTCUSDT"] = trades(range(1, 31))
        await harness.time.pass_by(0.2)
        assert harness.ids == texts(range(1, 31))


# --- the lines by themselves -----------------------------------------------------------------------


def heard(
    sequencer: NumberedTradeSequencer | NamedTradeSequencer, events: Iterable[MarketDataEvent]
) -> list[str]:
    return [ready.trade_id for event in events for ready in sequencer.take(event)]


def test_numbers_are_trusted_after_twenty_in_a_row() -> None:
    sequencer = NumberedTradeSequencer(Counter())
    heard(sequencer, trades(range(1, TRUSTED_AFTER + 1)))
    before = sequencer.trusted
    heard(sequencer, trades([TRUSTED_AFTER + 1]))
    assert (before, sequencer.trusted) == (False, True)


def test_numbers_that_leave_some_out_again_and_again_lose_the_trust_for_long() -> None:
    sequencer, last = NumberedTradeSequencer(counts := Counter[str]()), 0
    for _ in range(MOST_FRUITLESS):
        heard(sequencer, trades(range(last + 1, last + 40)))
        last += 42
        heard(sequencer, [trade(last)])
        assert sequencer.state is SequencerState.GAP
        sequencer.backfill([])
        sequencer.release(answered=True)
    trusts = [sequencer.trusted]
    for few in (range(last + 1, last + 40), range(last + 40, last + 250)):
        heard(sequencer, trades(few))
        trusts.append(sequencer.trusted)
    assert trusts == [False, False, True]
    assert counts["gaps"] == counts["unfilled"] == MOST_FRUITLESS


def test_a_number_out_of_the_blue_does_not_silence_the_symbol() -> None:
    sequencer = NumberedTradeSequencer(counts := Counter[str]())
    assert heard(sequencer, trades(range(1, 5))) == texts(range(1, 5))
    assert heard(sequencer, [trade(10**19, ts=START)]) == [str(10**19)]
    assert heard(sequencer, trades(range(5, 50))) == texts(range(4 + RENUMBERED_AFTER, 50))
    assert counts["late"] == RENUMBERED_AFTER - 1
    assert counts["renumbered"] == 1


def test_old_trades_told_again_are_no_new_numbering() -> None:
    sequencer = NumberedTradeSequencer(Counter())
    heard(sequencer, trades(range(1000, 1100)))
    assert heard(sequencer, trades(range(900, 1100))) == []


def test_trades_with_names_are_known_by_them() -> None:
    events = [trade(name, ts=START + at) for at, name in enumerate(("a", "b", "a", "c", "b"))]
    sequencer = sequencer_for(events[0], counts := Counter[str]())
    assert isinstance(sequencer, NamedTradeSequencer)
    assert heard(sequencer, events) == ["a", "b", "c"]
    assert counts["duplicates"] == 2


async def test_named_trades_are_filled_in_by_their_time() -> None:
    named = [trade(name, ts=START + at) for at, name in enumerate("abcdef")]
    venue = FakeVenue()
    venue.told["BTCUSDT"] = named
    async with running(FeedHarness([venue], channels=(TRADES,))) as harness:
        await harness.push(TRADES, *named[:2])
        await harness.lose(TRADES)
        await harness.push(TRADES, *named[4:])
        assert harness.ids == list("abcdef")


async def test_trades_without_any_id_are_filled_in_between_what_was_heard() -> None:
    nameless = [trade("", str(100 + at), ts=START + at) for at in range(6)]
    venue = FakeVenue()
    venue.told["BTCUSDT"] = nameless
    async with running(FeedHarness([venue], channels=(TRADES,))) as harness:
        await harness.push(TRADES, *nameless[:2])
        await harness.lose(TRADES)
        await harness.push(TRADES, *nameless[4:])
        assert harness.events == nameless


@each_row("trade_id", ["9" * 5000, "1.5", "-1", "\u0663", "0x1", "1e9", ""])
async def test_an_id_that_is_no_number_among_numbers_is_dropped(trade_id: str) -> None:
    async with running(harness_of()) as harness:
        await harness.push(TRADES, trade(1), trade(trade_id), trade(2))
        assert harness.ids == ["1", "2"]
        assert harness.feed.counts["not_a_number"] == 1


@given(st.data())
def test_however_a_numbered_stream_is_cut_and_shuffled_each_trade_comes_once_in_order(
    data: st.DataObject,
) -> None:
    total = data.draw(st.integers(1, 120))
    sequencer = NumberedTradeSequencer(Counter())
    out: list[int] = []
    at = 1
    while at <= total:
        step = data.draw(st.integers(1, 40))
        chunk = trades(range(at, min(at + step, total + 1)))
        at += step
        match data.draw(st.sampled_from(["heard", "twice", "lost"])):
            case "lost":
                sequencer.stream_lost()
            case kind:
                for event in chunk * (2 if kind == "twice" else 1):
                    out += [int(ready.trade_id) for ready in sequencer.take(event)]
        if sequencer.state is SequencerState.GAP:
            ready, _ = sequencer.backfill(trades(range(1, at)))
            out += [int(event.trade_id) for event in [*ready, *sequencer.release(answered=True)]]
    assert out == sorted(set(out))
    assert set(range(out[0], out[-1] + 1)) == set(out) if out else True
