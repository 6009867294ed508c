"""Backtests for people: one's result, and the list of those that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.cli.output.render import summary
from tradectl.documents.backtest import Backtest, BacktestRow
from tradectl.domain.text import harmless

HASH_SHOWN = 12

LISTED: tuple[Column[BacktestRow], ...] = (
    Column("run", lambda row: cells.text(row.run_id, BOLD), keep=9),
    Column("made", lambda row: cells.moment(row.made_at), keep=4),
    Column("config", lambda row: cells.text(_config(row.config)), keep=5),
    Column("strategies", lambda row: cells.text(", ".join(row.strategies)), keep=6),
    Column("data", lambda row: cells.text(row.data_hash[:HASH_SHOWN]), keep=3),
    Column("from", lambda row: cells.moment(row.data_from), keep=2),
    Column("to", lambda row: cells.moment(row.data_to), keep=2),
    Column("fills", lambda row: cells.count(row.fills), keep=1, right=True),
    Column("P&L", lambda row: cells.profit(row.pnl), keep=8, right=True),
    Column("return", lambda row: Cell(figures.percent(row.return_pct)), keep=7, right=True),
    Column(
        "max drawdown", lambda row: Cell(figures.percent(row.max_drawdown_pct)), keep=7, right=True
    ),
)


def listing(rows: Sequence[BacktestRow]) -> RenderableType:
    return Listing(LISTED, rows, "no backtests kept yet: `tradectl backtest --data FILE` makes one")


def result(found: Backtest) -> RenderableType:
    parts: list[RenderableType] = []
    if found.is_kept:
        said = (
            f"nothing changed since {found.made_at}: the result of then; --again works it out anew"
        )
        parts.append(line("kept", value(said, WARN)))
    parts += [summary(found), line("data", value(_data(found))), line("trading", _trading(found))]
    return Group(*parts)


def _data(found: Backtest) -> str:
    names = ", ".join(Path(file.path).name for file in found.data[:3])
    more = len(found.data) - 3
    names += f" and {more} more" if more > 0 else ""
    hashed = f"(sha256 {found.data_hash[:HASH_SHOWN]})"
    return f"{names}, {found.data_from or '-'} to {found.data_to or '-'} {hashed}"


def _trading(found: Backtest) -> Cell:
    if found.tradable_from is None:
        return value("could not begin: no strategy had seen what it needs", WARN)
    return value(f"could begin at {found.tradable_from}")


def _config(path: str) -> str:
    return harmless(Path(path).name) if path else "defaults"


__all__ = ["listing", "result"]
