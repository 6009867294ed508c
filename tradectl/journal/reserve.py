"""Room on the disk for an emergency stop, kept by a file of nothing.

On a full disk the trading process can write down nothing any more, and so does nothing more. Whoever
finishes for it gives this file back, and has room for a journal of its own and for the database.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tradectl.files.own import open_own

SIZE = 4 * 1024 * 1024
SHARE = 4
"""On a small disk at most this part of what is free, else nothing could run there."""


class Reserve:
    """The file `path`; without one there is no room but what the disk has."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self) -> None:
        """As large as the disk allows; what is there already is kept. It is no reason not to trade."""
        with contextlib.suppress(OSError):
            fd = open_own(self._path, os.O_WRONLY | os.O_CREAT)
            try:
                disk, there = os.fstatvfs(fd), os.fstat(fd).st_size
                size = min(SIZE, disk.f_bavail * disk.f_frsize // SHARE)
                if size > there:
                    _allocate(fd, there, size - there)
            finally:
                os.close(fd)

    def size(self) -> int:
        """Bytes that are kept now."""
        try:
            return self._path.lstat().st_size
        except OSError:
            return 0

    def give_back(self) -> None:
        with contextlib.suppress(OSError):  # then there is no more room than there was
            self._path.unlink()


def _allocate(fd: int, offset: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, offset, size)
    else:
        os.pwrite(fd, bytes(size), offset)


__all__ = ["Reserve"]
