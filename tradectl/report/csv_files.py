"""A report as CSV files, for a spreadsheet or a notebook: exact figures, ISO 8601 times.

A text that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from msgspec import Struct
from msgspec.structs import astuple, fields

from tradectl.analysis.round_trips import RoundTrip
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
from tradectl.report.builder import trip_row

FORMULA = ("=", "+", "-", "@", "\t", "\r")


class TripFile(AbstractContextManager["TripFile"]):
    """`trips.csv` in a folder, written while the run is read: however many there are. Raises UsageError
    where the folder cannot be made or written to."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "trips.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {self._path}: {error.strerror}") from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(names(TripRow))

    def add(self, trip: RoundTrip) -> None:
        self._writer.writerow(_cells(trip_row(trip)))

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self._file.close()


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
    try:
        for name, (kind, rows) in tables.items():
            with (folder / name).open("w", newline="", encoding="utf-8") as file:
                _write(file, names(kind), map(_cells, rows))
        with (folder / "breakdown.csv").open("w", newline="", encoding="utf-8") as file:
            lines = (
                [way, *_cells(line)] for way, lines in report.attribution.items() for line in lines
            )
            _write(file, ["by", *names(Line)], lines)
        with (folder / "statistics.csv").open("w", newline="", encoding="utf-8") as file:
            numbers = zip(names(type(report.statistics)), _cells(report.statistics), strict=True)
            _write(file, ["name", "value"], numbers)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def _write(file: IO[str], head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    writer = csv.writer(file)
    writer.writerow(head)
    writer.writerows(rows)


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


__all__ = ["TripFile", "cell", "write_rest"]
