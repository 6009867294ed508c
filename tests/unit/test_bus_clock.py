"""Clocks never go back, and the scheduler gives back what was put in the order of time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import label, note, timer
from tradectl.bus.clock import DataClock, WallClock
from tradectl.bus.scheduler import FIRST_TIME, NEVER, Scheduler
from tradectl.domain.events import TimerFired


def test_the_wall_clock_is_the_computers() -> None:
    before = time.time_ns()
    assert before <= WallClock().now() <= time.time_ns()
    assert WallClock().live


class Computer:
    """Its clock, in seconds: `set` by hand, and going by itself."""

    def __init__(self) -> None:
        self.wall, self.tick = 1_000_000.0, 50.0
        self.clock = WallClock(lambda: round(self.wall * 10**9), lambda: round(self.tick * 10**9))
        self.began = self.wall

    def passes(self, seconds: float, *, off: float = 0.0) -> float:
        """So many seconds later, the clock having been set `off`: what time it is since the beginning."""
        self.wall += seconds + off
        self.tick += seconds
        return round(self.clock.now() / 10**9 - self.began, 3)


def test_a_clock_that_jumps_ahead_and_comes_back_makes_nothing_old() -> None:
    computer = Computer()
    assert computer.passes(1) == 1
    assert [computer.passes(1, off=86_400), *(computer.passes(1) for _ in range(7))] == [
        *range(2, 10)
    ]
    assert computer.clock.moved == 86_400 * 10**9
    assert computer.passes(1, off=-86_400) == 10
    assert computer.clock.moved == 0


def test_a_clock_that_was_set_ahead_is_followed_once_that_has_stood() -> None:
    computer = Computer()
    assert computer.passes(1, off=3_600) == 1
    assert [computer.passes(10), computer.passes(19.9)] == [11, 30.9]
    assert computer.passes(0.1) == 3_631
    assert (computer.passes(5), computer.clock.moved) == (3_636, 0)


def test_a_clock_that_is_set_again_and_again_is_not_believed() -> None:
    computer = Computer()
    times = [computer.passes(20, off=off) for off in (500, 500, -900, 7_000)]
    assert times == [20, 40, 60, 80]


def test_one_that_was_set_back_is_never_followed_back() -> None:
    computer = Computer()
    assert [computer.passes(60, off=-3_600), computer.passes(60)] == [60, 120]
    assert computer.clock.moved == -3_600 * 10**9


def test_time_waits_for_a_clock_that_is_a_little_behind() -> None:
    computer = Computer()
    assert [computer.passes(1, off=-0.5), computer.passes(1), computer.passes(3)] == [0.9, 1.8, 4.5]
    assert (computer.passes(1), computer.clock.moved) == (5.5, 0)


@given(st.lists(st.tuples(st.integers(-(2 * 10**9), 2 * 10**9), st.integers(0, 10**10))))
def test_the_wall_clock_never_goes_back(steps: list[tuple[int, int]]) -> None:
    wall, tick = 10**15, 0
    clock = WallClock(lambda: wall, lambda: tick)
    last = clock.now()
    for jump, passed in steps:
        wall, tick = wall + jump, tick + passed
        now = clock.now()
        assert now >= last
        last = now


@given(st.lists(st.integers(0, 1000)))
def test_the_data_clock_stands_at_the_latest_moment_seen(stamps: list[int]) -> None:
    clock = DataClock()
    for index, ts in enumerate(stamps):
        assert clock.stamp(ts) == clock.now() == max(stamps[: index + 1])
    assert not clock.live


def test_a_data_clock_may_start_in_the_middle_of_time() -> None:
    assert DataClock(70).stamp(69) == 70


# --- the scheduler -----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 20), max_size=30))
def test_entries_come_out_by_due_time_and_of_equal_times_the_first_put_first(
    due_times: list[int],
) -> None:
    scheduler = Scheduler()
    for index, due in enumerate(due_times):
        scheduler.put(note(str(index)), due)
        assert scheduler.next_due == min(due_times[: index + 1])
    out = [scheduler.pop() for _ in due_times]
    expected = sorted(range(len(due_times)), key=lambda i: due_times[i])
    assert [(due, label(event)) for due, event in out] == [(due_times[i], str(i)) for i in expected]
    assert scheduler.next_due == NEVER


def test_an_empty_scheduler_says_never_and_has_nothing_to_give() -> None:
    scheduler = Scheduler()
    assert scheduler.next_due == NEVER
    with pytest.raises(IndexError):
        scheduler.pop()


@pytest.mark.parametrize(("now", "due"), [(1, 10), (9, 10), (10, 20), (57, 60)])
def test_a_timer_is_set_to_the_next_multiple_after_now(now: int, due: int) -> None:
    scheduler = Scheduler()
    scheduler.every(10, "risk", now)
    assert scheduler.pop() == (due, TimerFired(source_component="timer", name="risk"))


def test_timers_asked_for_before_time_begins_wait_for_it_and_are_then_all_set() -> None:
    scheduler = Scheduler()
    scheduler.every(10, "risk", 0)
    scheduler.every(3, "fast", 0)
    assert (scheduler.begins, scheduler.next_due) == (True, FIRST_TIME)
    with pytest.raises(IndexError):
        scheduler.pop()
    scheduler.begin(10)
    assert (scheduler.begins, scheduler.next_due) == (False, 12)
    assert [(due, label(event)) for due, event in (scheduler.pop(), scheduler.pop())] == [
        (12, "fast"),
        (20, "risk"),
    ]


def test_a_name_without_an_interval_is_not_set_again() -> None:
    scheduler = Scheduler()
    scheduler.set_timer("once", 5)
    assert scheduler.next_due == NEVER


def test_an_answer_put_while_timers_wait_does_not_hide_that_time_is_to_begin() -> None:
    scheduler = Scheduler()
    scheduler.every(10, "risk", 0)
    scheduler.put(note("a"), 8)
    assert scheduler.next_due == FIRST_TIME
    scheduler.begin(5)
    assert scheduler.next_due == 8


@pytest.mark.parametrize("now", [0, 3])
def test_dropped_timers_are_forgotten_and_the_answers_still_come_in_order(now: int) -> None:
    scheduler = Scheduler()
    scheduler.every(4, "every", now)
    for due, event in [(9, note("c")), (5, note("a")), (7, timer("risk")), (5, note("b"))]:
        scheduler.put(event, due)
    scheduler.drop_timers()
    assert (scheduler.begins, scheduler.next_due) == (False, 5)
    assert [(due, label(event)) for due, event in (scheduler.pop() for _ in range(3))] == [
        (5, "a"),
        (5, "b"),
        (9, "c"),
    ]
    scheduler.set_timer("every", 20)
    assert scheduler.next_due == NEVER
