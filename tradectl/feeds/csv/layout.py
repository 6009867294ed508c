"""What a CSV file holds, read from its header: trades, quotes or candles, in which columns."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from tradectl.domain.currencies import QUOTE_CURRENCIES
from tradectl.feeds.csv.times import UNITS
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

EXPECTED = (
    "expected a first line like ts_ms,symbol,price,qty,side (trades), "
    "ts_ms,symbol,bid,bid_qty,ask,ask_qty (quotes) or "
    "ts_ms,symbol,open,high,low,close,volume (candles)"
)


class Layout(Struct, frozen=True):
    """Columns by their place. `unit` is that of the time in ns, None when the header does not say;
    `symbol` and `side` are None where there is no such column."""

    kind: Kind
    width: int
    time: int
    unit: int | None
    numbers: tuple[int, ...]
    symbol: int | None
    side: int | None


def read_header(line: str) -> Layout:
    """The layout that a file's first line announces. Raises ValueError when it announces none."""
    names = [cell.strip(' "\t\r').lower() for cell in line.removeprefix("\ufeff").split(",")]
    time = next((i for i, name in enumerate(names) if _TIME.fullmatch(name)), None)
    if time is None:
        raise ValueError(f"no column of times in {shown(line)}; {EXPECTED}")
    for kind, columns in NUMBERS.items():
        numbers = [_place(names, synonyms) for synonyms in columns.values()]
        found = tuple(place for place in numbers if place is not None)
        if len(found) == len(numbers):
            match = _TIME.fullmatch(names[time])
            unit = UNITS.get(match[1]) if match else None
            symbol, side = _place(names, SYMBOL), _place(names, SIDE)
            return Layout(kind, len(names), time, unit, found, symbol, side)
    raise ValueError(f"columns unknown or missing in {shown(line)}; {EXPECTED}")


def _place(names: list[str], synonyms: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in synonyms if name in names), None)


_SYMBOL_IN_NAME = re.compile(
    rf"(?<![A-Z0-9])[A-Z0-9]+(?:{'|'.join(QUOTE_CURRENCIES)})(?:_PERP)?(?![A-Z0-9])"
)


def symbol_in_name(path: Path) -> str | None:
    """`BTCUSDT` of `BTCUSDT.csv.gz` or `binance_spot_BTCUSDT_2024.csv`; None when it has none."""
    match = _SYMBOL_IN_NAME.search(path.name)
    return match[0] if match else None
