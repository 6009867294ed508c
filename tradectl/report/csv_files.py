"""A report as CSV files, for a spreadsheet or a notebook: exact figures, ISO 8601 times.

A text that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple, fields

from tradectl.analysis.round_trips import OnTrip, RoundTrip
from tradectl.documents.report import (
    CurvePoint,
    DayRow,
    DrawdownRow,
    Line,
    MonthRow,
    Refused,
    Report,
    TripRow,
)
from tradectl.domain.errors import UsageError
from tradectl.domain.money import SPELLED
from tradectl.domain.text import harmless
from tradectl.files.written import written_whole
from tradectl.report.builder import trip_row

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What one begins with: the last four are the wide forms of the first."""


@contextmanager
def trip_file(folder: Path) -> Iterator[OnTrip]:
    """`trips.csv` in a folder, given them one by one while the run is read: however many there are.
    Raises UsageError where the folder cannot be made or written to."""
    with _table(folder, "trips.csv", names(TripRow)) as row:

        def add(trip: RoundTrip) -> None:
            row(_cells(trip_row(trip)))

        yield add


def write_rest(report: Report, folder: Path) -> None:
    """All but the round trips: `equity.csv`, `days.csv`, `months.csv`, `drawdowns.csv`, `statistics.csv`,
    `breakdown.csv`, `not_traded.csv`. Raises UsageError."""
    tables: dict[str, tuple[type[Struct], Sequence[Struct]]] = {
        "equity.csv": (CurvePoint, report.curve),
        "days.csv": (DayRow, report.days),
        "months.csv": (MonthRow, report.months),
        "drawdowns.csv": (DrawdownRow, report.drawdowns),
        "not_traded.csv": (Refused, report.refused),
    }
    for name, (kind, rows) in tables.items():
        with _table(folder, name, names(kind)) as row:
            for each in rows:
                row(_cells(each))
    with _table(folder, "breakdown.csv", ["by", *names(Line)]) as row:
        for way, lines in report.attribution.items():
            for line in lines:
                row([way, *_cells(line)])
    with _table(folder, "statistics.csv", ["name", "value"]) as row:
        statistics = report.statistics
        for number in zip(names(type(statistics)), _cells(statistics), strict=True):
            row(number)


@contextmanager
def _table(
    folder: Path, name: str, head: Sequence[str]
) -> Iterator[Callable[[Sequence[Any]], object]]:
    """What writes a row. Raises UsageError."""
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            writer = csv.writer(file)
            writer.writerow(head)
            yield writer.writerow
    except OSError as error:
        raise UsageError(f"cannot write {harmless(path)}: {error.strerror}") from error


def names(kind: type[Struct]) -> list[str]:
    """Of the columns."""
    return [field.name for field in fields(kind)]


def _cells(row: Struct) -> list[Any]:
    return [cell(value) for value in astuple(row)]


def cell(value: Any) -> Any:
    """Numbers as they are; of texts, none that is a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(FORMULA) and not SPELLED.fullmatch(value):
        return f"'{value}"
    return "" if value is None else value


__all__ = ["cell", "trip_file", "write_rest"]
