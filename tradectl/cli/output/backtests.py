"""Backtests for people: one's result, and the list of those that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.cli.output.render import summary
from tradectl.documents.backtest import Backtest, BacktestRow, Headline
from tradectl.domain.text import counted, harmless

HASH_SHOWN = 12
NAMED = 3
DAY = len("2026-11-29")

LISTED: tuple[Column[BacktestRow], ...] = (
    Column("run", lambda row: cells.text(row.run_id, BOLD), keep=9),
    Column("strategies", lambda row: cells.text(_strategies(row)), least=14, keep=8, flexible=True),
    Column("symbols", lambda row: cells.text(_some(row.symbols)), least=8, keep=7, flexible=True),
    Column("data", lambda row: cells.text(_files(row.data)), least=10, keep=6, flexible=True),
    Column("fill", lambda row: cells.text(row.fill), keep=5),
    Column("from", lambda row: cells.text((row.data_from or "-")[:DAY]), keep=3),
    Column("to", lambda row: cells.text((row.data_to or "-")[:DAY]), keep=3),
    Column("config", lambda row: cells.text(_config(row.config)), keep=2),
    Column("fills", lambda row: cells.count(row.fills), keep=1, right=True),
    Column("P&L", lambda row: cells.profit(row.pnl), keep=4, right=True),
    Column("return", lambda row: Cell(figures.percent(row.return_pct)), keep=7, right=True),
    Column("Sharpe", lambda row: cells.text(_sharpe(row.headline)), keep=3, right=True),
    Column("drawdown", lambda row: Cell(figures.percent(row.max_drawdown_pct)), keep=7, right=True),
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
    if found.headline is not None:
        parts.append(line("figures", value(_figures(found.headline))))
    if found.journal:
        command = f"tradectl report {harmless(found.run_id)}"
        told = ": all of its figures; --html makes a page"
        if found.headline is None:
            told = ": against buy-and-hold, with ratios and round trips; --html makes a page"
        parts.append(line("report", Cell(command, BOLD), Cell(told, DIM)))
    return Group(*parts)


def _sharpe(headline: Headline | None) -> str:
    known = headline.sharpe if headline is not None else None
    return "-" if known is None else f"{known:.2f}"


def _figures(headline: Headline) -> str:
    rate = headline.win_rate_pct
    won = "" if rate is None else f", {rate:.1f}% of them won"
    trips = f"{counted(headline.trips, 'round trip')}{won}"
    return f"Sharpe {_sharpe(headline)}, {trips}, buy-and-hold {headline.hold_pct:+.2f}%"


def _data(found: Backtest) -> str:
    names = _files([file.named for file in found.data])
    hashed = f"(sha256 {found.data_hash[:HASH_SHOWN]})"
    return f"{names}, {found.data_from or '-'} to {found.data_to or '-'} {hashed}"


def _trading(found: Backtest) -> Cell:
    if found.tradable_from is None:
        return value("could not begin: no strategy had seen what it needs", WARN)
    return value(f"could begin at {found.tradable_from}")


def _files(paths: Sequence[str]) -> str:
    return _some([_file(path) for path in paths])


def _file(path: str) -> str:
    """Its name, with the exchange that it is of: paths are absolute."""
    exchange, found, _ = path.partition(":/")
    return f"{exchange}:{Path(path).name}" if found else Path(path).name


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _strategies(row: BacktestRow) -> str:
    """`ema-cross fast=5 slow=20`, with the parameters that were chosen."""
    chosen = (
        " ".join([name, *(f"{key}={told}" for key, told in row.parameters.get(name, {}).items())])
        for name in row.strategies
    )
    return ", ".join(chosen)


def _config(path: str) -> str:
    return harmless(Path(path).name) if path else "no file"


__all__ = ["listing", "result"]
