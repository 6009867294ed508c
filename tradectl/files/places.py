"""Where this account keeps its things: the state directory, and a small place that is nobody else's.

The small place is for what must be found by every process of the user on this machine, whatever its
environment is: a halt where the state directory cannot be written. Each folder that it may be in is
looked into; one that vanishes with the last login, or one on a full disk, leaves the other.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import sys
from pathlib import Path

from tradectl.files.trust import is_private

FOLDER = "tradectl-private"
DARWIN_USER_TEMP_DIR = 65537
"""macOS has a folder for each user's passing things; Python's `os.confstr` knows it by number."""


def default_state_dir() -> Path:
    """TRADECTL_STATE_DIR, else the platform's folder for state."""
    named = os.environ.get("TRADECTL_STATE_DIR")
    return Path(named) if named else _state_home(home()) / "tradectl"


def home() -> Path:
    """Of the user, as the environment says, else the system; the root where neither does, as in a
    container that runs as a user without a name."""
    named = os.environ.get("HOME", "")
    return Path(named) if named.startswith("/") else _home_by_name() or Path("/")


def expanded(path: str) -> Path:
    """`~` is a home, where there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _home_by_name() -> Path | None:
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return None


def name_of(path: Path) -> str:
    """Short, and the same for every way that leads to `path`, be it there or not."""
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]


def private_places() -> list[Path]:
    """The folders, made or not; those before the environment's own that every process finds."""
    found = [*_runtime(os.geteuid()), _state_of_home(_home_by_name() or home())]
    found += [
        Path(named)
        for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME")
        if (named := os.environ.get(variable, "")).startswith("/")
    ]
    return [folder / FOLDER for folder in dict.fromkeys(found)]


def private_home() -> Path:
    """The one of them beside the state directory that the environment asks for."""
    return _state_home(home()) / FOLDER


def homes_of_state() -> list[Path]:
    """That one, and the one that every process of the user finds, whatever its environment is: for what
    is to stay when the system starts anew."""
    found = [private_home()]
    if (by_name := _home_by_name()) is not None:
        found.append(_state_of_home(by_name) / FOLDER)
    return list(dict.fromkeys(found))


def make_folders(path: Path) -> None:
    """`path` and those above it that are missing, from the first moment nobody else's. Raises OSError."""
    for folder in reversed((path, *path.parents)):
        if not folder.is_dir():
            folder.mkdir(mode=0o700)


def make_private(place: Path) -> None:
    """Raises OSError where it cannot be, or where others have a way in."""
    if not place.parent.is_dir():
        _make_state_of_home(place.parent)
    place.mkdir(mode=0o700, exist_ok=True)
    if not is_private(place):
        raise PermissionError(1, "others could have put it there, or can write it")


def _make_state_of_home(folder: Path) -> None:
    """A home itself is nobody's to make, nor what a system makes at a login."""
    home = folder.parents[1]
    if folder not in (_state_of_home(home), _state_home(home)) or not home.is_dir():
        raise FileNotFoundError(2, "No such file or directory")
    make_folders(folder)


def _state_home(home: Path) -> Path:
    named = os.environ.get("XDG_STATE_HOME", "")
    if named.startswith("/") and sys.platform != "darwin":
        return Path(named)
    return _state_of_home(home)


def _state_of_home(home: Path) -> Path:
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"


def _runtime(user: int) -> list[Path]:
    if sys.platform == "darwin":
        return [Path(os.confstr(DARWIN_USER_TEMP_DIR) or "/")]
    return [Path(f"/run/user/{user}"), *([Path("/run")] if user == 0 else [])]


__all__ = [
    "default_state_dir",
    "expanded",
    "home",
    "homes_of_state",
    "make_folders",
    "make_private",
    "name_of",
    "private_home",
    "private_places",
]
