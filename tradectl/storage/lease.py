"""The lease: who may trade an account. One process at a time holds it, each with a higher epoch.

Today it is the lock of a state directory, which the operating system takes from a process that dies.
With several machines it will be granted from outside and can be lost while it is held: so whoever acts
for the account asks `held`, and what was done under an older `epoch` can be told from what is done now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import AlreadyRunning, StateError
from tradectl.files.own import open_own, read_named
from tradectl.storage.processes import WIDTH, Identity, process_of, this_process

NOTE = 16
LARGEST = 64 * 1024
ASKING_S, GUEST_S = 0.2, 10.0
GUEST, STOPS = b"guest", b"stops"
EXCLUSIVE = "FLOCK  ADVISORY  WRITE"


class Lease(Protocol):
    @property
    def held(self) -> bool:
        """By us, now."""
        ...

    @property
    def epoch(self) -> int:
        """That of our hold; 0 when there was none yet. Every holder's is higher than the last one's."""
        ...


class FileLease:
    """A `Lease` by the lock on the file `path`: which process, epoch and kind are noted in it, the lock
    counts."""

    def __init__(
        self, path: Path, *, monotonic: Callable[[], float] = ComputerClock.monotonic
    ) -> None:
        self._path = path
        self._monotonic = monotonic
        self._held = False
        self._epoch = 0

    @property
    def held(self) -> bool:
        return self._held

    @property
    def epoch(self) -> int:
        return self._epoch

    @contextlib.contextmanager
    def acquire(self, *, guest: bool = False, stops: bool = False) -> Iterator[None]:
        """Be the only one, for as long as the block lasts. A guest tidies up and is gone in a moment: it
        owns nothing, and is waited for. `stops` tells others that an emergency stop is at work. Raises
        AlreadyRunning, StateError."""
        try:
            fd = open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StateError(f"cannot lock {self._path}: {error.strerror}") from error
        try:
            self._take(fd)
            self._epoch = _number(os.pread(fd, NOTE, NOTE)) + 1
            self._held = True
            _note(
                fd,
                f"{os.getpid():<{NOTE}}{self._epoch:<{NOTE}}{_kind(guest=guest, stops=stops):<{NOTE}}"
                f"{this_process().noted()}",
            )
            yield
            _note(fd, " " * NOTE)
        finally:
            self._held = False
            os.close(fd)

    def _take(self, fd: int) -> None:
        """Lock it; whoever only asks for the owner holds it for a moment, and is waited for."""
        since = self._monotonic()
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            owner = self.owner()
            patience = GUEST_S if _is_guest(fd) else ASKING_S
            if owner is not None or self._monotonic() > since + patience:
                raise AlreadyRunning(
                    f"another tradectl (process {owner or 'unknown'}) owns {self._path.parent}: "
                    "stop it, or name another --state-dir"
                )
            time.sleep(0.01)

    def owner(self) -> int | None:
        """The process that holds the lock, or None. Only a held lock counts, not what is written: between
        the two the note may still be that of a process long dead, whose number another one has by now."""
        try:
            fd = open_own(self._path)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            noted = _number(os.pread(fd, NOTE, 0))
            if noted and _holds(noted, fd):
                return None if _is_guest(fd) else noted
            return _holder(fd) or noted or None
        finally:
            os.close(fd)
        return None

    def kind_of(self, process: int) -> bytes | None:
        """As what `process` holds the lock: GUEST, STOPS, or empty. None until it is noted."""
        with contextlib.suppress(OSError), os.fdopen(open_own(self._path), "rb") as file:
            if _number(os.pread(file.fileno(), NOTE, 0)) == process:
                return _noted_kind(file.fileno())
        return None

    def identity_of(self, process: int) -> Identity:
        """Of whom that `owner` names, as it has noted which process it is. The kernel tells of one that
        was stopped, or lost the processor, between the lock and the note."""
        with contextlib.suppress(OSError), os.fdopen(open_own(self._path), "rb") as file:
            noted = Identity.from_note(process, os.pread(file.fileno(), WIDTH, 3 * NOTE))
            if _number(os.pread(file.fileno(), NOTE, 0)) == process and not noted.is_elsewhere:
                return noted
            now = process_of(process)
            if _holds(process, file.fileno()):  # only then is it the one that was read just before
                return now
            if noted.is_elsewhere:
                return noted
        return Identity(process)


def _holder(fd: int) -> int | None:
    """Who locks the open file, by the kernel's word; None where it gives none."""
    with contextlib.suppress(OSError):
        processes = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        return next((process for process in processes if _holds(process, fd)), None)
    return None


def _holds(process: int, fd: int) -> bool:
    """`process` has the file that is open as `fd` open, too, and locks it, by the kernel's word."""
    file = os.fstat(fd)
    with contextlib.suppress(OSError):
        for opened in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(opened.stat(), file) and EXCLUSIVE in _told_of(opened):
                    return True
    return False


def _told_of(opened: Path) -> str:
    """What the kernel says of `/proc/PROCESS/fd/NUMBER`."""
    return read_named(opened.parents[1] / "fdinfo" / opened.name, LARGEST).decode()


def _kind(*, guest: bool, stops: bool) -> str:
    return (GUEST if guest else STOPS if stops else b"").decode()


def _is_guest(fd: int) -> bool:
    return _noted_kind(fd) == GUEST


def _noted_kind(fd: int) -> bytes:
    return os.pread(fd, NOTE, 2 * NOTE).strip()


def _number(note: bytes) -> int:
    text = note.strip(b" \0\n")
    return int(text) if text.isdigit() else 0


def _note(fd: int, text: str) -> None:
    """Over what stands there, so that a full disk has room for it; it is the lock that counts."""
    with contextlib.suppress(OSError):
        os.pwrite(fd, text.encode(), 0)


__all__ = ["ASKING_S", "GUEST", "STOPS", "FileLease", "Lease"]
