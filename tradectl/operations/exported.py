"""Rows for other programs: fills, orders, positions and equity, one by one, however many there are.

The database has the newest of an account; where it let older ones go, each run's come from its journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from tradectl.analysis.profit import books_of
from tradectl.documents.account import FillRow, OrderRow, PositionRow
from tradectl.documents.pnl import EquityRow
from tradectl.domain.money import plain
from tradectl.domain.time import from_iso, iso
from tradectl.feeds.whole_log import read_log
from tradectl.operations.account_runs import account_runs
from tradectl.operations.inspector import Inspector
from tradectl.state.books import Books
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import Page, StateReader

Row = TypeVar("Row")

LATEST = "9999"


class Wanted(Struct, frozen=True):
    """From `since` to before `until`, as the database spells times; of one `run`, or of the account.
    `every` is the length (ns) of a step of the equity."""

    since: str = ""
    until: str = ""
    run: str | None = None
    every: int = 0


def fills(state_dir: StateDir, wanted: Wanted) -> Iterator[FillRow]:
    """Raises UsageError, StateError, JournalError; so do the others."""
    for row in _listed(state_dir, wanted, Inspector.fills):
        if row.time < (wanted.until or LATEST):
            yield row


def orders(state_dir: StateDir, wanted: Wanted) -> Iterator[OrderRow]:
    for row in _listed(state_dir, wanted, Inspector.orders):
        if row.created_at < (wanted.until or LATEST):
            yield row


def positions(state_dir: StateDir, wanted: Wanted) -> Iterator[PositionRow]:
    yield from Inspector(state_dir, wanted.run).status().positions


def equity(state_dir: StateDir, wanted: Wanted) -> Iterator[EquityRow]:
    """At the end of every step in which anything happened."""
    for path in account_runs(state_dir, wanted.run).journals:
        for at, row in _worth(path, wanted.every):
            if wanted.until and at >= from_iso(wanted.until):
                break
            if not wanted.since or at >= from_iso(wanted.since):
                yield row


EXPORTS: dict[str, tuple[type[Struct], Callable[[StateDir, Wanted], Iterator[Struct]]]] = {
    "fills": (FillRow, fills),
    "orders": (OrderRow, orders),
    "positions": (PositionRow, positions),
    "equity": (EquityRow, equity),
}


def _listed(
    state_dir: StateDir, wanted: Wanted, ask: Callable[[Inspector, Page], Iterator[Row]]
) -> Iterator[Row]:
    page = Page(since=wanted.since)
    reader = StateReader(state_dir.db)
    last = reader.last_run() if wanted.run is None else None
    if last is None or not reader.has_pruned(last.account_id):
        yield from ask(Inspector(state_dir, wanted.run), page)
        return
    for run in reader.runs():
        if run.account_id == last.account_id:
            yield from ask(Inspector(state_dir, run.run_id), page)


def _worth(path: Path, every: int) -> Iterator[tuple[int, EquityRow]]:
    with read_log(path) as log:
        header = log.header
        books, core = books_of(header)
        at = step = 0
        for record in log.records():
            if record.at > 0 and record.at // every != step:
                if at:
                    yield at, _row(books, at, header.run_id)
                step = record.at // every
            at = record.at or at
            core.fold(record)
        if at:
            yield at, _row(books, at, header.run_id)


def _row(books: Books, at: int, run_id: str) -> EquityRow:
    return EquityRow(
        time=iso(at),
        run_id=run_id,
        equity=plain(books.equity()),
        cash=plain(books.cash),
        unrealized_pnl=plain(books.unrealized()),
        realized_pnl=plain(books.realized()),
        fees=plain(books.fees()),
        exposure=plain(books.exposure()),
    )


__all__ = ["EXPORTS", "Wanted"]
