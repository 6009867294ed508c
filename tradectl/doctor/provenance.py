"""Whose journals are these? The key they are signed with, and what a run would not go on from."""

from __future__ import annotations

from tradectl.doctor.finding import failed, passed, warned
from tradectl.documents.operations import Finding
from tradectl.domain.errors import (
    JournalDamaged,
    JournalError,
    JournalForged,
    JournalMissing,
    StateError,
)
from tradectl.recovery.recovery import CONTINUED, LIVE_ACCOUNT, recover
from tradectl.storage.directory import StateDir


def journal_key(state_dir: StateDir) -> Finding:
    """Outside of the state directory, and nobody else's to read."""
    name, keys = "journal key", state_dir.keys
    key = keys.own()
    if keys.problem:
        mend = "see to it, or put the one back that journals were signed with"
        return failed(name, keys.problem, mend)
    if key is None and keys.is_locked:
        return warned(
            name, "the keyring does not answer", "unlock it, else a run makes another key"
        )
    if key is None:
        return passed(name, "will be made by the first run")
    if state_dir.path in keys.path.parents:
        message = f"{keys.path} is in the state directory that it signs"
        return warned(name, message, "name another --state-dir, or set TRADECTL_JOURNAL_KEY")
    return passed(name, f"{key.name}, in {keys.where}")


def provenance(state_dir: StateDir) -> Finding | None:
    """Other than by their own journal accounts are not gone on with; nothing where there is none."""
    name, found = "provenance", False
    for kind in CONTINUED:
        try:
            found = recover(state_dir, kind) is not None or found
        except (JournalForged, JournalMissing) as error:
            mend = "put the newest of your own back; look at the exchange before you trust it"
            verdict = failed if kind == LIVE_ACCOUNT else warned
            return verdict(name, str(error), mend)
        except JournalDamaged as error:
            return _damaged(state_dir, kind, error)
        except (JournalError, StateError):
            return None  # which `account` tells of
    return passed(name, "signed by your key, and the newest that is known") if found else None


def _damaged(state_dir: StateDir, kind: str, error: JournalDamaged) -> Finding:
    """A run goes on where a snapshot has all that came up to there."""
    mend = "put a whole one back: `tradectl restore`"
    try:
        recover(state_dir, kind, checked_elsewhere=True)
    except (JournalError, StateError):
        return failed("journal", str(error), mend)
    beyond = "the next run goes on from a later snapshot, and what led there cannot be replayed"
    return warned("journal", f"{error.__cause__ or error}; {beyond}", mend)


__all__ = ["journal_key", "provenance"]
