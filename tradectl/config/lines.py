"""TOML as lines, for a change that leaves every other line as it was.

This knows how people write TOML, not all the ways in which it may be written: whoever changes a file
with it parses what comes out and compares that with what was meant.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ANY_HEADER = re.compile(r"\s*\[")
_SAYS_SOMETHING = re.compile(r"\s*[^#\s]")


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
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
