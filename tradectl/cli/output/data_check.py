"""What `data check` prints for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BAD, BOLD, GOOD, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.documents.data import DataCheck, SymbolData
from tradectl.domain.text import counted, harmless

SYMBOLS: tuple[Column[SymbolData], ...] = (
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("currency", lambda row: cells.text(row.currency or figures.NOTHING), keep=7),
    Column("rows", lambda row: cells.count(row.rows), keep=8, right=True),
    Column("first", lambda row: cells.text(row.first or ""), keep=6),
    Column("last", lambda row: cells.text(row.last or ""), keep=6),
    Column("gaps", lambda row: cells.count(row.gaps), keep=5, right=True),
    Column("missing", lambda row: cells.count(row.missing), keep=4, right=True),
    Column("duplicates", lambda row: cells.count(row.duplicates), keep=3, right=True),
)


def data_check(found: DataCheck) -> RenderableType:
    parts: list[RenderableType] = []
    if found.symbols:
        parts += [Listing(SYMBOLS, found.symbols, ""), Text()]
    parts += [line(name, value(text)) for name, text in _facts(found) if text]
    parts += [
        line("left out", value(f"{symbol}: {why}", WARN)) for symbol, why in found.left_out.items()
    ]
    if found.bad_rows:
        reasons = ", ".join(f"{why} {figures.count(n)}" for why, n in found.bad.items())
        parts.append(line("bad rows", Cell(f"{figures.count(found.bad_rows)}: {reasons}", WARN)))
        parts += [line("", value(f"line {row}")) for row in found.first_bad_rows[:3]]
    if found.refused:
        return Group(*parts, line("refused", Cell(harmless(found.refused, 2000), BAD)))
    return Group(*parts, line("a run", Cell("would play it", GOOD)))


def _facts(found: DataCheck) -> list[tuple[str, str]]:
    gap = next(iter(found.longest_gaps), None)
    return [
        ("file", found.file),
        ("format", _format(found)),
        ("columns", ", ".join(f"{role} = {name}" for role, name in found.columns.items())),
        ("times", ", ".join(filter(None, (found.time_unit, found.time_zone)))),
        ("candles", figures.took(found.candle_seconds) if found.candle_seconds else ""),
        (
            "longest gap",
            f"{figures.took(gap.seconds)} after {gap.after}, {gap.symbol}" if gap else "",
        ),
        ("empty", counted(found.empty_candles, "candle") if found.empty_candles else ""),
        ("spikes", figures.count(found.spikes) if found.spikes else ""),
    ]


def _format(found: DataCheck) -> str:
    parts = [found.kind or "", "of a journal" if found.format == "journal" else ""]
    if found.format in ("Parquet", "Feather"):
        parts.append(f"in {found.format}")
    if found.separator:
        parts.append(f"separated by {found.separator!a}, {'a' if found.header else 'no'} header")
    if found.newest_first:
        parts.append("newest first")
    if found.compression:
        parts.append(f"compressed with {found.compression}")
    return ", ".join(filter(None, parts)) or found.format


__all__ = ["data_check"]
