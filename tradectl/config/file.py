"""A configuration file: read with patience, replaced in one step.

What a user hands over may be missing, a folder, a picture, or a page of TOML with one bracket too few:
each is one line of error.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradectl.config.places import Place, is_secret, spelled
from tradectl.domain.errors import ConfigError
from tradectl.files.own import open_named
from tradectl.files.trust import OTHERS_WRITE, distrust_of
from tradectl.files.written import MODE, written_whole

LARGEST = 1024 * 1024
DEEPEST = 16
_PART = r"(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')"
_DEEP_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*(?:{_PART}[ \t]*\.[ \t]*){{{DEEPEST}}}", re.MULTILINE)
_POSITION = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


def read_text(path: Path) -> str:
    """The file's text. Raises ConfigError when there is none."""
    return read_judged(path)[0]


def read_judged(path: Path) -> tuple[str, str]:
    """The file's text, and why no key is to be sent by it, empty where one may be: who can write it says
    where to. Both of the file that was opened. Raises ConfigError."""
    try:
        with os.fdopen(open_named(path), "rb") as file:
            why = distrust_of(os.fstat(file.fileno()))
            content = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such file; `tradectl config init {path}` writes one"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path}: larger than 1 MiB: this is not a configuration file")
    try:
        return content.decode("utf-8-sig"), _with_mend(path, why)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file: expected TOML in UTF-8") from error


def _with_mend(path: Path, why: str) -> str:
    if why == OTHERS_WRITE:
        return f"others can write {path}: chmod 600 {shlex.quote(str(path))}"
    return f"{path} belongs to somebody else: copy it, read it, use the copy" if why else ""


def parse(text: str, path: Path | str) -> dict[str, Any]:
    """`text` as tables, floats exact as Decimals. Raises ConfigError, with line and column."""
    if _DEEP_KEY.search(text):  # long before it would be read: that takes ever longer
        raise ConfigError(f"{path}: nested too deeply")
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}, {_where(error, text)}") from error
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(f"{path}: holds a number that is too large or too long") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    if _is_deep(table):
        raise ConfigError(f"{path}: nested too deeply")
    return table


def _is_deep(table: dict[str, Any]) -> bool:
    """Level by level: who would go down into it could go too far."""
    level: list[Any] = [table]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, dict | list) for value in level)


def refuse_secrets(value: object, where: str, place: Place = ()) -> None:
    """Raises ConfigError for a key that would hold one; its value is not looked at."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, Mapping):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple):
        items = [*enumerate(value)]
    for key, inner in items:
        here = (*place, key)
        if isinstance(key, str) and is_secret(key):
            raise ConfigError(f"{where}: {spelled(here)}: secrets come from the environment only")
        refuse_secrets(inner, where, here)


def write_text(path: Path, text: str) -> None:
    """Put `text` in the place of `path` at once; a file that was there keeps its mode, a new one
    is its owner's alone.

    Raises ConfigError when that cannot be.
    """
    target = Path(os.path.realpath(path))
    try:
        there = target.exists()
        if there and not os.access(target, os.W_OK):
            raise ConfigError(f"{path}: cannot be written: it is read-only")
        with written_whole(target, stat.S_IMODE(target.stat().st_mode) if there else MODE) as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _where(error: tomllib.TOMLDecodeError, text: str) -> str:
    """`line 3, column 8: Invalid value`: tomllib says the position last, people want it first."""
    message = str(error)
    found = _POSITION.fullmatch(message)
    if found:
        return f"line {found[2]}, column {found[3]}: {found[1]}"
    lines = text.splitlines() or [""]
    at_end = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    return f"{at_end}: {message.removesuffix(' (at end of document)')}"
