"""Where the result was made: by symbol, strategy, side, reason, hour and weekday.

Each way of looking at it has all of the result: its lines add up to the total to the last digit. What no
round trip made (interest, a rebate, leftovers of coins) stands in a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from tradectl.analysis.round_trips import RoundTrip
from tradectl.domain.money import ZERO, plus_exactly
from tradectl.domain.time import DAY, HOUR

OUTSIDE = "outside of round trips"
NO_REASON = "no reason given"
STILL_OPEN = "still open"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_LINES = 200
"""Of reasons and of symbols that are kept apart; all others are one line."""
OTHERS = "others"

_MEASURED = re.compile(
    r"[-+]?(?:\d[\d,]*\.\d+|\d{1,3}(?:,\d{3})+|\d{4,})(?:[eE][-+]?\d+)?"
    r"(?!\d|% from the )"
)
"""A number that was measured: it has decimals, or four digits and more. Others are settings, and so
is the distance of an exit from a price."""


def reason_kind(reason: str) -> str:
    """A reason without what was measured, so that those alike count together: `RSI … is below 30`."""
    return _MEASURED.sub("…", reason).strip() or NO_REASON


def hour_of(ns: int) -> str:
    """Of the day, UTC: `07`."""
    return f"{ns % DAY // HOUR:02d}"


def weekday_of(ns: int) -> str:
    """UTC."""
    return WEEKDAYS[(ns // DAY + 3) % 7]  # 1970 began on a Thursday


KEYS: dict[str, Callable[[RoundTrip], str]] = {
    "symbol": lambda trip: trip.symbol,
    "strategy": lambda trip: trip.strategy,
    "side": lambda trip: trip.side,
    "entry_reason": lambda trip: reason_kind(trip.entry_reason),
    "exit_reason": lambda trip: STILL_OPEN if trip.is_open else reason_kind(trip.exit_reason),
    "hour": lambda trip: hour_of(trip.opened_at),
    "weekday": lambda trip: weekday_of(trip.opened_at),
}
"""Ways of looking at it; hour and weekday are those of the entry, UTC."""


class Line(Struct):
    """Money of `trips` in number, `won` of them with a profit: `pnl` is what `gross` (prices alone) left
    after `fees` and `slippage`, with `funding` and other income."""

    pnl: Decimal = ZERO
    gross: Decimal = ZERO
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    funding: Decimal = ZERO
    trips: int = 0
    won: int = 0

    def add(self, trip: RoundTrip) -> None:
        self.pnl = plus_exactly(self.pnl, trip.pnl)
        self.gross = plus_exactly(self.gross, trip.gross)
        self.fees = plus_exactly(self.fees, trip.fees)
        self.slippage = plus_exactly(self.slippage, trip.slippage)
        self.funding = plus_exactly(self.funding, trip.funding)
        self.trips += 1
        self.won += trip.pnl > 0

    def add_outside(self, amount: Decimal) -> None:
        self.pnl = plus_exactly(self.pnl, amount)
        self.funding = plus_exactly(self.funding, amount)


class Attribution:
    """Hears of every round trip. `total` is the line of all."""

    def __init__(self) -> None:
        self.total = Line()
        self._lines: dict[str, dict[str, Line]] = {way: {} for way in KEYS}

    def add(self, trip: RoundTrip) -> None:
        self.total.add(trip)
        for way, key_of in KEYS.items():
            self._line(way, key_of(trip)).add(trip)

    def add_outside(self, strategy: str, symbol: str, amount: Decimal) -> None:
        """What a strategy got or lost in a symbol (either may be empty) while no trip was under way."""
        if not amount:
            return
        self.total.add_outside(amount)
        for way in KEYS:
            key = {"symbol": symbol, "strategy": strategy}.get(way) or OUTSIDE
            self._line(way, key).add_outside(amount)

    def _line(self, way: str, key: str) -> Line:
        lines = self._lines[way]
        if key not in lines:
            if len(lines) >= MOST_LINES:
                key = OTHERS
            if key not in lines:
                lines[key] = Line()
        return lines[key]

    @property
    def ways(self) -> list[str]:
        """The names of `KEYS`."""
        return list(KEYS)

    def by(self, way: str) -> list[tuple[str, Line]]:
        """The lines of one of `KEYS`: hours and weekdays in their order, all others by result, the best
        first."""
        lines = self._lines[way].items()
        if way == "hour":
            return sorted(lines)
        if way == "weekday":
            return sorted(lines, key=lambda entry: _weekday_number(entry[0]))
        return sorted(lines, key=lambda entry: (-entry[1].pnl, entry[0]))


def _weekday_number(name: str) -> int:
    return WEEKDAYS.index(name) if name in WEEKDAYS else len(WEEKDAYS)


__all__ = [
    "KEYS",
    "OTHERS",
    "OUTSIDE",
    "STILL_OPEN",
    "Attribution",
    "Line",
    "reason_kind",
]
