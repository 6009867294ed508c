"""Rows of a document as a file for another program: CSV, JSON or Parquet, written as they come.

No more of them is held than goes out at a time. Amounts are texts, exact to the last digit, in each of
the formats; in CSV none is a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any, BinaryIO, TextIO

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, fields

from tradectl.documents.values import Time
from tradectl.domain.errors import UsageError
from tradectl.domain.text import ascii_json
from tradectl.report.csv_files import cell

AT_ONCE = 2_000
"""Rows of a Parquet file that are written together."""
NEEDS_PYARROW = "parquet needs pyarrow: pip install 'tradectl[arrow]'; csv and json need nothing"


def write_csv(kind: type[Struct], rows: Iterable[Struct], file: TextIO) -> None:
    writer = csv.writer(file)
    writer.writerow([field.name for field in fields(kind)])
    writer.writerows([cell(value) for value in astuple(row)] for row in rows)


def write_json(kind: type[Struct], rows: Iterable[Struct], file: TextIO) -> None:
    """A list, a row a line."""
    before = "[\n"
    for row in rows:
        file.write(before + ascii_json(msgspec.json.encode(row).decode()))
        before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


WRITERS: dict[str, Callable[[type[Struct], Iterable[Struct], TextIO], None]] = {
    "csv": write_csv,
    "json": write_json,
}


def write_parquet(kind: type[Struct], rows: Iterable[Struct], file: BinaryIO) -> None:
    """Times are timestamps, UTC. Raises UsageError where pyarrow is missing, OSError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(NEEDS_PYARROW) from error
    times = {field.name for field in fields(kind) if field.type in (Time, Time | None)}
    columns = [
        (field.name, _type_of(field.type, field.name in times, pyarrow)) for field in fields(kind)
    ]
    schema = pyarrow.schema(columns)
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for some in _some(rows):
            made = [_values(row, times) for row in some]
            writer.write_table(pyarrow.Table.from_pylist(made, schema))


def _some(rows: Iterable[Struct]) -> Iterator[Iterable[Struct]]:
    rows = iter(rows)
    for first in rows:
        yield chain([first], islice(rows, AT_ONCE - 1))


def _type_of(kind: Any, is_time: bool, pyarrow: Any) -> Any:
    if is_time:
        return pyarrow.timestamp("us", tz="UTC")
    return {bool: pyarrow.bool_(), int: pyarrow.int64()}.get(kind, pyarrow.string())


def _values(row: Struct, times: set[str]) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(row)
    for name in times:
        if made[name] is not None:
            made[name] = datetime.fromisoformat(made[name])
    return made


__all__ = ["WRITERS", "write_parquet"]
