"""A strategy of one's own to begin with: a file, and its tests beside it. Nothing is ever overwritten."""

from __future__ import annotations

import builtins
import keyword
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tradectl import events, strategy
from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless
from tradectl.strategy import first_draft
from tradectl.strategy.imports import refuse_open

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)
FILE_MODE, FOLDER_MODE = 0o644, 0o755
"""Nobody else may write a strategy, whatever the umask says: it would not be run."""


class NewStrategy(NamedTuple):
    """What was written; `chosen` is what `--strategy` takes."""

    file: Path
    tests: Path
    class_name: str

    @property
    def chosen(self) -> str:
        return f"{self.file}:{self.class_name}"


def write_strategy(name: str, folder: Path) -> NewStrategy:
    """Both files, in `folder`, which is made if only it is missing. Raises UsageError if either is there,
    if the name will not do, or where others could put another file in its place."""
    module, class_name = names_of(name)
    new = NewStrategy(folder / f"{module}.py", folder / f"test_{module}.py", class_name)
    for path in new.file, new.tests:
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} is there already: choose another name, or another --folder")
    _make(folder)
    refuse_open(new.file)
    _write(new.file, first_draft.strategy_file(module, class_name))
    try:
        _write(new.tests, first_draft.test_file(module, class_name))
    except BaseException:
        new.file.unlink()
        raise
    return new


def names_of(name: str) -> tuple[str, str]:
    """Of `my-idea`, `my_idea` or `MyIdea` the module `my_idea` and the class `MyIdea`. Raises UsageError
    for what is no name, or is the name of something else that would be hidden."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{harmless(repr(name), 60)} is no name for a strategy: expected a letter, then at most 39 "
            "letters, digits, - or _, as in my-idea"
        )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("-", "_")).split("_")
    module = "_".join(word.lower() for word in words if word)
    class_name = "".join(word[:1].upper() + word[1:] for word in words if word)
    if _is_anothers(module):
        raise UsageError(f"{module}.py would hide another module {module}: {_ANOTHER}")
    if module.startswith("test_") or module.endswith("_test"):
        raise UsageError(f"{module}.py would be taken for a file of tests: {_ANOTHER}")
    if keyword.iskeyword(class_name) or class_name in _TAKEN:
        raise UsageError(f"a class {class_name} would hide what it is made of: {_ANOTHER}")
    return module, class_name


_ANOTHER = "choose another name, as my-idea"
_TAKEN = {*dir(builtins), *strategy.__all__, *events.__all__, "Decimal", "Path", "UsageError"}


def _is_anothers(module: str) -> bool:
    """Python's own, or an installed one: while tests run, their folder is where Python looks first."""
    if module in sys.stdlib_module_names or keyword.iskeyword(module) or module == "conftest":
        return True
    spec = find_spec(module)
    return spec is not None and spec.has_location


def _make(folder: Path) -> None:
    try:
        folder.mkdir(FOLDER_MODE, exist_ok=True)
    except FileNotFoundError as error:
        raise UsageError(f"there is no folder {folder.parent} to make {folder.name} in") from error
    except FileExistsError as error:
        raise UsageError(
            f"{folder} is no folder: expected one to write the strategy into"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    """A new file, or none at all."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already: choose another name") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


__all__ = ["NewStrategy", "names_of", "write_strategy"]
