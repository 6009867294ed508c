"""Tables and lines for the commands that print: without boxes, which pipes and `grep` like too.

On a terminal too narrow for all columns the least important go, whole, and a line names them; texts are
folded, figures and ids never cut. Under a pipe there is no width to keep to.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import DIM, PLAIN, Cell, Column, Row, fitting
from tradectl.domain.text import harmless

PIPE_WIDTH = 1_000
SIZE_BY_SHELL = ("COLUMNS", "LINES")
GAP = 2
NAME_WIDTH = 11


def console(*, stderr: bool = False) -> Console:
    """Where commands print: as wide as needed, plain and colourless when that is no terminal. A terminal
    is as wide as it is, whatever a shell exported as COLUMNS before its window was changed."""
    environ = {name: text for name, text in os.environ.items() if name not in SIZE_BY_SHELL}
    found = Console(stderr=stderr, highlight=False, emoji=False, _environ=environ)
    if found.is_terminal:
        return found
    return Console(stderr=stderr, highlight=False, emoji=False, width=PIPE_WIDTH)


def styled(cell: Cell) -> Text:
    return Text(cell.text, cell.style, overflow="fold")


def line(name: str, *values: Cell) -> RenderableType:
    """A name, and what is to be said under it; long values are folded beside it."""
    text = Text(overflow="fold")
    for cell in values:
        text.append_text(styled(cell))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=NAME_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(name, DIM), text)
    return grid


def value(found: object, style: Style = PLAIN) -> Cell:
    return Cell(harmless(found or figures.NOTHING), style)


def names(found: Sequence[str]) -> str:
    """Of orders, symbols: `a, b`, or `none`."""
    return ", ".join(map(harmless, found)) or "none"


@dataclass(slots=True)
class Listing(Generic[Row]):
    """Rows in columns, or the sentence `empty`."""

    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    empty: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.rows:
            yield Text(self.empty, DIM)
            return
        cells = [[column.show(row) for column in self.columns] for row in self.rows]
        shown = self._fitting(cells, options.max_width)
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
        for i in shown:
            column = self.columns[i]
            table.add_column(
                column.name,
                justify="right" if column.right else "left",
                no_wrap=not column.flexible,
                overflow="fold",
            )
        for row in cells:
            table.add_row(*(styled(row[i]) for i in shown))
        yield table
        left_out = [c.name for i, c in enumerate(self.columns) if i not in shown and c.name]
        if left_out:
            yield Text(f"the window is too narrow for: {', '.join(left_out)}", DIM)

    def _fitting(self, cells: Sequence[Sequence[Cell]], width: int) -> list[int]:
        """The columns that fit side by side, those of the lowest `keep` left out."""
        sizes = [
            column.least
            if column.flexible
            else max(cell_len(column.name), *(cell_len(row[i].text) for row in cells))
            for i, column in enumerate(self.columns)
        ]
        return fitting(self.columns, sizes, width, GAP)
