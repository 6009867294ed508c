"""The newest that is known of each account, noted outside of its state directory.

A directory can be put back as it was an hour ago, whole, signed and without what was traded since. So how
far an account's journal came is kept where only the user writes, a few bytes that are written over once
the journal itself would survive a loss of power: what is noted is never newer than what is on the disk.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from tradectl.domain.sealed import Sealed
from tradectl.files.own import open_own, read_own
from tradectl.files.places import make_private, name_of, private_home
from tradectl.files.trust import is_private
from tradectl.storage.past_accounts import forget_past_accounts

SIZE = 512


class Head(Struct, frozen=True):
    """The end of a group in the journal of a run; `folder` is the state directory, where that is short
    enough to be noted."""

    run_id: str
    sealed: Sealed
    folder: str = ""


class HeadNote:
    """Of one run, in the file `path`, until it is closed; where it cannot be written nothing is noted."""

    def __init__(self, path: Path, run_id: str, folder: str) -> None:
        self._run_id, self._folder = run_id, folder
        self._fd, self._last = -1, -1
        with contextlib.suppress(OSError):
            make_private(path.parent)
            if not os.path.lexists(path):
                forget_past_accounts(path.parent, _folder_of)
            self._fd = open_own(path, os.O_WRONLY | os.O_CREAT)

    def __call__(self, sealed: Sealed) -> None:
        """Two that sync at once may tell in any order."""
        if self._fd < 0 or sealed.last < self._last:
            return
        self._last = sealed.last
        text = msgspec.json.encode(Head(self._run_id, sealed, self._folder))
        if len(text) > SIZE:
            text = msgspec.json.encode(Head(self._run_id, sealed))
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, text.ljust(SIZE), 0)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.fsync(fd)
            os.close(fd)


class KnownHeads:
    """Of the accounts in `state_dir`, each by its kind."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = str(state_dir)
        self._name = name_of(state_dir)

    def of(self, kind: str) -> Head | None:
        """None where nothing is known."""
        return _read(self.path(kind))

    def note(self, kind: str, run_id: str) -> HeadNote:
        return HeadNote(self.path(kind), run_id, self._folder)

    def path(self, kind: str) -> Path:
        return private_home() / f"head-{self._name}-{kind}"


def _read(path: Path) -> Head | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        content = read_own(path, SIZE)
        if is_private(path.parent):
            return msgspec.json.decode(content.strip(), type=Head)
    return None


def _folder_of(path: Path) -> str:
    head = _read(path)
    return "" if head is None else head.folder


__all__ = ["Head", "HeadNote", "KnownHeads"]
