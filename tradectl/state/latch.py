"""The emergency stop's latch: a small file that any process can set and that survives everything.

It is made ahead, full size, so that setting it overwrites bytes that exist: that works on a full disk.
Where even that is refused (a directory turned read-only) a second file in the temporary directory takes
its place. Anything in it that is not blank means halted: a torn write must not let an order out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from tradectl.domain.errors import StateError
from tradectl.domain.text import harmless
from tradectl.domain.time import iso

SIZE = 4096
LONGEST_REASON = 500
BLANK = b" \n\0"
LOOK_UP_EVERY_S = 0.05
READ_EVERY_S = 0.001
UNREADABLE = b"unreadable"
SPARES = Path("/tmp")


class LatchState(Struct, frozen=True):
    """`flatten`: orders that close positions may still leave."""

    reason: str
    since: str
    flatten: bool = False


class HaltLatch:
    """The latch of one state directory: `path`, and the spare that its real path names."""

    def __init__(self, path: Path) -> None:
        name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
        self._path = path
        self._spare = SPARES / f"tradectl-halt-{os.getuid()}-{name}"
        self._fd = -1
        self._known = False
        self._read_at = self._look_up_at = 0.0

    def prepare(self) -> None:
        """Make the file, blank and at full size, if it is not there. Raises StateError."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                missing = SIZE - os.fstat(fd).st_size
                if missing > 0:
                    os.pwrite(fd, b" " * missing, SIZE - missing)
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise StateError(
                f"cannot prepare the halt latch {self._path}: {error.strerror}"
            ) from error

    def read(self) -> LatchState | None:
        """The halt, or None. What cannot be read counts as set."""
        held, spare = self._parse(_content(self._path)), self._parse(_content(self._spare))
        if held is None or spare is None:
            return held or spare
        return LatchState(held.reason, held.since, held.flatten or spare.flatten)

    def is_set(self) -> bool:
        """Asked before every send. The open file is read again after a millisecond at the latest, and
        looked up by name (it may have been replaced, or the spare set) a few times a second."""
        now = time.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + LOOK_UP_EVERY_S
            self._reopen()
            self._known = self.read() is not None
            self._read_at = now + READ_EVERY_S
        elif now >= self._read_at:
            self._read_at = now + READ_EVERY_S
            self._known = self._known or self._reads_as_set()
        return self._known

    def set(self, reason: str, *, flatten: bool = False) -> LatchState:
        """Latch, durably; the first reason stays. Raises StateError when no file could be written."""
        held = self.read()
        if held is not None and (held.flatten or not flatten):
            return held
        since = held.since if held is not None else iso(time.time_ns())
        text = held.reason if held is not None else harmless(reason, LONGEST_REASON)
        state = LatchState(text, since, flatten)
        try:
            self._write(self._path, state)
        except OSError as error:
            self._set_spare(state, error)
        return state

    def clear(self) -> None:
        """Blank it. Raises StateError when that is not possible."""
        try:
            if self._path.exists():
                self._write(self._path, None)
            self._spare.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"cannot clear the halt latch {self._path}: {error.strerror}"
            ) from error

    def _set_spare(self, state: LatchState, first_error: OSError) -> None:
        try:
            self._write(self._spare, state)
        except OSError as error:
            raise StateError(
                f"cannot set the halt latch: {self._path}: {first_error.strerror}; "
                f"{self._spare}: {error.strerror}"
            ) from error

    def _reopen(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def _reads_as_set(self) -> bool:
        if self._fd < 0:
            return False
        try:
            return bool(os.pread(self._fd, SIZE, 0).strip(BLANK))
        except OSError:
            return True

    def close(self) -> None:
        """Give the open file back; asking opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def _write(path: Path, state: LatchState | None) -> None:
        text = b"" if state is None else msgspec.json.encode(state)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(fd, text.ljust(SIZE), 0)
            os.fsync(fd)
        finally:
            os.close(fd)

    @staticmethod
    def _parse(content: bytes) -> LatchState | None:
        text = content.strip(BLANK)
        if not text:
            return None
        try:
            return msgspec.json.decode(text, type=LatchState)
        except msgspec.DecodeError:
            return LatchState("the latch file is unreadable, which counts as set", "")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError:
        return UNREADABLE
