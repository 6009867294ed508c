"""Housekeeping: journals of runs that ended are compressed, and go when their time is over, where a
setting says so; the database gives back what it does not need.

Nothing goes that somebody goes on from. Of each account that is its last run, and those before it that a
restart would warm its strategies from; and every run that an order which still works came from: `why`
asks for it. A run that goes on, whoever it is, has its journal locked.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType

from tradectl.bus.clock import ComputerClock
from tradectl.config.settings import JournalSettings, Settings
from tradectl.documents.backups import Packed, Vacuumed
from tradectl.domain.errors import AlreadyRunning, JournalError
from tradectl.domain.orders import run_of
from tradectl.domain.text import counted, harmless
from tradectl.domain.time import DAY
from tradectl.journal.parts import PACKED, PLAIN, last_written, later_parts, length_of, parts_of
from tradectl.journal.reader import read_beginning, read_header
from tradectl.journal.removal import finish_removals, remove, without_beginning
from tradectl.journal.run_lock import goes_on
from tradectl.journal.writer import SHORT
from tradectl.recovery.recovery import CONTINUED, last_journal
from tradectl.storage.directory import StateDir
from tradectl.storage.housekeeping import housekeeping
from tradectl.storage.reader import StateReader
from tradectl.storage.schema import (
    LOCK_TIMEOUT_S,
    SIDE_FILES,
    connect,
    database_error,
    is_there,
    size_of,
)

LAST = "an account goes on from it"
BEFORE = "strategies are warmed from it"
WORKS = "an order that it made still works"
NO_OTHERS: Mapping[str, JournalSettings] = MappingProxyType({})


def vacuum(
    state_dir: StateDir,
    settings: JournalSettings,
    of_kind: Mapping[str, JournalSettings] = NO_OTHERS,
) -> Vacuumed:
    """By `settings`; journals of an account of a kind that is in `of_kind` by those. Raises UsageError,
    StateError."""
    state_dir.refuse_other()
    state_dir.check()
    with housekeeping(state_dir.journals, moves=True):
        tidied = _Tidied(state_dir, settings, of_kind, _needed(state_dir))
        tidied.journals()
    before = _size(state_dir.db)
    done = _rewrite(state_dir) if is_there(state_dir.db, "tidy up") else "there is none"
    return Vacuumed(
        packed=tidied.packed,
        removed=tidied.removed,
        kept=tidied.kept,
        results_removed=tidied.results(),
        database=done,
        database_before=before,
        database_after=_size(state_dir.db),
        problems=tidied.problems,
    )


def settings_of_last(state_dir: StateDir) -> dict[str, JournalSettings]:
    """As the last run of each kind of account had them; those of the newest run first."""
    state_dir.refuse_other()
    state_dir.check()
    found: list[tuple[str, str, JournalSettings]] = []
    for kind in CONTINUED:
        with contextlib.suppress(JournalError):
            if (path := last_journal(state_dir, kind)) is not None:
                found.append((path.name, kind, Settings.load(read_header(path).config).journal))
    return {kind: settings for _, kind, settings in sorted(found, key=itemgetter(0), reverse=True)}


def _needed(state_dir: StateDir) -> dict[str, str]:
    """The runs that stay as they are, and why. Raises JournalError where that cannot be seen."""
    needed: dict[str, str] = {}
    for kind in CONTINUED:
        path = last_journal(state_dir, kind)
        if path is None:
            continue
        header = read_header(path)
        needed[header.run_id] = LAST
        while header.continues and header.continues not in needed:
            needed[header.continues] = BEFORE
            was_short = header.source in SHORT
            try:
                header = read_header(state_dir.journal_of(header.continues))
            except JournalError:
                break
            if not was_short and header.source not in SHORT:
                break
    for run_id in _runs_of_working_orders(state_dir):
        needed.setdefault(run_id, WORKS)
    return needed


def _runs_of_working_orders(state_dir: StateDir) -> Iterator[str]:
    reader = StateReader(state_dir.db)
    for kind in CONTINUED:
        run = reader.last_run_of(kind)
        if run is not None and run.status is not None:
            for row in run.status.open_orders:
                yield row.run_id
                yield run_of(row.order_id)


class _Tidied:
    """What was done, by `settings` or those of its kind, to all but the `needed` runs."""

    def __init__(
        self,
        state_dir: StateDir,
        settings: JournalSettings,
        of_kind: Mapping[str, JournalSettings],
        needed: dict[str, str],
    ) -> None:
        self._dir, self._settings, self._needed = state_dir, settings, needed
        self._of_kind = of_kind
        self._now = ComputerClock.wall()
        self.packed: list[Packed] = []
        self.removed: list[str] = []
        self.kept: dict[str, str] = {}
        self.problems: list[str] = []

    def journals(self) -> None:
        """Each is looked at by itself: one that cannot be touched keeps no other from its turn."""
        self._finish_removals()
        recorded = StateReader(self._dir.db).recorded_runs()
        for run_id, path in self._dir.all_journals().items():
            try:
                if run_id in recorded:
                    self._tidy(run_id, path, self._settings, self._settings.keep_recorded_days)
                else:
                    settings = self._settings_of(path)
                    self._tidy(run_id, path, settings, settings.keep_days)
            except (OSError, JournalError) as error:
                why = error.strerror if isinstance(error, OSError) else None
                self.problems.append(f"{harmless(path)}: {why or error}")

    def _finish_removals(self) -> None:
        try:
            finish_removals(self._dir.journals)
        except OSError as error:
            self.problems.append(f"{harmless(self._dir.journals)}: {error.strerror}")
        for run_id, count in without_beginning(self._dir.journals).items():
            self.problems.append(
                f"{harmless(run_id, 60)}: its journal has lost its first part, and "
                f"{counted(count, 'later part')} stay: put that back, or delete them"
            )

    def _settings_of(self, path: Path) -> JournalSettings:
        """Of the kind of account that it is of. Raises JournalError."""
        if not self._of_kind:
            return self._settings
        return self._of_kind.get(read_beginning(path).account, self._settings)

    def _tidy(self, run_id: str, path: Path, settings: JournalSettings, keep: float | None) -> None:
        written = last_written(path)
        if self._is_older(written, keep):
            if run_id in self._needed:
                self.kept[run_id] = self._needed[run_id]
            elif not goes_on(path):
                remove(path)
                self.removed.append(run_id)
            return
        if path.suffix != PLAIN:
            for _, left in later_parts(path.with_name(f"{run_id}{PLAIN}")):
                left.unlink()  # it was ended while it put the whole away
            return
        if run_id in self._needed or goes_on(path):
            self._pack_finished(run_id, path, settings)
        elif self._is_older(written, settings.pack_after_days):
            from tradectl.journal.packed import pack

            before = sum(length_of(part) for _, part in parts_of(path))
            packed = pack(path)
            after = packed.stat().st_size
            self.packed.append(Packed(run_id=run_id, before=before, after=after))
            self._note(run_id, packed)

    def _pack_finished(self, run_id: str, path: Path, settings: JournalSettings) -> None:
        """All but the first, which has the run's lock, and the last, which is written."""
        parts = [part for _, part in parts_of(path)]
        for part in parts[1:-1]:
            is_plain = not part.name.endswith(PACKED)
            if is_plain and self._is_older(part.stat().st_mtime_ns, settings.pack_after_days):
                from tradectl.journal.packed import pack_part

                before = part.stat().st_size
                after = pack_part(part).stat().st_size
                self.packed.append(Packed(run_id=run_id, before=before, after=after))

    def _note(self, run_id: str, path: Path) -> None:
        """Where it is now, for `runs`."""
        try:
            with closing(sqlite3.connect(self._dir.db, timeout=LOCK_TIMEOUT_S)) as db, db:
                db.execute("UPDATE runs SET journal = ? WHERE run_id = ?", (str(path), run_id))
        except sqlite3.Error as error:
            self.problems.append(str(database_error("write", self._dir.db, error)))

    def results(self) -> int:
        """Of backtests, which can be asked again."""
        count = 0
        for path in self._dir.backtests.glob("*.json"):
            with contextlib.suppress(OSError):
                if self._is_older(path.stat().st_mtime_ns, self._settings.keep_recorded_days):
                    path.unlink()
                    count += 1
        return count

    def _is_older(self, written: int, days: float | None) -> bool:
        return days is not None and self._now - written >= days * DAY


def _rewrite(state_dir: StateDir) -> str:
    """The database, whole, where nobody else is at it. Raises StateError."""
    try:
        with state_dir.owned(guest=True), closing(connect(str(state_dir.db))) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("VACUUM")
            return "rewritten"
    except AlreadyRunning:
        pass
    except sqlite3.Error as error:
        raise database_error("tidy up", state_dir.db, error) from error
    try:
        with closing(connect(str(state_dir.db))) as db:
            db.executescript("PRAGMA incremental_vacuum(2000)")
            return "free pages given back: a run goes on"
    except sqlite3.Error as error:
        raise database_error("tidy up", state_dir.db, error) from error


def _size(path: Path) -> int:
    names = (path, *(Path(f"{path}{end}") for end in SIDE_FILES))
    return sum(map(size_of, names))


__all__ = ["settings_of_last", "vacuum"]
