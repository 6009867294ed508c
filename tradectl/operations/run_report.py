"""A run's report, with what its journal does not have: its alerts, and when trading could begin."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from tradectl.documents.report import Report, ReportAlert
from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.text import harmless
from tradectl.explain.runs import find_journal
from tradectl.files.written import written_whole
from tradectl.report.builder import Beside, report_of
from tradectl.report.csv_files import trip_file, write_rest
from tradectl.report.page import page
from tradectl.storage.directory import StateDir
from tradectl.storage.kept_backtests import KeptBacktests
from tradectl.storage.reader import StateReader


def run_report(
    state_dir: StateDir, asked: str, html: Path | None = None, csv: Path | None = None
) -> Report:
    """Of the run that is asked for (`explain.runs`); as a page in the file `html`, and as CSV files in
    the folder `csv`, where they are named. Raises UsageError, JournalError."""
    journal = find_journal(state_dir, asked)
    if html is not None:
        refuse_unwritable(html)
    beside = _beside(state_dir, journal.name.split(".")[0])
    with ExitStack() as files:
        add = files.enter_context(trip_file(csv)) if csv is not None else None
        report = report_of(journal, add, beside)
    if csv is not None:
        write_rest(report, csv)
    if html is not None:
        write_page(report, html)
    return report


def report_page(state_dir: StateDir, run_id: str) -> str:
    """The page of that run's report. Raises UsageError, JournalError."""
    return page(run_report(state_dir, run_id))


def refuse_unwritable(html: Path) -> None:
    """Before the work is done. Raises UsageError."""
    if not html.absolute().parent.is_dir():
        raise UsageError(
            f"cannot write {harmless(html)}: there is no folder {html.absolute().parent}"
        )
    if html.is_dir():
        raise UsageError(f"cannot write {harmless(html)}: it is a folder; name a file in it")


def write_page(report: Report, html: Path) -> None:
    """The page, whole or not at all. Raises UsageError."""
    text = page(report)
    try:
        with written_whole(html) as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {harmless(html)}: {error.strerror}") from error


def _beside(state_dir: StateDir, run_id: str) -> Beside:
    """What the state directory knows of the run beside its journal."""
    alerts, kept = list[ReportAlert](), None
    with suppress(StateError):
        alerts = [
            ReportAlert(
                time=row.created_at,
                severity=str(row.severity),
                message=harmless(row.message),
                count=row.count,
            )
            for row in StateReader(state_dir.db).alerts_of_run(run_id)
        ]
    with suppress(StateError):
        kept = KeptBacktests(state_dir.backtests).of_run(run_id)
    return Beside(alerts, None if kept is None else kept.tradable_from)


__all__ = ["refuse_unwritable", "report_page", "run_report", "write_page"]
