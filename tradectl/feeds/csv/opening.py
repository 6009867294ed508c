"""The first lines of a file: which separator, what stands above the header, whether there is one."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from tradectl.feeds.csv.headerless import is_row
from tradectl.feeds.quality import shown

SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 200
NAMES = {"\t": "tab"}


class Opening(Struct, frozen=True):
    """`header` is empty where the first line is a row; `above` counts the lines before either; `rows` are
    the cells of the first rows."""

    separator: str
    above: int
    header: list[str]
    rows: list[list[str]]

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
    lines = [line for line in text.splitlines()[:LOOKED_AT] if line.strip()]
    numbers = [n for n, line in enumerate(text.splitlines()[:LOOKED_AT]) if line.strip()]
    if not lines:
        return Opening(",", 0, [], [])
    readings = [(_share(cut := _cut(lines, sep)), cut, sep) for sep in SEPARATORS]
    (_, width), table, separator = max(readings, key=lambda reading: reading[0])
    first = next(i for i, cells in enumerate(table) if len(cells) == width)
    header = [] if is_row(table[first]) else [cell.strip() for cell in table[first]]
    return Opening(separator, numbers[first], header, table[first + bool(header) :])


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
