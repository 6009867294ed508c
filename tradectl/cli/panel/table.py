"""A table of the panel: its title and its column heads share one rule, to save lines.

    ─ Positions 2 ──────── side ────── size ───────── entry ────────── P&L ─
      BTCUSDT              long        0.05       60,000.00          +6.02

Columns are as wide as their widest cell and never less than `least`, so that they stand still while
figures move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic

from rich.cells import cell_len

from tradectl.cli.output.cells import BOLD, DIM, TITLE, Cell, Column, Row, fitting
from tradectl.cli.panel.grid import GAP, MARGIN, RULE, SPACE, Line, cropped, drawn

RULED = Cell(RULE, DIM)


@dataclass(slots=True)
class Table(Generic[Row]):
    """Rows under a title; `empty` is said in the title's line when there is none. Columns without room
    are counted at its end."""

    title: str
    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    empty: str
    rank: int = 5
    counted: bool = True

    @property
    def name(self) -> str:
        return self.title if self.rows else ""

    @property
    def least(self) -> int:
        return 2 if self.rows else 1

    @property
    def most(self) -> int:
        return 1 + len(self.rows)

    def draw(self, width: int, height: int) -> list[Line]:
        if not self.rows:
            return [self._nothing(width)]
        rows, head = self._cells(height)
        shown, widths = self._fitted(head, rows, width - 2 * MARGIN)
        lines = [self._heads(head, shown, widths, width)]
        for row in rows:
            cells = [Cell(" " * MARGIN)]
            for i, size in zip(shown, widths, strict=True):
                cells += [_placed(row[i], size, self.columns[i].right), Cell(" " * GAP)]
            lines.append(drawn(cells, width))
        return lines

    def unseen(self, width: int, height: int) -> list[str]:
        if not self.rows:
            return []
        rows, head = self._cells(height)
        shown, _ = self._fitted(head, rows, width - 2 * MARGIN)
        columns = [c.name for i, c in enumerate(self.columns) if i not in shown and c.name]
        return [f"{self.title} ({', '.join(columns)})"] if columns else []

    def narrowed(self, only: str, skip: int) -> Table[Row]:
        """The rows that have the text `only` in a cell, from row `skip` on, but never past the last."""
        wanted = only.lower()
        found = [
            row
            for row in self.rows
            if any(wanted in column.show(row).text.lower() for column in self.columns)
        ]
        empty = f"none of {len(self.rows)} has {only!r}" if self.rows and not found else self.empty
        rows = found[min(skip, max(len(found) - 1, 0)) :]
        return replace(self, rows=rows, empty=empty)

    def _cells(self, height: int) -> tuple[list[list[Cell]], str]:
        """Of the rows that are shown, and the title."""
        rows = [[c.show(row) for c in self.columns] for row in self.rows[: max(height - 1, 0)]]
        return rows, self._head(len(rows))

    def _head(self, shown: int) -> str:
        total = len(self.rows)
        if not self.counted:
            return self.title
        return f"{self.title} {total}" if shown == total else f"{self.title} {shown} of {total}"

    def _fitted(
        self, head: str, rows: Sequence[Sequence[Cell]], width: int
    ) -> tuple[list[int], list[int]]:
        """Which columns are shown, and how wide each is; together `width` with their gaps."""
        names = [head, *(column.name for column in self.columns[1:])]
        natural = [
            max(cell_len(name), column.least, *(cell_len(row[i].text) for row in rows))
            for i, (name, column) in enumerate(zip(names, self.columns, strict=True))
        ]
        tight = [
            max(column.least, cell_len(name)) if column.flexible else natural[i]
            for i, (name, column) in enumerate(zip(names, self.columns, strict=True))
        ]
        shown = fitting(self.columns, tight, width, GAP)
        if len(shown) < len(self.columns):
            width -= len(f" +{len(self.columns)}") - MARGIN  # how many have no room is said there
            shown = fitting(self.columns, tight, width, GAP)
        return shown, self._widened(shown, natural, tight, width)

    def _widened(
        self, shown: list[int], natural: list[int], tight: list[int], width: int
    ) -> list[int]:
        """The flexible columns up to their natural width first; then all alike."""
        spare = width - _total(tight, shown)
        widths = []
        for i in shown:
            more = min(max(spare, 0), natural[i] - tight[i])
            widths.append(tight[i] + more)
            spare -= more
        if len(shown) == 1:
            return [width]
        if self.columns[shown[-1]].flexible:
            widths[-1] += max(spare, 0)
            return widths
        each, rest = divmod(max(spare, 0), len(shown))
        return [size + each + (n < rest) for n, size in enumerate(widths)]

    def _heads(self, head: str, shown: list[int], widths: list[int], width: int) -> Line:
        cells = []
        start, done = MARGIN, 0
        for i, size in zip(shown, widths, strict=True):
            name = Cell(head, TITLE) if i == 0 else Cell(self.columns[i].name, BOLD)
            length = cell_len(name.text)
            at = start + (size - length if self.columns[i].right else 0)
            cells += [Cell(RULE * (at - 1 - done), DIM), Cell(" " * min(at - done, 1)), name, SPACE]
            start, done = start + size + GAP, at + length + 1
        hidden = len(self.columns) - len(shown)
        if hidden and (room := width - done) > 0:
            more = f"+{hidden}"[:room]
            cells.append(Cell(RULE * (room - len(more)) + more, DIM))
        return drawn(cells, width, RULED)

    def _nothing(self, width: int) -> Line:
        said = Cell(f"{RULE} {self.empty} ", DIM)
        return drawn([RULED, SPACE, Cell(self.title, TITLE), SPACE, said], width, RULED)


def _placed(cell: Cell, width: int, right: bool) -> Cell:
    if right and (spare := width - cell_len(cell.text)) > 0:
        return Cell(" " * spare + cell.text, cell.style)
    return Cell(cropped(cell.text, width), cell.style)


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[i] for i in shown) + GAP * (len(shown) - 1)
