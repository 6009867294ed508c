"""A backup back into a directory: nothing is there before all of it is proven.

It is unpacked beside the place, each file compared with its hash, the list of hashes with its signature,
and each account is recovered and compared with the hash of its state. Only then the folder gets its name.
What was traded since is not in it: so the next run of each account begins paused, and one with real money
compares itself with its exchange first, as every one does.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from hmac import compare_digest
from pathlib import Path
from typing import Self

import msgspec

from tradectl.documents.backups import BackupFile, Manifest, Restore
from tradectl.domain.errors import StateError, TradectlError, UsageError
from tradectl.domain.text import harmless
from tradectl.files.own import open_folder, open_named, open_own
from tradectl.files.places import make_folders
from tradectl.journal.writer import FORMAT
from tradectl.operations.backup import KEY, MANIFEST, SMALL, Hashing
from tradectl.recovery.recovery import CONTINUED, recover_account
from tradectl.storage.directory import RUN_ID, StateDir
from tradectl.storage.known_heads import Head
from tradectl.storage.migrations import FIRST
from tradectl.storage.restored import Restored
from tradectl.storage.schema import VERSION

NAMES = re.compile(
    rf"state\.db|halt|{'|'.join(map(re.escape, (*SMALL, KEY, MANIFEST)))}"
    rf"|journals/{RUN_ID.pattern}(?:\.\d+)?\.jsonl(?:\.gz|\.zst)?|backtests/[\w.-]+\.json"
)
LARGEST_MANIFEST = 256 * 1024 * 1024
ASIDE = (KEY, MANIFEST)
"""They are no part of the directory."""


def restore(file: Path, state_dir: StateDir, *, trust_key: bool = False) -> Restore:
    """Into `state_dir`, which has to be missing or empty. Raises UsageError, StateError."""
    target = state_dir.path
    _refuse_used(target)
    state_dir.check()
    try:
        make_folders(target.parent)
        _remove_left(target)
        aside = target.with_name(f"{_left_by(target)}{os.urandom(4).hex()}")
        aside.mkdir(mode=0o700)
        fd = open_folder(aside)
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        raise StateError(f"cannot write beside {target}: {error.strerror}") from error
    try:
        return _Unpacked(file, aside, state_dir).put_in_place(trust_key=trust_key)
    except OSError as error:
        raise StateError(f"cannot restore {harmless(file)}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        os.close(fd)


def _left_by(target: Path) -> str:
    """How each folder beside it is named that is unpacked for it."""
    return f".{target.name}.restoring-"


def _remove_left(target: Path) -> None:
    """By one that was killed: it holds its folder's lock no more. Raises OSError."""
    for folder in target.parent.glob(f"{glob.escape(_left_by(target))}*"):
        fd = open_folder(folder)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # somebody is at it now
        finally:
            os.close(fd)


def _refuse_used(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(
            f"{target} is not empty, and nothing is written over: name a new folder with --state-dir"
        )


class _Entry(tarfile.TarInfo):
    """What a backup has: files of short names. Other kinds of entries say themselves how much of the
    archive is to be taken into memory, and there are none."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Raises TarError."""
        found = super().frombuf(buf, encoding, errors)
        if found.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or found.size < 0:
            raise tarfile.ReadError(f"an entry of type {found.type!r}, of {found.size} bytes")
        return found


class _Unpacked:
    """The backup `file`, beside the place that it is for."""

    def __init__(self, file: Path, aside: Path, target: StateDir) -> None:
        self._file, self._target = file, target
        self._dir = StateDir(aside)
        self._dir.keys = target.keys
        self._extra: dict[str, bytes] = {}

    def put_in_place(self, *, trust_key: bool) -> Restore:
        found = self._unpack()
        manifest, mac = self._manifest()
        self._compare(found, manifest)
        is_known = self._refuse_changed(manifest, mac)
        key = self._adopt_key(manifest, trust_key=trust_key)
        sealed = self._recover(manifest)
        if self._dir.db.exists():
            self._name_journals()
        reason = f"restored from a backup of {manifest.made_at}: look at it, then resume"
        self._dir.restored.note(Restored(reason, CONTINUED))
        newer = [*self._newer(manifest)]
        os.rename(self._dir.path, self._target.path)  # noqa: PTH104  # in place of an empty folder, too
        self._note_heads(sealed)
        halt = self._target.latch.read()
        return Restore(
            state_dir=str(self._target.path),
            file=str(self._file),
            files=len(found),
            made_at=manifest.made_at,
            accounts=manifest.accounts,
            signed=is_known,
            newer=newer,
            key=None if key is None else str(key),
            halt=None if halt is None else halt.reason,
            problems=manifest.problems,
        )

    # --- what is in it ---------------------------------------------------------------------------------

    def _unpack(self) -> dict[str, BackupFile]:
        """Every file, with the hash of what was read. Raises StateError."""
        for folder in (self._dir.journals, self._dir.backtests):
            folder.mkdir(mode=0o700)
        found: dict[str, BackupFile] = {}
        try:
            with (
                os.fdopen(open_named(self._file), "rb") as raw,
                tarfile.open(fileobj=raw, mode="r|gz", tarinfo=_Entry) as tar,
            ):
                for entry in tar:
                    if entry.name in found or not entry.isfile():
                        raise self._bad(f"{harmless(entry.name, 100)!r} does not belong there")
                    found[entry.name] = self._take(tar, entry)
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {harmless(self._file)}") from error
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise self._bad(f"it is broken or no backup ({error})") from error
        return found

    def _take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> BackupFile:
        if not NAMES.fullmatch(entry.name):
            raise self._bad(f"{harmless(entry.name, 100)!r} is no file of a state directory")
        content = tar.extractfile(entry)
        assert content is not None, "it is a file"
        reading = Hashing(content)
        if entry.name in ASIDE:
            if entry.size > LARGEST_MANIFEST:
                raise self._bad(f"its {entry.name} is too large")
            self._extra[entry.name] = reading.read()
        else:
            if entry.size > (free := shutil.disk_usage(self._dir.path).free):
                raise self._bad(f"{entry.name} has {entry.size:,} bytes, and {free:,} are free")
            path = self._dir.path / entry.name
            with os.fdopen(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                shutil.copyfileobj(reading, file)
                file.flush()
                os.fsync(file.fileno())
        return BackupFile(entry.name, entry.size, reading.sha256.hexdigest())

    def _manifest(self) -> tuple[Manifest, str]:
        mac, _, text = self._extra.get(MANIFEST, b"").partition(b"\n")
        try:
            manifest = msgspec.json.decode(text, type=Manifest)
        except msgspec.DecodeError as error:
            raise self._bad("it has no list of its files: it was cut, or is no backup") from error
        if not FIRST <= manifest.schema <= VERSION or manifest.format != FORMAT:
            raise self._bad(
                f"it is of tradectl {harmless(manifest.program, 40)} (schema {manifest.schema}, format "
                f"{manifest.format}), and this one has {VERSION} and {FORMAT}: use the one that made it"
            )
        return manifest, mac.decode(errors="replace")

    # --- proven ----------------------------------------------------------------------------------------

    def _compare(self, found: dict[str, BackupFile], manifest: Manifest) -> None:
        """With their hashes: none is missing, none is more."""
        listed = {each.name: each for each in manifest.files}
        for name in dict.fromkeys([*listed, *found]):
            if name == MANIFEST:
                continue
            if name not in found:
                raise self._bad(f"{name} is missing in it")
            if name not in listed:
                raise self._bad(f"{name} is in it, and not in its list")
            if found[name] != listed[name]:
                raise self._bad(f"{name} is not what was saved: its hash is another")

    def _refuse_changed(self, manifest: Manifest, mac: str) -> bool:
        """Whether the key that signed it was known here before. One that came with it proves only that
        the file is whole."""
        if not manifest.key:
            return False
        key = self._target.keys.named(manifest.key)
        if key is None:
            return False
        text = self._extra[MANIFEST].partition(b"\n")[2].decode()
        if not compare_digest(key.of_note(MANIFEST, text).encode(), mac.encode()):
            raise self._bad("your key did not sign its list: somebody else wrote it")
        return True

    def _adopt_key(self, manifest: Manifest, *, trust_key: bool) -> Path | None:
        if KEY not in self._extra:
            return None
        return self._target.keys.adopt(
            self._extra[KEY].decode(errors="replace").strip(), trusted=trust_key
        )

    def _recover(self, manifest: Manifest) -> dict[str, Head]:
        """Each account is what it was, by the hash of its state; how far it came."""
        heads: dict[str, Head] = {}
        for account in manifest.accounts:
            path = self._dir.journals / f"{account.run_id}.jsonl"
            try:
                recovered = recover_account(path, self._dir, trusting=True)
            except TradectlError as error:
                raise self._bad(str(error)) from error
            if recovered.state_hash != account.state_hash:
                raise self._bad(
                    f"the {account.kind} account comes to state {recovered.state_hash}, and was saved as "
                    f"{account.state_hash}"
                )
            if recovered.sealed is not None:
                heads[account.kind] = Head(account.run_id, recovered.sealed)
        return heads

    def _bad(self, why: str) -> StateError:
        return StateError(f"{harmless(self._file)}: {why}; nothing was restored")

    # --- in its place ----------------------------------------------------------------------------------

    def _name_journals(self) -> None:
        """Where they will be."""
        with closing(sqlite3.connect(self._dir.db)) as db, db:
            ids = [run_id for (run_id,) in db.execute("SELECT run_id FROM runs")]
            places = [self._target.journals / self._dir.journal_of(each).name for each in ids]
            db.executemany(
                "UPDATE runs SET journal = ? WHERE run_id = ?",
                zip(map(str, places), ids, strict=True),
            )

    def _newer(self, manifest: Manifest) -> Iterator[str]:
        for account in manifest.accounts:
            head = self._target.heads.of(account.kind)
            if head is not None and _place(head) > (account.run_id, account.last_seq):
                yield (
                    f"the {account.kind} account was known to have come to record {head.sealed.last} of "
                    f"run {head.run_id}: what came after the backup is not in it"
                )

    def _note_heads(self, heads: dict[str, Head]) -> None:
        """By its user's own word the newest that there is, whatever was known of this place."""
        for kind, head in heads.items():
            note = self._target.heads.note(kind, head.run_id)
            note(head.sealed)
            note.close()


def _place(head: Head) -> tuple[str, int]:
    return head.run_id, head.sealed.last


__all__ = ["restore"]
