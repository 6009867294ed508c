"""How prices moved: one close per symbol and period, as many periods back as are asked for.

Engines that look at more than the present (an allocation, value at risk) ask this, and nothing else: it
is folded state, so a replay and a restart see the same. A symbol that is silent for a period keeps its
price. What it gives away never changes: it may be handed to another thread as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.money import ONE, ZERO
from tradectl.domain.time import DAY

NOTHING: Mapping[str, Decimal] = {}


class MarketHistory(Struct, frozen=True, omit_defaults=True):
    """Up to `length` + 1 `closes` by symbol, oldest first, one for each `period` (ns); the newest are of
    the period before number `next_period` since 1970. `profits` are, in the same periods, what each
    strategy had made by then, per unit of the share that it had, and `made` what that was in money. In a
    snapshot `heard` are the symbols that there was a price of since the last close."""

    period: int = DAY
    length: int = 365
    next_period: int = 0
    closes: dict[str, tuple[Decimal, ...]] = {}
    profits: dict[str, tuple[Decimal, ...]] = {}
    made: dict[str, Decimal] = {}
    heard: tuple[str, ...] = ()

    def is_due(self, at: int) -> bool:
        """A period has ended since the last close; `at` is ns UTC."""
        return at // self.period > self.next_period

    def closed(
        self,
        at: int,
        prices: Mapping[str, Decimal],
        made: Mapping[str, Decimal] = NOTHING,
        shares: Mapping[str, Decimal] = NOTHING,
    ) -> MarketHistory:
        """After the periods that have ended by `at`, with what is known then: prices, and what strategies
        have `made` with their shares. The first period is not whole: it has no close."""
        number = at // self.period
        if not self.next_period:
            return replace(self, next_period=number, made={**made}, heard=())
        passed = number - self.next_period
        profits = {
            name: self.profits.get(name, (ZERO,))[-1]
            + (money - self.made.get(name, ZERO)) / (shares.get(name) or ONE)
            for name, money in made.items()
        }
        return replace(
            self,
            next_period=number,
            closes=self._after(self.closes, prices, passed),
            profits=self._after(self.profits, profits, passed),
            made={**made},
            heard=(),
        )

    def dated_back(self, at: int) -> MarketHistory:
        """The clock that it went by was ahead, and it is `at` (ns): the next close is of the period of
        now, and not of one that is far off."""
        return replace(self, next_period=min(self.next_period, at // self.period))

    def _after(
        self, known: Mapping[str, tuple[Decimal, ...]], new: Mapping[str, Decimal], passed: int
    ) -> dict[str, tuple[Decimal, ...]]:
        after = {}
        for name in sorted({*known, *new}):
            before = known.get(name, ())
            value = new[name] if name in new else before[-1]
            silent = before[-1:] * min(passed - 1, self.length)
            series = (*before, *silent, value)[-self.length - 1 :]
            if name in new or len(series) <= self.length or any(v != value for v in series):
                after[name] = series  # who was silent all the time is forgotten
        return after

    def returns(self, symbol: str) -> tuple[float, ...]:
        """From each close to the next, oldest first: 0.01 is 1 %."""
        closes = [float(close) for close in self.closes.get(symbol, ())]
        return tuple(after / before - 1 for before, after in pairwise(closes))

    def common(self, symbols: Iterable[str]) -> tuple[tuple[float, ...], ...]:
        """The returns of each symbol over the periods that all of them have, oldest first."""
        every = [self.returns(symbol) for symbol in symbols]
        shortest = min((len(one) for one in every), default=0)
        return tuple(one[len(one) - shortest :] for one in every)


__all__ = ["MarketHistory"]
