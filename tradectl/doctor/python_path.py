"""Where Python takes code from: whoever can write there trades with everything that is run.

Whatever lies first on the path under a module's name is run in its place, a `.pth` file and a
`sitecustomize` are run before the first line of any program, and what was compiled is run in place of its
source. None of that can be refused by a program that it may have changed, so it is looked at here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tradectl.doctor.finding import failed, passed
from tradectl.documents.operations import Finding
from tradectl.files.trust import distrust_of_installed, installer_of, opening_on_the_way

RUN_FIRST = ("sitecustomize.py", "usercustomize.py")
PROGRAM = Path(__file__).parents[1]


def python_path() -> Finding:
    """Each folder on Python's path, what is run from it unasked, and tradectl itself."""
    name = "python path"
    found = [why for folder in _folders() for why in _open_to_others(folder)]
    if found:
        return failed(name, "; ".join(found[:3]), "chmod go-w it, or install tradectl elsewhere")
    return passed(name, "nobody else can write where Python takes its code from")


def _folders() -> Iterator[Path]:
    """Those that can be looked at: from any other nothing is taken."""
    for named in dict.fromkeys(sys.path):
        with contextlib.suppress(OSError):
            if Path(named or ".").is_dir():
                yield Path(named or ".")


def _open_to_others(folder: Path) -> Iterator[str]:
    owner = installer_of(PROGRAM)
    try:
        if why := opening_on_the_way(folder / "any", owner):
            yield why
        for entry in os.scandir(folder):
            is_run = (
                entry.name in RUN_FIRST or entry.name.endswith(".pth") or entry.name == PROGRAM.name
            )
            if is_run and (why := distrust_of_installed(entry.stat(), owner)):
                yield f"{entry.path}: {why}"
    except PermissionError:
        return  # nor can it be read, by Python
    except OSError as error:
        yield f"{folder}: {error.strerror}"


__all__ = ["python_path"]
