"""What is noted outside of the state directories has a bound: notes on every trial that ever was would
pile up around those of the accounts that matter.

Over that many, what is known of directories that are not there any more goes first, then what was noted
longest ago; a few more go with them, so that the next accounts are noted without a look at all of them.
A note that goes takes a doubt with it, and never a halt: those are not looked at here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

KEPT = 1_000
"""Accounts."""
AT_ONCE = 10
"""One in so many goes."""
NOTES = re.compile(r"(?:head|hosts)-([0-9a-f]{16})(?:-[a-z]+)?")


def forget_past_accounts(place: Path, folder_of: Callable[[Path], str], kept: int = KEPT) -> None:
    """Of the notes in `place`; `folder_of` tells what state directory one is of, empty where it does not
    say. Raises OSError."""
    accounts: dict[str, list[Path]] = {}
    for path in place.iterdir():
        if (found := NOTES.fullmatch(path.name)) is not None:
            accounts.setdefault(found[1], []).append(path)
    if len(accounts) <= kept:
        return

    def worth(notes: list[Path]) -> tuple[bool, float]:
        folders = [*filter(None, map(folder_of, notes))]
        is_there = not folders or any(Path(folder).is_dir() for folder in folders)
        return is_there, max(map(_changed, notes))

    for notes in sorted(accounts.values(), key=worth)[: kept // AT_ONCE - kept]:
        for path in notes:
            path.unlink(missing_ok=True)


def _changed(path: Path) -> float:
    """When, in seconds; 0 for what is gone meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return path.lstat().st_mtime
    return 0.0


__all__ = ["forget_past_accounts"]
