"""Who else can change a thing: by its owner and mode, and by those of every folder on the way to it.

Whoever may write a folder may put another thing in the place of what is in it, whoever owns that. The one
exception is a folder such as /tmp, where only a thing's owner may take it away.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from pathlib import Path

LONGEST_CHAIN_OF_LINKS = 40
ROOT = 0
OF_ANOTHER = "it belongs to another user"
OTHERS_WRITE = "others can write it"


def is_trusted(uid: int, also: int = ROOT) -> bool:
    """Ours, or that of who can change anything all the same."""
    return uid in (os.geteuid(), ROOT, also)


def installer_of(program: Path) -> int:
    """Who can change all that a program does; root where that cannot be seen."""
    with contextlib.suppress(OSError):
        return program.stat().st_uid
    return ROOT


def others_write(found: os.stat_result) -> bool:
    return bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def distrust_of(found: os.stat_result, also: int = ROOT) -> str:
    """Why somebody else could have written the file, in words; empty where only we, root and the user
    `also` can."""
    if not is_trusted(found.st_uid, also):
        return OF_ANOTHER
    return OTHERS_WRITE if others_write(found) else ""


def distrust_of_installed(found: os.stat_result, also: int) -> str:
    """The same of what an installer made, who may leave it to the group that a user has for himself."""
    if not is_trusted(found.st_uid, also):
        return OF_ANOTHER
    return OTHERS_WRITE if _strangers_write(found) else ""


def opening_on_the_way(path: Path, also: int = ROOT) -> str:
    """Where on the way to `path` somebody but us, root and the user `also` could put another thing in
    its place, in words; empty where nobody can. Links are followed, and their owners asked for. Raises
    OSError."""
    at, links = Path("/"), 0
    names = [*reversed(path.absolute().parts[1:])]
    while names:
        if why := _opening(at, also):
            return why
        here = at / names.pop()
        try:
            found = here.lstat()
        except FileNotFoundError:
            return ""
        if not stat.S_ISLNK(found.st_mode):
            at = at.parent if here.name == ".." else here
            continue
        links += 1
        if not is_trusted(found.st_uid, also) or links > LONGEST_CHAIN_OF_LINKS:
            return f"the link {here} belongs to another user"
        target = here.readlink()
        at = Path("/") if target.is_absolute() else at
        names += [name for name in reversed(target.parts) if name != "/"]
    return ""


def is_private(folder: Path) -> bool:
    """Nobody else can have put anything into it, or put it there."""
    with contextlib.suppress(OSError):
        found = folder.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        return is_ours and not others_write(found) and not opening_on_the_way(folder)
    return False


def _opening(folder: Path, also: int) -> str:
    found = folder.stat()
    if not is_trusted(found.st_uid, also):
        return f"the folder {folder} belongs to another user"
    if not found.st_mode & stat.S_ISVTX and _strangers_write(found):
        return f"others can write the folder {folder}"
    return ""


def _strangers_write(found: os.stat_result) -> bool:
    """Many systems give each user a group of his own, which may write all that he makes."""
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_group_of_our_own(found.st_gid)


def _is_group_of_our_own(gid: int) -> bool:
    with contextlib.suppress(KeyError):
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
        is_named_so = group.gr_name == user.pw_name and gid == user.pw_gid
        return is_named_so and set(group.gr_mem) <= {user.pw_name}
    return False


__all__ = [
    "OF_ANOTHER",
    "OTHERS_WRITE",
    "ROOT",
    "distrust_of",
    "distrust_of_installed",
    "installer_of",
    "is_private",
    "is_trusted",
    "opening_on_the_way",
    "others_write",
]  # fmt: skip
