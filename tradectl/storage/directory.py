"""The state directory: one account's files, one owner, one process at a time.

state.db   journals/RUN_ID.jsonl (put away: .jsonl.zst)   control.sock   lock (the lease)   reserve (room)
halt (the latch)   halt-cleared, restored (notes for the next run)   backtests/RUN_ID.KEY.json (results)
configuration (whose file the last run had)   logs/tradectl.log (and older ones)
standing-by (held by the process that tells of a halt)
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.text import harmless, is_utf8
from tradectl.domain.time import MILLISECOND, SECOND, compact
from tradectl.files.places import default_state_dir, make_folders
from tradectl.journal.reserve import Reserve
from tradectl.journal.signing_keys import SigningKeys
from tradectl.storage.cleared_halt import ClearedHalt
from tradectl.storage.config_note import ConfigNote
from tradectl.storage.folder_check import check_all, check_folder, keep_to_ourselves, own_names
from tradectl.storage.known_heads import KnownHeads
from tradectl.storage.known_hosts import KnownHosts
from tradectl.storage.latch import HaltLatch
from tradectl.storage.lease import FileLease
from tradectl.storage.restored import RestoredNote

RUN_ID = re.compile(r"\d{8}T\d{9}-[0-9a-f]{4}")
ENDINGS = ("jsonl", "jsonl.zst")
MOMENT = len("20240808T235415342")


def new_run_id(now: int, last: str = "") -> str:
    """By time (ns UTC, to the millisecond), later than that of the `last` run even when the clock went
    back, and never two alike."""
    moment = f"{compact(now)}{now % SECOND // MILLISECOND:03d}"
    if last[:MOMENT] >= moment:
        day, clock = last[:MOMENT].split("T")
        moment = f"{day}T{int(clock) + 1:09d}"
    return f"{moment}-{os.urandom(2).hex()}"


class StateDir:
    """`path` and the files in it; nothing is made before `create`. `environ` has the key that its
    journals are signed with, where that was taken out of the process's own.

    Raises UsageError for a path that is not UTF-8: journals and database could not name it.
    """

    def __init__(
        self, path: Path | None = None, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self.path = (path or default_state_dir()).absolute()
        if not is_utf8(str(self.path)):
            raise UsageError(f"the state directory {harmless(self.path, 100)!r} is not UTF-8 text")
        self.db = self.path / "state.db"
        self.journals = self.path / "journals"
        self.backtests = self.path / "backtests"
        self.logs = self.path / "logs"
        self.socket = self.path / "control.sock"
        self.lease = FileLease(self.path / "lock")
        self.standing_by = FileLease(self.path / "standing-by")
        self.latch = HaltLatch(self.path / "halt")
        self.cleared_halt = ClearedHalt(self.path / "halt-cleared")
        self.restored = RestoredNote(self.path / "restored")
        self.configuration = ConfigNote(self.path / "configuration")
        self.reserve = Reserve(self.path / "reserve")
        self.hosts = KnownHosts(self.path)
        self.heads = KnownHeads(self.path)
        self.keys = SigningKeys(os.environ if environ is None else environ)

    def create(self) -> None:
        """Make the directory, mode 0700, with its latch. Raises StateError when that cannot be."""
        self.create_folders()
        self.latch.prepare()

    def create_folders(self) -> None:
        """The same without anything of the account: for who only keeps a journal here."""
        self.check()
        try:
            make_folders(self.journals)
            keep_to_ourselves(self.path)
        except OSError as error:
            raise StateError(
                f"cannot make the state directory {self.path}: {error.strerror}; "
                "name another with --state-dir"
            ) from error
        self.check()  # what somebody else may have made first

    def check(self) -> None:
        """Refuse a directory that somebody else could have prepared for us. Raises StateError."""
        check_all(self.path)

    def refuse_other(self) -> None:
        """For who has nothing to do where no run has been: of what we make at first none is there.
        Raises UsageError, StateError."""
        self.check_folder()
        ours = (self.journals, self.db, self.path / "halt")
        try:
            is_there = any(path.exists() for path in ours)
        except PermissionError:
            return  # what is done in it says so
        if not is_there:
            what = "has none of tradectl's files" if self.path.is_dir() else "does not exist"
            raise UsageError(
                f"the state directory {harmless(self.path)} {what}: name another with --state-dir"
            )

    def check_folder(self) -> None:
        """The same of no more than the directory itself: what else is odd is no reason not to stop."""
        check_folder(self.path)

    def journal_files(self) -> list[Path]:
        """Journals as runs write them, oldest first: run ids begin with their time. Copies are left
        aside. Raises StateError where they cannot be listed: that is not the same as none."""
        return [path for path in self.all_journals().values() if path.suffix == ".jsonl"]

    def all_journals(self) -> dict[str, Path]:
        """By run, oldest first, those that were put away, too. Raises StateError."""
        try:
            names = sorted(own_names(self.journals))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StateError(
                f"cannot read the journals in {self.journals}: {error.strerror}"
            ) from error
        found: dict[str, Path] = {}
        for name in names:
            run_id, _, ending = name.partition(".")
            if ending in ENDINGS and RUN_ID.fullmatch(run_id):
                found.setdefault(run_id, self.journals / name)  # the original counts
        return found

    def journal_of(self, run_id: str) -> Path:
        """Where it is, or would be."""
        path = self.journals / f"{run_id}.jsonl"
        packed = path.with_name(f"{path.name}.zst")
        return packed if not path.exists() and packed.exists() else path

    def owned(self, *, guest: bool = False, stops: bool = False) -> AbstractContextManager[None]:
        """Be the only process here; as a guest, for a moment; or as an emergency stop, which `stops`.
        Raises AlreadyRunning, StateError."""
        return self.lease.acquire(guest=guest, stops=stops)

    def owner(self) -> int | None:
        """The process that owns the directory, or None."""
        return self.lease.owner()
