"""Rows out of their time: the few that run ahead of all others, or fall behind, are bad, not the others.

A row from the future would make every row after it too late. So the longest run of rows in time order is
kept, and what does not belong to it is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from tradectl.domain.time import iso
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import split_row, symbol_of_row
from tradectl.feeds.quality import RowError, TickFault

LOOKED_AT = 8
"""Lines of a block, spread over it: so many tell whether it goes on where the one before it ended."""
LAST, LOOKED_AT_BYTES = 8, 4096
"""Lines at the end of a block, within so many bytes: those that run ahead are few."""
UNUSUAL = 1 / 16
"""The share of a block's time that its last rows hardly ever take."""


def stragglers(state: FileState, lines: Sequence[str]) -> dict[int, RowError]:
    """The lines that run ahead of those after them, by their place. Those behind are known by `state`."""
    read = [(place, time) for place, line in enumerate(lines) if (time := _time(state, line))]
    told = [(place, time) for place, time in read if time >= state.last_time]
    times = [time for _, time in told]
    if all(a <= b for a, b in pairwise(times)):
        return {}
    kept = _longest_run(times)
    apart: dict[int, RowError] = {}
    after = max(times)
    for index in range(len(told) - 1, -1, -1):
        place, time = told[index]
        if index in kept:
            after = time
        elif time > after:
            detail = f"{iso(time)} before {iso(after)}"
            apart[place] = RowError(TickFault.RUNS_AHEAD, detail)
    return apart


def is_sorted_by_symbol(state: FileState, lines: Sequence[str], place: int) -> bool:
    """All rows of a symbol stand together, and time goes back from one symbol to the next: so it does in
    the line at `place`."""
    if symbol_of_row(state, lines[place]) in state.symbols:
        return False
    rows = [(symbol, state.last_time) for symbol in state.symbols[-1:]]
    for line in lines:
        time, symbol = _time(state, line), symbol_of_row(state, line)
        if time and symbol:
            rows.append((symbol, time))
    groups = [symbol for symbol, _ in groupby(rows, key=lambda row: row[0])]
    goes_back = any(a[0] != b[0] and b[1] < a[1] for a, b in pairwise(rows))
    return goes_back and len(groups) == len(set(groups))


def rejoined(state: FileState, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """`blocks`, but for one that ends ahead of where the next one goes on: they are one, so that what
    runs ahead is seen beside what comes after it."""
    for block in blocks:
        if not _may_run_ahead(state, block):
            yield block
            continue
        following = next(blocks, b"")
        if following and _goes_back(state, block, following):
            yield block + following
        else:
            yield block
            if following:
                yield following


def _may_run_ahead(state: FileState, block: bytes) -> bool:
    """Between its last rows lies an unusually long time."""
    lines = block[-LOOKED_AT_BYTES:].split(b"\n")[-LAST - 1 : -1]
    told = (block[: block.find(b"\n")], lines[0], lines[-1])
    first, before, last = (_time(state, line.decode(errors="replace")) for line in told)
    if not 0 < first <= before <= last:
        return True
    return last - before > (last - first) * UNUSUAL


def _goes_back(state: FileState, one: bytes, other: bytes) -> bool:
    last = _time(state, one[one.rfind(b"\n", 0, -1) + 1 :].decode(errors="replace"))
    step = max(len(other) // LOOKED_AT, 1)
    return any(
        0 < _time(state, _line_at(other, place).decode(errors="replace")) < last
        for place in range(0, len(other), step)
    )


def _line_at(block: bytes, place: int) -> bytes:
    first = block.rfind(b"\n", 0, place) + 1
    return block[first : block.find(b"\n", first) + 1 or None]


def _time(state: FileState, line: str) -> int:
    """When the row was; 0 where it does not say."""
    layout = state.layout
    try:
        return state.moment(
            layout.time_in(split_row(line.rstrip("\n"), layout.width, layout.separator))
        )
    except RowError:
        return 0


def _longest_run(times: Sequence[int]) -> set[int]:
    """The places of the longest run that never goes back; of several, that with the earlier rows."""
    ends: list[int] = []
    places: list[int] = []
    before: dict[int, int | None] = {}
    for index in range(len(times) - 1, -1, -1):
        length = bisect_right(ends, -times[index])
        before[index] = places[length - 1] if length else None
        ends[length : length + 1] = [-times[index]]
        places[length : length + 1] = [index]
    kept: set[int] = set()
    index_or_none: int | None = places[-1]
    while index_or_none is not None:
        kept.add(index_or_none)
        index_or_none = before[index_or_none]
    return kept


__all__ = ["is_sorted_by_symbol", "rejoined", "stragglers"]
