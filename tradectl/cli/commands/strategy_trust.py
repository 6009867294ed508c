"""A journal may name code: it is run only by the word of who replays it.

A strategy's file that a journal names is run as if he had typed its name, and whoever wrote the journal
chose it. So he is asked, or says `--trust`, or names files of his own with `--strategy`: each takes the
place of the one with the class of its name.
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
        instead = {named.rpartition(":")[2]: named for named in own}
        if trust or not files:
            return settings
        unknown = [name for name in files if name.rpartition(":")[2] not in instead]
        if unknown and not (not own and _is_wanted(unknown)):
            raise UsageError(
                f"the journal names code, which is not run unasked: {_told(unknown)}: read it, then add "
                "--trust, or name yours with --strategy path/to/file.py:ClassName"
            )
        return settings if not own else _with_own(settings, instead)

    return judged


def _with_own(settings: Settings, instead: dict[str, str]) -> Settings:
    strategies = tuple(
        replace(s, strategy=instead[s.strategy.rpartition(":")[2]])
        if names_a_file(s.strategy)
        else s
        for s in settings.strategies
    )
    return replace(settings, strategies=strategies)


def _is_wanted(files: Sequence[str]) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"The journal names code: {_told(files)}. Run it?", err=True)


def _told(files: Sequence[str]) -> str:
    return harmless(", ".join(files), LONGEST_PATH)


__all__ = ["judge"]
