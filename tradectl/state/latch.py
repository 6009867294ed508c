"""The emergency stop's latch: a small file that any process can set and that survives everything.

It is made ahead, full size, so that setting it overwrites bytes that exist: that works on a full disk.
Where even that is refused (a directory turned read-only) a second file in the temporary directory takes
its place. Anything in it that is not blank means halted: a torn write must not let an order out.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
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
SPARE_EVERY_S = 0.05


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
        self._spare = Path(tempfile.gettempdir()) / f"tradectl-halt-{os.getuid()}-{name}"
        self._map: mmap.mmap | None = None
        self._spare_found = False
        self._look_at_spare = 0.0

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
        """The halt, or None."""
        state = self._parse(_content(self._path))
        return state if state is not None else self._parse(_content(self._spare))

    def is_set(self) -> bool:
        """Asked before every send, so it costs no system call: the file is mapped into memory, where
        another process's write shows at once. The spare is looked at a few times a second."""
        if self._map is None:
            self._map = self._mapped()
        if self._map is not None and self._map[0] not in BLANK:
            return True
        now = time.monotonic()
        if now >= self._look_at_spare:
            self._look_at_spare = now + SPARE_EVERY_S
            self._spare_found = self._spare.exists()
        return self._spare_found

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

    def _mapped(self) -> mmap.mmap | None:
        try:
            with self._path.open("rb") as file:
                return mmap.mmap(file.fileno(), SIZE, prot=mmap.PROT_READ)
        except (FileNotFoundError, ValueError):
            return None

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
