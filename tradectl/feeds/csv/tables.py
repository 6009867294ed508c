"""Tables that are no text, as the lines of one: Parquet, Feather, and JSON as exchanges and freqtrade
have it, an array of rows.

What is made of them are lines with commas, read like any other file's, so that there is one way to tell a
candle from a trade.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from tradectl.domain.errors import DataError
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.extra import arrow
from tradectl.feeds.csv.names import normal, time_places
from tradectl.feeds.csv.stored import FEATHER, NAMES, PARQUET, BrokenArchiveError, opened_named

ROWS = 1 << 16
LARGEST_JSON, LONGEST_OBJECT = 1 << 28, 1 << 20
JOURNAL = b'{"header":'
_BRACKETS = bytes.maketrans(b"]", b"\n")
_BLANKS = b'[" \t\r\n'


def is_table(magic: bytes) -> bool:
    return NAMES.get(magic) in ("Parquet", "Feather")


def table_lines(path: Path, magic: bytes, progress: Progress) -> Iterator[bytes]:
    """The header and the rows of a Parquet or Feather file. Raises DataError."""
    library = arrow(path, NAMES[magic])
    try:
        for number, batch in enumerate(_batches(library, path, magic, progress)):
            yield _lines(library, _plain(library, path, batch), with_header=number == 0)
    except (library.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged: {str(error).partition(chr(10))[0]}") from None


def _batches(library: Any, path: Path, magic: bytes, progress: Progress) -> Iterator[Any]:
    """Tables of some rows each."""
    with opened_named(path) as file:
        size, read = os.fstat(file.fileno()).st_size, progress.bytes_read
        if magic == PARQUET:
            import pyarrow.parquet

            parquet = pyarrow.parquet.ParquetFile(file)
            rows, done = max(parquet.metadata.num_rows, 1), 0
            for batch in parquet.iter_batches(ROWS):
                done += batch.num_rows
                progress.bytes_read = read + size * done // rows
                yield library.Table.from_batches([batch])
        elif magic == FEATHER:
            feather = library.ipc.open_file(file)
            for number in range(feather.num_record_batches):
                yield library.Table.from_batches([feather.get_batch(number)])
                progress.bytes_read = read + size * (number + 1) // feather.num_record_batches
        else:
            import pyarrow.feather

            yield pyarrow.feather.read_table(file)
            progress.bytes_read = read + size


def _plain(library: Any, path: Path, table: Any) -> Any:
    """Of its columns those that have a value in a cell: numbers, texts, flags, times as whole numbers."""
    types, columns, names = library.types, [], []
    moments = [field.name for field in table.schema if types.is_timestamp(field.type)]
    for field, column in zip(table.schema, table.columns, strict=True):
        kind, name = field.type, field.name
        if b"price_precision" in (table.schema.metadata or {}) and "price" in name:
            raise DataError(
                f"{path} has the fixed-point prices of NautilusTrader, which are not read: write it "
                "anew with prices as decimals"
            )
        if types.is_timestamp(kind):
            column = column.cast(library.int64())  # noqa: PLW2901
            if len(moments) == 1 and not time_places([normal(name)]):
                name = "time"
        elif types.is_dictionary(kind) or types.is_date(kind) or types.is_decimal(kind):
            column = column.cast(library.string())  # noqa: PLW2901
        elif types.is_nested(kind) or types.is_fixed_size_binary(kind) or types.is_binary(kind):
            continue
        columns.append(column)
        names.append(name)
    return library.table(columns, names=names)


def _lines(library: Any, table: Any, *, with_header: bool) -> bytes:
    import pyarrow.csv

    for style in ("none", "needed"):
        buffer = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=with_header, quoting_style=style)
        try:
            pyarrow.csv.write_csv(table, buffer, options)
        except library.ArrowInvalid:
            if style == "needed":
                raise
            continue
        break
    text = buffer.getvalue()
    header, end, rows = text.partition(b"\n") if with_header else (b"", b"", text)
    return header.replace(b'"', b"") + end + rows


def is_json(first: bytes) -> bool:
    """A file that begins with the bytes `first` has JSON in it, and is no journal."""
    text = first.lstrip()
    return text.startswith((b"[", b"{")) and not text.startswith(JOURNAL)


def json_lines(found: Iterator[bytes]) -> Iterator[bytes]:
    """The rows of a JSON array of arrays or of objects, or of an object in each line, a line each. Raises
    DataError."""
    first = next(found, b"").lstrip()
    if first.startswith(b"{"):
        yield from _of_object_lines(chain([first], found))
    elif first[1:].lstrip().startswith(b"{"):
        yield from _of_objects(first, found)
    else:
        yield from _of_arrays(first, found)


def _of_arrays(first: bytes, found: Iterator[bytes]) -> Iterator[bytes]:
    """`[[1,2],[3,4]]`: every `]` ends a line."""
    at_start, depth = True, 0
    piece = first
    while piece:
        depth += piece.count(b"[") - piece.count(b"]")
        text = piece.translate(_BRACKETS, _BLANKS)
        if at_start:
            text = text.removeprefix(b",")
        if text:
            at_start = text.endswith(b"\n")
            yield text.replace(b"\n,", b"\n")
        piece = next(found, b"")
    if depth:
        raise BrokenArchiveError("it ends in the middle")


def _of_objects(first: bytes, found: Iterator[bytes]) -> Iterator[bytes]:
    """`[{"time": 1, "price": 2}, ...]`: the names of the first one are the header."""
    text = bytearray(first)
    for piece in found:
        text += piece
        if len(text) > LARGEST_JSON:
            raise DataError(f"a JSON array of more than {LARGEST_JSON >> 20} MB: write it as CSV")
    rows = _decoded(_ARRAY, bytes(text))
    names = list(rows[0]) if rows else []
    yield _joined(names)
    for at in range(0, len(rows), ROWS):
        yield b"".join(_row(names, row) for row in rows[at : at + ROWS])


def _of_object_lines(found: Iterator[bytes]) -> Iterator[bytes]:
    """`{"time": 1, "price": 2}`, one in each line: the names of the first one are the header."""
    names: list[str] = []
    rest = b""
    for piece in chain(found, [b"\n"]):
        *lines, rest = (rest + piece).split(b"\n")
        rows = [_decoded(_OBJECT, line) for line in lines if line.strip()]
        if rows and not names:
            names = list(rows[0])
            yield _joined(names)
        if rows:
            yield b"".join(_row(names, row) for row in rows)
        if len(rest) > LONGEST_OBJECT:
            break
    if rest:
        raise DataError(
            "one JSON object is no data: expected an array of rows, or an object in each line"
        )


_ARRAY = msgspec.json.Decoder(list[dict[str, Any]], float_hook=str)
_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=str)


def _decoded(decoder: msgspec.json.Decoder[Any], text: bytes) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"expected an array of rows, or an object in each line; this JSON is neither ({error})"
        ) from None


def _row(names: list[str], row: dict[str, Any]) -> bytes:
    return _joined([row.get(name, "") for name in names])


def _joined(cells: list[Any]) -> bytes:
    return (",".join(map(_cell, cells)) + "\n").encode(errors="replace")


def _cell(value: Any) -> str:
    text = "" if value is None or isinstance(value, (list, dict)) else str(value)
    if any(mark in text for mark in ',"\n\r'):
        text = text.replace('"', '""').replace("\n", " ").replace("\r", " ")
        return f'"{text}"'
    return text


__all__ = ["is_json", "is_table", "json_lines", "table_lines"]
