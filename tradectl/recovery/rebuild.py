"""A database that is damaged or missing is made anew from the journals, which are the truth; one of an
older schema is migrated.

What is damaged is set aside, never deleted: alerts are in no journal. Where there is a damaged database
and no journal, there was an account and nothing says what became of it: that is refused.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from tradectl.domain.errors import (
    AlreadyRunning,
    DatabaseError,
    JournalError,
    StateError,
    TradectlError,
)
from tradectl.domain.text import counted, harmless
from tradectl.journal.reader import NotBegun
from tradectl.recovery.catch_up import catch_up, store_journal
from tradectl.recovery.recovery import recover_account
from tradectl.storage.directory import StateDir
from tradectl.storage.migrate import migrated
from tradectl.storage.reader import StateReader
from tradectl.storage.schema import damage_of, is_older
from tradectl.storage.store import Store

ASIDE = "state.db.damaged"
LOCK_TIMEOUT_S = 1.0


def set_aside_if_damaged(state_dir: StateDir) -> None:
    """For a run that stores its own chain only, by the owner of the directory. Looking for damage reads
    the whole database. Raises StateError, also where there is no journal to make it anew from."""
    damage = damage_of(state_dir.db)
    if damage:
        _set_aside(state_dir, damage, fresh=False)


async def stored_afterwards(state_dir: StateDir, before: Path, journal: Path) -> str:
    """The run of `journal`, of the owner of the directory, did without the database and has ended: store
    what that misses by now, of the run `before` it first. Why it could not be, in words."""
    reader = StateReader(state_dir.db)
    store = Store(state_dir.db, lock_timeout=LOCK_TIMEOUT_S, keys=state_dir.keys)
    try:
        set_aside_if_damaged(state_dir)
        await store.open()
        try:
            await catch_up(store, state_dir, recover_account(before, state_dir, trusting=True))
            await store_journal(journal, store, reader)
        finally:
            await store.close()
    except (StateError, JournalError) as error:
        return f"{error}; the journal has it, and the next run makes up for it"
    return ""


def _set_aside(state_dir: StateDir, damage: str, *, fresh: bool) -> str:
    """What was done, in words."""
    if not fresh and not state_dir.journal_files():
        raise StateError(
            harmless(
                f"{state_dir.db} is damaged ({damage}), and there is no journal to make it anew "
                "from: put them back, or `tradectl run --fresh` opens a new account"
            )
        )
    aside = state_dir.db.with_name(ASIDE)
    try:
        for ending in ("-wal", "-shm", ""):
            file = state_dir.db.with_name(state_dir.db.name + ending)
            with contextlib.suppress(FileNotFoundError):
                file.replace(aside.with_name(aside.name + ending))
    except OSError as error:
        raise StateError(f"cannot set {state_dir.db} aside: {error.strerror}") from error
    return harmless(f"{state_dir.db} was damaged ({damage}) and is kept as {ASIDE}")


async def rebuilt_for_guest(state_dir: StateDir) -> str:
    """`rebuilt` by one that does not own the directory, and does for as long as this takes; whoever else
    owns it has seen to it. Raises StateError."""
    if _is_whole(state_dir):
        return ""
    with contextlib.suppress(AlreadyRunning), state_dir.owned(guest=True):
        return await rebuilt(state_dir)
    return ""


def _is_whole(state_dir: StateDir) -> bool:
    with contextlib.suppress(StateError):  # whoever opens it is told
        if damage_of(state_dir.db) or is_older(state_dir.db):
            return False
        return bool(StateReader(state_dir.db).run_ids() or not state_dir.journal_files())
    return True


async def rebuilt(state_dir: StateDir, *, fresh: bool = False) -> str:
    """Make the database anew if it is damaged or missing, migrate it if it is older; what was done in
    words, empty where nothing had to be. Raises StateError."""
    try:
        damage = damage_of(state_dir.db)
    except StateError:
        # of another version, or locked: whoever opens it is told, the journals first
        return ""
    said = _set_aside(state_dir, damage, fresh=fresh) if damage else ""
    moved = "" if damage else migrated(state_dir.db, state_dir.lease)
    reader = StateReader(state_dir.db)
    if reader.run_ids():
        return moved
    stored, unread = await _from_journals(state_dir, reader)
    if not stored + unread and not said:
        return ""
    said = said or f"{state_dir.db} was missing or empty"
    lost = f"; {unread} could not be read" if unread else ""
    return f"{said}: made anew from {counted(stored, 'journal')}, without their alerts{lost}"


async def _from_journals(state_dir: StateDir, reader: StateReader) -> tuple[int, int]:
    """Store every run that has a journal, oldest first: how many were stored, how many cannot be read."""
    files = [*state_dir.all_journals().values()]
    if not files:
        return 0, 0
    stored = unread = 0
    store = Store(state_dir.db, keys=state_dir.keys)
    try:
        await store.open()
        for path in files:
            try:
                await store_journal(path, store, reader)
            except NotBegun:
                continue
            except DatabaseError:
                raise
            except TradectlError:  # whoever needs this one is told what is wrong with it
                unread += 1
                continue
            stored += 1
    finally:
        await store.close()
    return stored, unread


__all__ = ["rebuilt", "rebuilt_for_guest", "set_aside_if_damaged", "stored_afterwards"]
