"""Readings of equity: what a loss limit may act upon.

A print can be wrong, and an account that is paused or halted stays so. So the price of one print is no
loss yet. A *reading* is a risk check at a new price of what is held. Three readings running, or two that
are a second apart, agree on how far equity fell: to the highest of them. That holds for the last price of
each symbol too: as long as no other came after it, the one before it counts, if that was the better one.
A check that finds no new price reads nothing. An account without positions needs no price: what it has
lost is lost.

The peak that limits measure from is agreed on in the same way, and the start of a day, or of limits that
were begun anew, is put right by the next reading where it was a lone spike.

    readings   100   31   99    nothing has fallen: 31 was read once
               100   31   30    fell to 31, if the two are a second apart
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.money import ZERO
from tradectl.domain.time import SECOND

KEPT = 3
AGREE_AFTER = SECOND

Prices = tuple[Decimal, Decimal]
"""The price before the last one, and that one."""


class Reading(Struct, frozen=True):
    """Equity at `at` (ns UTC); `best` and `worst` with the last price or the one before it of each
    symbol, whichever is better or worse for the account."""

    at: int
    equity: Decimal
    best: Decimal
    worst: Decimal


class Readings(Struct, frozen=True, omit_defaults=True):
    """The newest three, oldest first; of what is held the price before the last one that was read, and
    that one. `unread` symbols had a new price since. `start` is the equity read before a day, or limits,
    began: until the next reading it stands beside what they began with."""

    newest: tuple[Reading, ...] = ()
    prices: dict[str, Prices] = {}
    unread: tuple[str, ...] = ()
    peak: Decimal = ZERO
    start: Decimal | None = None
    limits_began: bool = False

    @property
    def is_none(self) -> bool:
        """Nothing was read yet, and no day or limits began: there are `unread` prices alone."""
        return not self.newest and not self.peak

    def taken(self, reading: Reading, prices: dict[str, Prices]) -> Readings:
        """With one more."""
        newest, peak = (*self.newest, reading)[-KEPT:], self.peak
        agreeing = _agreeing(newest) if reading.worst > peak else ()
        if agreeing:
            peak = max(peak, min(reading.worst, *[each.equity for each in agreeing]))
        return Readings(newest, prices, (), peak, self.start, self.limits_began)

    def fell_to(self) -> Decimal | None:
        """The equity that readings agree it has fallen to, if they do."""
        agreeing = _agreeing(self.newest)
        if not agreeing:
            return None
        return max(agreeing[-1].best, *[reading.equity for reading in agreeing])

    def with_cash(self, amount: Decimal) -> Readings:
        """Cash was got (+) or paid, by an exchange's word: whatever the prices were, it counts."""
        return replace(
            self,
            newest=tuple(
                Reading(r.at, r.equity + amount, r.best + amount, r.worst + amount)
                for r in self.newest
            ),
        )

    def shifted(self, amount: Decimal) -> Readings:
        """Money was put in, or taken out: it is neither a gain nor a loss."""
        return replace(
            self.with_cash(amount),
            peak=self.peak + amount,
            start=None if self.start is None else self.start + amount,
        )


def _agreeing(read: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The newest ones running, as many as it takes to agree; none where there are not enough."""
    if len(read) < 2:
        return ()
    if read[-1].at - read[-2].at >= AGREE_AFTER:
        return read[-2:]
    return read if len(read) == KEPT else ()


def middle(one: Decimal, other: Decimal, third: Decimal) -> Decimal:
    return sorted((one, other, third))[1]


__all__ = ["Prices", "Reading", "Readings", "middle"]
