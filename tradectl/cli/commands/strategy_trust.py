"""A journal may name code: it is run only by the word of who replays it.

A strategy's file that a journal names is run as if he had typed its name, and whoever wrote the journal
chose it. So he is asked, or says `--trust`, or names files of his own with `--strategy`: each takes the
place of the one with the class of its name. One that would take no place is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer
from msgspec.structs import replace

from tradectl.config.settings import Settings
from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless
from tradectl.strategy.catalog import names_a_file

LONGEST_PATH = 300


def judge(own: Sequence[str], *, trust: bool) -> Callable[[Settings], Settings]:
    """What takes a journal's settings, and gives those that may be run. It raises UsageError."""

    def judged(settings: Settings) -> Settings:
        files = list(
            dict.fromkeys(s.strategy for s in settings.strategies if names_a_file(s.strategy))
        )
        named = [*files, *filter(None, [settings.allocation.allocator])]
        instead = {_class(named): named for named in own}
        if trust:
            return settings
        _refuse_useless(own, instead, named)
        unknown = [name for name in named if _class(name) not in instead]
        if unknown and not (not own and _is_wanted(unknown)):
            raise UsageError(
                f"the journal names code, which is not run unasked: {_told(unknown)}: read it, then add "
                "--trust, or name yours, as it is called there: --strategy "
                f"path/to/file.py:{_class(unknown[0])}"
            )
        return settings if not own else _with_own(settings, instead)

    return judged


def _with_own(settings: Settings, instead: dict[str, str]) -> Settings:
    strategies = tuple(
        replace(s, strategy=instead[_class(s.strategy)]) if names_a_file(s.strategy) else s
        for s in settings.strategies
    )
    allocator = settings.allocation.allocator
    allocation = replace(settings.allocation, allocator=instead.get(_class(allocator), allocator))
    return replace(settings, strategies=strategies, allocation=allocation)


def _refuse_useless(own: Sequence[str], instead: dict[str, str], files: Sequence[str]) -> None:
    taken = {instead.get(_class(name)) for name in files}
    if useless := [named for named in own if named not in taken]:
        raise UsageError(
            f"--strategy {_told(useless)} takes the place of no file that the journal names, which are: "
            f"{_told(files) or 'none'}: leave it out, or name it by the class of one"
        )


def _class(named: str) -> str:
    return named.rpartition(":")[2]


def _is_wanted(files: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"The journal names code: {_told(files)}. Run it?", err=True)


def _told(files: Sequence[str]) -> str:
    return harmless(", ".join(files), LONGEST_PATH)


__all__ = ["judge"]
