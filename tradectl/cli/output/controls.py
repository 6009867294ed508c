"""The controls that regulators ask for, for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tradectl.cli.output.cells import BOLD, DIM, GOOD, PLAIN, WARN
from tradectl.cli.output.listing import console
from tradectl.cli.output.render import show
from tradectl.documents.operations import ControlRow, Controls
from tradectl.domain.text import harmless

ALWAYS = "always on"


def show_controls(found: Controls) -> None:
    """A table on a terminal; elsewhere one line for each control."""
    to = console()
    if not to.is_terminal:
        lines = [
            f"{row.number}  {row.name}: {'; '.join(_settings(row))}: {row.does}"
            for row in found.controls
        ]
        to.print(Text("\n".join(lines)), crop=False, soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold", max_width=26)
    grid.add_column(overflow="fold", ratio=1)
    for row in found.controls:
        said = Text("\n".join(_settings(row)) + "\n", GOOD if row.on else WARN)
        said.append(row.does, DIM)
        grid.add_row(Text(str(row.number), PLAIN), Text(row.name, BOLD), said)
    show(grid, to)


def _settings(row: ControlRow) -> list[str]:
    if not row.settings:
        return [ALWAYS]
    return [harmless(f"{key} = {value}") for key, value in row.settings.items()]


__all__ = ["show_controls"]
