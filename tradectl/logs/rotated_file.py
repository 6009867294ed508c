"""The log's files: one is written, some older ones are kept, and any number of processes share them.

    logs/tradectl.log   tradectl.log.1   tradectl.log.2 ...     the higher the number, the older

Each write is one append of whole lines, which the system does not mix with another's. Whoever finds the
file full moves the files on, one process at a time; the others see by its inode that theirs has become an
older one, and open the new one. A process that is stopped while it moves them keeps nobody waiting: the
rest write on to what is there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tradectl.files.own import open_own
from tradectl.files.places import make_folders

NAME = "tradectl.log"
LOCK = "rotation-lock"
_NAMES = re.compile(rf"{re.escape(NAME)}(?:\.([1-9]\d{{0,5}}))?")
APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT


def files_in(folder: Path) -> list[Path]:
    """Newest first, however many there are; none where there is no folder. Raises OSError."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    numbered = {int(found[1] or 0): name for name in names if (found := _NAMES.fullmatch(name))}
    return [folder / numbered[number] for number in sorted(numbered)]


class RotatedFile:
    """In `folder`, made when it is written to: of about `largest` bytes, `count` files in all. For one
    thread."""

    def __init__(self, folder: Path, largest: int, count: int) -> None:
        self._folder = folder
        self._path = folder / NAME
        self.largest, self.count = largest, count
        self._fd: int | None = None

    def append(self, lines: bytes) -> None:
        """Whole lines. Raises OSError where not all of them could be written."""
        fd = self._current()
        size = os.fstat(fd).st_size
        if size and size + len(lines) > self.largest:
            fd = self._moved_on(fd)
        written = os.write(fd, lines)
        if written < len(lines):
            self.close()  # what is cut off is closed by a line end when it is opened again
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _current(self) -> int:
        """The descriptor of what the path names now."""
        if self._fd is not None and self._is_current(self._fd):
            return self._fd
        self.close()
        if not self._folder.is_dir():
            make_folders(self._folder)
        self._fd = fd = open_own(self._path, APPEND)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            os.write(fd, b"\n")
        return fd

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.lstat())
        except FileNotFoundError:
            return False

    def _moved_on(self, fd: int) -> int:
        with self._alone() as is_alone:
            if is_alone and self._is_current(fd):
                self._move_on()
        return self._current()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether nobody else moves the files meanwhile."""
        lock = open_own(self._folder / LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def _move_on(self) -> None:
        """The oldest first, so that whoever is killed on the way leaves a gap and loses none."""
        for path in reversed(files_in(self._folder)):
            number = int(path.suffix[1:]) if path.name != NAME else 0
            if number + 1 >= self.count:
                path.unlink(missing_ok=True)
            else:
                path.replace(self._folder / f"{NAME}.{number + 1}")


__all__ = ["RotatedFile", "files_in"]
