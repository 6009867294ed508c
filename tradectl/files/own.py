"""The one way to our own files: nobody else's is taken for ours, and none is waited for.

Whoever can put a thing in our file's place would steer us by it: a link leads elsewhere, a pipe never
answers, a device never ends, a file of his says what he wants. So every file is opened without following
a link and without waiting, and judged by its descriptor: a plain file, this user's, no larger than ours
ever are. What a user names (a recording, a configuration) may be a link, and is somebody's to judge.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from tradectl.files.trust import OF_ANOTHER, ROOT, distrust_of, distrust_of_installed

MODE = 0o600
NEVER_WAIT = os.O_NONBLOCK | os.O_CLOEXEC


class ForeignFile(OSError):
    """There is something in our file's place that is not ours; `strerror` says what it is."""


def open_own(path: Path, flags: int = os.O_RDONLY, *, largest: int | None = None) -> int:
    """The descriptor of our file, of at most `largest` bytes; with O_CREAT a new one is its owner's
    alone. Raises ForeignFile, OSError."""
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | NEVER_WAIT, MODE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise ForeignFile(error.errno, what_is_odd(path.lstat()) or error.strerror) from error
        raise
    return _judged(fd, what_is_odd(os.fstat(fd), largest))


def open_named(path: Path, *, largest: int | None = None) -> int:
    """The descriptor of a plain file that the user named, to be read; links are followed. Raises
    ForeignFile, OSError."""
    fd = os.open(path, os.O_RDONLY | NEVER_WAIT)
    found = os.fstat(fd)
    return _judged(fd, _kind(found) or _size(found, largest))


def open_trusted(path: Path, *, largest: int | None = None, also: int = ROOT) -> int:
    """The same of one that decides what we do: nobody but us, root and the user `also` can have written
    it. Raises ForeignFile, OSError."""
    fd = open_named(path, largest=largest)
    return _judged(fd, distrust_of(os.fstat(fd), also))


def refuse_installed(path: Path, also: int) -> None:
    """The same of what is installed, which Python opens by its name. Raises ForeignFile, OSError."""
    odd = distrust_of_installed(path.stat(), also)
    if odd:
        raise ForeignFile(errno.EPERM, odd)


def open_folder(path: Path) -> int:
    """The descriptor of a folder of ours. Raises ForeignFile, OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return _judged(fd, OF_ANOTHER if os.fstat(fd).st_uid != os.geteuid() else "")


def sync_own(path: Path) -> None:
    """What is written of our file, or which names our folder has, survives a loss of power from now on.
    Raises ForeignFile, OSError."""
    fd = open_folder(path) if path.is_dir() else open_own(path)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_own(path: Path, largest: int) -> bytes:
    """All of our file. Raises ForeignFile, OSError."""
    return _read(open_own(path, largest=largest))


def read_named(path: Path, largest: int) -> bytes:
    """All of a file that the user named. Raises OSError."""
    return _read(open_named(path, largest=largest))


def _read(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def refuse_foreign(path: Path) -> None:
    """For a library that opens it by its name, and where an open descriptor would cost a lock that is
    held; one that is missing is no fault. Raises ForeignFile, OSError."""
    try:
        odd = what_is_odd(path.lstat())
    except FileNotFoundError:
        return
    if odd:
        raise ForeignFile(errno.EPERM, odd)


def what_is_odd(found: os.stat_result, largest: int | None = None) -> str:
    """Why it cannot be a file of ours; empty where it can."""
    if _kind(found):
        return _kind(found)
    if found.st_uid != os.geteuid():
        return OF_ANOTHER
    return _size(found, largest)


def _kind(found: os.stat_result) -> str:
    if stat.S_ISREG(found.st_mode):
        return ""
    names = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
    return f"it is {names.get(stat.S_IFMT(found.st_mode), 'a device or a socket')}, not a file"


def _size(found: os.stat_result, largest: int | None) -> str:
    if largest is not None and found.st_size > largest:
        return f"it is larger than {largest:,} bytes"
    return ""


def _judged(fd: int, odd: str) -> int:
    if odd:
        os.close(fd)
        raise ForeignFile(errno.EPERM, odd)
    return fd


__all__ = [
    "MODE",
    "ForeignFile",
    "open_folder",
    "open_named",
    "open_own",
    "open_trusted",
    "read_named",
    "read_own",
    "refuse_foreign",
    "refuse_installed",
    "what_is_odd",
]  # fmt: skip
