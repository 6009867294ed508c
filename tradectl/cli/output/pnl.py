"""What was made, a line a period."""

from __future__ import annotations

from rich.console import Group, RenderableType

from tradectl.cli.output import figures
from tradectl.cli.output.cells import BAD, DIM, GOOD, PLAIN, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.documents.pnl import PnlReport, PnlRow
from tradectl.domain.text import counted

LINES = ("insurance", "interest", "rebates")
"""Columns that most accounts have nothing in."""


def report(found: PnlReport) -> RenderableType:
    parts: list[RenderableType] = [
        Listing(_columns(found), [*found.rows, found.total], "nothing was made: no order filled")
    ]
    said = f"{found.currency}; {found.by}s of {found.time_zone}, lots by {found.lots}"
    parts.append(line("in", value(said, DIM)))
    if found.missing:
        gone = f"{counted(len(found.missing), 'run')} without a journal here: what was made is one line"
        parts.append(line("beware", value(gone, WARN)))
    return Group(*parts)


def _columns(found: PnlReport) -> list[Column[PnlRow]]:
    columns: list[Column[PnlRow]] = [Column(found.by, lambda row: Cell(row.period), keep=9)]
    if found.per is not None:
        columns.append(Column(found.per, lambda row: Cell(row.name or ""), keep=8))
    columns.append(Column("fills", lambda row: Cell(str(row.fills)), right=True, keep=1))
    for name in ("realized", "unrealized", "fees", "funding", *LINES, "pnl"):
        if name in LINES and not any(float(getattr(row, name)) for row in found.rows):
            continue
        columns.append(_money(name, keep=9 if name == "pnl" else 5))
    return columns


def _money(name: str, keep: int) -> Column[PnlRow]:
    def show(row: PnlRow) -> Cell:
        amount = getattr(row, name)
        tone = GOOD if float(amount) > 0 else BAD if float(amount) < 0 else DIM
        return Cell(figures.money(amount), tone if name == "pnl" else PLAIN)

    return Column(name.replace("realized", "realised"), show, right=True, keep=keep)
