"""Bytes in: the whole lines of a plain or gzipped file, in blocks, in bounded memory.

Whether a file is gzipped is read from its first bytes, not from its name. Decompression is done
with zlib directly, because what a broken archive still holds before the break is worth playing:
`gzip` loses it.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tradectl.domain.errors import DataError
from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.base import Progress
from tradectl.feeds.quality import RowError, Tally, TickFault
from tradectl.files.own import open_named

BLOCK = 1 << 16
LONGEST_LINE = 1 << 24
"""A journal's first line holds a whole state; nothing else comes near."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = zlib.MAX_WBITS | 16


class BrokenArchiveError(Exception):
    """Compressed data ends too early or is damaged; all whole lines before that were yielded."""


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
    rest: Callable[[], list[MarketDataEvent]] = list,
) -> Iterator[list[MarketDataEvent]]:
    """The events of each block that has any. `read(block, line)` gets the number of its first line;
    `rest` gives what it has kept until the end.

    Raises DataError when too many lines are bad, or none is good; where an archive breaks off that is one
    bad line more.
    """
    line, good = first_line, 0
    try:
        for block in blocks:
            events = read(block, line)
            line += block.count(b"\n")
            good += len(events)
            if events:
                yield events
    except BrokenArchiveError as error:
        tally.note(line, RowError(TickFault.BROKEN_OFF, str(error)))
    kept = rest()
    if kept:
        yield kept
    tally.finish(good + len(kept))


def _pieces(path: Path, progress: Progress) -> Iterator[bytes]:
    with os.fdopen(open_named(path), "rb") as file:
        magic = file.read(len(_GZIP_MAGIC))
        file.seek(0)
        stored = iter(lambda: file.read(BLOCK), b"")
        yield from (_inflated if magic == _GZIP_MAGIC else _counted)(stored, progress)


def _counted(pieces: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for piece in pieces:
        progress.bytes_read += len(piece)
        yield piece


def _inflated(pieces: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP)
    try:
        for stored in pieces:
            rest = stored
            while rest:
                if inflater.eof:  # archives may be written one after the other
                    inflater = zlib.decompressobj(_GZIP)
                piece = inflater.decompress(rest, BLOCK)
                left = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                progress.bytes_read += len(rest) - len(left)
                rest = left
                yield piece
        yield inflater.flush()
    except zlib.error as error:
        raise BrokenArchiveError(f"damaged: {error}") from None
    if not inflater.eof:
        raise BrokenArchiveError("it ends in the middle")
