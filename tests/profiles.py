"""How much is tried: `fast` with every commit, `deep` when there is time.

    python -m pytest                            fast
    python -m pytest --deep                     deep; TRADECTL_TEST_PROFILE=deep says the same
    TRADECTL_SCHEDULES=5000 python -m pytest    so many fault schedules, whatever the profile

Every test runs in both. Deep, a property is tried with forty times as many examples, a process is killed
more often, and more fault schedules are played. Their seeds are made of the commit: each commit
tries others, and one commit always the same; what is kept because it once found something comes in turn,
a part of it with each commit. The header says which commit.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import settings

DEEP = "deep"
FAST = "fast"
PROFILE = "TRADECTL_TEST_PROFILE"
COMMIT = "TRADECTL_SCHEDULE_COMMIT"
"""Of which commit the seeds are made; asked of git where it is not set."""
SCHEDULES = "TRADECTL_SCHEDULES"
SCHEDULES_A_COMMIT = 4
EXAMPLES = 25
T = TypeVar("T")
DEEPER = 40

settings.register_profile(FAST, deadline=None, max_examples=EXAMPLES)
settings.register_profile(DEEP, deadline=None, max_examples=EXAMPLES * DEEPER)


def is_deep() -> bool:
    return os.environ.get(PROFILE, FAST) == DEEP


def choose(*, deep: bool) -> None:
    """For this process and those that it starts. ValueError for a profile that there is not."""
    if deep:
        os.environ[PROFILE] = DEEP
    if (name := os.environ.get(PROFILE, FAST)) not in (FAST, DEEP):
        raise ValueError(f"{PROFILE} is {name!r}, and the profiles are {FAST} and {DEEP}")
    os.environ.setdefault(COMMIT, _commit())
    settings.load_profile(DEEP if is_deep() else FAST)


def examples(fast: int) -> int:
    """How many to try of a property for which `EXAMPLES` are too many or too few."""
    return fast * DEEPER if is_deep() else fast


def schedule_seeds() -> list[int]:
    """Those of this commit; deep, the first three hundred numbers as well."""
    count = int(os.environ.get(SCHEDULES, SCHEDULES_A_COMMIT))
    seeds = seeds_of_commit(count)
    return [*range(300), *seeds] if is_deep() else seeds


def seeds_of_commit(count: int) -> list[int]:
    commit = _of_commit()
    return [_seed(commit, number) for number in range(count)]


def in_turn(kept: Sequence[T], parts: int, deep: Iterable[T] = (), *, name: str = "") -> list[T]:
    """One of so many equal parts of what is kept, of another commit another one. Deep, `deep` and all.

    Lists of one `name` come to the same part at one commit, as two that are to be each other's opposite
    have to; those of different ones to any. Without a name it is that of the module that asks."""
    if is_deep():
        return list(dict.fromkeys([*deep, *kept]))
    turns = name or sys._getframe(1).f_globals["__name__"]
    return list(kept[_seed(f"{_of_commit()} {turns}", 0) % parts :: parts])


def described() -> str:
    """For the header of a test run."""
    commit = _of_commit()
    profile = os.environ.get(PROFILE, FAST)
    return f"profile {profile}; {len(schedule_seeds())} fault schedules, seeds made of {COMMIT}={commit}"


def _seed(commit: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{commit} {number}".encode()).digest()[:4], "big")


def _of_commit() -> str:
    return os.environ.get(COMMIT) or _commit()


def _commit() -> str:
    """The one that is checked out; a word of its own where there is no repository."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent,
        )
    except OSError:
        return "no-commit"
    return asked.stdout.strip() or "no-commit"


__all__ = [
    "choose", "described", "examples", "in_turn", "is_deep", "schedule_seeds", "seeds_of_commit",
]  # fmt: skip
