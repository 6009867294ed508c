"""The price band: a price far away from the last one of its symbol is a spike, not a price.

One wild print must not fill orders, trigger stops or wreck an indicator. The band is measured from
prices that were accepted, and twice the last one is its end: few trades, and few candles of up to a day,
ever went further. But a level may truly change (a coin is redenominated, trading resumes after a crash):
when five prices outside the band in a row agree with each other, the market has moved and the new level
is accepted. Who can wait for them, as a recording can, loses none of the five (`feeds.unconfirmed`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from tradectl.feeds.quality import RowError, TickFault

WIDEST = 2
AGREEMENT = 2
"""Prices agree when they are within a factor of two."""
CONFIRMATIONS = 5
NOTHING: Mapping[str, Decimal] = {}


class UnconfirmedPrice(RowError):
    """A price outside the band: the `nth` in a row that agrees with those before it."""

    def __init__(self, price: Decimal, last: Decimal, nth: int) -> None:
        detail = f"{price} is more than {WIDEST} times away from the last, {last}"
        super().__init__(TickFault.PRICE_SPIKE, detail)
        self.nth = nth


class PriceBand:
    """The last accepted price of each symbol, and the new levels that are not confirmed yet. `known` are
    prices that were accepted before: with them the very first one that comes is not taken on trust."""

    def __init__(self, known: Mapping[str, Decimal] = NOTHING) -> None:
        self._last = {symbol: price for symbol, price in known.items() if price > 0}
        self._unconfirmed: dict[str, tuple[Decimal, int]] = {}

    @property
    def symbols(self) -> list[str]:
        """Those with an accepted price, the known ones first, in the order of their appearance."""
        return list(self._last)

    def check(self, symbol: str, price: Decimal) -> bool:
        """Accept `price` (positive) or raise UnconfirmedPrice. Whether it confirmed a new level."""
        last, moved = self._last.get(symbol), False
        if last is not None and not _within(WIDEST, last, price):
            nth = self._nth(symbol, price)
            if nth < CONFIRMATIONS:
                raise UnconfirmedPrice(price, last, nth)
            moved = True
        self._unconfirmed.pop(symbol, None)
        self._last[symbol] = price
        return moved

    def check_all(self, symbols: Sequence[str], prices: Sequence[Decimal]) -> None:
        """Accept all prices at once, or raise RowError and accept none when one is outside the band."""
        groups = _grouped(symbols, prices)
        for symbol, group in groups.items():
            last, lowest, highest = self._last.get(symbol, group[0]), min(group), max(group)
            if _within(WIDEST, min(last, lowest), max(last, highest)):
                continue
            if not all(_within(WIDEST, a, b) for a, b in pairwise((last, *group))):
                raise RowError(TickFault.PRICE_SPIKE, symbol)
        for symbol, group in groups.items():
            self._last[symbol] = group[-1]
            self._unconfirmed.pop(symbol, None)

    def _nth(self, symbol: str, price: Decimal) -> int:
        level, seen = self._unconfirmed.get(symbol, (price, 0))
        seen = seen + 1 if _within(AGREEMENT, level, price) else 1
        self._unconfirmed[symbol] = (price, seen)
        return seen


def check_wicks(
    opens: Sequence[Decimal],
    highs: Sequence[Decimal],
    lows: Sequence[Decimal],
    closes: Sequence[Decimal],
) -> None:
    """Raises RowError for a candle that reaches further than the band beyond both its open and its close:
    one print did that, and a stop would trigger by it."""
    for first, high, low, close in zip(opens, highs, lows, closes, strict=True):
        if high > WIDEST * low:
            top, bottom = max(first, close), min(first, close)
            if high > WIDEST * top or bottom > WIDEST * low:
                raise RowError(
                    TickFault.PRICE_SPIKE,
                    f"a candle from {first} to {close} with a high of {high} and a low of {low}",
                )


def _within(factor: int, a: Decimal, b: Decimal) -> bool:
    return a <= b * factor and b <= a * factor


def _grouped(symbols: Sequence[str], prices: Sequence[Decimal]) -> Mapping[str, Sequence[Decimal]]:
    if symbols.count(symbols[0]) == len(symbols):
        return {symbols[0]: prices}
    groups: dict[str, list[Decimal]] = {}
    for symbol, price in zip(symbols, prices, strict=True):
        groups.setdefault(symbol, []).append(price)
    return groups
