"""How the results of round trips are distributed, in columns of a round width."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tradectl.documents.report import Bin

BINS = 24


def bins(returns: Sequence[float]) -> list[Bin]:
    """Round trips by their return in percent: of equal width, one bound at zero, the few beyond the
    outermost counted with those."""
    values = sorted(100 * each for each in returns)
    if not values:
        return []
    low, high = values[len(values) // 100], values[-1 - len(values) // 100]
    width = _round_width((max(high, 0.0) - min(low, 0.0)) / BINS)
    first, last = math.floor(min(low, 0.0) / width), math.ceil(max(high, 0.0) / width)
    last = max(last, first + 1)
    counts = [0] * (last - first)
    for value in values:
        counts[min(max(math.floor(value / width) - first, 0), len(counts) - 1)] += 1
    return [
        Bin(low_pct=(first + n) * width, high_pct=(first + n + 1) * width, count=count)
        for n, count in enumerate(counts)
    ]


def _round_width(width: float) -> float:
    """The next of 1, 2, 5, 10, ..."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9))


__all__ = ["bins"]
