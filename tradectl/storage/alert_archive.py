"""Alerts that are no longer in the database: a line each, in a file beside it.

They are written before their rows go, and the rows may stay all the same (their transaction fails, the
process is killed): written again, they are still there once. A line that did not get whole onto the disk
is taken off again; its row stays. A file that is full becomes the older one, and what that had is gone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tradectl.files.own import open_own

ALERTS_FILE = "alerts-before.jsonl"
OLDER_ALERTS_FILE = "alerts-long-before.jsonl"
LARGEST = 16 * 1024 * 1024
"""Bytes of each of the two."""


def archive(folder: Path, lines: Sequence[bytes]) -> None:
    """All of `lines`, on the disk, each once. Raises OSError: then none is new."""
    path = folder / ALERTS_FILE
    with _opened(path) as fd:
        size, known = _end(fd, sum(map(len, lines)))
        new = b"".join(line for line in lines if line not in known)
        is_full = size > 0 and size + len(new) > LARGEST
        if not is_full:
            _write(fd, new, size)
    if is_full:
        path.replace(folder / OLDER_ALERTS_FILE)
        with _opened(path) as fd:
            _write(fd, new, 0)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = open_own(path, os.O_RDWR | os.O_CREAT)
    try:
        yield fd
    finally:
        os.close(fd)


def _end(fd: int, length: int) -> tuple[int, set[bytes]]:
    """Where the last whole line ends, and the lines of the last `length` bytes before that."""
    size = os.fstat(fd).st_size
    start = max(0, size - 2 * length)
    end = os.pread(fd, size - start, start)
    size = start + end.rfind(b"\n") + 1
    return size, set(end.splitlines(keepends=True))


def _write(fd: int, data: bytes, at: int) -> None:
    """A disk that fills takes a part only, which is taken off again."""
    end = at
    os.ftruncate(fd, at)
    try:
        while data:
            written = os.pwrite(fd, data, end)
            data, end = data[written:], end + written
        os.fsync(fd)
    except OSError:
        os.ftruncate(fd, at)
        raise


__all__ = ["ALERTS_FILE", "OLDER_ALERTS_FILE", "archive"]
