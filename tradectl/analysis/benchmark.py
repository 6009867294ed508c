"""Buy-and-hold: the same money in equal parts in every symbol that there was data of, bought at its first
price and never sold, with the fee for buying.

How many symbols there will be is not known before the end. So what is kept is the sum, over the symbols
seen so far, of how many times its part each is worth, less 1 (`gain`): divided by their number at the end
it is the return, and a part whose symbol has not come yet is cash.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import ONE, ZERO


class BuyAndHold:
    """`fee` is the rate that buying costs."""

    def __init__(self, fee: Decimal) -> None:
        self._fee = fee
        self._paid = 1.0 + float(fee)
        self._first: dict[str, Decimal] = {}
        self._last: dict[str, Decimal] = {}
        self._per_price: dict[str, float] = {}
        self._worth: dict[str, float] = {}
        self.gain = 0.0

    def see(self, symbol: str, price: Decimal) -> None:
        """A price."""
        self._last[symbol] = price
        each = self._per_price.get(symbol)
        if each is None:
            if price <= 0:
                return
            self._first[symbol] = price
            each = self._per_price[symbol] = 1.0 / (float(price) * self._paid)
            self._worth[symbol] = 1.0
        worth = float(price) * each
        self.gain += worth - self._worth[symbol]
        self._worth[symbol] = worth

    @property
    def symbols(self) -> list[str]:
        return list(self._first)

    def worth(self, money: Decimal, gain: float) -> float:
        """What `money` was worth when the gain was `gain`."""
        count = len(self._first)
        return float(money) * (1.0 + gain / count) if count else float(money)

    def return_(self) -> Decimal:
        """Of all of it until the last prices: 0.01 is 1 %."""
        if not self._first:
            return ZERO
        gains = (self._last[symbol] / (price * (ONE + self._fee)) - ONE
                 for symbol, price in self._first.items())  # fmt: skip
        return sum(gains, ZERO) / len(self._first)


__all__ = ["BuyAndHold"]
