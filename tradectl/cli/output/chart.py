"""Curves and bars made of block characters, an eighth of a row fine.

All functions return rows of exactly the cells that they were asked for, whatever the numbers are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
FULL, REST = "█", "░"


def chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """`height` rows, top first, of `width` cells: lowest value at the bottom, highest at the top.

    More values than cells are thinned to evenly spaced ones, the last among them.
    """
    curve = thinned([v for v in values if math.isfinite(v)], width)
    levels = _levels(curve, height * 8)
    rows = []
    for row in reversed(range(height)):
        cells = (EIGHTHS[min(max(level - row * 8, 0), 8)] for level in levels)
        rows.append("".join(cells).ljust(width))
    return rows


def sparkline(values: Sequence[float], width: int) -> str:
    return chart(values, width, 1)[0]


def bar(fraction: float, width: int) -> str:
    """A progress bar; `fraction` from 0 to 1."""
    done = round(min(max(fraction, 0.0), 1.0) * width) if math.isfinite(fraction) else 0
    return FULL * done + REST * (width - done)


def thinned(values: Sequence[float], most: int) -> Sequence[float]:
    """At most `most` of the values, evenly spaced, ending in the last."""
    size = len(values)
    if size <= most:
        return values
    return [values[(i + 1) * size // most - 1] for i in range(most)]


def _levels(values: Sequence[float], top: int) -> list[int]:
    """Each value as 1 to `top`; a flat curve in the middle."""
    if not values:
        return []
    low, high = min(values), max(values)
    scale = high - low
    if not 0 < scale < math.inf:
        return [max(top // 2, 1)] * len(values)
    return [1 + round((value - low) / scale * (top - 1)) for value in values]
