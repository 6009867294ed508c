"""Mean, deviation and slope of the last n observations, without a sum that drifts.

A running sum that adds the new and subtracts the old keeps every rounding error, and after one enormous
price keeps little else. Here nothing is ever subtracted: the window is an older and a newer half, and its
statistics are those of the two put together (Chan, Golub and LeVeque, Algorithms for computing the sample
variance, 1983; a queue of two stacks). For the older half they are known for each of its ends, so that
leaving costs nothing; once it is used up, the newer half, n long by then, is worked through backwards and
becomes it. That is three small steps an observation on average, 2 n numbers of memory, an error of a
few last digits, and a deviation of exactly zero where the price stood still.
"""

from __future__ import annotations

import math

from tradectl.domain.statistics import window

Part = tuple[float, float, float]
"""Of observations in a row: mean, sum of (x - mean)^2, and sum of (i - mean of i)(x - mean)."""


class MovingMoments:
    """`update` takes the next observation and says whether there are `n` by now; the rest is about the
    last n. i counts them from the oldest, 0 to n - 1.

    Raises UsageError for n below `least`.
    """

    __slots__ = ("_n", "_newer", "_newer_part", "_older", "_tilt", "mean", "squares")

    def __init__(self, n: int, least: int = 1) -> None:
        self._n = window(n, least)
        self._older: list[Part] = []
        """Of its last one, its last two, ... observations."""
        self._newer: list[float] = []
        self._newer_part: Part = (0.0, 0.0, 0.0)
        self.mean = 0.0
        self.squares = 0.0
        """Sum of (x - mean)^2."""
        self._tilt = 0.0

    def update(self, x: float) -> bool:
        older, newer = self._older, self._newer
        if older or len(newer) == self._n:
            if not older:
                self._turn_over()
            older.pop()
        self._newer_part = _joined(self._newer_part, len(newer), (x, 0.0, 0.0), 1)
        newer.append(x)
        whole = self._newer_part
        if older:
            whole = _joined(older[-1], len(older), whole, len(newer))
        self.mean, self.squares, self._tilt = whole
        return len(older) + len(newer) == self._n

    @property
    def deviation(self) -> float:
        """The population's standard deviation: over n, not n - 1."""
        return math.sqrt(self.squares / self._n)

    @property
    def slope(self) -> float:
        """Of the straight line with the least squares; the price per observation. n is 2 or more."""
        n = self._n
        return self._tilt / (n * (n * n - 1) / 12)

    @property
    def weighted_mean(self) -> float:
        """With the weights 1, 2, ..., n, the newest one's the greatest."""
        n = self._n
        return self.mean + 2 * self._tilt / (n * (n + 1))

    def _turn_over(self) -> None:
        part: Part = (0.0, 0.0, 0.0)
        for count, x in enumerate(reversed(self._newer)):
            part = _joined((x, 0.0, 0.0), 1, part, count)
            self._older.append(part)
        self._newer.clear()
        self._newer_part = (0.0, 0.0, 0.0)


def _joined(a: Part, m: int, b: Part, n: int) -> Part:
    """Of `m` observations like `a`, and `n` like `b` after them; one of the two counts may be 0."""
    if not m or not n:
        return a if m else b
    step, both = b[0] - a[0], m + n
    apart = step * (m * n / both)
    mean = a[0] + step * n / both if m >= n else b[0] - step * m / both
    return mean, a[1] + b[1] + step * apart, a[2] + b[2] + both / 2 * apart
