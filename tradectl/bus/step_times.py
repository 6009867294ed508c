"""How long the core's steps take: a sample of the newest, those that were slow, and how many of the next
may go by between two looks at the time.

A look at the time is a part of what a quick step costs. So steps with market data, or with timers, that
follow on each other are looked at together, as long as all of them are quick; a march that was not counts
as one slow step, since it was one of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from tradectl.domain.statistics import Durations

SAMPLES = 1_024
SLOW_KEPT = 100
QUICK_NS = 200_000
LONGEST_MARCH = 16


class StepTimes:
    """`slow` has the (seq, ns) of the newest steps that took longer than `slow_ns`, `durations` all of
    them."""

    def __init__(self, slow_ns: int) -> None:
        self.slow: deque[tuple[int, int]] = deque(maxlen=SLOW_KEPT)
        self._slow_ns = slow_ns
        self.durations = Durations()
        self._taken: deque[int] = deque(maxlen=SAMPLES)
        self._march = 1

    def note(self, took: int, steps: int, seq: int) -> int:
        """So many steps, the last of them `seq`, took so many ns; how many may go by before the next
        look at the time."""
        if took > self._slow_ns:
            self.slow.append((seq, took))
        durations = self.durations
        if took < QUICK_NS:
            each = took // steps
            durations.counts[each.bit_length()] += steps
            durations.total_ns += took
            self._taken.append(each)
            if self._march < LONGEST_MARCH:
                self._march *= 2
        else:
            durations.note(took)
            self._taken.append(took)
            self._march = 1
        return self._march

    def percentiles_us(self, *fractions: float) -> list[float]:
        """Of the sample."""
        return percentiles_us(self._taken, *fractions)


def percentiles_us(taken: Iterable[int], *fractions: float) -> list[float]:
    """Of nanoseconds, in microseconds: what such a part of them did not pass; zero for none."""
    times = sorted(taken) or [0]
    return [round(times[math.ceil(f * len(times)) - 1] / 1_000, 1) for f in fractions]


__all__ = ["StepTimes", "percentiles_us"]
