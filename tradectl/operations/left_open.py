"""What the durable state says is still open: of which accounts, by which journals, and where one is
missing or cannot be read, by the database.

An exchange may say otherwise; but where nobody can ask it, this is the last word, and a receipt says
how old it is.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from msgspec.structs import replace

from tradectl.config.settings import Settings
from tradectl.documents.operations import StopReport
from tradectl.domain.errors import StateError
from tradectl.recovery.recovery import (
    CONTINUED,
    LIVE_ACCOUNT,
    Recovered,
    last_journal,
    missing_run,
    recover,
)
from tradectl.runtime.in_process_stop import Stop
from tradectl.runtime.stop_report import by_books_of, report_by_books
from tradectl.state.books_view import BooksView
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader, StoredRun


def journals_to_finish(state_dir: StateDir) -> list[Path]:
    """The newest of each account that goes on: a run on paper does not see what a live one before it left
    at an exchange. What came before a missing one is passed over: it is not where the account stands.
    Recorded data is nobody's account: its runs go on, and leave nothing to be finished."""
    lost = {run.account_kind for run in runs_without_journal(state_dir)}
    found = [last_journal(state_dir, kind) for kind in CONTINUED if kind not in lost]
    return [path for path in found if path is not None]


def runs_without_journal(state_dir: StateDir) -> list[StoredRun]:
    """Of the accounts that go on, the last runs whose journals are missing. Raises StateError where there
    is no journal at all, and the database, which would know, cannot be read."""
    found = []
    for kind in CONTINUED:
        try:
            found.append(missing_run(state_dir, kind, last_journal(state_dir, kind)))
        except StateError:  # a journal says more than the database
            if not state_dir.journal_files():
                raise
    return [run for run in found if run is not None]


def last_known(state_dir: StateDir) -> StopReport:
    """What may still be open: by the journal, or where that cannot be read, by the database."""
    with contextlib.suppress(Exception):  # whatever is broken, there must be a receipt
        recovered = recover(state_dir)
        if recovered is not None:
            return left_by_journal(recovered, Stop())
    with contextlib.suppress(StateError):
        return by_database(StateReader(state_dir.db).last_run())
    return StopReport()


def by_database(run: StoredRun | None) -> StopReport:
    """What was open when it was last stored."""
    status = run.status if run is not None else None
    if status is None:
        return StopReport()
    return StopReport(
        open_orders_left=[order.order_id for order in status.open_orders],
        positions_left=[position.symbol for position in status.positions],
        unprotected=[position.symbol for position in status.positions],
    )


def left_by_journal(recovered: Recovered, stop: Stop) -> StopReport:
    """What is open by the journal: on paper there is no other word."""
    on_paper = recovered.header.account != LIVE_ACCOUNT
    books = _books_of(recovered)
    return report_by_books(books, dropping=stop.drop_protection, on_paper=on_paper)


def by_journal(recovered: Recovered, now: int) -> StopReport:
    """What is left by it, and how old its word on an exchange is; `now` in ns UTC."""
    report = left_by_journal(recovered, Stop())
    if recovered.header.account != LIVE_ACCOUNT:
        return report
    books, exchanges = _books_of(recovered), recovered.account.at_exchange().compared_at
    return replace(report, by_books=[by_books_of(books, name, now) for name in exchanges])


def _books_of(recovered: Recovered) -> BooksView:
    instruments = Settings.load(recovered.header.config).all_instruments()
    return BooksView(recovered.account, instruments)


__all__ = [
    "by_database",
    "by_journal",
    "journals_to_finish",
    "last_known",
    "left_by_journal",
    "runs_without_journal",
]
