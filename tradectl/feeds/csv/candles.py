"""How long a file's candles last, read from its first rows before any of them is played.

A row gives the moment its candle opened, and a candle is known only once it has closed: the length
has to be known first, and guessing it short would let a strategy see the future.
"""

from __future__ import annotations

from collections import Counter

from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import split_row
from tradectl.feeds.quality import RowError


def candle_interval(state: FileState, text: str, noise: float) -> int | None:
    """The smallest step, in ns, from one candle of a symbol to its next in the lines of `text`.

    A step that only a share of `noise` or less shows may come from a bad row, and does not count
    while there are others. None when there is no step at all.
    """
    steps = _steps(state, text)
    if not steps:
        return None
    enough = min(noise * steps.total(), max(steps.values()))
    return min(step for step, count in steps.items() if count >= enough)


def _steps(state: FileState, text: str) -> Counter[int]:
    layout = state.layout
    opened: dict[str, int] = {}
    steps: Counter[int] = Counter()
    for line in text.splitlines():
        try:
            cells = split_row(line, layout.width)
            moment = state.time(layout.time_in(cells))
            symbol = state.symbol if layout.symbol is None else state.name(cells[layout.symbol])
        except RowError:
            continue
        step = moment - opened.get(symbol, moment)
        if step > 0:
            steps[step] += 1
        if step >= 0:
            opened[symbol] = moment
    return steps
