"""Waiting: pauses between tries, and noticing that one stood still."""

from __future__ import annotations

from itertools import islice

from tradectl.domain.resilience import StallDetector, pause_after, pauses


def test_pauses_double_up_to_the_longest() -> None:
    assert [*islice(pauses(0.1, 1.0), 6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_first_pause_above_the_longest_is_the_longest() -> None:
    assert [*islice(pauses(9.0, 5.0), 2)] == [5.0, 5.0]
    assert pause_after(1, 9.0, 5.0) == 5.0


def test_the_pause_after_some_failures_is_that_of_the_series() -> None:
    series = [*islice(pauses(0.5, 20.0), 30)]
    assert series == [pause_after(failures, 0.5, 20.0) for failures in range(1, 31)]
    assert pause_after(100_000) == 5.0


def test_a_stall_is_a_beat_that_comes_too_late() -> None:
    now = [100.0]
    detector = StallDetector(5.0, lambda: now[0])
    now[0] += 5.0
    assert detector.stalled_for() == 0
    now[0] += 0.5
    assert detector.stalled_for() == detector.stalled_for() == 5.5
    assert detector.beat() == 5.5
    assert detector.stalled_for() == detector.beat() == 0
