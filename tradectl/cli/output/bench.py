"""Promises, what was measured, and the verdict."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.style import Style

from tradectl.cli.output.cells import BAD, DIM, GOOD, PLAIN, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.documents.bench import BenchReport, PromiseRow

TONES: dict[str, Style] = {"goal": GOOD, "floor": PLAIN, "missed": WARN, "FLOOR MISSED": BAD}


def report(found: BenchReport) -> RenderableType:
    parts: list[RenderableType] = [Listing(COLUMNS, found.rows, "nothing was measured")]
    parts += [
        line("failed", value(name), Cell(f"  {why}", BAD)) for name, why in found.failed.items()
    ]
    told = f"Python {found.python}, {found.processors} processors, load {found.load}"
    parts.append(line("machine", Cell(f"{told}; took {found.took_s:.0f} s", DIM)))
    if found.quick:
        parts.append(line("beware", Cell("--quick: few rounds, small files", WARN)))
    return Group(*parts)


def _figure(amount: float) -> str:
    if amount == int(amount) or abs(amount) >= 1000:
        return f"{amount:,.0f}"
    return f"{amount:.3g}"


COLUMNS: tuple[Column[PromiseRow], ...] = (
    Column("what", lambda row: Cell(row.what), least=24, keep=9, flexible=True),
    Column("measured", lambda row: Cell(f"{_figure(row.measured)} {row.unit}"), right=True, keep=8),
    Column("ratio", lambda row: Cell("" if row.ratio is None else f"{row.ratio:.2f}x"), right=True),
    Column("floor", lambda row: Cell(row.floor or "", DIM), keep=4),
    Column("goal", lambda row: Cell(", ".join(row.goals), DIM), keep=5),
    Column("verdict", lambda row: Cell(row.verdict, TONES.get(row.verdict, DIM)), keep=7),
)
