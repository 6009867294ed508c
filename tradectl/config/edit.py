"""Changing one key of a configuration file, and nothing else in it.

The file is changed as lines, so that comments and layout stay as their owner made them. This knows how
people write TOML, not all the ways in which it may be written: what comes out is parsed and compared with
what was meant, and where the two differ the file is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tradectl.config.file import parse, read_text, write_text
from tradectl.config.load import settings_from
from tradectl.config.places import is_secret
from tradectl.config.render import literal
from tradectl.config.variables import value_of
from tradectl.domain.errors import ConfigError

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ANY_HEADER = re.compile(r"\s*\[")
_SAYS_SOMETHING = re.compile(r"\s*[^#\s]")


def set_key(path: Path, key: str, text: str) -> str:
    """Set `key` to what `text` spells, and say how the file has it now.

    The file is replaced only by a good configuration, and only where a single line can be changed.
    Raises ConfigError.
    """
    section, _, name = key.rpartition(".")
    if is_secret(name):
        raise ConfigError(f"{key}: secrets come from the environment only")
    value = literal(value_of(key, text))
    old = read_text(path)
    meant = _meant(parse(old, path), section, name, value)
    settings_from(meant, path, {}, {})
    new = with_key(old, section, name, value)
    if _tables(new) != meant:
        raise ConfigError(
            f"{path}: {key} stands where no single line can be changed: edit the file"
        )
    write_text(path, new)
    return f"{key} = {value}"


def with_key(text: str, section: str, name: str, value: str) -> str:
    """`text` with `name = value` in `section` ("" is the top), in the place of the one it had.

    A key that was not there goes below its commented-out default, else below the section's last key.
    """
    lines = _LINE.findall(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += newline
    start = _start(lines, section)
    if start is None:
        lines += [newline] if lines else []
        lines.append(f"[{section}]{newline}")
        start = len(lines)
    header = _first(lines, start, len(lines), _ANY_HEADER)
    end = len(lines) if header is None else header
    at = _first(lines, start, end, re.compile(rf"\s*{name}\s*="))
    if at is None:
        at = stop = _place_below(lines, start, end, name)
        comment = ""
    else:
        stop = _end_of_value(lines, at, end)
        comment = _comment("".join(lines[at:stop]).rstrip("\r\n"))
    lines[at:stop] = [f"{name} = {value}{comment}{newline}"]
    return "".join(lines)


def _meant(table: dict[str, Any], section: str, name: str, value: str) -> dict[str, Any]:
    """`table` with the key set: what the changed file must say."""
    setting = parse(f"{name} = {value}", name)
    if not section:
        return table | setting
    inner = table.get(section)
    return table | {section: (inner if isinstance(inner, dict) else {}) | setting}


def _start(lines: Sequence[str], section: str) -> int | None:
    """The first line of `section`, below its header."""
    if not section:
        return 0
    header = _first(lines, 0, len(lines), re.compile(rf"\s*\[\s*{section}\s*\]\s*(#|$)"))
    return None if header is None else header + 1


def _first(lines: Sequence[str], start: int, end: int, pattern: re.Pattern[str]) -> int | None:
    return next((i for i in range(start, end) if pattern.match(lines[i])), None)


def _place_below(lines: Sequence[str], start: int, end: int, name: str) -> int:
    default = _first(lines, start, end, re.compile(rf"#\s*{name}\s*="))
    if default is not None:
        return default + 1
    return next(
        (i + 1 for i in range(end - 1, start - 1, -1) if _SAYS_SOMETHING.match(lines[i])), start
    )


def _end_of_value(lines: Sequence[str], at: int, end: int) -> int:
    """The line after the value that begins at `at`: lists and texts may take several."""
    for stop in range(at + 1, end):
        if _tables("".join(lines[at:stop])) is not None:
            return stop
    return end


def _comment(setting: str) -> str:
    """The comment behind a setting, with the space before it."""
    meant = _tables(setting)
    for mark in re.finditer(r"\s*#", setting):
        if _tables(setting[: mark.start()]) == meant:
            return setting[mark.start() :]
    return ""


def _tables(text: str) -> dict[str, Any] | None:
    try:
        return parse(text, "")
    except ConfigError:
        return None
