"""Published funding rates from a file: CSV or CSV.gz with a time, a symbol and a rate in each row.

The names that exchanges give these columns are known, and a file without a symbol has it in its name.
What a row cannot mean is refused: a rate left out would be a cost left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tradectl.domain.errors import DataError
from tradectl.domain.money import ONE, number
from tradectl.domain.time import DAY
from tradectl.exchange.paper.funding_rates import FundingRate
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.blocks import check_file, line_blocks
from tradectl.feeds.csv.names import SYMBOL, place_of
from tradectl.feeds.csv.stored import BrokenArchiveError
from tradectl.feeds.csv.symbols import symbol_in_name
from tradectl.feeds.csv.times import UNITS, to_ns, unit_of
from tradectl.feeds.quality import shown

TIMES = (
    "time", "ts", "timestamp", "date", "datetime", "calc_time", "funding_time", "fundingtime",
    "fundingratetimestamp",
)  # fmt: skip
RATES = ("rate", "funding_rate", "last_funding_rate", "fundingrate")
EXPECTED = "expected a first line like time,symbol,rate"


def read_funding(path: Path, now_ns: int) -> list[FundingRate]:
    """Every rate in the file; `now_ns` is the present. Raises DataError, naming the line."""
    check_file(path)
    lines = _lines(path)
    names = [name.strip(' "\t').lower() for name in next(lines, "").split(",")]
    time, unit = _time_column(path, names)
    rate, symbol = place_of(names, RATES), place_of(names, SYMBOL)
    if rate is None:
        raise DataError(f"{path}: no column of rates in {shown(','.join(names))}; {EXPECTED}")
    named = symbol_in_name(path.name)
    if symbol is None and named is None:
        raise DataError(f"{path}: neither a column nor the file's name has the symbol; {EXPECTED}")
    found: dict[tuple[str, int], Decimal] = {}
    for row, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        cells = [cell.strip(' "\t') for cell in line.split(",")]
        try:
            if len(cells) != len(names):
                raise ValueError(f"{len(cells)} cells instead of {len(names)}")
            if unit is None:
                unit = unit_of(cells[time], now_ns + 400 * DAY)
            moment, value = to_ns(cells[time], unit), number(cells[rate])
            name = cells[symbol] if symbol is not None else named or ""
            if not name or moment <= 0 or abs(value) >= ONE:
                raise ValueError("no symbol, no time, or a rate of 100% or more")
            if found.setdefault((name, moment), value) != value:
                raise ValueError(f"a second rate of {name} for the same time")
        except (ValueError, OverflowError) as error:
            raise DataError(f"{path}:{row}: {error} in {shown(line)}") from error
    if not found:
        raise DataError(f"{path}: no rates in it")
    return [FundingRate(name, moment, value) for (name, moment), value in found.items()]


def _lines(path: Path) -> Iterator[str]:
    try:
        for block in line_blocks(path, Progress()):
            yield from block.decode().splitlines()
    except BrokenArchiveError as error:
        raise DataError(f"{path} is a broken gzip file: {error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is neither text (UTF-8) nor gzipped text; {EXPECTED}") from None


def _time_column(path: Path, names: list[str]) -> tuple[int, int | None]:
    """Its place, and its unit in ns where its name says it."""
    for place, name in enumerate(names):
        base, _, unit = name.rpartition("_")
        if name in TIMES:
            return place, None
        if base in TIMES and unit in UNITS:
            return place, UNITS[unit]
    raise DataError(f"{path}: no column of times in {shown(','.join(names))}; {EXPECTED}")


__all__ = ["read_funding"]
