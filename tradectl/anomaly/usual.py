"""What is usual for a figure: its median of late, and how far from that it commonly is.

The median absolute deviation times 1.4826 is the standard deviation of a normal distribution (Rousseeuw
and Croux, 1993, "Alternatives to the median absolute deviation"); unlike that, it is moved by no outlier
as long as most values are none. So a crash does not become usual while it lasts.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

OF_NORMAL = 1.4826
SIZE, WARM = 240, 60


class Usual:
    """Of the last `SIZE` values; nothing is unusual before there are `WARM`. The deviation is `least` at
    least, in the figure's own unit: else what never moves would make all that does unusual."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._in_order: list[float] = []
        self._values: deque[float] = deque()
        self.middle = 0.0
        self.spread = least

    @property
    def is_warm(self) -> bool:
        return len(self._values) >= WARM

    def score(self, value: float) -> float:
        """How many of its usual deviations it is from the middle, with its sign; 0 before it is warm."""
        return (value - self.middle) / self.spread if self.is_warm else 0.0

    def add(self, value: float) -> None:
        self._values.append(value)
        insort(self._in_order, value)
        if len(self._values) > SIZE:
            gone = self._values.popleft()
            del self._in_order[bisect_left(self._in_order, gone)]
        self.middle = _halfway(self._in_order)
        deviations = [self._nearest(count) for count in _around_the_middle(len(self._values))]
        self.spread = max(OF_NORMAL * sum(deviations) / len(deviations), self._least)

    def _nearest(self, count: int) -> float:
        """How far from the middle the outermost of so many values is that lie nearest to it. These are
        neighbours: where they begin is searched by halves."""
        values, middle = self._in_order, self.middle
        low, high = 0, len(values) - count
        while low < high:
            at = (low + high) // 2
            if middle - values[at] > values[at + count] - middle:
                low = at + 1
            else:
                high = at
        return max(middle - values[low], values[low + count - 1] - middle)


def _halfway(in_order: list[float]) -> float:
    of_these = [in_order[count - 1] for count in _around_the_middle(len(in_order))]
    return sum(of_these) / len(of_these)


def _around_the_middle(size: int) -> tuple[int, ...]:
    """Which of so many, counted from 1: an odd number has one in the middle, an even one two."""
    return (size // 2 + 1,) if size % 2 else (size // 2, size // 2 + 1)


__all__ = ["Usual"]
