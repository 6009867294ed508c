"""The bytes of a file as they were before somebody compressed them: gzip, xz, bzip2, zip, zstd or plain.

Which of them it is is read from the first bytes, not from the name. Decompression goes by pieces in
bounded memory; what an archive that breaks off still holds before the break is given before that is told.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol

from tradectl.domain.errors import DataError
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.extra import arrow
from tradectl.files.own import open_named

BLOCK, COMPRESSED = 1 << 16, 1 << 12
_GZIP = zlib.MAX_WBITS | 16
_BROKEN = (
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
_APART = ("__MACOSX/", ".DS_Store")


class BrokenArchiveError(Exception):
    """Compressed data ends too early or is damaged; all whole lines before that were yielded."""


class _Decompressor(Protocol):
    """As `bz2` and `lzma` have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """`zlib`, which has another way to say what was not read yet."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)
        self._has_more = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._has_more and not self.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self._has_more = bool(self._zlib.unconsumed_tail) or len(piece) == max_length
        return piece


UNJUDGED, LARGEST_EXPANSION = 1 << 25, 1000
"""Bytes, and how many to one that is stored. Trades pack to a tenth or so, candles of a market that
stands still to a 170th by xz, and line ends to a 1,030th by gzip: that is no data."""

_STREAMS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": _Gzip,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
    b"BZh": bz2.BZ2Decompressor,
}
ZIP, ZSTD, PARQUET, FEATHER, OLD_FEATHER = (
    b"PK\x03\x04",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
    b"ARROW1",
    b"FEA1",
)
NAMES = {
    b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2", ZIP: "zip", ZSTD: "zstd",
    PARQUET: "Parquet", FEATHER: "Feather", OLD_FEATHER: "Feather",
}  # fmt: skip


def _bounded(found: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    """As far as it expands as data does: an archive can be made to unpack to anything."""
    unpacked = 0
    for piece in found:
        unpacked += len(piece)
        if unpacked > max(UNJUDGED, LARGEST_EXPANSION * progress.bytes_read):
            raise BrokenArchiveError("it unpacks to far more than data does: unpack it, and look")
        yield piece


def opened_named(path: Path) -> IO[bytes]:
    """A plain file that the user named. Raises OSError."""
    return os.fdopen(open_named(path), "rb")


def stored_as(path: Path) -> bytes:
    """The first bytes that say how a file is stored; empty for a plain one. Raises OSError."""
    with opened_named(path) as file:
        first = file.read(8)
    return next((magic for magic in NAMES if first.startswith(magic)), b"")


def kind_of(path: Path) -> str:
    """`gzip`, `Parquet`, ...; `plain` where it is none of them."""
    return NAMES.get(stored_as(path), "plain")


def pieces(path: Path, progress: Progress) -> Iterator[bytes]:
    """What the file has, decompressed; `progress.bytes_read` counts what is stored.

    Raises DataError, OSError; BrokenArchiveError where an archive breaks off.
    """
    magic = stored_as(path)
    with opened_named(path) as file:
        if magic == ZIP:
            found = _zipped(path, file, progress)
        elif magic == ZSTD:
            found = _zstd(path, file, progress)
        elif magic in _STREAMS:
            found = _inflated(file, _STREAMS[magic], progress)
        else:
            found = _counted(file, progress)
        yield from _as_utf8(found if magic == b"" else _bounded(found, progress))


def _counted(file: IO[bytes], progress: Progress, size: int = BLOCK) -> Iterator[bytes]:
    while piece := file.read(size):
        progress.bytes_read += len(piece)
        yield piece


def _inflated(
    file: IO[bytes], make: Callable[[], _Decompressor], progress: Progress
) -> Iterator[bytes]:
    """Archives may be written one after the other, with zeros between them and at the end."""
    stream, begun = make(), False
    try:
        for stored in _counted(file, progress, COMPRESSED):
            rest = stored
            while rest or not (stream.needs_input or stream.eof):
                if stream.eof:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    stream = make()
                piece = stream.decompress(rest, BLOCK)
                begun, rest = True, stream.unused_data if stream.eof else b""
                if piece:
                    yield piece
    except (*_BROKEN, OSError) as error:
        raise BrokenArchiveError(f"damaged: {error}") from None
    if begun and not stream.eof:
        raise BrokenArchiveError("it ends in the middle")


def _zipped(path: Path, file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as error:
        yield from _without_directory(file, progress)
        raise BrokenArchiveError(f"damaged: {error}") from None
    try:
        with archive.open(_member(path, archive)) as member:
            while piece := member.read(BLOCK):
                progress.bytes_read = max(progress.bytes_read, file.tell())
                yield piece
    except _BROKEN as error:
        raise BrokenArchiveError(f"damaged: {error}") from None


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    """The one file in it. Raises DataError."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    names = [name for name in names if not name.startswith(_APART)]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path} is an Excel workbook: save the sheet with the data as CSV")
    if len(names) != 1:
        raise DataError(
            f"{path} is a zip of {len(names)} files: expected one; unpack it and name the one to play"
        )
    return names[0]


def _without_directory(file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    """The first member of a zip that broke off: what is in it stands at the end, and is not there."""
    file.seek(0)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size:
        return
    _, method, name, extra = _LOCAL.unpack(head)
    file.seek(name + extra, os.SEEK_CUR)
    if method != zipfile.ZIP_DEFLATED:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    with contextlib.suppress(zlib.error):
        for stored in _counted(file, progress, COMPRESSED):
            yield inflater.decompress(stored)


_LOCAL = struct.Struct("<8sH16xHH")
"""Of the header of a member: how it is compressed, how long its name and what else follows are."""


def inner_name(path: Path) -> str:
    """What a zip calls the file in it; empty where that is none. Raises DataError."""
    if stored_as(path) != ZIP:
        return ""
    with opened_named(path) as file:
        try:
            return _member(path, zipfile.ZipFile(file))
        except _BROKEN:
            return ""


def _zstd(path: Path, file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    stream = arrow(path, "zstd").CompressedInputStream(file, "zstd")
    try:
        while piece := stream.read(BLOCK):
            progress.bytes_read = max(progress.bytes_read, file.tell())
            yield piece
    except OSError as error:
        raise BrokenArchiveError(f"damaged: {error}") from None


def _as_utf8(found: Iterator[bytes]) -> Iterator[bytes]:
    """Without the byte order mark of UTF-8; with that of UTF-16, as MetaTrader and Excel write it, it is
    made UTF-8."""
    first = b""
    while len(first) < len(codecs.BOM_UTF8) and (piece := next(found, b"")):
        first += piece
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from found
        return
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    yield decoder.decode(first).encode(errors="replace")
    for piece in found:
        yield decoder.decode(piece).encode(errors="replace")


__all__ = [
    "BLOCK",
    "FEATHER",
    "NAMES",
    "PARQUET",
    "BrokenArchiveError",
    "inner_name",
    "kind_of",
    "opened_named",
    "pieces",
    "stored_as",
]
