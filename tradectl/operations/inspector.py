"""Looking at an account from outside: asks the running process, or reads what it left.

Plain and quick to import: this is what `status` waits for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from tradectl.control.client import ControlError, ask
from tradectl.documents.account import FillRow, Halt, OrderRow
from tradectl.documents.control import Done
from tradectl.documents.run import AlertRow, ComponentRow, RunRecord, RunRow, Status
from tradectl.domain.endings import CRASHED_WORD, Ending, ending
from tradectl.domain.errors import NotRunning, StateError, TradectlError, UsageError
from tradectl.domain.states import ComponentStatus
from tradectl.journal.run_lock import goes_on
from tradectl.monitoring.alert_endings import as_they_are
from tradectl.storage.directory import StateDir
from tradectl.storage.kept_backtests import KeptBacktests
from tradectl.storage.reader import ALL, Page, StateReader, StoredRun, change_alert
from tradectl.storage.run_names import run_named

Row = TypeVar("Row")

ANSWER_S = 2.0
LAST_KNOWN = "this is what the database last knew"


def refuse_lost(database: StateReader, state_dir: StateDir) -> None:
    """Raises StateError where there are journals and no database: that is not an empty account."""
    if state_dir.journal_files() and not database.has_tables():
        raise StateError(
            f"{state_dir.db} is missing or empty, and there are journals: "
            "`tradectl run` makes it anew from them"
        )


class Inspector:
    """Answers for the account in `state_dir`, or for one of its runs: that which `run` names.
    `warn` is told why an answer is older than what the run left. Nothing is created by asking."""

    def __init__(
        self,
        state_dir: StateDir,
        run: str | None = None,
        *,
        warn: Callable[[str], None] = lambda why: None,
    ) -> None:
        state_dir.check()
        self._dir = state_dir
        self._beginning = run
        self._warn = warn
        self._database = StateReader(state_dir.db)

    @property
    def _reader(self) -> StateReader:
        """Raises StateError where it is lost."""
        refuse_lost(self._database, self._dir)
        return self._database

    def missing_journal(self) -> str:
        """Why what is shown cannot be traded on: the last run has no journal any more. Else empty."""
        run = self._reader.last_run() if self._beginning is None else None
        path = self._journal(run) if run is not None else None
        if path is None or (path.is_file() and path.stat().st_size):
            return ""
        return f"the journal of the last run, {path}, is missing or empty: {LAST_KNOWN}"

    def status(self) -> Status:
        """Live from the running process, else the last one stored. Raises UsageError for no such run."""
        wanted = self._one_run() if self._beginning is not None else None
        with contextlib.suppress(NotRunning, TimeoutError, ControlError):
            status = ask(self._dir.socket, "status", Status, timeout=ANSWER_S)
            if wanted is None or wanted.run_id == status.run_id:
                return status
        self._see_to_the_killed(wanted or self._reader.last_run())
        return self._stored_status() if wanted is None else self._status_of(self._one_run())

    def _status_of(self, run: StoredRun) -> Status:
        """As that run left it, or stored it last."""
        if run.status is None and run.pruned:
            from tradectl.operations.past_run import read_again

            with read_again(self._journal(run), self._dir.keys) as reader:
                run = reader.run(run.run_id) or run
        status, is_running = run.status or Status(), goes_on(self._journal(run))
        ended = status.halt.state.value if status.halt is not None else "STOPPED"
        return replace(
            status,
            running=is_running,
            state=status.state if is_running else ended,
            components=status.components if is_running else _ended(status.components),
            data_age_s={},
            mode=run.mode,
            source=run.source,
            run_id=run.run_id,
            account_id=run.account_id,
            journal=run.journal,
            started_at=run.started_at,
            ended_at=run.ended_at,
            end_reason=run.end_reason or (None if is_running else "crashed"),
        )

    def _stored_status(self) -> Status:
        run = self._reader.last_run()
        hangs = self._dir.owner() is not None
        halt = self._dir.latch.read()
        status = run.status if run is not None and run.status is not None else Status()
        status = replace(
            status,
            running=hangs,
            state=halt.state if halt else "NOT RESPONDING" if hangs else "STOPPED",
            halt=Halt(reason=halt.reason, since=halt.since, state=halt.state) if halt else None,
            components=status.components if hangs else _ended(status.components),
            standing_by=self._dir.standing_by.owner() if halt else None,
            data_age_s={},  # it was so old when this was stored
        )
        if run is None:
            return status
        return replace(
            status,
            mode=run.mode,
            source=run.source,
            run_id=run.run_id,
            ended_at=run.ended_at,
            end_reason=run.end_reason or (None if hangs else "crashed"),
        )

    def orders(self, page: Page = ALL) -> Iterator[OrderRow]:
        """One by one: there may be more than are wanted in memory at a time. So with the others."""
        if self._beginning is not None:
            return self._of_run(lambda reader, run: reader.orders_of_run(run, page))
        account_id = self._account()
        self._say_where_the_rest_is("orders", account_id, page)
        return self._reader.orders(account_id, page)

    def fills(self, page: Page = ALL) -> Iterator[FillRow]:
        if self._beginning is not None:
            return self._of_run(lambda reader, run: reader.fills_of_run(run, page))
        account_id = self._account()
        self._say_where_the_rest_is("fills", account_id, page)
        return self._reader.fills(account_id, page)

    def _of_run(self, rows: Callable[[StateReader, str], Iterator[Row]]) -> Iterator[Row]:
        """Of the run asked for; what the database does not keep comes from its journal."""
        run_id = self._flushed_run()
        run = self._reader.run(run_id)
        if run is None or not run.pruned:
            return rows(self._reader, run_id)
        from tradectl.operations.past_run import rows_of

        return rows_of(self._journal(run), self._dir.keys, lambda reader: rows(reader, run_id))

    def _say_where_the_rest_is(self, what: str, account_id: str, page: Page) -> None:
        if page.limit is None and self._reader.has_pruned(account_id):
            self._warn(
                f"older {what} are in the journals of their runs: `tradectl {what} --run ID`"
            )

    def runs(self, page: Page = ALL) -> Iterator[RunRow]:
        return map(self._run_row, self._reader.runs(page))

    def alerts(self) -> list[AlertRow]:
        """What had its cause in a run that has ended is over; one on recorded data is shown as it was."""
        if self._beginning is not None:
            run = self._one_run()
            rows = self._reader.alerts_of_run(self._flushed_run())
            is_recorded = run.run_id in self._reader.recorded_runs()
            return rows if is_recorded else as_they_are(rows, self._alive(run))
        self._flush()
        return as_they_are(self._reader.alerts(), self._alive(self._reader.last_run()))

    def _alive(self, run: StoredRun | None) -> str:
        """Its id where it goes on; else empty."""
        return run.run_id if run is not None and goes_on(self._journal(run)) else ""

    def change_alert(self, alert_id: str, command: str, status: str) -> None:
        """Through the running process, which holds the open ones; else in the database itself.

        Raises UsageError for an id that no alert has.
        """
        unknown = UsageError(f"no alert has the id {alert_id!r}: see `tradectl alerts --all`")
        if not alert_id.isprintable():  # and nothing that could be sent or looked up
            raise unknown
        with contextlib.suppress(NotRunning, TimeoutError, ControlError):
            ask(self._dir.socket, command, Done, timeout=ANSWER_S, alert_id=alert_id)
            return
        if not change_alert(self._dir.db, alert_id, status):
            raise unknown

    def _one_run(self) -> StoredRun:
        """Raises UsageError unless it is exactly one that was asked for."""
        asked = self._beginning or ""
        known = self._reader.run_ids()
        KeptBacktests(self._dir.backtests).refuse_without_journal(asked, known)
        named = run_named(known, asked)
        run = self._reader.run(named)
        if run is None:
            raise UsageError(f"no run {named}: see `tradectl runs`")
        return run

    def _flushed_run(self) -> str:
        """The id of the one asked for; the database is brought up to date first."""
        run = self._one_run()
        self._flush(run)
        return run.run_id

    def _journal(self, run: StoredRun) -> Path:
        return self._dir.journal_of(run.run_id)

    def _run_row(self, run: StoredRun) -> RunRow:
        left = None if run.ended_at is None else run.end_reason or Ending.CLEAN
        at_it = left in (None, CRASHED_WORD) and goes_on(self._journal(run))
        ended = ending(run.source, left, goes_on=at_it)
        recorded = {name: getattr(run, name) for name in RunRecord.__struct_fields__}
        return RunRow(**recorded, clean=ended is Ending.CLEAN, status=ended)

    def _account(self) -> str:
        """The account of its newest run; the database is brought up to date first."""
        run = self._reader.last_run()
        self._flush(run)
        return run.account_id if run is not None else ""

    def _flush(self, run: StoredRun | None = None) -> None:
        with contextlib.suppress(NotRunning, TimeoutError, ControlError):
            ask(self._dir.socket, "flush", Done, timeout=ANSWER_S)
        self._see_to_the_killed(run)

    def _see_to_the_killed(self, run: StoredRun | None) -> None:
        """A run that was killed left its last moments in its journal alone."""
        if run is not None and run.ended_at is None and not goes_on(self._journal(run)):
            from tradectl.recovery.catch_up import catch_up_with_the_killed

            try:
                catch_up_with_the_killed(self._dir, run)
            except TradectlError as error:
                if not self.missing_journal():  # which is told apart
                    self._warn(f"{error}; {LAST_KNOWN}")


def _ended(components: dict[str, ComponentRow]) -> dict[str, ComponentRow]:
    """What components are without their process, whatever they last said of themselves."""
    return {
        name: row
        if row.status is ComponentStatus.FAILED
        else replace(row, status=ComponentStatus.STOPPED)
        for name, row in components.items()
    }
