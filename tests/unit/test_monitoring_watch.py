"""What the monitor sees by itself: silent markets, slow steps, a loop that stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fixtures.monitoring import (
    LONGEST_S,
    StillClock,
    trade,
    until,
    until_told,
)
from tradectl.bus.clock import DataClock
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import Event, EventType, SystemEvent
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.monitoring import AlertManager, SystemMonitor
from tradectl.monitoring.data_age import DataAge
from tradectl.monitoring.monitor import CALM_S
from tradectl.monitoring.watchdog import Watchdog
from tradectl.storage.manager import StateManager


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def state() -> StateManager:
    return StateManager()


@pytest.fixture
def data(state: StateManager, clock: StillClock) -> DataAge:
    return DataAge(state.books, clock, stale_after=30)


def block_the_loop(seconds: float) -> None:
    threading.Event().wait(seconds)


def kinds(events: list[SystemEvent]) -> list[tuple[str, str]]:
    return [(event.kind, event.component) for event in events]


# --- data age ---------------------------------------------------------------------------------------


def test_data_is_as_old_as_it_says(state: StateManager, data: DataAge, clock: StillClock) -> None:
    state.books.last["A"] = trade("A", clock.at - 5 * SECOND)
    state.books.last["B"] = trade("B", clock.at)
    clock.pass_seconds(1.5)
    assert data.ages() == {"A": 6.5, "B": 1.5}


def test_a_symbol_that_falls_silent_is_told_once_and_once_more_when_it_is_back(
    state: StateManager, data: DataAge, clock: StillClock
) -> None:
    state.books.last["A"] = trade("A", clock.at)
    state.books.last["B"] = trade("B", clock.at)
    clock.pass_seconds(30)
    assert data.changes() == []
    state.books.last["B"] = trade("B", clock.at)
    clock.pass_seconds(0.5)
    said = data.changes()
    assert kinds(said) == [("feed_stale", "feed:A")]
    assert said[0].message == "A: no market data for 30.5 s"
    assert data.changes() == []
    state.books.last["A"] = trade("A", clock.at)
    assert kinds(data.changes()) == [("feed_fresh", "feed:A")]
    assert data.changes() == []


@pytest.mark.parametrize("ahead", [0, 3_600])
def test_data_without_a_time_or_from_the_future_ages_by_our_own_watch(
    state: StateManager, data: DataAge, clock: StillClock, ahead: int
) -> None:
    state.books.last["A"] = trade("A", clock.at + ahead * SECOND if ahead else 0)
    assert data.changes() == []
    clock.seconds += 31
    assert data.ages() == {"A": 31.0}
    assert kinds(data.changes()) == [("feed_stale", "feed:A")]


def test_recorded_data_is_never_stale(state: StateManager) -> None:
    data = DataAge(state.books, DataClock(1_000 * SECOND), stale_after=30)
    state.books.last["A"] = trade("A", 900 * SECOND)
    assert data.changes() == []
    assert data.ages() == {"A": 100.0}


def test_a_symbol_cannot_smuggle_escape_sequences_into_an_event(
    state: StateManager, data: DataAge, clock: StillClock
) -> None:
    state.books.last["\x1b[2J"] = trade("\x1b[2J", clock.at - 60 * SECOND)
    (event,) = data.changes()
    assert event.message.isprintable()
    assert event.component == "feed:?[2J"


# --- the monitor on a bus ---------------------------------------------------------------------------


class Watched:
    """A bus with its books, an alert manager and an eager monitor, and what it told the bus."""

    def __init__(self, clock: StillClock, interval: float, stall_limit: float) -> None:
        self.clock = clock
        self.bus = EventBus(clock=clock)
        self.state = StateManager(self.bus)
        self.alerts = AlertManager(self.bus)
        self.monitor = SystemMonitor(
            self.bus, self.state, self.alerts, interval=interval, stall_limit=stall_limit
        )
        self.told: list[SystemEvent] = []
        self.bus.subscribe(EventType.SYSTEM, self.told.append)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.told]


@asynccontextmanager
async def watching_system(
    interval: float = 0.001, stall_limit: float = 0.0
) -> AsyncIterator[Watched]:
    watched = Watched(StillClock(), interval, stall_limit)
    parts = (watched.bus, watched.state, watched.alerts, watched.monitor)
    for part in parts:
        await part.start()
    yield watched
    for part in reversed(parts):
        await part.stop()


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with watching_system() as watched:
        yield watched


async def test_a_feed_that_stops_is_told_on_the_bus_and_alerted_until_it_comes_again(
    watched: Watched,
) -> None:
    await watched.bus.publish(trade("A", watched.clock.at))
    await until_told(watched.bus)
    assert watched.monitor.data_age()["A"] < 30
    watched.clock.pass_seconds(31)
    await until(watched.alerts.get_active_alerts)
    assert watched.alerts.get_active_alerts()[0].component == "feed:A"
    await watched.bus.publish(trade("A", watched.clock.at))
    await until(lambda: not watched.alerts.get_active_alerts())
    assert watched.kinds() == ["feed_stale", "feed_fresh"]


async def test_each_slow_step_is_told_once(watched: Watched) -> None:
    watched.bus.step_times.slow.append((7, 300 * MILLISECOND))
    watched.bus.step_times.slow.append((9, 2_000 * MILLISECOND))
    await until(lambda: len(watched.told) == 2)
    watched.bus.step_times.slow.append((12, 400 * MILLISECOND))
    await until(lambda: len(watched.told) == 3)
    assert [event.message for event in watched.told] == [
        "a step took 300 ms; record 7 was the last by then",
        "a step took 2000 ms; record 9 was the last by then",
        "a step took 400 ms; record 12 was the last by then",
    ]
    await until(watched.alerts.get_active_alerts)
    await until(lambda: watched.alerts.get_active_alerts()[0].count == 3)
    await is_over_after_a_while(watched, "slow_step")


async def is_over_after_a_while(watched: Watched, kind: str) -> None:
    """By itself, once it has not been again."""
    assert f"{kind}_over" not in watched.kinds()
    watched.monitor._passing[kind] -= CALM_S
    await until(lambda: not watched.alerts.get_active_alerts())
    assert watched.kinds()[-1] == f"{kind}_over"


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (86_400 * SECOND, "is 86400.0 s ahead: the run keeps its own time until"),
        (-2 * SECOND, "is 2.0 s behind: the run keeps its own time until"),
    ],
)
async def test_a_clock_that_was_set_is_told_of_until_it_is_right(
    moved: int, said: str, watched: Watched
) -> None:
    watched.clock.moved = moved
    await until(watched.alerts.get_active_alerts)
    assert said in watched.alerts.get_active_alerts()[0].message
    watched.clock.moved = 0
    await until(lambda: not watched.alerts.get_active_alerts())
    assert watched.kinds() == ["clock_moved", "clock_moved_over"]


async def test_a_loop_that_stands_still_is_told_once_it_turns_again() -> None:
    async with watching_system(stall_limit=0.05) as watched:
        block_the_loop(0.1)
        await until(lambda: "loop_stalled" in watched.kinds())
        await until(watched.alerts.get_active_alerts)
        assert watched.alerts.get_active_alerts()[0].severity == "error"
        watched.monitor.stall_limits(LONGEST_S, 0)  # however late a busy machine turns it
        await is_over_after_a_while(watched, "loop_stalled")


async def test_the_time_the_loop_turns_late_is_measured() -> None:
    async with watching_system(interval=0.05) as watched, asyncio.timeout(LONGEST_S):
        health = await watched.monitor.get_system_health()
        while health["resources"]["loop_lag_ms"] < 40:
            block_the_loop(0.1)
            health = await watched.monitor.get_system_health()


# --- the watchdog -----------------------------------------------------------------------------------


async def test_the_watchdog_barks_while_the_loop_still_stands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    barked, barks, posted = threading.Event(), list[float](), list[Event]()

    def bark(seconds: float) -> None:
        barks.append(seconds)
        barked.set()

    dog = Watchdog(posted.append, limit=0.03, on_stall=bark)
    dog.start()
    dog.start()
    assert barked.wait(LONGEST_S)  # this is what stops the loop
    block_the_loop(0.1)
    assert len(barks) == 1
    assert barks[0] > 0.03
    assert posted == []
    await until(lambda: posted)
    dog.stop()
    event = posted[0]
    assert isinstance(event, SystemEvent)
    assert (event.kind, event.component) == ("loop_stalled", "loop")
    await until(lambda: "the event loop has stood still for" in caplog.text)


class Stopped:
    """A clock that a process sees which was stopped: for its thread and its loop time passes at once."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("used", "blamed"), [(0.5, False), (9.0, True)])
async def test_a_process_that_did_not_run_blames_nobody(used: float, blamed: bool) -> None:
    """But one that used a processor did run: the interpreter was held by something."""
    clock, processor = Stopped(), Stopped()
    posted, barks = list[Event](), list[float]()
    dog = Watchdog(
        posted.append, limit=2.0, on_stall=barks.append, monotonic=clock, processor=processor
    )
    dog._stalls.beat()
    dog._own_stalls.beat()
    clock.now += 10.0
    processor.now += used
    dog._beat()
    dog.stop()
    (event,) = posted
    assert isinstance(event, SystemEvent)
    assert ("a strategy or handler" in event.message) is blamed
    assert ("it was stopped" in event.message) is not blamed
    assert barks == []


async def test_a_callback_that_fails_does_not_end_the_watch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    barks: list[float] = []
    twice = threading.Event()

    def bark(seconds: float) -> None:
        barks.append(seconds)
        if len(barks) == 2:
            twice.set()
        raise ValueError("hoarse")

    posted: list[Event] = []
    dog = Watchdog(posted.append, limit=0.03, on_stall=bark)
    dog.start()
    while not twice.wait(0.05):
        await asyncio.sleep(0)
        await until(lambda: len(posted) >= len(barks))
    dog.stop()
    assert "the stall callback failed: ValueError: hoarse" in caplog.text


async def test_a_loop_that_turns_wakes_no_dog() -> None:
    barks, posted = list[float](), list[Event]()
    dog = Watchdog(posted.append, limit=0.5, on_stall=barks.append)
    dog.start()
    started = dog._stalls.last_beat
    await until(lambda: dog._stalls.last_beat > started + 0.1)
    dog.stop()
    assert (barks, posted) == ([], [])


async def test_another_limit_holds_at_once_and_takes_no_pause_of_before_for_a_stall() -> None:
    barked, posted = threading.Event(), list[Event]()
    dog = Watchdog(posted.append, limit=50, on_stall=lambda seconds: barked.set())
    dog.start()
    await asyncio.sleep(0.1)  # beats and looks come every few seconds
    dog.limits(0.03, 0)
    assert not barked.is_set()
    await asyncio.sleep(0)
    assert posted == []
    block_the_loop(0.3)
    assert barked.is_set()
    await until(lambda: posted)
    dog.stop()
