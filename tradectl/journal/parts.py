"""A journal in parts: one log, in files of which each begins where the one before ends.

    RUN_ID.jsonl   RUN_ID.268435512.jsonl   RUN_ID.536871001.jsonl ...

A part is named by the byte of the log that it begins with, so that the next one is found without looking
through the folder, and none can be left out unseen. The first has the header, is where the run's lock is,
and stays as it is while the run goes on. One that is finished may be put away (`packed`): it is read as
before. Places in a log (`Sealed.at`) count through all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import SEEK_CUR, SEEK_END
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from tradectl.files.own import open_named

PLAIN, PACKED = ".jsonl", ".jsonl.zst"
FRAME = 18
"""Bytes of a packed part that say how long it is unpacked."""


def part_at(path: Path, start: int) -> Path:
    """Of the log whose first part is `path`, the one that begins with byte `start`, put away or not."""
    if not start:
        return path
    plain = path.with_name(f"{path.name.removesuffix(PLAIN)}.{start}{PLAIN}")
    packed = plain.with_name(f"{plain.name}.zst")
    return packed if not plain.exists() and packed.exists() else plain


def whole_of(path: Path) -> Path:
    """What the log of the first part `path` is called once all of it was put away in one file."""
    return path.with_name(f"{path.name.removesuffix(PLAIN)}{PACKED}")


def was_taken_away(path: Path) -> bool:
    """The first part `path` is gone, and so is what it would be put away as."""
    return path.name.endswith(PLAIN) and not path.exists() and not whole_of(path).exists()


def parts_of(path: Path) -> Iterator[tuple[int, Path]]:
    """Those that there are, in order, with the byte that each begins with. Raises OSError."""
    start = 0
    while True:
        part = part_at(path, start)
        if start and not part.exists():
            return
        yield start, part
        size = length_of(part)
        if not size or not path.name.endswith(PLAIN):
            return  # an empty one is the last, and one that was put away whole has no other
        start += size


def length_of(part: Path) -> int:
    """Bytes of the log that are in it. Raises OSError."""
    if not part.name.endswith(PACKED):
        return part.stat().st_size
    from tradectl.journal.frames import length_of_frame

    with os.fdopen(open_named(part), "rb") as file:
        return length_of_frame(file.read(FRAME))


def size_of(path: Path) -> int:
    """Bytes on the disk of all parts of a log, put away or not. Raises OSError."""
    return sum(part.stat().st_size for _, part in parts_of(path))


def last_written(path: Path) -> int:
    """When the log was written last (ns), which its newest part says. Raises OSError."""
    return max(part.stat().st_mtime_ns for _, part in parts_of(path))


def first_of(part: Path) -> Path | None:
    """The file that the journal begins with of which `part` is a later one; None where it is none."""
    stem, _, start = part.name.partition(".jsonl")[0].rpartition(".")
    first = part.with_name(f"{stem}{PLAIN}")
    return first if stem and start.isdigit() and first.is_file() else None


def later_parts(path: Path) -> list[tuple[int, Path]]:
    """All files that are named as later parts of the log, with the byte that each begins with."""
    stem = path.name.removesuffix(PLAIN)
    starts = (
        (each.name.removeprefix(f"{stem}.").partition(".")[0], each)
        for each in path.parent.glob(f"{stem}.*{PLAIN}*")
    )
    return sorted((int(text), each) for text, each in starts if text.isdigit())


def lost_parts(path: Path, end: int) -> list[Path]:
    """Later ones of a log whose last found part ends at byte `end`: one between them is missing."""
    return [part for start, part in later_parts(path) if start > end]


class JoinedParts:
    """All parts, from the first on, as one file: `first` is it, open. Read, sought and closed like one;
    at its end it looks whether there is another part by now. Where the whole is put away meanwhile, it
    goes on in that: it is in its place before any part goes, and the first part goes first."""

    def __init__(self, first: IO[bytes], path: Path) -> None:
        self._path = path
        self._file = first
        self._packed: IO[bytes] | None = None
        self._is_whole = False
        self._start = self._at = 0

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        data = self._file.read(size)
        while not data and self._goes_on():
            data = self._file.read(size)
        self._at += len(data)
        return data

    def read_all(self, size: int) -> bytes:
        """So many, over the ends of parts, or up to the end."""
        got: list[bytes] = []
        while size and (data := self.read(size)):
            got.append(data)
            size -= len(data)
        return b"".join(got)

    def readline(self, limit: int) -> bytes:
        """No line goes over the end of a part."""
        line = self._file.readline(limit)
        if not line and self._goes_on():
            line = self._file.readline(limit)
        self._at += len(line)
        return line

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == SEEK_CUR:
            offset, whence = offset + self._at, 0
        try:
            self._at = self._seek_in_parts(offset, whence)
            is_put_away = not self._path.exists() and whole_of(self._path).exists()
        except FileNotFoundError:
            is_put_away = whole_of(self._path).exists()
            if not is_put_away:
                raise
        if is_put_away:  # what was found of parts may have been some of them
            self._at = self._seek_in_whole(offset, whence)
        return self._at

    def _seek_in_parts(self, offset: int, whence: int) -> int:
        if whence == SEEK_END:
            start, last = max(parts_of(self._path))
            offset += start + length_of(last)
        start, part = 0, self._path
        for start, part in parts_of(self._path):
            if offset < start + length_of(part):
                break
        if start != self._start:
            self._open(start, part)
        self._file.seek(offset - start)
        return offset

    def _seek_in_whole(self, offset: int, whence: int = 0) -> int:
        if not self._is_whole:
            self._open(0, whole_of(self._path))
            self._is_whole = True
        return self._file.seek(offset, whence)

    def _goes_on(self) -> bool:
        """The next part, where there is one."""
        if self._at == self._start or self._is_whole:
            return False  # nothing in this one yet
        part = part_at(self._path, self._at)
        try:
            self._open(self._at, part)
        except FileNotFoundError:
            if not whole_of(self._path).exists():
                return False
            self._seek_in_whole(self._at)
        return True

    def _open(self, start: int, part: Path) -> None:
        file = cast("IO[bytes]", os.fdopen(open_named(part), "rb"))
        self.close()
        self._is_whole = False
        self._packed = None
        if part.name.endswith(PACKED):
            from tradectl.journal.frames import unpacked

            self._packed = file
            file = unpacked(file)
        self._file, self._start = file, start

    def close(self) -> None:
        self._file.close()
        if self._packed is not None:
            self._packed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


__all__ = [
    "PACKED",
    "PLAIN",
    "JoinedParts",
    "first_of",
    "last_written",
    "later_parts",
    "length_of",
    "lost_parts",
    "part_at",
    "parts_of",
    "size_of",
    "was_taken_away",
    "whole_of",
]
