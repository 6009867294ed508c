"""A journal's file as bytes: blocks of it, and the groups in them, each to the end of its seal."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import cast

from tradectl.domain.errors import JournalError
from tradectl.files.own import open_named
from tradectl.journal.parts import PLAIN, JoinedParts, whole_of
from tradectl.journal.writer import MARK

SEAL = MARK + b'{"seal":'
AT_FIRST, AT_ONCE, AT_MOST = 16 * 1024, 1024 * 1024, 4 * 1024 * 1024
"""Bytes read at a time."""
PART = 128 * 1024
"""Bytes made into records at a time: these are used, and let go, while the processor has them at hand."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""What a file that was put away begins with."""
NOT_FOLDED = (b"position_changed", b"fill_shared")
"""What the books say of themselves, and do not listen to."""
PASSED_OVER = re.compile(
    rb'\{"seq":[^{]++\{"type":"(?:'
    rb'market_data",("symbol":"[^"\\]++").*+\n(\{"seq":[^{]++\{"type":"market_data",\1.*+\n)++'
    rb'|(?:%b)".*+\n(?=\{))' % b"|".join(NOT_FOLDED)
)
"""The lines of two trades or more of one symbol, with nothing between them, of which the last is kept; or
one that is not folded and is followed by another."""

Opened = BufferedReader | gzip.GzipFile | JoinedParts


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A journal that was put away is read as it is."""
    with os.fdopen(_descriptor(path), "rb") as file:
        begins = file.peek(len(ZSTD))
        if begins.startswith(GZIP):
            with gzip.GzipFile(fileobj=file) as packed:
                yield packed
        elif begins.startswith(ZSTD):
            from tradectl.journal.frames import unpacked  # only then it is loaded

            with unpacked(file) as packed_so:
                yield cast("Opened", packed_so)
        else:
            with JoinedParts(file, path) as parts:
                yield parts


def _descriptor(path: Path) -> int:
    """Of the journal, or of what it was put away as since it was found. Raises OSError."""
    try:
        return open_named(path)
    except FileNotFoundError:
        if not path.name.endswith(PLAIN) or not whole_of(path).exists():
            raise
        return open_named(whole_of(path))


def blocks(file: Opened, path: Path, held: Callable[[], int]) -> Iterator[bytes]:
    """What is in it, from where it is: a little at first, for those who want the header alone, and more
    where much is `held` already, so that it is put together in few steps."""
    size = AT_FIRST
    try:
        while block := file.read(max(size, min(held(), AT_MOST))):
            yield block
            size = min(2 * size, AT_ONCE)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        packed_by = "gzip" if isinstance(file, gzip.GzipFile) else "zstd"
        raise JournalError(f"{path} is a broken {packed_by} file: {error}") from error
    except OSError as error:
        raise JournalError(f"cannot read the journal {path}: {error.strerror}") from error
    except Exception as error:  # of a library that is loaded only where there is such a file
        from tradectl.journal.frames import Broken

        if not isinstance(error, Broken):
            raise
        raise JournalError(f"{path} is a broken zstd file: {error}") from error


def sealed_groups(data: bytes, looked_at: int) -> Iterator[tuple[bytes, bytes, int]]:
    """The groups that are there to the end of their seal: lines, seal, and where that ends. Up to
    `looked_at` there is none."""
    start = 0
    while (seal := _next_seal(data, max(start, looked_at))) >= 0:
        end = data.find(b"\n", seal) + 1
        if not end:
            return
        yield data[start:seal], data[seal:end], end
        start = end


def _next_seal(data: bytes, start: int) -> int:
    """-1 where there is none. The mark is looked for alone, which is many times as fast."""
    seal = data.find(MARK, start)
    while seal >= 0 and not data.startswith(SEAL, seal):  # in a line that was changed
        seal = data.find(MARK, seal + 1)
    return seal


def without_seal(data: bytes, looked_at: int) -> int:
    """Up to where no seal begins in it, not even one that is there in part."""
    begun = data.find(MARK, looked_at)
    return begun if begun >= 0 else len(data)


def lines_at_a_time(lines: bytes) -> Iterator[bytes]:
    """Whole lines, so many at a time as PART has."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + PART) + 1 or len(lines)
        yield lines[start:end]
        start = end


def folded(lines: bytes) -> bytes:
    """Without what the books come out the same without: of trades in a row, all of one symbol, the last
    alone is left, and of what they do not listen to nothing but the last line."""
    return PASSED_OVER.sub(lambda found: found[2] or b"", lines)


__all__ = [
    "SEAL",
    "blocks",
    "folded",
    "lines_at_a_time",
    "opened",
    "sealed_groups",
    "without_seal",
]
