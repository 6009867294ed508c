"""`pnl`: what the account, or one run, made by day, week or month."""

from __future__ import annotations

from pathlib import Path

from tradectl.analysis.profit import FIGURES, Periods, Profit, ProfitByPeriod
from tradectl.analysis.profit_words import By, Lots, Per
from tradectl.config.settings import Settings
from tradectl.documents.pnl import PnlReport, PnlRow
from tradectl.domain.errors import JournalError, UsageError
from tradectl.domain.money import plain
from tradectl.domain.time import zone
from tradectl.feeds.whole_log import read_log
from tradectl.journal.reader import read_header
from tradectl.operations.account_runs import account_runs
from tradectl.storage.directory import StateDir


def profit(
    state_dir: StateDir,
    by: By,
    lots: Lots,
    per: Per | None,
    asked: str | None = None,
    time_zone: str | None = None,
) -> PnlReport:
    """Days are those of `time_zone`, or of `account.time_zone` as the last run had it. Raises UsageError,
    JournalError."""
    runs = account_runs(state_dir, asked)
    name = time_zone or _configured_zone(runs.journals)
    try:
        found = ProfitByPeriod(Periods(by, zone(name)), lots, per)
    except ValueError as error:
        raise UsageError(f"--time-zone: {error}") from error
    for path in runs.journals:
        with read_log(path) as log:
            found.take(log.header, log.records())
    total = Profit()
    for made in found.rows.values():
        total.add_all(made)
    return PnlReport(
        account_id=runs.account_id,
        currency=found.currency,
        by=by,
        lots=lots,
        time_zone=name,
        per=per,
        rows=[
            _row(period, name if per else None, made)
            for (period, name), made in found.rows.items()
            if _is_something(made)
        ],
        total=_row("total", None, total),
        missing=runs.missing,
    )


def _configured_zone(journals: list[Path]) -> str:
    if not journals:
        raise JournalError(
            "the journals of the account are gone: what it made cannot be told by time"
        )
    return Settings.load(read_header(journals[-1]).config).account.time_zone


def _is_something(made: Profit) -> bool:
    return bool(made.fills) or any(getattr(made, name) for name in FIGURES)


def _row(period: str, name: str | None, made: Profit) -> PnlRow:
    return PnlRow(
        period=period,
        name=name,
        fills=made.fills,
        realized=plain(made.realized),
        unrealized=plain(made.unrealized),
        fees=plain(made.fees),
        funding=plain(made.funding),
        insurance=plain(made.insurance),
        interest=plain(made.interest),
        rebates=plain(made.rebates),
        pnl=plain(made.pnl),
    )


__all__ = ["profit"]
