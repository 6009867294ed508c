"""The note that `restore` leaves for the next run of each account: it begins paused.

What was traded after a backup was made is not in it. So a run that goes on from one enters nothing until
its operator has looked and says `resume`: it records that pause as a command, before anything else, and
takes its account off the note once that is durable.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tradectl.domain.errors import StateError
from tradectl.files.own import open_own, read_own

LARGEST = 64 * 1024


class Restored(Struct, frozen=True):
    """Why, and the kinds of the accounts that have not begun since."""

    reason: str
    kinds: Sequence[str]


class RestoredNote:
    """The file at `path`: there is one while an account of the directory waits."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, restored: Restored) -> None:
        """Raises StateError."""
        try:
            fd = open_own(self._path, os.O_WRONLY | os.O_CREAT)
            with os.fdopen(fd, "wb") as file:
                file.truncate()
                file.write(msgspec.json.encode(restored))
                file.flush()
                os.fsync(fd)
        except OSError as error:
            raise StateError(f"cannot write {self._path}: {error.strerror}") from error

    def reason(self, kind: str) -> str | None:
        """Why the account of this `kind` is to begin paused; None where it is not. One that cannot be
        read pauses, too."""
        try:
            found = msgspec.json.decode(read_own(self._path, LARGEST), type=Restored)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError):
            return "restored from a backup"
        return found.reason if kind in found.kinds else None

    def forget(self, kind: str) -> None:
        """It is recorded. Raises StateError."""
        try:
            found = msgspec.json.decode(read_own(self._path, LARGEST), type=Restored)
            left = [other for other in found.kinds if other != kind]
        except (OSError, msgspec.DecodeError):
            left = []
        if left:
            self.note(Restored(found.reason, left))
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"cannot remove {self._path}: {error.strerror}") from error


__all__ = ["Restored", "RestoredNote"]
