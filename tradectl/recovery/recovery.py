"""Where the last run left the account, whether it ended or was killed.

The journal is the truth. The newest snapshot whose hash is right saves reading it from the start: it
names the seal from which the journal is read on, and where that is not there, all is read. A snapshot
that is not right is passed over for an older one, and the state that the journal began with is the last
resort. What the fold brings up again is also what the database may have missed, so it is handed
on to be stored once more.

What is missing is not nothing: the database knows the last run, and when that run's journal is gone the
account is not a new one, and not the one before it either. Then there is nothing to continue.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from hmac import compare_digest
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.errors import (
    DatabaseDamaged,
    JournalDamaged,
    JournalError,
    JournalForged,
    JournalMissing,
    StateError,
)
from tradectl.domain.orders import Order
from tradectl.domain.sealed import Sealed
from tradectl.domain.text import harmless
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import LogReader
from tradectl.journal.parts import last_written
from tradectl.journal.reader import (
    LARGEST_UNSIGNED_HEADER,
    LONGEST_GROUP,
    NO_KEYS,
    NotBegun,
    read_beginning,
)
from tradectl.journal.signature import KnownKeys, Signed, SigningKey
from tradectl.journal.writer import Beginning, Footer, Header
from tradectl.recovery.provenance import TRUST, doubts, doubts_of_nothing
from tradectl.state.account import Account, Fill
from tradectl.state.availability import held_until
from tradectl.state.held_time import HeldTime
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import LARGEST_INTEGER, StateReader, StoredRun
from tradectl.storage.run_names import run_of_file
from tradectl.storage.signed_snapshot import SignedSeal, snapshot_mac
from tradectl.system.follower import Folding
from tradectl.system.trading_system import BookkeepingSystem

PAPER_ACCOUNT = "paper"
LIVE_ACCOUNT = "live"
FRESH = "`tradectl run --fresh` opens a new account"
CONTINUED = (LIVE_ACCOUNT, PAPER_ACCOUNT)
"""Accounts that go on from run to run; each has journals of its own."""


class Recovered(Struct):
    """The account after the last record that counts, and how it was found; `held` is for how long entries
    had been held back when the run ended, with how long all runs took. `lost` says, where it is only a
    snapshot's, what its journal misses, and `doubts` why it may be no word of ours. Of the journal,
    what comes before byte `read_from` is what the snapshot of record `from_snapshot` knows, and was not
    looked at. `sealed` is its end, and `folded_to` that of its last records, before a footer: a snapshot
    names that one, or whoever reads on from it would not see that the run ended by itself. `applied` are
    the settings that were changed while it traded, by key."""

    run_id: str
    journal: Path
    account: Account
    held: HeldTime
    last_seq: int
    state_hash: str
    footer: Footer | None
    torn: bool
    from_snapshot: int
    read_from: int
    sealed: Sealed | None
    folded_to: Sealed | None
    records: int
    orders: list[Order]
    fills: list[Fill]
    header: Header
    applied: dict[str, Any]
    lost: str = ""
    signed: Signed = Signed.NO
    doubts: str = ""

    def held_in_it(self) -> HeldTime:
        """As it was counted while the run was under way."""
        return replace(self.held, ran=self.account.held_time.ran)

    @property
    def clean(self) -> bool:
        """It ended by itself."""
        return self.footer is not None


def account_journals(state_dir: StateDir) -> list[Path]:
    """Oldest first, without those that the database knows to be of recorded data: thousands may be, and a
    stop must not wait until each was looked into. Raises StateError where they cannot be listed."""
    recorded: set[str] = set()
    with contextlib.suppress(StateError):  # without a readable database each is looked into
        recorded = StateReader(state_dir.db).recorded_runs()
    return [path for path in state_dir.journal_files() if path.stem not in recorded]


def last_journal(state_dir: StateDir, kind: str = PAPER_ACCOUNT) -> Path | None:
    """The newest journal of the account of this kind; recordings have their own.

    Raises JournalError for one that cannot be read or is another run's: an older one in its place would
    be another account.
    """
    for path in reversed(account_journals(state_dir)):
        with contextlib.suppress(NotBegun):
            header = read_beginning(path)
            _refuse_another_run(header, path)
            if header.account == kind:
                return path
    return None


def missing_run(state_dir: StateDir, kind: str, found: Path | None) -> StoredRun | None:
    """The last run of the account of this kind by the database, when `found`, the newest of its journals,
    is an older one's. Raises StateError where the database cannot be read."""
    known = StateReader(state_dir.db).last_run_of(kind)
    if known is None or (found is not None and found.stem >= known.run_id):
        return None
    return known


def missing(run: StoredRun, state_dir: StateDir) -> JournalMissing:
    path = state_dir.journals / f"{run.run_id}.jsonl"
    return JournalMissing(
        harmless(
            f"the journal of the last {run.account_kind} run, {path}, is missing or empty: put it back; "
            "or `tradectl run --fresh` opens a new account and leaves this one behind"
        )
    )


def recover(
    state_dir: StateDir,
    kind: str = PAPER_ACCOUNT,
    *,
    checked_elsewhere: bool = False,
    trusting: bool = False,
) -> Recovered | None:
    """The account to continue; None when there was none. Raises JournalDamaged, JournalMissing,
    JournalForged (unless `trusting`), StateError. `checked_elsewhere`: as `recover_account` has it."""
    try:
        path = last_journal(state_dir, kind)
        with contextlib.suppress(DatabaseDamaged):  # without a readable one there are the journals
            lost = missing_run(state_dir, kind, path)
            if lost is not None:
                raise missing(lost, state_dir)
        if path is None:
            why = "" if trusting else doubts_of_nothing(state_dir, kind)
            if why:
                raise JournalMissing(f"{why}; or {FRESH}")
            return None
        recovered = recover_account(
            path, state_dir, checked_elsewhere=checked_elsewhere, trusting=trusting
        )
        if recovered.doubts and not trusting:
            raise JournalForged(f"{recovered.doubts}; {TRUST}, and {FRESH}")
        return msgspec.structs.replace(recovered, doubts="")
    except JournalDamaged as error:
        message = f"{error}; {FRESH}"
        raise JournalDamaged(message, error.seq) from error
    except (JournalMissing, JournalForged):
        raise
    except JournalError as error:
        raise JournalError(f"{error}; or name another --state-dir") from error


def recover_account(
    path: Path, state_dir: StateDir, *, checked_elsewhere: bool = False, trusting: bool = False
) -> Recovered:
    """The state at the end of the journal `path`, with what is doubtful about whose that is. What a
    snapshot knows of it is passed over where it is `checked_elsewhere`; else its seals are looked at,
    too. One that nobody has signed may be as large as others where that is for `trusting`."""
    reader, keys = StateReader(state_dir.db), state_dir.keys
    largest = LONGEST_GROUP if trusting else LARGEST_UNSIGNED_HEADER
    with read_log(path, keys, largest=largest) as log:
        recovery = Recovery(log, path, reader, keys, checked_elsewhere=checked_elsewhere)
        recovery.fold_all()
        found = recovery.end()
        signature = log.signature
    why = doubts(state_dir, path, found.header, signature.signed, signature.forged_after)
    return msgspec.structs.replace(found, doubts=why)


def recover_from(path: Path, reader: StateReader, *, checked_elsewhere: bool = False) -> Recovered:
    """The same of a journal whoever wrote it."""
    with read_log(path) as log:
        recovery = Recovery(log, path, reader, checked_elsewhere=checked_elsewhere)
        recovery.fold_all()
        return recovery.end()


class Recovery:
    """The fold of one journal, from the newest snapshot that is right to its end. Raises JournalError,
    StateError."""

    def __init__(
        self,
        log: LogReader,
        path: Path,
        reader: StateReader,
        keys: KnownKeys = NO_KEYS,
        *,
        checked_elsewhere: bool = False,
    ) -> None:
        self.header = header = log.header
        self._log, self._path, self._reader = log, path, reader
        _refuse_another_run(header, path)
        key = key_of(header, keys)
        self._start, account, sealed = _starting_account(header, reader, key)
        self._read_from = 0
        if checked_elsewhere and sealed is not None and sealed.last <= self._start:
            self._read_from = sealed.at if log.go_on_from(sealed) else 0
        self._folded_to = sealed
        settings = Settings.load(header.config)
        system = BookkeepingSystem(settings, account, header.run_id, DataClock(), projected=True)
        self._books, self._bus = system.books, system.bus
        self._follower = Folding(system, self._start)
        self.account_id = account.account_id

    def fold_all(self) -> None:
        for _ in self.fold(most=math.inf):
            pass

    def fold(self, most: float) -> Iterator[tuple[list[Order], list[Fill]]]:
        """Fold to the end. The orders and fills that changed, whenever they are more than `most`; what is
        left of them is the end's. Of trades in a row the books keep the last, where no limit looks at how
        far prices move."""
        books = self._books
        for group in self._log.groups(after=self._start, folded=lambda _: not books.limits.breaks):
            self._follower.take(*group)
            self._folded_to = self._log.sealed
            if len(books.touched) + len(books.new_fills) > most:
                yield books.take_changed()

    def end(self) -> Recovered:
        """Once all is folded."""
        log, path, start = self._log, self._path, self._start
        lost = _what_was_cut(path, self._reader, max(start, log.position))
        if lost and log.position >= start:  # and no snapshot that is newer
            raise JournalMissing(lost)
        account = self._books.snapshot()
        state_hash = account.hash(self.header.run_id)
        orders, fills = self._books.take_changed()
        _compare(log.footer, state_hash, path)
        return Recovered(
            run_id=self.header.run_id,
            journal=path,
            account=account,
            held=self._held(),
            last_seq=log.position,
            state_hash=state_hash,
            footer=log.footer,
            torn=log.torn,
            from_snapshot=start,
            read_from=self._read_from,
            sealed=log.sealed,
            folded_to=self._folded_to,
            records=log.position - start,
            orders=orders,
            fills=fills,
            header=self.header,
            applied=dict(account.applied),
            lost=lost,
            signed=log.signature.signed,
        )

    def _held(self) -> HeldTime:
        """By the end of the run: as it says, or its last record, or the file where a snapshot has all."""
        footer, last = self._log.footer, self._bus.core.at
        ended = footer.ended() if footer else last or last_written(self._path)
        held = held_until(self._books, ended)
        held.ran += max(ended - self.header.began(), 0)
        return held


def _what_was_cut(path: Path, reader: StateReader, last_seq: int) -> str:
    """The journal is on the disk before the database knows of it: one that ends earlier was cut. In
    words; empty where nothing is missing."""
    known = None
    with contextlib.suppress(StateError):  # without a readable database there is still the journal
        known = reader.run(run_of_file(path))
    if known is None or known.last_seq <= last_seq:
        return ""
    return harmless(
        f"{path} ends at record {last_seq}, and the database knows record {known.last_seq}: put "
        "the whole one back; or `tradectl run --fresh` opens a new account and leaves this one"
    )


def _refuse_another_run(header: Header | Beginning, path: Path) -> None:
    if header.run_id != run_of_file(path):
        raise JournalError(
            harmless(f"{path} holds the journal of run {header.run_id}: put its own back")
        )


def _starting_account(
    header: Header, reader: StateReader, key: SigningKey | None
) -> tuple[int, Account, Sealed | None]:
    """The newest valid snapshot's sequence number and account, or those that the journal began with; and
    what the journal can be read on from."""
    with contextlib.suppress(StateError):  # without a readable database there is still the journal
        for found in snapshots(header, reader, key):
            return found
    return 0, Account.begun_with(header.state, header.run_id), None


def snapshots(
    header: Header, reader: StateReader, key: SigningKey | None, before: int = LARGEST_INTEGER
) -> Iterator[tuple[int, Account, Sealed | None]]:
    """The valid ones of a run, newest first, of records `before` that one: as `_starting_account` gives
    them. Where we have the journal's key, it has to have signed them. Raises StateError."""
    for stored in reader.snapshots(header.run_id, before):
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            found = msgspec.json.decode(stored.sealed, type=SignedSeal)
            sealed = found.sealed
            mac = snapshot_mac(key, header.run_id, stored.seq, stored.body, sealed)
            if mac and not compare_digest(mac.encode(), found.mac.encode()):
                continue
            account = Account.load(msgspec.json.decode(stored.body))
            if account.hash(header.run_id) == stored.hash:
                yield stored.seq, account, sealed


def key_of(header: Header, keys: KnownKeys) -> SigningKey | None:
    """That of its journal, where we have it."""
    return keys.named(header.signature.key) if header.signature is not None else None


def _compare(footer: Footer | None, state_hash: str, path: Path) -> None:
    if footer is not None and footer.state_hash != state_hash:
        raise StateError(
            harmless(
                f"{path} ended with another state than it adds up to: `tradectl replay {path}` says "
                "where; `tradectl run --fresh` opens a new account"
            )
        )


__all__ = [
    "Recovered",
    "Recovery",
    "account_journals",
    "key_of",
    "last_journal",
    "missing",
    "missing_run",
    "recover",
    "recover_account",
    "recover_from",
    "snapshots",
]
