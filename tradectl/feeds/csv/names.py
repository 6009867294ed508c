"""The names that columns go by: a format is a row in these tables.

A name is looked up in lower case with `_` for whatever is no letter or digit: `Open time`, `openTime`
and `open_time` are one, and so are `<CLOSE>` and `Close`. Where a file has several of a row's names, the
first one counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from tradectl.feeds.csv.times import UNITS


class Kind(StrEnum):
    CANDLES = "candles"
    QUOTES = "quotes"
    TRADES = "trades"


_QUANTITY = (
    "qty", "quantity", "amount", "size", "volume", "vol", "base_qty", "base_volume", "trade_qty",
    "trade_size", "trade_volume", "last_qty", "base_amount", "units_traded", "q", "v",
)  # fmt: skip
_BEST = ("", "best_", "b_")

NUMBERS: dict[Kind, dict[str, tuple[str, ...]]] = {
    Kind.CANDLES: {
        "open": ("open", "price_open", "open_price", "opening_price", "o"),
        "high": ("high", "price_high", "high_price", "max", "h"),
        "low": ("low", "price_low", "low_price", "min", "l"),
        "close": ("close", "price_close", "close_price", "c", "price", "trade_price", "last"),
    },
    Kind.QUOTES: {
        "bid": ("bid", "bid_price", "best_bid", "best_bid_price"),
        "bid_qty": tuple(f"{best}bid_{q}" for best in _BEST for q in _QUANTITY),
        "ask": ("ask", "ask_price", "best_ask", "best_ask_price"),
        "ask_qty": tuple(f"{best}ask_{q}" for best in _BEST for q in _QUANTITY),
    },
    Kind.TRADES: {"price": ("price", "trade_price", "px", "p")},
}
"""The columns that each kind must have, in their order."""

AMOUNTS: dict[Kind, tuple[str, tuple[str, ...]]] = {
    Kind.CANDLES: (
        "volume",
        (
            "volume", "vol", "base_volume", "volume_base", "volume_traded", "qty", "quantity", "amount",
            "size", "v", "volumefrom", "candle_acc_trade_volume", "tick_volume", "tickvol",
        ),
    ),
    Kind.TRADES: ("qty", _QUANTITY),
}  # fmt: skip
"""What may stand beside them: of candles it may be missing."""

SYMBOL = ("symbol", "pair", "instrument", "market", "instrument_name", "instrument_id", "inst_id",
          "product_id", "symbol_id", "ticker", "s")  # fmt: skip
SIDE = ("side", "taker_side", "aggressor_side", "taker_or_maker_side")
MAKER = ("is_buyer_maker", "buyer_maker", "is_buyer_the_maker", "buyer_is_maker", "m")
"""True where the buyer's order rested, so that the seller took."""

TIME = (
    "open_time", "time_period_start", "time_open", "opened", "start_time", "candle_begin_time",
    "candle_date_time_utc", "ts",
    "timestamp", "time", "datetime", "date_time", "date", "day", "unix", "unix_timestamp", "unix_time",
    "time_stamp", "gmt_time", "utc_time", "trade_time", "created_time", "created_at", "transact_time",
    "time_exchange", "transaction_time", "ts_event", "event_time", "timestampms", "epoch",
    "t", "mts", "exec_date", "transaction_date", "dtyyyymmdd", "clock",
)  # fmt: skip
_TIME = re.compile(rf"({'|'.join(TIME)})(?:_(s|ms|us|ns|utc|gmt))?")

ROLES = (
    "time", "clock", "symbol", "side", "buyer_maker",
    *(role for roles in NUMBERS.values() for role in roles), "qty", "volume",
)  # fmt: skip


def normal(name: str) -> str:
    """`Open time`, `openTime` and `<OPEN_TIME>` are `open_time`; of `size/数量` it is `size`."""
    told = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.partition("/")[0])
    return re.sub(r"[^a-z0-9]+", "_", told.lower()).strip("_")


def time_places(names: Sequence[str]) -> list[int]:
    """Columns that may have the time, the likeliest first."""
    ranked = [
        (TIME.index(match[1]), place)
        for place, name in enumerate(names)
        if (match := _TIME.fullmatch(name))
    ]
    return [place for _, place in sorted(ranked)]


def unit_named(name: str) -> int | None:
    """The unit of time that a column's name says, in ns."""
    match = _TIME.fullmatch(name)
    return UNITS.get(match[2] or "") if match else None


def place_of(names: Sequence[str], synonyms: Sequence[str]) -> int | None:
    """Of the column that has one of these names, the first of them that there is."""
    return next((names.index(name) for name in synonyms if name in names), None)


def places_chosen(cells: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Where the columns stand that were said by name, or by number (from 1). Raises ValueError."""
    names = [normal(cell) for cell in cells]
    return {role: _place_chosen(cells, names, role, told) for role, told in columns.items()}


def _place_chosen(cells: Sequence[str], names: Sequence[str], role: str, told: str) -> int:
    for known, wanted in ((cells, told), (names, normal(told))):
        if wanted and known.count(wanted) == 1:
            return known.index(wanted)
    if told.isdecimal() and 1 <= int(told) <= len(cells):
        return int(told) - 1
    raise ValueError(f"--columns {role}={told}: there is no one column of this name or number")


def parse_columns(text: str) -> dict[str, str]:
    """`time=Open time,price=4` by role. Raises ValueError."""
    columns: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, equals, told = (word.strip() for word in part.partition("="))
        if role not in (*ROLES, "dates") or not equals or not told or role in columns:
            raise ValueError(
                f"expected each of {', '.join(ROLES)} or dates once, as in time=Open time,price=4; "
                f"got {part!a}"
            )
        columns[role] = told
    return columns


__all__ = [
    "AMOUNTS",
    "MAKER",
    "NUMBERS",
    "SIDE",
    "SYMBOL",
    "TIME",
    "Kind",
    "normal",
    "parse_columns",
    "place_of",
    "places_chosen",
    "time_places",
    "unit_named",
]
