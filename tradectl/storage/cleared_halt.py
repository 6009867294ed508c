"""The note that `clear-halt` leaves for the next run.

A halt is cleared while nothing runs, so there is no journal to write it into. The next run of the account
records it as the operator's command, before anything else, and takes the note away once that is durable:
killed in between, it is recorded again.
"""

from __future__ import annotations

import os
from pathlib import Path

from tradectl.domain.errors import StateError
from tradectl.domain.text import harmless
from tradectl.files.own import open_own, read_own
from tradectl.storage.latch import LONGEST_REASON, Halt

LARGEST = 64 * 1024


class ClearedHalt:
    """The file at `path`: there is one while a cleared halt waits to be recorded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, halt: Halt) -> None:
        """Before the latch is cleared, so that no run trades on unaware. Raises StateError."""
        try:
            fd = open_own(self._path, os.O_WRONLY | os.O_CREAT)
            with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
                file.truncate()
                file.write(str(halt))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StateError(
                f"cannot note that the halt is cleared in {self._path}: {error.strerror}; the halt stays"
            ) from error

    def read(self) -> str | None:
        """What the halt was, in one line; None where there is no note."""
        try:
            text = read_own(self._path, LARGEST).decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{self._path} cannot be read: {error.strerror}"
        return harmless(text, LONGEST_REASON)

    def forget(self) -> None:
        """It is recorded. Raises StateError."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"cannot remove {self._path}: {error.strerror}") from error


__all__ = ["ClearedHalt"]
