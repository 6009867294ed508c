"""What an account holds at an exchange, as it tells: money by currency, and positions.

An account in hedge mode may hold a long and a short position in one symbol beside each other.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, Side


class PositionSide(StrEnum):
    """Of the two positions in a symbol that an account in hedge mode may hold at once."""

    LONG = "long"
    SHORT = "short"

    @property
    def closed_by(self) -> Side:
        return Side.SELL if self is PositionSide.LONG else Side.BUY

    @classmethod
    def that_closes_by(cls, side: Side) -> PositionSide:
        return cls.LONG if side is Side.SELL else cls.SHORT


class BothSides(Struct, frozen=True):
    """What an account in hedge mode holds of a symbol: `short` is below zero."""

    long: Decimal = ZERO
    short: Decimal = ZERO

    def of(self, expected: Decimal) -> Decimal:
        """The side of what is `expected` there (signed); none of them where that is nothing."""
        if not expected:
            return ZERO
        return self.long if expected > 0 else self.short


class Balance(Struct, frozen=True):
    """Of a currency: what was put in and realised (`wallet`), the same with what open positions would
    yield now (`equity`), and of that what is `free` and what stands behind orders and positions."""

    wallet: Decimal
    equity: Decimal
    free: Decimal
    used: Decimal


class Holdings(Struct, frozen=True):
    """What the account holds: the wallets by currency (free and bound, without what open positions would
    yield), and the signed quantity of each perpetual position by symbol, those of zero left out.
    `wallets_known` is False where the venue may have told equity in their place. `detailed` is all that
    it says of the balances. `sides` are positions that were told by side, of symbols in hedge mode, where
    `positions` has the sum of both."""

    balances: dict[str, Decimal]
    positions: dict[str, Decimal] = {}
    wallets_known: bool = True
    detailed: dict[str, Balance] = {}
    sides: dict[str, BothSides] = {}

    def beside(self, symbol: str, expected: Decimal) -> Decimal:
        """The signed quantity of `symbol` that cannot be what is `expected` there (signed): in hedge mode
        the other side, and both where nothing is. We enter nothing in that mode."""
        both = self.sides.get(symbol)
        return ZERO if both is None else both.long + both.short - both.of(expected)

    def of(self, instrument: Instrument) -> Decimal:
        """The signed quantity of an instrument: a perpetual's position, or a spot account's coins."""
        if instrument.can_short:
            return self.positions.get(instrument.symbol, ZERO)
        return self.balances.get(instrument.base, ZERO)


__all__ = ["Balance", "BothSides", "Holdings", "PositionSide"]
