"""A journal that is put away: the same lines, compressed, in a file beside those that are written.

It is read like any other. The original goes only after what is in its place was read back and found to be
the same to the last byte; killed in between, both are there, and the original counts.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol

from tradectl.files.own import open_own, sync_own
from tradectl.journal.frames import zstd
from tradectl.journal.parts import (
    PACKED,
    PLAIN,
    JoinedParts,
    last_written,
    length_of,
    parts_of,
    whole_of,
)

LEVEL = 6
"""Journals are text that repeats itself: a seventh of their size, and read faster than from a disk."""
AT_ONCE = 1 << 20


class Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...


def pack(path: Path) -> Path:
    """Where the journal `path` of a run that is over is now, whole, however many parts it has. Raises
    OSError, and leaves it as it was."""
    parts = [part for _, part in parts_of(path)]
    target = whole_of(path)
    with JoinedParts(os.fdopen(open_own(path), "rb"), path) as file:
        _put_away(file, target, sum(map(length_of, parts)), last_written(path))
    for part in parts:  # the first one first: without it the others count for nothing
        part.unlink(missing_ok=True)
    return target


def pack_part(part: Path) -> Path:
    """The same of one part that is finished, of a run that goes on."""
    target = part.with_name(part.name.removesuffix(PLAIN) + PACKED)
    with os.fdopen(open_own(part), "rb") as file:
        _put_away(file, target, length_of(part), part.stat().st_mtime_ns)
    part.unlink()
    return target


def _put_away(file: Reads, target: Path, length: int, dated: int) -> None:
    """`file`, of so many bytes, as `target` of that date, read back and compared."""
    aside = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        original = _packed(file, aside, length)
        with os.fdopen(open_own(aside), "rb") as raw, zstd.ZstdFile(raw) as again:
            if _hash_of(again) != original:
                raise OSError(5, f"what was written for {target} reads as something else")
        os.utime(aside, ns=(dated, dated))  # how old it is stays known
        aside.replace(target)
        sync_own(target.parent)
    except zstd.ZstdError as error:
        raise OSError(5, f"it cannot be compressed: {error}") from error
    finally:
        aside.unlink(missing_ok=True)


def _packed(file: Reads, aside: Path, length: int) -> bytes:
    """With its length before it, by which the next part is found."""
    hashed = hashlib.sha256()
    packing = zstd.ZstdCompressor(level=LEVEL)
    packing.set_pledged_input_size(length)
    fd = open_own(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(fd, "wb") as raw:
        while data := file.read(min(AT_ONCE, length)):
            length -= len(data)
            hashed.update(data)
            raw.write(packing.compress(data))
        raw.write(packing.flush())
        raw.flush()
        os.fsync(fd)
    return hashed.digest()


def _hash_of(file: Any) -> bytes:
    hashed = hashlib.sha256()
    while data := file.read(AT_ONCE):
        hashed.update(data)
    return hashed.digest()


__all__ = ["pack", "pack_part"]
