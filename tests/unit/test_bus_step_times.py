"""How long steps take, and how many go by between two looks at the time."""

from __future__ import annotations

from tradectl.bus.step_times import LONGEST_MARCH, QUICK_NS, StepTimes


def test_twice_as_many_go_by_as_long_as_they_are_quick() -> None:
    times = StepTimes(slow_ns=10 * QUICK_NS)
    went_by, steps = [], 1
    for seq in range(7):
        steps = times.note(QUICK_NS - 1, steps, seq)
        went_by.append(steps)
    assert went_by == [2, 4, 8, 16, 16, 16, 16]
    assert went_by[-1] == LONGEST_MARCH


def test_after_a_march_that_was_not_quick_each_step_is_looked_at() -> None:
    times = StepTimes(slow_ns=10 * QUICK_NS)
    times.note(1, 1, 1)
    assert times.note(QUICK_NS, 2, 3) == 1


def test_quick_steps_share_their_time_and_a_long_one_keeps_its_own() -> None:
    times = StepTimes(slow_ns=10 * QUICK_NS)
    times.note(160_000, 16, 16)
    assert times.percentiles_us(0.5) == [10.0]
    times.note(QUICK_NS, 16, 32)
    assert times.percentiles_us(0.99) == [200.0]


def test_a_slow_step_is_kept_with_the_last_record_by_then() -> None:
    times = StepTimes(slow_ns=QUICK_NS)
    times.note(QUICK_NS + 1, 4, 9)
    assert list(times.slow) == [(9, QUICK_NS + 1)]
