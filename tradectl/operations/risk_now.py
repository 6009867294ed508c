"""An account's risk: by the word of the running process, else as its last run left it; or a run's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from tradectl.analysis.risk_report import risk_report
from tradectl.config.reload import in_force
from tradectl.config.settings import Settings
from tradectl.control.client import ControlError, ask
from tradectl.documents.risk import RiskReport
from tradectl.domain.errors import NotRunning
from tradectl.explain.runs import find_journal
from tradectl.explain.state_at import fold_to
from tradectl.recovery.recovery import CONTINUED, PAPER_ACCOUNT, last_journal, recover
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

ANSWER_S = 5.0
NOTHING_YET = "there is no account yet: these are the default limits of an empty one"


def risk_now(state_dir: StateDir, warn: Callable[[str], None]) -> RiskReport:
    """Nothing is created by asking. Raises StateError, JournalError."""
    state_dir.check()
    with contextlib.suppress(NotRunning, TimeoutError, ControlError):
        return ask(state_dir.socket, "risk", RiskReport, timeout=ANSWER_S)
    recovered = recover(state_dir, _kind_of_last(state_dir), trusting=True)
    if recovered is None:
        warn(NOTHING_YET)
        settings, account, run_id = Settings(), None, ""
    else:
        account, run_id = recovered.account, recovered.run_id
        settings = in_force(Settings.load(recovered.header.config), account.applied)
    books = Books(
        account or Account.open("", settings.account.currency, settings.account.cash),
        settings.all_instruments(),
        limits=settings.risk_limits(),
        projected=False,
    )
    halt = state_dir.latch.read()
    state = halt.state if halt is not None else "STOPPED"
    return risk_report(books, run_id=run_id, at=None, running=False, state=state)


def _kind_of_last(state_dir: StateDir) -> str:
    """That of the account of the newest run: where the database is lost, by the journals."""
    last = StateReader(state_dir.db).last_run()
    if last is not None:
        return last.account_kind if last.account_kind in CONTINUED else PAPER_ACCOUNT
    found = [(path, kind) for kind in CONTINUED if (path := last_journal(state_dir, kind))]
    return max(found)[1] if found else PAPER_ACCOUNT


def risk_at_the_end_of(state_dir: StateDir, run: str) -> RiskReport:
    """Of the run of that name, as far as its journal goes. Raises UsageError, JournalError."""
    state_dir.check()
    folded = fold_to(find_journal(state_dir, run), stored_in=state_dir)
    books, run_id = folded.system.books, folded.header.run_id
    return risk_report(books, run_id=run_id, at=folded.at, running=False)


__all__ = ["risk_at_the_end_of", "risk_now"]
