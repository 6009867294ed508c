"""A netted position whose arithmetic is exact.

The entry price is an average, a quotient, and quotients do not end. So the books keep `cost`, the sum
paid for the open quantity, and divide only for display. When part of a position is closed, the part of
`cost` that it releases is rounded once and what is left is the rest: realised plus unrealised profit is
then always exactly what the fills paid and the mark is worth.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO


class Position(Struct, frozen=True, omit_defaults=True):
    """Signed `quantity` (short is negative); signed `cost` of it; `realized` profit before fees."""

    symbol: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def side(self) -> str:
        return "long" if self.quantity > 0 else "short" if self.quantity < 0 else "flat"

    @property
    def entry_price(self) -> Decimal:
        """Average price of the open quantity; zero when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        return self.quantity * mark - self.cost

    def after_fill(self, signed_quantity: Decimal, price: Decimal, fee: Decimal) -> Position:
        """The position after buying (+) or selling (-) at `price`. Crossing zero closes, then opens."""
        old, new = self.quantity, self.quantity + signed_quantity
        fees = self.fees + fee
        if old == 0 or (old > 0) == (signed_quantity > 0):
            cost = self.cost + signed_quantity * price
            return Position(self.symbol, new, cost, self.realized, fees)
        if new == 0 or (new > 0) != (old > 0):
            realized = self.realized + old * price - self.cost
            return Position(self.symbol, new, new * price, realized, fees)
        released = (self.cost * -signed_quantity / old).quantize(CENT_OF_A_SATOSHI, ROUND_HALF_EVEN)
        realized = self.realized - signed_quantity * price - released
        return Position(self.symbol, new, self.cost - released, realized, fees)
