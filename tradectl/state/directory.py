"""The state directory: one account's files, one owner, one process at a time.

state.db   journals/RUN_ID.jsonl   control.sock   halt (the latch)   lock
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tradectl.domain.errors import AlreadyRunning, StateError
from tradectl.state.latch import HaltLatch

NOTE = 16
ASKING_S = 0.2
RUN_ID = re.compile(r"\d{8}T\d{9}-[0-9a-f]{4}")


def default_state_dir() -> Path:
    """TRADECTL_STATE_DIR, else the platform's folder for state."""
    named = os.environ.get("TRADECTL_STATE_DIR")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tradectl"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tradectl"


class StateDir:
    """`path` and the files in it; nothing is made before `create`."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or default_state_dir()).absolute()
        self.db = self.path / "state.db"
        self.journals = self.path / "journals"
        self.socket = self.path / "control.sock"
        self.lock_file = self.path / "lock"
        self.latch = HaltLatch(self.path / "halt")

    def create(self) -> None:
        """Make the directory, mode 0700, with its latch. Raises StateError when that cannot be."""
        self.check()
        try:
            self.journals.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            raise StateError(
                f"cannot make the state directory {self.path}: {error.strerror}; "
                "name another with --state-dir"
            ) from error
        self.latch.prepare()

    def check(self) -> None:
        """Refuse a directory that somebody else could have prepared for us."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateError(
                f"cannot use the state directory {self.path}: {error.strerror}"
            ) from error
        if stat.S_ISLNK(found.st_mode):
            raise StateError(
                f"the state directory {self.path} is a symbolic link: name the folder itself"
            )
        if not stat.S_ISDIR(found.st_mode):
            raise StateError(f"the state directory {self.path} is not a directory")
        if found.st_uid != os.getuid():
            raise StateError(
                f"the state directory {self.path} belongs to another user: name your own"
            )

    def journal_files(self) -> list[Path]:
        """Journals by run, oldest first: run ids begin with their time. Copies are left aside."""
        if not self.journals.is_dir():
            return []
        return sorted(p for p in self.journals.glob("*.jsonl") if RUN_ID.fullmatch(p.stem))

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the lock that makes this process the only one. Raises AlreadyRunning, StateError."""
        try:
            fd = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"cannot lock {self.lock_file}: {error.strerror}") from error
        try:
            self._take(fd)
            _note(fd, str(os.getpid()))
            yield
            _note(fd, "")
        finally:
            os.close(fd)

    def _take(self, fd: int) -> None:
        """Lock it; whoever only asks for the owner holds it for a moment, and is waited for."""
        deadline = time.monotonic() + ASKING_S
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            owner = self.owner()
            if owner is not None or time.monotonic() > deadline:
                raise AlreadyRunning(
                    f"another tradectl (process {owner or 'unknown'}) owns {self.path}: "
                    "stop it, or name another --state-dir"
                )
            time.sleep(0.01)

    def owner(self) -> int | None:
        """The process that holds the lock, or None. Only a held lock counts, not what is written."""
        try:
            fd = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(fd, 32, 0).strip()
            return int(text) if text.isdigit() else None
        finally:
            os.close(fd)
        return None


def _note(fd: int, text: str) -> None:
    """Over what stands there, so that a full disk has room for it; it is the lock that counts."""
    with contextlib.suppress(OSError):
        os.pwrite(fd, text.ljust(NOTE).encode(), 0)
