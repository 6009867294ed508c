"""What the prices of an order book say, where nothing else in its rows does.

In a book those who sell stand above those who buy. A taker who buys pays what the sellers ask, so that
among trades it is the other way round, or the same price. And the levels of a book go away from the
market row by row, those who sell up and those who buy down, where a taker of several walks into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby, pairwise

from tradectl.domain.money import Side
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import split_row
from tradectl.feeds.quality import RowError, positive

STRETCH = 20
LOOKED_AT = 20
"""Stretches, spread over the text: a book moves with its market."""
ENOUGH = 3
"""Rows of each side that a stretch, or a moment, needs to say anything."""
STEPS = 10
"""From level to level: so many tell which way they go."""
MOST = 0.9
"""The share of what was judged that has to look like a book."""

Row = tuple[str, Side, Decimal]
"""When as it is spelled, who, at which price."""


def looks_like_a_book(state: FileState, lines: Sequence[str]) -> str:
    """What was seen in `lines`, the first ones in the order of time, that is a book's; empty when they
    may be trades."""
    step = len(lines) // (STRETCH * LOOKED_AT) + 1
    stretches = [
        [*_rows(state, lines[first : first + STRETCH])]
        for first in range(0, len(lines), STRETCH * step)
    ]
    rows = _rows(state, lines[: STRETCH * LOOKED_AT])
    moments = [[*group] for _, group in groupby(rows, key=lambda row: row[0])]
    return _sellers_above_buyers(stretches) or _sellers_above_buyers(moments) or _away(moments)


def _sellers_above_buyers(groups: Iterable[Sequence[Row]]) -> str:
    told: list[tuple[Decimal, Decimal]] = []
    judged = 0
    for group in groups:
        sells, buys = (
            [price for _, side, price in group if side is wanted]
            for wanted in (Side.SELL, Side.BUY)
        )
        if len(sells) < ENOUGH or len(buys) < ENOUGH:
            continue
        judged += 1
        if min(sells) > max(buys):
            told.append((min(sells), max(buys)))
    if not told or len(told) < MOST * judged:
        return ""
    sell, buy = told[0]
    return f"everybody who sells stands above everybody who buys, such as {sell} above {buy}"


def _away(moments: Iterable[Sequence[Row]]) -> str:
    steps = [
        (after > before) is (side is Side.SELL)
        for rows in moments
        for (_, side, before), (_, next_side, after) in pairwise(rows)
        if side is next_side and before != after
    ]
    if len(steps) < STEPS or sum(steps) < MOST * len(steps):
        return ""
    return f"in {sum(steps)} of {len(steps)} steps inside one moment sellers go up and buyers down"


def _rows(state: FileState, lines: Sequence[str]) -> Iterator[Row]:
    layout = state.layout
    for line in lines:
        try:
            cells = split_row(line, layout.width, layout.separator)
            side = layout.sides.get(cells[layout.side or 0].strip())
            if side is not None:
                yield layout.time_in(cells), side, positive(cells[layout.numbers[0]])
        except RowError:
            continue


__all__ = ["looks_like_a_book"]
