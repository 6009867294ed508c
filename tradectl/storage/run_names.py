"""How a run is named, wherever one is asked for: the beginning of its id, its journal, or `latest`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless

LATEST = "latest"
ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def is_file_name(asked: str) -> bool:
    """Whether a journal is meant by its file: by what is there, though it be a folder."""
    return os.sep in asked or asked.endswith(ENDINGS) or (asked != LATEST and Path(asked).exists())


def run_of_file(path: Path) -> str:
    """The id of the run whose journal it is, by its name, put away or not."""
    return path.name.partition(".")[0]


def run_named(known: Sequence[str], asked: str) -> str:
    """The one of the ids `known`, oldest first. Raises UsageError where it is none, or more than one."""
    if is_file_name(asked):
        asked = run_of_file(Path(asked))
    told = repr(harmless(asked, 40))
    if asked == LATEST:
        found = list(known[-1:])
    else:
        found = [each for each in known if asked and each.startswith(asked)]
    if not known:
        raise UsageError("there is no run here: `tradectl run --paper` makes one")
    if not found:
        raise UsageError(f"no run begins with {told}: `tradectl runs` lists them")
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} runs begin with {told}: one of them is {found[-1]}, "
            "`tradectl runs` lists them"
        )
    return found[0]


__all__ = ["LATEST", "is_file_name", "run_named", "run_of_file"]
