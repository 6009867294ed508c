"""What a CSV file holds, read from its header: trades, quotes or candles, in which columns."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from tradectl.domain.currencies import QUOTE_CURRENCIES
from tradectl.feeds.csv.times import UNITS, Spelling, spelling_of
from tradectl.feeds.quality import shown


class Kind(StrEnum):
    CANDLES = "candles"
    QUOTES = "quotes"
    TRADES = "trades"


_QUANTITY = ("qty", "quantity", "amount", "size", "volume", "vol")

NUMBERS: dict[Kind, dict[str, tuple[str, ...]]] = {
    Kind.CANDLES: {
        "open": ("open",),
        "high": ("high",),
        "low": ("low",),
        "close": ("close",),
        "volume": ("volume", "vol", "qty", "quantity", "amount", "size"),
    },
    Kind.QUOTES: {
        "bid": ("bid", "bid_price", "best_bid", "best_bid_price"),
        "bid_qty": tuple(f"{best}bid_{q}" for best in ("", "best_") for q in _QUANTITY),
        "ask": ("ask", "ask_price", "best_ask", "best_ask_price"),
        "ask_qty": tuple(f"{best}ask_{q}" for best in ("", "best_") for q in _QUANTITY),
    },
    Kind.TRADES: {"price": ("price", "trade_price"), "qty": _QUANTITY},
}
"""The number columns of each kind, in order, each with the names that it goes by."""

SYMBOL = ("symbol", "pair", "instrument", "market")
SIDE = ("side", "taker_side")
_TIME = re.compile(r"(?:ts|time|timestamp|date|datetime|open_time)(?:_(s|ms|us|ns))?")

BOOK_COLUMNS = frozenset((
    "is_snapshot", "update_type", "first_update_id", "last_update_id", "update_id", "level", "pu",
    "is_bid", "is_ask", "num_orders", "orders_count",
))  # fmt: skip
"""Columns of rows that are not trades but what an order book consists of."""

EXPECTED = (
    "expected a first line like ts_ms,symbol,price,qty,side (trades), "
    "ts_ms,symbol,bid,bid_qty,ask,ask_qty (quotes) or "
    "ts_ms,symbol,open,high,low,close,volume (candles)"
)


class Layout(Struct, frozen=True):
    """Columns by their place. `unit` is that of the time in ns, None when the header does not say;
    `symbol` and `side` are None where there is no such column, and so is `clock`, the time of day where
    it stands apart from the date."""

    kind: Kind
    width: int
    time: int
    unit: int | None
    numbers: tuple[int, ...]
    symbol: int | None
    side: int | None
    clock: int | None = None

    def time_in(self, cells: list[str]) -> str:
        """The moment that a row of `cells` spells."""
        if self.clock is None:
            return cells[self.time]
        return f"{cells[self.time].strip()}T{cells[self.clock].strip()}"

    def times_in(self, cells: list[str], stride: int) -> list[str]:
        """Those of many rows of `stride` cells each."""
        if self.clock is None:
            return cells[self.time :: stride]
        days, clocks = cells[self.time :: stride], cells[self.clock :: stride]
        return [f"{day.strip()}T{clock.strip()}" for day, clock in zip(days, clocks, strict=True)]


def read_header(line: str, row: str = "") -> Layout:
    """The layout that a file's first line announces; `row` is the next one, where it takes that to tell
    which of several columns has the times. Raises ValueError when it announces none that is played."""
    names = _cells(line.removeprefix("\ufeff").lower())
    times = [i for i, name in enumerate(names) if _TIME.fullmatch(name)]
    if not times:
        raise ValueError(f"no column of times in {shown(line)}; {EXPECTED}")
    for kind, columns in NUMBERS.items():
        numbers = [place_of(names, synonyms) for synonyms in columns.values()]
        found = tuple(place for place in numbers if place is not None)
        if len(found) == len(numbers):
            if kind is Kind.TRADES:
                _refuse_book(names)
            time, clock = _times(times, _cells(row), names, kind)
            match = _TIME.fullmatch(names[time])
            unit = UNITS.get(match[1]) if match else None
            symbol, side = place_of(names, SYMBOL), place_of(names, SIDE)
            return Layout(kind, len(names), time, unit, found, symbol, side, clock)
    raise ValueError(f"columns unknown or missing in {shown(line)}; {EXPECTED}")


def _refuse_book(names: list[str]) -> None:
    book = next((name for name in names if name in BOOK_COLUMNS), None)
    if book is not None:
        raise ValueError(f"its column {book!r} is an order book's, which is not played; {EXPECTED}")


def _cells(line: str) -> list[str]:
    return [cell.strip(' "\t\r') for cell in line.split(",")]


def _times(
    places: list[int], row: list[str], names: list[str], kind: Kind
) -> tuple[int, int | None]:
    """The column of times, and that of the time of day where it is apart. A `row` that says nothing
    leaves it at the first one."""
    spelled = {i: spelling_of(row[i]) for i in places if len(row) == len(names)}
    by_spelling = {spelling: i for i, spelling in reversed(spelled.items())}
    if Spelling.MOMENT in by_spelling or Spelling.DAY not in by_spelling:
        return by_spelling.get(Spelling.MOMENT, places[0]), None
    day, clock = by_spelling[Spelling.DAY], by_spelling.get(Spelling.CLOCK)
    if clock is None and kind is not Kind.CANDLES:
        raise ValueError(
            f"its times are days ({shown(row[day])} in the column {names[day]!r}): when on that day "
            f"its {kind} were cannot be told"
        )
    return day, clock


def place_of(names: list[str], synonyms: tuple[str, ...]) -> int | None:
    """Of the column that has one of these names, the first of them that there is."""
    return next((names.index(name) for name in synonyms if name in names), None)


_SYMBOL_IN_NAME = re.compile(
    rf"(?<![A-Z0-9])[A-Z0-9]+(?:{'|'.join(QUOTE_CURRENCIES)})(?:_PERP)?(?![A-Z0-9])"
)


def symbol_in_name(path: Path) -> str | None:
    """`BTCUSDT` of `BTCUSDT.csv.gz` or `binance_spot_BTCUSDT_2024.csv`; None when it has none."""
    match = _SYMBOL_IN_NAME.search(path.name)
    return match[0] if match else None
