"""Bytes in: the whole lines of a file, in blocks, in bounded memory, however it is stored."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from tradectl.domain.errors import DataError
from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.stored import BLOCK, BrokenArchiveError, pieces, stored_as
from tradectl.feeds.csv.tables import is_json, is_table, json_lines, table_lines
from tradectl.feeds.quality import RowError, Tally, TickFault

LONGEST_LINE = 1 << 24
"""A journal's first line holds a whole state; nothing else comes near."""


def check_file(path: Path) -> int:
    """Size of the file `path` in bytes. Raises DataError for what is no file, or empty."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{path} is a directory: name the files in it")
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is not a regular file")
    if not found.st_size:
        raise DataError(f"{path} is empty")
    return found.st_size


def line_blocks(path: Path, progress: Progress) -> Iterator[bytes]:
    """Blocks of about 64 KiB that end with a newline; `progress.bytes_read` counts what is stored.

    Raises DataError for what cannot be read, BrokenArchiveError where an archive breaks off.
    """
    held = bytearray()
    try:
        for piece in _pieces(path, progress):
            held += piece
            cut = held.rfind(b"\n") + 1 if len(held) >= BLOCK else 0
            if cut:
                yield bytes(held[:cut])
                del held[:cut]
            elif len(held) > LONGEST_LINE:
                raise DataError(f"{path}: a line of more than {LONGEST_LINE >> 20} MB is no data")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except BrokenArchiveError:
        cut = held.rfind(b"\n") + 1
        if cut:
            yield bytes(held[:cut])
        raise
    if held:
        yield bytes(held) if held.endswith(b"\n") else bytes(held) + b"\n"


def read_blocks(
    blocks: Iterator[bytes],
    read: Callable[[bytes, int], list[MarketDataEvent]],
    tally: Tally,
    *,
    first_line: int,
    rest: Callable[[], list[MarketDataEvent]],
    allow_truncated: bool,
) -> Iterator[list[MarketDataEvent]]:
    """The events of each block that has any. `read(block, line)` gets the number of its first line;
    `rest` gives what it has kept until the end.

    Raises DataError when too many lines are bad, or none is good, and where an archive breaks off, unless
    that is allowed: then it is one bad line more.
    """
    line, good = first_line, 0
    try:
        for block in blocks:
            events = read(block, line) if block.strip() else []  # nothing but line ends
            line += block.count(b"\n")
            good += len(events)
            if events:
                yield events
    except BrokenArchiveError as error:
        if not allow_truncated:
            raise DataError(
                f"{tally.file}: its data breaks off at line {line} ({error}): get it again, or play what "
                "is there with --allow-truncated"
            ) from None
        tally.note(line, RowError(TickFault.BROKEN_OFF, str(error)))
    kept = rest()
    if kept:
        yield kept
    tally.finish(good + len(kept))


def _pieces(path: Path, progress: Progress) -> Iterator[bytes]:
    magic = stored_as(path)
    if is_table(magic):
        yield from table_lines(path, magic, progress)
        return
    found = _with_newlines(pieces(path, progress))
    first = next(found, b"")
    begun = chain([first], found)
    if is_json(first):
        try:
            yield from json_lines(begun)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
    else:
        yield from begun


def _with_newlines(found: Iterator[bytes]) -> Iterator[bytes]:
    """Lines end with a newline, also those that ended with a carriage return, or with both."""
    is_within_end = False
    for piece in found:
        text = piece.removeprefix(b"\n") if is_within_end else piece
        is_within_end = piece.endswith(b"\r")
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield text
