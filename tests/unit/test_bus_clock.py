"""Clocks never go back, and the scheduler gives back what was put in the order of time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import label, note, timer
from tests.fixtures.rows import each_row
from tradectl.bus.clock import DataClock, WallClock
from tradectl.bus.scheduler import FIRST_TIME, NEVER, Scheduler
from tradectl.domain.events import TimerFired


def test_the_wall_clock_is_the_computers() -> None:
    before = time.time_ns()
    assert before <= WallClock().now() <= time.time_ns()
    assert WallClock().live


class Computer:
    """Its clock, in seconds: `set` by hand, and going by itself. The exchange's is right."""

    def __init__(self, *, by_exchange: bool = False) -> None:
        self.wall, self.tick, self.theirs = 1_000_000.0, 50.0, 1_000_000.0
        self.clock = WallClock(
            lambda: round(self.wall * 10**9),
            lambda: round(self.tick * 10**9),
            by_exchange=by_exchange,
        )
        self.began = self.wall

    def passes(self, seconds: float, *, off: float = 0.0) -> float:
        """So many seconds later, the clock having been set `off`: what time it is since the beginning."""
        self.wall += seconds + off
        self.tick += seconds
        self.theirs += seconds
        return round(self.clock.now() / 10**9 - self.began, 3)

    def messages(self, count: int = 10, *, late: float = 0.1) -> float:
        """So many of the exchange's, one each tenth of a second: what time it is then."""
        for _ in range(count):
            self.passes(0.1)
            self.clock.heard(round((self.theirs - late) * 10**9))
        return self.passes(0)


BOTH = pytest.mark.parametrize("by_exchange", [False, True])


@BOTH
@pytest.mark.parametrize("off", [86_400, 3, -3, -86_400])
def test_a_clock_that_jumps_and_comes_back_makes_nothing_old(off: int, by_exchange: bool) -> None:
    computer = Computer(by_exchange=by_exchange)
    assert computer.passes(1) == 1
    assert [computer.passes(1, off=off), *(computer.messages() for _ in range(7))] == [
        *range(2, 10)
    ]
    assert round(computer.clock.moved / 10**9, 3) == off
    assert computer.passes(1, off=-off) == 10
    assert computer.clock.moved == 0


@BOTH
def test_what_it_dates_while_the_clock_is_wrong_is_of_today(by_exchange: bool) -> None:
    computer = Computer(by_exchange=by_exchange)
    assert computer.clock.wall() == computer.clock.now()
    computer.passes(1, off=86_400)
    assert computer.clock.wall() == computer.clock.now() == 1_000_001 * 10**9


@pytest.mark.parametrize("late", [0.0, 0.1, 4.0])
def test_the_exchanges_word_keeps_the_time_however_long_the_clock_is_wrong(late: float) -> None:
    computer = Computer(by_exchange=True)
    computer.messages(late=late)
    for off in (86_400, -86_400, -5, 5, 2, -2):
        computer.passes(0, off=off)
        computer.messages(12_000, late=late)
    assert computer.passes(0) == 6 * 1_200 + 1
    assert computer.clock.moved == 0


def test_a_clock_that_is_put_right_is_followed_ahead_at_the_exchanges_word() -> None:
    computer = Computer(by_exchange=True)
    computer.theirs += 3_600
    assert computer.messages() == 1
    assert computer.passes(3_599, off=3_600) == 3_600  # nothing was heard
    assert (computer.messages(4), computer.messages(2)) == (3_600.4, 7_200.6)
    assert computer.clock.moved == 0


def test_a_clock_that_is_put_back_by_the_exchanges_word_is_gone_half_as_fast_for() -> None:
    computer = Computer(by_exchange=True)
    computer.theirs -= 60
    assert computer.messages() == 1
    computer.passes(0, off=-60)
    began, after = computer.messages(10), computer.messages(100)
    assert 1.5 < began < 2
    assert round(after - began, 3) == 5
    computer.messages(1200)
    assert (computer.clock.moved, computer.passes(0)) == (0, 132 - 60)


@each_row("late", [0.05, 0.4])
@each_row("off", [1.5, 3, 8, 9.5, 11, 600, -1.5, -3, -9.5, -11, -3_600])
def test_how_far_our_own_time_was_off_is_not_taken_for_the_exchanges_delay(
    off: float, late: float
) -> None:
    """A clock that was wrong from the beginning, and is put right."""
    computer = Computer(by_exchange=True)
    computer.theirs -= off
    computer.messages(100, late=late)
    computer.passes(0, off=-off)
    computer.messages(round(200 + 30 * max(off, 0)), late=late)
    assert round(computer.passes(0) + computer.began - computer.theirs, 3) == 0
    assert computer.clock.moved == 0


@each_row("off", [-3_600, -30, 30, 3_600])
@each_row("late", [35, 60, 3_630])
def test_data_that_comes_late_for_a_while_says_nothing_of_a_clock(off: int, late: float) -> None:
    computer = Computer(by_exchange=True)
    computer.messages()
    computer.passes(0, off=off)
    assert (computer.messages(600, late=late), computer.messages()) == (61, 62)


@pytest.mark.parametrize(("off", "after"), [(3_600, 3_600), (-3_600, 7_220)])
@pytest.mark.parametrize("date", [0, 5])
def test_where_the_exchange_dates_nothing_a_clock_is_believed_once_it_has_stood(
    off: int, after: int, date: int
) -> None:
    """Or what it dates is of 1970."""
    computer = Computer(by_exchange=True)
    computer.passes(1, off=off)
    for _ in range(600 + after):
        computer.passes(1)
        computer.clock.heard(date)
    assert computer.passes(0) == 601 + after + off
    assert computer.clock.moved == 0


@pytest.mark.parametrize("off", [86_400, 3, -3_600])
def test_a_clock_that_is_wrong_at_the_start_is_set_by_the_exchange(off: int) -> None:
    computer = Computer(by_exchange=True)
    computer.theirs -= off
    computer.clock.begin(off * 10**9)
    assert computer.messages(3_600) == 360 - off
    assert round(computer.clock.moved / 10**9, 3) == off
    assert (computer.passes(1, off=-off), computer.clock.moved) == (361 - off, 0)


def test_without_an_exchange_a_clock_that_has_stood_is_gone_over_to_and_back() -> None:
    computer = Computer()
    assert computer.passes(1, off=3_600) == 1
    assert [computer.passes(580), computer.passes(19.9), computer.passes(0.1)] == [
        581,
        600.9,
        601.1,
    ]
    assert [computer.passes(10), computer.passes(10)] == [621.1, 641.1]  # twice as fast
    assert computer.passes(1, off=-3_600) == 642.1
    assert [computer.passes(599), computer.passes(1)] == [1241.1, 1241.6]
    assert computer.passes(20) == 1251.6  # half as fast
    assert [computer.passes(30), computer.passes(1)] == [1272, 1273]
    assert computer.clock.moved == 0


def test_a_clock_that_is_set_again_and_again_is_not_believed() -> None:
    computer = Computer()
    times = [computer.passes(590, off=off) for off in (500, 500, -900, 7_000)]
    assert times == [590, 1180, 1770, 2360]


def test_time_waits_for_a_clock_that_is_a_little_behind() -> None:
    computer = Computer()
    assert [computer.passes(1, off=-0.5), computer.passes(1), computer.passes(3)] == [0.9, 1.8, 4.5]
    assert (computer.passes(1), computer.clock.moved) == (5.5, 0)


@BOTH
@given(
    st.lists(
        st.tuples(
            st.integers(-(2 * 10**9), 2 * 10**9),
            st.integers(0, 10**11),
            st.integers(-(10**10), 10**10),
        )
    )
)
def test_the_wall_clock_never_goes_back(
    by_exchange: bool, steps: list[tuple[int, int, int]]
) -> None:
    wall, tick = 10**15, 0
    clock = WallClock(lambda: wall, lambda: tick, by_exchange=by_exchange)
    last = clock.now()
    for jump, passed, word in steps:
        wall, tick = wall + jump, tick + passed
        clock.heard(wall + word)
        now = clock.now()
        assert now >= last
        last = now


@given(st.lists(st.integers(0, 1000)))
def test_the_data_clock_stands_at_the_latest_moment_seen(stamps: list[int]) -> None:
    clock = DataClock()
    for index, ts in enumerate(stamps):
        assert clock.stamp(ts) == clock.now() == max(stamps[: index + 1])
    assert not clock.live


def test_a_run_on_recorded_data_is_dated_by_a_clock_that_cannot_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WallClock, "now", lambda _: 5)
    assert DataClock(70).wall() == 5


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


@each_row(("now", "due"), [(1, 10), (9, 10), (10, 20), (57, 60)])
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


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_a_timer_that_is_taken_comes_again_as_one_that_is_popped_and_set(steps: list[int]) -> None:
    taking, popping = Scheduler(), Scheduler()
    for scheduler in (taking, popping):
        scheduler.every(10, "slow", 1)
        scheduler.every(5, "fast", 1)
        scheduler.put(timer("once"), 10)
        scheduler.put(note("answer"), 10)
    now = 10
    for step in steps:
        due, event = popping.pop()
        if isinstance(event, TimerFired):
            popping.set_timer(event.name, now)
        assert taking.take(now) == (due, event)
        assert taking.next_due == popping.next_due
        now += step


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
