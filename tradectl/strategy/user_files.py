"""Code of the user's own, out of a file: loaded once, and never another than the one that was looked at.

It trades, so a file of it is treated like a key: nobody else may be able to write it, nor put another in
its place. It is read once, through the descriptor that was checked, and run from those very bytes; the
cached bytecode beside it is never looked at, and its hash for the journal is the hash of what runs. So
with what it imports (`imports`).
"""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from tradectl.domain.errors import Interrupted, UsageError
from tradectl.domain.keys import without_keys
from tradectl.domain.text import LONGEST_LINE, described, harmless, suggest
from tradectl.files.places import expanded
from tradectl.strategy.imports import HASH, CheckedImports, read_trusted, refuse_open
from tradectl.strategy.own_process import while_loading

MODULES = "__tradectl_modules__"


def file_and_class(name: str) -> tuple[str, str]:
    """Both of `path/to/file.py:ClassName`, or both empty. Raises UsageError without the class."""
    if name.endswith(".py"):
        raise UsageError(f"{name}: which class of it? expected {name}:ClassName")
    path, _, attribute = name.rpartition(":")
    return (path, attribute) if path.endswith(".py") else ("", "")


def load(path: Path) -> ModuleType:
    """The module of a user's file; the same file with the same text is loaded once."""
    refuse_open(path)
    source = read_trusted(path)
    digest = hashlib.sha256(source).hexdigest()
    name = (
        "_tradectl_"
        + hashlib.sha256(f"{os.path.realpath(path)} {digest}".encode()).hexdigest()[:16]
    )
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    setattr(module, HASH, digest)
    sys.modules[name] = module
    imports = CheckedImports()
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
        with while_loading(), without_keys(os.environ), imports.checking():
            exec(code, module.__dict__)  # noqa: S102  # what an import is
            imports.load_what_is_named(source)
    except Interrupted:  # the operator's: nothing trades yet, and nothing will
        del sys.modules[name]
        raise
    except BaseException as error:  # the user's code: whatever it raises is theirs to mend
        del sys.modules[name]
        raise UsageError(f"{path}, {_what_went_wrong(error, str(path))}") from error
    keep_modules(module, imports.modules)
    return module


def _what_went_wrong(error: BaseException, path: str) -> str:
    """`line 3: NameError: ...`, with the last line of the file itself that was reached."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"line {error.lineno}: {harmless(str(error.msg), LONGEST_LINE)}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    text = harmless(str(error), LONGEST_LINE) if isinstance(error, UsageError) else described(error)
    return f"line {lines[-1] if lines else 1}: {text}"


def callable_in(name: str, setting: str) -> Callable[..., Any]:
    """What `path/to/file.py:Name` names, which is the value of a `setting`: something to call, of a class
    its only object. Raises UsageError."""
    _, found = _named(name, setting)
    if not isinstance(found, type):
        own: Callable[..., Any] = found
        return own
    try:
        with while_loading(), without_keys(os.environ):
            made = found()
    except Interrupted:
        raise
    except BaseException as error:  # the user's code: whatever it raises is theirs to mend
        raise UsageError(f"{setting}: {harmless(name, 300)}: {described(error)}") from error
    if not callable(made):
        raise UsageError(f"{setting}: {harmless(name, 300)} cannot be called: give it `__call__`")
    one: Callable[..., Any] = made
    return one


def hashes_of(name: str, setting: str) -> dict[str, str]:
    """Of the file that `name` is in, by that name, and of all that it loaded from its user's own folders.
    Raises UsageError."""
    module, _ = _named(name, setting)
    return {name: getattr(module, HASH), **getattr(module, MODULES, {})}


def _named(name: str, setting: str) -> tuple[ModuleType, Callable[..., Any]]:
    """The module, and what of it can be called."""
    path, attribute = file_and_class(name)
    if not path:
        raise UsageError(f"{setting}: expected path/to/file.py:Name, got {harmless(name, 60)!r}")
    try:
        module = load(expanded(path))
    except UsageError as error:
        raise UsageError(f"{setting}: {error}") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        there = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise UsageError(
            f"{setting}: {harmless(name, 300)} is nothing to call: {suggest(attribute, there)}"
        )
    return module, found


def keep_modules(module: ModuleType, modules: dict[str, str]) -> None:
    """One that was loaded before has its modules already."""
    setattr(module, MODULES, {**modules, **getattr(module, MODULES, {})})


__all__ = ["MODULES", "callable_in", "file_and_class", "hashes_of", "keep_modules", "load"]
