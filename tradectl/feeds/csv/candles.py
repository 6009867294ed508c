"""How long a file's candles last, read from its first rows before any of them is played.

A row gives the moment its candle opened, and a candle is known only once it has closed: the length
has to be known first, and guessing it short would let a strategy see the future.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import gcd

from tradectl.domain.time import DAY, HOUR
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import split_row
from tradectl.feeds.quality import RowError

MANY = 100
"""Steps, from which on a share of them is told from chance."""
MONTH = (28 * DAY, 31 * DAY)
SUMMER_TIME = (DAY - HOUR, DAY + HOUR)
GOES_ASTRAY = 0.95
"""The share of the candles that open in time where a few do not."""


def candle_interval(state: FileState, text: str, noise: float) -> int:
    """The length of the candles in the lines of `text`, ns: the greatest common divisor of the steps from
    one candle of a symbol to its next, for candles may be missing anywhere.

    A step that only a share of `noise` or less of many shows may come from a bad row, and does not count.
    Raises ValueError where there is no step at all, or no one length.
    """
    opened = _opened(state, text)
    steps = Counter(b - a for times in opened.values() for a, b in pairwise(times))
    if not steps:
        raise ValueError("how long its candles last cannot be told from one of a symbol")
    (usual, count), *_ = steps.most_common(1)
    if MONTH[0] <= min(steps) and len(steps) > 1 and max(steps) <= MONTH[1]:
        raise ValueError("its candles are months, which do not last equally long")
    enough = min(noise * steps.total(), count) if steps.total() >= MANY else 0
    counted = {step for step, times in steps.items() if times >= enough}
    if usual == DAY:
        counted -= {*SUMMER_TIME}
    if _open_in_time(opened, usual):
        return usual
    return gcd(*counted)


def _open_in_time(opened: dict[str, list[int]], usual: int) -> bool:
    """But for a few, all candles open at multiples of `usual` after one of them: the few are bad rows."""
    told = Counter((symbol, time % usual) for symbol, times in opened.items() for time in times)
    best = dict.fromkeys(opened, 0)
    for (symbol, _), count in told.items():
        best[symbol] = max(best[symbol], count)
    return sum(best.values()) >= GOES_ASTRAY * told.total()


def _opened(state: FileState, text: str) -> dict[str, list[int]]:
    """When the candles of each symbol opened, in order, each time once."""
    layout = state.layout
    opened: dict[str, list[int]] = {}
    for line in text.splitlines():
        try:
            cells = split_row(line, layout.width, layout.separator)
            moment = state.moment(layout.time_in(cells))
            symbol = state.symbol if layout.symbol is None else state.name(cells[layout.symbol])
        except RowError:
            continue
        times = opened.setdefault(symbol, [])
        if not times or moment > times[-1]:
            times.append(moment)
    return opened


__all__ = ["candle_interval"]
