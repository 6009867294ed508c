"""A journal that is put away: the same lines, compressed, in a file beside those that are written.

It is read like any other. The original goes only after what is in its place was read back and found to be
the same to the last byte; killed in between, both are there, and the original counts.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from tradectl.files.own import open_folder, open_own

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

ENDING = ".jsonl.zst"
LEVEL = 6
"""Journals are text that repeats itself: a seventh of their size, and read faster than from a disk."""
AT_ONCE = 1 << 20


def pack(path: Path) -> Path:
    """Where the journal `path` is now. Raises OSError, and leaves it as it was."""
    target = path.with_name(path.name.removesuffix(".jsonl") + ENDING)
    aside = path.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(open_own(path), "rb") as file:
            original = _packed(file, aside)
        with os.fdopen(open_own(aside), "rb") as raw, zstd.ZstdFile(raw) as again:
            if _hash_of(again) != original:
                raise OSError(5, f"what was written for {path} reads as something else")
        dated = path.stat()
        os.utime(aside, ns=(dated.st_atime_ns, dated.st_mtime_ns))  # how old it is stays known
        aside.replace(target)
        _sync_folder(path.parent)
        path.unlink()
    finally:
        aside.unlink(missing_ok=True)
    return target


def _packed(file: IO[bytes], aside: Path) -> bytes:
    hashed = hashlib.sha256()
    fd = open_own(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(fd, "wb") as raw:
        with zstd.ZstdFile(raw, "wb", level=LEVEL) as packed:
            while data := file.read(AT_ONCE):
                hashed.update(data)
                packed.write(data)
        raw.flush()
        os.fsync(fd)
    return hashed.digest()


def _hash_of(file: Any) -> bytes:
    hashed = hashlib.sha256()
    while data := file.read(AT_ONCE):
        hashed.update(data)
    return hashed.digest()


def _sync_folder(folder: Path) -> None:
    fd = open_folder(folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """What is in a packed file."""
    return cast("IO[bytes]", zstd.ZstdFile(file))  # it reads, seeks and closes like one


Broken = zstd.ZstdError
"""What a reader raises for one that is damaged."""

__all__ = ["ENDING", "Broken", "pack", "unpacked"]
