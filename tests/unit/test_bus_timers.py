"""Inputs that lie in the future: on recorded data, and on a clock that moves by itself."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import Listener, label, note, report, tick, timer
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import Event, MarketDataEvent, Record, SystemEvent, TimerFired
from tradectl.domain.time import MILLISECOND

Seen = list[tuple[int, str]]


def run_through(bus: EventBus, *stamps: int) -> Seen:
    """Play ticks at these times; all that has happened so far as (time, word)."""
    bus.post_market([tick(ts) for ts in stamps])
    while bus.get_metrics()["queue_depth"]:
        assert bus.failure is None, bus.failure
        bus.turn()
    return seen(bus)


def seen(bus: EventBus) -> Seen:
    return [
        (r.at, "tick" if isinstance(r.event, MarketDataEvent) else label(r.event))
        for r in bus.history()
    ]


def timed(bus: EventBus, *stamps: int) -> Seen:
    return [(at, word) for at, word in run_through(bus, *stamps) if word != "tick"]


@pytest.fixture
def bus() -> EventBus:
    return EventBus(clock=DataClock())


# --- timers on recorded data -------------------------------------------------------------------------


def test_on_recorded_data_time_begins_with_the_first_event(bus: EventBus) -> None:
    bus.every(10, "risk")
    assert timed(bus, 1_005) == []
    assert timed(bus, 1_012) == [(1_010, "risk")]


def test_a_timer_comes_before_the_first_event_that_lies_after_it(bus: EventBus) -> None:
    bus.every(10, "risk")
    assert run_through(bus, 5, 9, 11) == [(5, "tick"), (9, "tick"), (10, "risk"), (11, "tick")]


def test_a_timer_comes_before_an_event_of_the_same_moment(bus: EventBus) -> None:
    bus.every(10, "risk")
    assert run_through(bus, 5, 10) == [(5, "tick"), (10, "risk"), (10, "tick")]


def test_times_that_were_passed_over_are_not_made_up(bus: EventBus) -> None:
    bus.every(10, "risk")
    assert timed(bus, 5, 1_055, 1_061, 1_069) == [(10, "risk"), (1_060, "risk")]


def test_several_timers_come_in_the_order_of_their_times(bus: EventBus) -> None:
    bus.every(10, "slow")
    bus.every(4, "fast")
    assert timed(bus, 1, 4, 9, 11, 13) == [(4, "fast"), (8, "fast"), (10, "slow"), (12, "fast")]


def test_a_timer_that_is_asked_for_later_starts_at_that_time(bus: EventBus) -> None:
    run_through(bus, 25)
    bus.every(10, "risk")
    assert timed(bus, 31) == [(30, "risk")]


def test_an_urgent_input_before_the_first_event_does_not_start_the_time(bus: EventBus) -> None:
    bus.every(10, "risk")
    bus.post(note("early"))
    assert timed(bus, 1_005, 1_010) == [(0, "early"), (1_010, "risk")]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=40).map(sorted))
def test_a_timer_comes_once_in_every_interval_that_has_an_event_after_it(
    stamps: list[int],
) -> None:
    bus = EventBus(clock=DataClock())
    bus.every(7, "risk")
    due, expected = 0, []
    for ts in stamps:
        if due and ts >= due:
            expected.append((due, "risk"))
        if not due or ts >= due:
            due = ts - ts % 7 + 7
    assert timed(bus, *stamps) == expected


def test_an_answer_scheduled_before_the_first_event_does_not_cost_the_timers(
    bus: EventBus,
) -> None:
    bus.every(10, "risk")
    bus.schedule(report("o1"), 8)
    assert timed(bus, 5, 9, 21, 31) == [(8, "o1"), (10, "risk"), (30, "risk")]


def test_events_without_a_time_before_the_first_with_one_do_not_double_the_timers(
    bus: EventBus,
) -> None:
    bus.every(10, "risk")
    assert timed(bus, 0, 0, 1_005, 1_012, 1_022) == [(1_010, "risk"), (1_020, "risk")]


# --- scheduled inputs on recorded data ---------------------------------------------------------------


def test_an_answer_arrives_at_its_moment_between_the_events_around_it(bus: EventBus) -> None:
    run_through(bus, 5)
    bus.schedule(report("o1"), 8)
    assert run_through(bus, 7, 9) == [(5, "tick"), (7, "tick"), (8, "o1"), (9, "tick")]


def test_an_answer_whose_moment_has_passed_arrives_now(bus: EventBus) -> None:
    run_through(bus, 5)
    bus.schedule(report("o1"), 5)
    bus.schedule(report("o2"), 0)
    assert timed(bus) == [(5, "o1"), (5, "o2")]


def test_answers_of_one_moment_arrive_as_they_were_handed_over(bus: EventBus) -> None:
    run_through(bus, 5)
    for name in ("accepted", "filled", "canceled"):
        bus.schedule(report(name), 8)
    assert timed(bus, 8) == [(8, "accepted"), (8, "filled"), (8, "canceled")]


def test_a_timer_set_for_once_comes_once(bus: EventBus) -> None:
    run_through(bus, 5)
    bus.schedule(timer("paper"), 8)
    assert timed(bus, 9, 20, 40) == [(8, "paper")]


def test_an_answer_to_an_answer_is_not_left_behind(bus: EventBus) -> None:
    def exchange(event: Event, record: Record) -> list[Event]:
        if label(record.event) == "first":
            bus.schedule(note("second"), record.at + 3)
        return []

    bus.attach(SystemEvent, exchange, Stage.EXCHANGE)
    run_through(bus, 5)
    bus.schedule(note("first"), 6)
    assert timed(bus, 20) == [(6, "first"), (9, "second")]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 100)), max_size=30),
)
def test_whatever_is_scheduled_time_never_goes_back_and_nothing_is_early_or_lost(
    script: list[tuple[bool, int]],
) -> None:
    bus = EventBus(clock=DataClock())
    asked = {}
    for index, (is_tick, at) in enumerate(script):
        if is_tick:
            run_through(bus, at)
        else:
            asked[str(index)] = max(at, bus.clock.now())
            bus.schedule(report(str(index)), at)
    happened = run_through(bus, 1_000)
    assert [at for at, _ in happened] == sorted(at for at, _ in happened)
    arrived = {word: at for at, word in happened if word != "tick"}
    assert arrived.keys() == asked.keys()
    assert all(arrived[name] >= due for name, due in asked.items())


async def orders_done(bus: EventBus) -> None:
    bus.end_of_data()
    async with asyncio.timeout(60):
        await bus.start()
        await bus.dispatched()
        await bus.stop()


async def test_when_the_data_ends_the_answers_under_way_arrive_and_the_timers_do_not(
    bus: EventBus,
) -> None:
    bus.every(10, "risk")
    run_through(bus, 5)
    bus.schedule(report("o2"), 30)
    bus.schedule(report("o1"), 8)
    await orders_done(bus)
    assert [word for _, word in timed(bus)] == ["o1", "o2"]
    assert bus.clock.now() == 30


async def test_answers_that_arrive_after_the_end_of_the_data_keep_their_times(
    bus: EventBus,
) -> None:
    run_through(bus, 5)
    bus.schedule(report("o1"), 8)
    bus.schedule(report("o2"), 30)
    await orders_done(bus)
    assert timed(bus) == [(8, "o1"), (30, "o2")]


# --- on a clock that moves by itself -----------------------------------------------------------------


async def test_a_wall_clock_timer_comes_again_and_again_at_its_multiples() -> None:
    bus, enough = EventBus(), asyncio.Event()
    moments: list[int] = []

    def count(event: Event, record: Record) -> None:
        moments.append(record.at)
        if len(moments) == 3:
            enough.set()

    bus.attach(TimerFired, count, Stage.STATE)
    period, asked = 2 * MILLISECOND, bus.clock.now()
    bus.every(period, "risk")
    await bus.start()
    await asyncio.wait_for(enough.wait(), 60)
    await bus.stop()
    multiples = [(asked // period + n) * period for n in (1, 2, 3)]
    assert all(at >= due for at, due in zip(moments, multiples, strict=False))


async def test_timers_asked_for_on_a_running_bus_come_too() -> None:
    bus, came = EventBus(), asyncio.Event()
    bus.attach(TimerFired, lambda _, __: came.set(), Stage.STATE)
    await bus.start()
    bus.every(MILLISECOND, "risk")
    await asyncio.wait_for(came.wait(), 60)
    await bus.stop()


@pytest.mark.virtual_time
async def test_on_a_wall_clock_scheduled_inputs_come_in_the_order_of_their_times() -> None:
    bus, listener = EventBus(), Listener()
    last = asyncio.Event()
    bus.attach(SystemEvent, listener, Stage.STATE)
    bus.attach(SystemEvent, lambda e, _: last.set() if label(e) == "c" else None, Stage.RISK)
    await bus.start()
    now = bus.clock.now()
    bus.schedule(note("c"), now + 6 * MILLISECOND)
    bus.schedule(note("a"), now + 2 * MILLISECOND)
    bus.schedule(note("b"), now + 2 * MILLISECOND)
    bus.schedule(note("at once"), now)
    await asyncio.wait_for(last.wait(), 60)
    await bus.stop()
    assert listener.log == ["at once", "a", "b", "c"]
    due = [now, now + 2 * MILLISECOND, now + 2 * MILLISECOND, now + 6 * MILLISECOND]
    assert all(record.at >= moment for record, moment in zip(bus.history(), due, strict=True))


async def test_inputs_scheduled_before_the_start_come_after_it() -> None:
    bus, came = EventBus(), asyncio.Event()
    bus.attach(SystemEvent, lambda _, __: came.set(), Stage.STATE)
    bus.schedule(note("a"), bus.clock.now() + MILLISECOND)
    await bus.start()
    await asyncio.wait_for(came.wait(), 60)
    await bus.stop()


async def test_a_stopped_bus_is_not_woken_by_its_timers() -> None:
    bus = EventBus()
    bus.every(MILLISECOND, "risk")
    await bus.start()
    await bus.stop()
    count = bus.get_metrics()["published"]
    await asyncio.sleep(0.005)
    assert bus.get_metrics()["published"] == count
