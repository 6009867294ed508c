"""Which run is asked about: its journal is found by the beginning of an id, by a file, or the newest."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tradectl.domain.errors import JournalError, UsageError
from tradectl.domain.text import harmless
from tradectl.journal.reader import read_header
from tradectl.recovery.recovery import account_journals
from tradectl.storage.directory import RUN_ID, StateDir
from tradectl.storage.kept_backtests import KeptBacktests
from tradectl.storage.run_names import LATEST, is_file_name, run_named, run_of_file


def find_journal(state_dir: StateDir, asked: str | None = None) -> Path:
    """The journal of the run whose id begins with `asked`, or the file of that name; of the newest run
    with `latest`; and without anything of the account's newest run, or else of the newest on recorded
    data. Raises UsageError where there is none, or more than one."""
    if asked and is_file_name(asked):
        if not Path(asked).is_file():
            raise UsageError(f"no journal at {harmless(asked)}: `tradectl runs` lists them")
        return Path(asked)
    state_dir.check()
    if asked in (None, LATEST):
        files = [] if asked else account_journals(state_dir)
        files = files or state_dir.journal_files()
        if not files:
            raise UsageError("no run has left a journal here: `tradectl run --paper` makes one")
        return files[-1]
    by_run = state_dir.all_journals()
    KeptBacktests(state_dir.backtests).refuse_without_journal(asked or "", by_run)
    return by_run[run_named([*by_run], asked or "")]


def run_after(path: Path) -> Path | None:
    """The journal of the run that went on from that of `path`, beside it; None where there is none."""
    run_id = run_of_file(path)
    for later in sorted(path.parent.glob("*.jsonl*")):
        if run_of_file(later) > run_id and RUN_ID.fullmatch(run_of_file(later)):
            with contextlib.suppress(JournalError):
                if read_header(later).continues == run_id:
                    return later
    return None


__all__ = ["find_journal", "run_after"]
