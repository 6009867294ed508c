"""What longs pay shorts for holding a perpetual, and when.

Rates come with their moments, as exchanges publish them, or one rate is paid again and again at the
multiples of an interval (00:00, 08:00 and 16:00 UTC for 8 hours). A symbol that published rates are known
of goes by these and nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.money import ZERO

NEVER = 1 << 63


class FundingRate(Struct, frozen=True):
    """What one coin's worth held long pays at `ts` (ns UTC), as a part of it; below zero it gets it."""

    symbol: str
    ts: int
    rate: Decimal


class FundingRates:
    """`rate` every `interval` ns; of the symbols among `published`, those instead."""

    def __init__(
        self, rate: Decimal = ZERO, interval: int = 0, published: Iterable[FundingRate] = ()
    ) -> None:
        self._rate = rate
        self._interval = interval
        self._times: dict[str, list[int]] = {}
        self._rates: dict[tuple[str, int], Decimal] = {}
        for each in sorted(published, key=lambda r: (r.symbol, r.ts)):
            self._times.setdefault(each.symbol, []).append(each.ts)
            self._rates[each.symbol, each.ts] = each.rate

    def known_of(self, symbol: str) -> tuple[int, int] | None:
        """The first and the last moment (ns) of the symbol's published rates."""
        times = self._times.get(symbol)
        return (times[0], times[-1]) if times else None

    def is_constant(self, symbol: str) -> bool:
        """It pays the one rate, again and again."""
        return bool(self._rate) and symbol not in self._times

    def next_after(self, symbol: str, at: int) -> int:
        """The first moment (ns) after `at` at which the symbol pays; NEVER if there is none."""
        times = self._times.get(symbol)
        if times is not None:
            place = bisect_right(times, at)
            return times[place] if place < len(times) else NEVER
        return at - at % self._interval + self._interval if self._rate else NEVER

    def at(self, symbol: str, moment: int) -> Decimal:
        """The rate of a moment that `next_after` named."""
        return self._rates.get((symbol, moment), self._rate)


NO_FUNDING = FundingRates()

__all__ = ["NEVER", "NO_FUNDING", "FundingRate", "FundingRates"]
