"""A backup: one file, that holds a whole state directory as it was at a moment, and proves it.

The moment is that of the database, which SQLite copies while a run writes on. Journals come after it:
they are always ahead of it, and one that is being written goes in up to its last sealed group. The halt
that holds comes last, wherever it is latched. The list at the end has the hash of every file and of each
account's state, and is signed with the journals' key.

That key lies outside of every state directory, and nothing goes on from a journal without it: it goes in,
too, unless it is kept elsewhere. So a backup is to be guarded like the key.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

import msgspec

from tradectl.bus.clock import ComputerClock
from tradectl.documents.backups import Backup, BackupAccount, BackupFile, Manifest
from tradectl.domain.errors import JournalError, StateError, TradectlError, UsageError
from tradectl.domain.text import harmless
from tradectl.domain.time import compact, iso
from tradectl.files.own import MODE, open_own
from tradectl.journal.parts import length_of, parts_of
from tradectl.journal.reader import JournalReader, NotBegun, read_beginning
from tradectl.journal.run_lock import goes_on
from tradectl.journal.writer import FORMAT
from tradectl.recovery.recovery import CONTINUED, last_journal, recover_account
from tradectl.storage.alert_archive import ALERTS_FILE, OLDER_ALERTS_FILE
from tradectl.storage.directory import StateDir
from tradectl.storage.housekeeping import housekeeping
from tradectl.storage.latch import SIZE
from tradectl.storage.migrate import copy_database
from tradectl.storage.schema import VERSION, damage_of, database_error, version_of
from tradectl.version import __version__

MANIFEST, KEY = "manifest.json", "journal.key"
SMALL = (ALERTS_FILE, OLDER_ALERTS_FILE, "halt-cleared", "restored")
COMPRESSION = 3
"""Of gzip: journals are text, and much smaller at its lowest already."""


def back_up(state_dir: StateDir, file: Path | None, *, with_key: bool = True) -> Backup:
    """Into the new `file`, whole or not at all. Raises UsageError, StateError."""
    state_dir.refuse_other()
    state_dir.check()
    made_at = ComputerClock.wall()
    file = (file or Path(f"tradectl-backup-{compact(made_at)}.tar.gz")).absolute()
    if file.is_dir():
        file = file / f"tradectl-backup-{compact(made_at)}.tar.gz"
    if not file.parent.is_dir():
        raise UsageError(f"cannot write {harmless(file)}: there is no folder {file.parent}")
    if os.path.lexists(file):
        raise UsageError(f"{harmless(file)} is there already: name another file")
    aside = file.with_name(f".{file.name}.{os.urandom(4).hex()}")
    try:
        with (
            housekeeping(state_dir.journals, moves=False),
            TemporaryDirectory(prefix=".tradectl-backup-", dir=file.parent) as folder,
        ):
            manifest = _Archive(state_dir, Path(folder)).write(aside, iso(made_at), with_key)
        os.link(aside, file)  # what came there meanwhile is not written over
    except FileExistsError as error:
        raise UsageError(f"{harmless(file)} is there already: name another file") from error
    except OSError as error:
        raise StateError(f"cannot write {harmless(file)}: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)
    return Backup(
        file=str(file),
        size=file.stat().st_size,
        files=len(manifest.files),
        journals=sum(each.name.startswith("journals/") for each in manifest.files),
        made_at=manifest.made_at,
        accounts=manifest.accounts,
        with_key=manifest.with_key,
        problems=manifest.problems,
    )


class _Archive:
    """Of `state_dir`; what has to stand still while it is read is copied into `folder` first."""

    def __init__(self, state_dir: StateDir, folder: Path) -> None:
        self._dir, self._still = state_dir, StateDir(folder)
        self._files: list[BackupFile] = []
        self._problems: list[str] = []
        self._keys: dict[str, None] = {}
        self._schema = VERSION

    def write(self, path: Path, made_at: str, with_key: bool) -> Manifest:
        """Raises OSError, StateError."""
        self._still.create_folders()
        fd = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(fd, "wb") as raw:
            with (
                gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=COMPRESSION) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
            ):
                manifest = self._fill(tar, made_at, with_key)
            raw.flush()
            os.fsync(fd)
        return manifest

    def _fill(self, tar: tarfile.TarFile, made_at: str, with_key: bool) -> Manifest:
        if self._copy_database():
            self._add(tar, "state.db", self._still.db)
        journals, newest = self._journals()
        for path in journals:
            self._add_journal(tar, path, is_newest=path in newest)
        for path in sorted(self._dir.backtests.glob("*.json")):
            self._add(tar, f"backtests/{path.name}", path)
        for name in SMALL:
            if (self._dir.path / name).is_file():
                self._add(tar, name, self._dir.path / name)
        accounts = [*self._accounts(newest)]
        name = next(iter(self._keys), "")
        text = self._dir.keys.text_of(name) if name and with_key else ""
        if text:
            self._add_bytes(tar, KEY, text.encode() + b"\n")
        halt = self._dir.latch.read()
        latched = b"" if halt is None else msgspec.json.encode(halt)
        self._add_bytes(tar, "halt", latched.ljust(SIZE))
        manifest = Manifest(
            made_at=made_at,
            program=__version__,
            schema=self._schema,
            format=FORMAT,
            files=self._files,
            accounts=accounts,
            key=name,
            with_key=bool(text),
            problems=self._problems,
        )
        self._add_manifest(tar, manifest)
        return manifest

    def _copy_database(self) -> bool:
        """Whether there is one that is whole."""
        if damage := damage_of(self._dir.db):
            self._say(f"the database is damaged and not saved: {damage}")
            return False
        if not self._dir.db.exists():
            return False
        try:
            copy_database(self._dir.db, self._still.db)
            with closing(sqlite3.connect(self._still.db)) as db:
                self._schema = version_of(db) or VERSION
        except sqlite3.Error as error:
            raise database_error("copy", self._dir.db, error) from error
        return True

    def _journals(self) -> tuple[list[Path], dict[Path, str]]:
        """All, and the last of each account: asked again where a run begins just now."""
        while True:
            journals = [*self._dir.all_journals().values()]
            newest = self._newest()
            if newest.keys() <= {*journals}:
                return journals, newest

    def _newest(self) -> dict[Path, str]:
        """The journal of each account's last run, with its kind."""
        found: dict[Path, str] = {}
        for kind in CONTINUED:
            try:
                path = last_journal(self._dir, kind)
            except JournalError as error:
                self._say(str(error))
                continue
            if path is not None:
                found[path] = kind
        return found

    def _add_journal(self, tar: tarfile.TarFile, path: Path, *, is_newest: bool) -> None:
        with _read(path):
            parts = [*parts_of(path)]
        end = self._sealed_size(path, parts) if goes_on(path) else _end(parts)
        if is_newest and end:
            self._note_key(path)
        for start, part in parts:
            size = part.stat().st_size
            if start + length_of(part) > end:
                size = end - start  # the last one, which is not put away
            if size <= 0:
                return
            still = self._still.journals / part.name
            if is_newest:
                _copy(part, still, size)
            self._add(tar, f"journals/{part.name}", still if is_newest else part, size)

    def _sealed_size(self, path: Path, parts: list[tuple[int, Path]]) -> int:
        """Up to the last whole group: what follows is being written. 0 where there is none."""
        whole = _end(parts)
        try:
            with JournalReader(path) as journal:
                return max(journal.check(), default=whole)
        except NotBegun:
            return 0
        except JournalError as error:
            self._say(str(error))
            return whole

    def _note_key(self, path: Path) -> None:
        try:
            signing = read_beginning(path).signature
        except JournalError:
            return  # `_accounts` says so
        if signing is not None and self._dir.keys.named(signing.key) is not None:
            self._keys[signing.key] = None

    def _accounts(self, newest: dict[Path, str]) -> Iterator[BackupAccount]:
        """Recovered from what goes into the backup, as whoever restores it will."""
        self._still.keys = self._dir.keys
        for path, kind in newest.items():
            try:
                found = recover_account(
                    self._still.journals / path.name, self._still, trusting=True
                )
            except TradectlError as error:
                self._say(str(error).replace(str(self._still.path), str(self._dir.path)))
                continue
            yield BackupAccount(
                kind=kind,
                run_id=found.run_id,
                last_seq=found.last_seq,
                state_hash=found.state_hash,
            )

    def _say(self, problem: str) -> None:
        if problem not in self._problems:
            self._problems.append(problem)

    # --- what goes in ----------------------------------------------------------------------------------

    def _add(self, tar: tarfile.TarFile, name: str, path: Path, size: int | None = None) -> None:
        with _read(path):
            fd = open_own(path)
        with os.fdopen(fd, "rb") as file:
            self._add_file(
                tar, name, file, os.fstat(file.fileno()).st_size if size is None else size
            )

    def _add_bytes(self, tar: tarfile.TarFile, name: str, data: bytes) -> None:
        self._add_file(tar, name, io.BytesIO(data), len(data))

    def _add_file(self, tar: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
        """As many bytes as `size` says, which it has to have."""
        hashing = Hashing(file)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, MODE
        tar.addfile(entry, cast("IO[bytes]", hashing))  # it reads, and does nothing else with it
        self._files.append(BackupFile(name, size, hashing.sha256.hexdigest()))

    def _add_manifest(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        text = msgspec.json.encode(manifest)
        key = self._dir.keys.named(manifest.key) if manifest.key else None
        mac = key.of_note(MANIFEST, text.decode()) if key is not None else ""
        self._add_bytes(tar, MANIFEST, mac.encode() + b"\n" + text)


class Hashing:
    """A file as `tarfile` reads it; the hash of what it has read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data


@contextmanager
def _read(path: Path) -> Iterator[None]:
    """What goes wrong in it is no fault of the place that the backup is for. Raises StateError."""
    try:
        yield
    except OSError as error:
        raise StateError(f"cannot read {harmless(path)}: {error.strerror or error}") from error


def _end(parts: list[tuple[int, Path]]) -> int:
    """The byte that the last of them ends at."""
    start, last = parts[-1]
    return start + length_of(last)


def _copy(source: Path, target: Path, size: int) -> None:
    with (
        os.fdopen(open_own(source), "rb") as file,
        os.fdopen(open_own(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as copy,
    ):
        while size > 0 and (data := file.read(min(size, 1 << 20))):
            copy.write(data)
            size -= len(data)


__all__ = ["KEY", "MANIFEST", "Hashing", "back_up"]
