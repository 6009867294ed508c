"""The price band: a price ten times away from the last one of its symbol is a spike, not a price.

One wild print must not fill orders or wreck an indicator. But a level may truly change (a coin is
redenominated, trading resumes after a crash): when five prices outside the band in a row agree
with each other, the market has moved and the new level is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tradectl.feeds.quality import RowError, TickFault

WIDEST = 10
AGREEMENT = 2
"""Prices agree when they are within a factor of two."""
CONFIRMATIONS = 5


class PriceBand:
    """The last accepted price of each symbol, and the new levels that are not confirmed yet."""

    def __init__(self) -> None:
        self._last: dict[str, Decimal] = {}
        self._unconfirmed: dict[str, tuple[Decimal, int]] = {}

    @property
    def symbols(self) -> list[str]:
        """Those with an accepted price, in the order of their appearance."""
        return list(self._last)

    def check(self, symbol: str, price: Decimal) -> None:
        """Accept `price` (positive) or raise RowError."""
        last = self._last.get(symbol, price)
        if not _within(WIDEST, last, price) and not self._is_confirmed(symbol, price):
            raise RowError(
                TickFault.PRICE_SPIKE,
                f"{price} is more than {WIDEST} times away from the last, {last}",
            )
        self._unconfirmed.pop(symbol, None)
        self._last[symbol] = price

    def check_all(self, symbols: Sequence[str], prices: Sequence[Decimal]) -> None:
        """Accept all prices at once, or raise RowError and accept none when one is outside the band."""
        groups = _grouped(symbols, prices)
        for symbol, group in groups.items():
            last, lowest, highest = self._last.get(symbol, group[0]), min(group), max(group)
            if not _within(WIDEST, min(last, lowest), max(last, highest)):
                raise RowError(TickFault.PRICE_SPIKE, symbol)
        for symbol, group in groups.items():
            self._last[symbol] = group[-1]
            self._unconfirmed.pop(symbol, None)

    def _is_confirmed(self, symbol: str, price: Decimal) -> bool:
        level, seen = self._unconfirmed.get(symbol, (price, 0))
        seen = seen + 1 if _within(AGREEMENT, level, price) else 1
        self._unconfirmed[symbol] = (price, seen)
        return seen >= CONFIRMATIONS


def _within(factor: int, a: Decimal, b: Decimal) -> bool:
    return a <= b * factor and b <= a * factor


def _grouped(symbols: Sequence[str], prices: Sequence[Decimal]) -> Mapping[str, Sequence[Decimal]]:
    if symbols.count(symbols[0]) == len(symbols):
        return {symbols[0]: prices}
    groups: dict[str, list[Decimal]] = {}
    for symbol, price in zip(symbols, prices, strict=True):
        groups.setdefault(symbol, []).append(price)
    return groups
