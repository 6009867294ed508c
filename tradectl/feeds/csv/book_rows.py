"""Rows of an order book look like trades: a time, a price, an amount, a side. They must not be played so.

In a book those who sell stand above those who buy. A taker who buys pays what the sellers ask, so that
among trades it is the other way round, or the same price. Several stretches of the file are looked at,
because a book moves with its market.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tradectl.domain.money import Side
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import SIDES, split_row
from tradectl.feeds.quality import RowError, positive

STRETCH = 20
LOOKED_AT = 20
"""Stretches, spread over the text."""
ENOUGH = 3
"""Rows of each side that a stretch needs to say anything."""
MOST = 0.9
"""The share of the stretches that have to look like a book."""


def looks_like_a_book(state: FileState, text: str) -> str:
    """What was seen in the rows of `text` that is a book's; empty when they may be trades."""
    told: list[tuple[Decimal, Decimal]] = []
    judged = 0
    for stretch in _stretches(state, text.splitlines()):
        sells, buys = (
            [price for side, price in stretch if side is wanted] for wanted in (Side.SELL, Side.BUY)
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


_Row = tuple[Side, Decimal]


def _stretches(state: FileState, lines: list[str]) -> Iterator[list[_Row]]:
    step = len(lines) // (STRETCH * LOOKED_AT) + 1
    for first in range(0, len(lines), STRETCH * step):
        yield list(_rows(state, lines[first : first + STRETCH]))


def _rows(state: FileState, lines: list[str]) -> Iterator[_Row]:
    layout = state.layout
    for line in lines:
        try:
            cells = split_row(line, layout.width)
            side = SIDES.get(cells[layout.side or 0].strip())
            if side is not None:
                yield side, positive(cells[layout.numbers[0]])
        except RowError:
            continue


__all__ = ["looks_like_a_book"]
