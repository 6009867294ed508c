"""The first lines of a file: which separator, what stands above the header, whether there is one."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from tradectl.feeds.csv.headerless import is_row
from tradectl.feeds.quality import shown

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 200
NAMES = {"\t": "tab"}


class Opening(Struct, frozen=True):
    """`header` is empty where the first line is a row; `above` counts the lines before either that are
    neither; `rows` are the cells of the first rows. `decimal_comma`: 1,5 is one and a half. `symbol`: as
    the lines above said it."""

    separator: str
    above: int
    header: list[str]
    rows: list[list[str]]
    decimal_comma: bool = False
    symbol: str = ""

    def seen(self) -> str:
        """In words, for who has to say how the file is to be read."""
        first = self.rows[0] if self.rows else self.header
        row = shown(self.separator.join(first), 120) if first else "nothing"
        columns = f"{len(self.header or first)} columns"
        if self.header:
            columns += f" ({shown(', '.join(self.header), 160)})"
        return (
            f"seen: {columns}, separated by {NAMES.get(self.separator, self.separator)!a}, "
            f"the first row {row}"
        )


def opened(text: str) -> Opening:
    """What the lines of `text`, the first ones of a file, begin with."""
    lines = text.split("\n")[:LOOKED_AT]
    numbered = [(n, line) for n, line in enumerate(lines) if line.strip()]
    if not numbered:
        return Opening(",", 0, [], [])
    lines = [line for _, line in numbered]
    readings = [(_share(cut := _cut(lines, sep)), cut, sep) for sep in SEPARATORS]
    (_, width), table, separator = max(readings, key=lambda reading: reading[0])
    first = next(i for i, cells in enumerate(table) if len(cells) == width)
    above = numbered[first][0]
    if is_row(table[first]):
        header, rows = [], table[first:]
    else:
        header, rows = [cell.strip() for cell in table[first]], table[first + 1 :]
    if separator != "," and _has_decimal_comma(rows):
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
        return Opening(separator, above, header, rows, decimal_comma=True)
    if [header[:1], *(row[:1] for row in rows[:2])] in YFINANCE:
        header, symbol = ["Date", *header[1:]], rows[0][-1]
        return Opening(separator, above + 2, header, rows[2:], symbol=symbol)
    return Opening(separator, above, header, rows)


YFINANCE = [[["Price"], ["Ticker"], [time]] for time in ("Date", "Datetime")]
"""What the three lines of its header begin with."""


def _has_decimal_comma(rows: Sequence[Sequence[str]]) -> bool:
    """Numbers like 1,5 and none like 1.5. All like 1,500 might be thousands."""
    cells = [cell.strip() for row in rows for cell in row]
    fractions = [match[1] for cell in cells if (match := _COMMA.fullmatch(cell))]
    return any(len(f) != 3 for f in fractions) and not any(map(_POINT.fullmatch, cells))


_COMMA, _POINT = re.compile(r"-?\d+,(\d+)", re.ASCII), re.compile(r"-?\d+\.\d+", re.ASCII)


def _cut(lines: Sequence[str], separator: str) -> list[list[str]]:
    return [cells_of(line, separator) for line in lines]


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line; those in quotes may have the separator in them."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _share(table: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Of the lines with the commonest number of cells, and that number; no table has one column."""
    (width, count), *_ = Counter(map(len, table)).most_common(1)
    return (count / len(table), width) if width > 1 else (0.0, width)


__all__ = ["SEPARATORS", "Opening", "cells_of", "opened"]
