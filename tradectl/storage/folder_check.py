"""Is the state directory ours, and all that is in it? What others prepared for us would be continued.

Somebody else's link in the place of `journals` is his account, an open lock file is his to hold, and who
can write a folder on the way to it can put another directory there. Each folder is looked at through one
descriptor, which cannot come to mean another one meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tradectl.domain.errors import StateError
from tradectl.domain.text import harmless
from tradectl.files.own import MODE, open_folder
from tradectl.files.trust import OF_ANOTHER, opening_on_the_way, others_write

JOURNALS, BACKTESTS, LOGS, SOCKET = "journals", "backtests", "logs", "control.sock"
FOLDERS = (JOURNALS, BACKTESTS, LOGS)
DATABASE = ("state.db", "state.db-wal", "state.db-shm", "state.db-journal")
FILES = (
    "lock", "halt", "halt-cleared", "restored", "configuration", "reserve", "standing-by", *DATABASE,
)  # fmt: skip
OWN_NAME = "name a folder of your own with --state-dir"


def check_folder(path: Path) -> None:
    """The directory itself, where there is one that can be looked at. Raises StateError."""
    try:
        found = _found(path)
    except PermissionError:
        return  # what is done in it says so
    if found is None:
        return
    if stat.S_ISLNK(found.st_mode):
        raise StateError(f"the state directory {path} is a symbolic link: name the folder itself")
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"the state directory {path} is not a directory")
    if found.st_mode & stat.S_ISVTX:
        raise StateError(
            f"the state directory {path} belongs to everybody: name a folder of your own"
        )
    if found.st_uid != os.geteuid():
        raise StateError(f"the state directory {path} belongs to another user: name your own")


def check_all(path: Path) -> None:
    """The directory, the way to it, and each thing of ours in it. Raises StateError."""
    check_folder(path)
    try:
        opening = opening_on_the_way(path)
        found = _found(path)
    except OSError as error:
        raise StateError(f"cannot use the state directory {path}: {error.strerror}") from error
    if opening:
        raise StateError(
            harmless(
                f"the state directory {path} could be another one at any time: {opening}; {OWN_NAME}"
            )
        )
    if found is None:
        return
    try:
        with _opened(path) as fd:
            _check_within(path, fd)
    except OSError as error:
        raise StateError(f"cannot use the state directory {path}: {error.strerror}") from error


def _check_within(path: Path, fd: int) -> None:
    names = _names(fd)
    if names and others_write(os.fstat(fd)):
        raise StateError(
            f"others can write the state directory {path}: look at what is in it, then chmod 700 it"
        )
    for name in names:
        if name in (*FILES, *FOLDERS, SOCKET) and (odd := _odd(name, fd)):
            raise StateError(f"{path / name} cannot be used: {odd}")


def keep_to_ourselves(path: Path) -> None:
    """What is ours in it is nobody else's to read or enter, however it came to be so. Raises OSError."""
    with _opened(path) as fd:
        os.fchmod(fd, 0o700)
        for name in _names(fd):
            found = _look(name, fd) if name in FILES else None
            if found is not None and stat.S_IMODE(found.st_mode) & 0o077:
                with contextlib.suppress(FileNotFoundError):  # taken away meanwhile
                    os.chmod(name, MODE, dir_fd=fd)  # in the folder that is open


def own_names(folder: Path) -> list[str]:
    """Of the files in a folder of ours, each of which has to be ours. Raises StateError, OSError."""
    with _opened(folder) as fd:
        names = _names(fd)
        for name in names:
            if name.endswith((".jsonl", ".jsonl.zst")) and (odd := _odd(name, fd)):
                raise StateError(harmless(f"{folder / name} cannot be used: {odd}"))
        return names


def _odd(name: str, folder: int) -> str:
    """Why it is not what it should be; empty where it is. A latch that is odd is a halt, as it reads."""
    found = _look(name, folder)
    if found is None:
        return ""
    kinds = {**dict.fromkeys(FOLDERS, stat.S_ISDIR), SOCKET: stat.S_ISSOCK}
    expected = kinds.get(name, stat.S_ISREG)
    if not expected(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "something else"
        return f"it is {what} in the place of ours; take it away"
    if found.st_uid != os.geteuid():
        return f"{OF_ANOTHER}; take it away"
    if name in FILES and found.st_nlink > 1:
        return "it has another name, too, and what is written to it is written there: copy it"
    if others_write(found) and name != SOCKET:
        return (
            f"others can write it: look at it, then chmod {'700' if name in FOLDERS else '600'} it"
        )
    return ""


def _names(folder: int) -> list[str]:
    return os.listdir(folder)  # of the folder that is open


def _look(name: str, folder: int) -> os.stat_result | None:
    """None for one that has just been taken away: SQLite's files come and go."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)  # as above
    except FileNotFoundError:
        return None


def _found(path: Path) -> os.stat_result | None:
    """Raises PermissionError where nobody may look, StateError."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise
    except OSError as error:
        raise StateError(f"cannot use the state directory {path}: {error.strerror}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = open_folder(path)
    try:
        yield fd
    finally:
        os.close(fd)


__all__ = ["check_all", "check_folder", "keep_to_ourselves", "own_names"]
