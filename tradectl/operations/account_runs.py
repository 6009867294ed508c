"""The runs of an account, for what is worked out of their journals: oldest first, or one of them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from msgspec import Struct

from tradectl.control.client import ControlError, ask
from tradectl.documents.control import Done
from tradectl.domain.errors import NotRunning, UsageError
from tradectl.explain.runs import find_journal
from tradectl.operations.inspector import refuse_lost
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

FLUSH_S = 2.0


class AccountRuns(Struct, frozen=True):
    """`missing` are the ids of those whose journals are not here."""

    account_id: str
    journals: list[Path]
    missing: list[str] = []


def account_runs(state_dir: StateDir, asked: str | None = None) -> AccountRuns:
    """Of the account of the newest run, paper or live; or the one run that is `asked` for. Raises
    UsageError, StateError."""
    state_dir.check()
    with contextlib.suppress(NotRunning, TimeoutError, ControlError):
        ask(state_dir.socket, "flush", Done, timeout=FLUSH_S)
    if asked is not None:
        return AccountRuns("", [find_journal(state_dir, asked)])
    reader = StateReader(state_dir.db)
    refuse_lost(reader, state_dir)
    last = reader.last_run()
    if last is None:
        raise UsageError("no run has traded an account here: `tradectl run --paper` begins one")
    files = state_dir.all_journals()
    ids = [run.run_id for run in reader.runs() if run.account_id == last.account_id]
    return AccountRuns(
        last.account_id,
        [files[run_id] for run_id in ids if run_id in files],
        [run_id for run_id in ids if run_id not in files],
    )


__all__ = ["AccountRuns", "account_runs"]
