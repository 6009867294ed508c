"""A netted position whose arithmetic is exact.

The entry price is an average, a quotient, and quotients do not end. So the books keep `cost`, the sum
paid for the open quantity, and divide only for display. When part of a position is closed, the part of
`cost` that it releases is rounded once and what is left is the rest: realised plus unrealised profit is
then always exactly what the fills paid and the mark is worth.

Working orders may fill or not, in any order. What they can make of a position is worked out here: how
much of it is not yet on its way out (`closable`), and how far it can go (`widest`).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO, Side
from tradectl.domain.orders import Order
from tradectl.domain.working_orders import WorkingOrders


class Position(Struct, frozen=True, gc=False, omit_defaults=True):
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
    def closing_side(self) -> Side:
        """Of the order that closes it."""
        return Side.SELL if self.quantity > 0 else Side.BUY

    @property
    def entry_price(self) -> Decimal:
        """Average price of the open quantity; zero when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    @property
    def cash_flow(self) -> Decimal:
        """What all its trades brought (+) or took (-), fees apart. With the quantity at its mark it is
        the profit, whatever the entry price is taken to be."""
        return self.realized - self.cost

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


def nearer_zero(target: Decimal, position: Decimal) -> Decimal:
    """The part of the way from `position` to `target` that only reduces the position."""
    if position > 0:
        return min(max(target, ZERO), position)
    return max(min(target, ZERO), position)


def leaving(working: Iterable[Order], side: Side) -> Decimal:
    """Quantity, unsigned, that the orders on `side` may still trade."""
    return sum((order.remaining for order in working if order.spec.side is side), ZERO)


def closable(held: Decimal, side: Side, leaving: Decimal = ZERO) -> Decimal:
    """How much of a position of `held` one more order on `side` can close: what others on that side, so
    much of it `leaving` by them, do not close already. Zero where `side` adds to the position."""
    size = -side.signed(held)
    return max(size - leaving, ZERO) if size > 0 else ZERO


def widest(position: Decimal, working: WorkingOrders, arriving: Decimal = ZERO) -> Decimal:
    """The largest size of a `position` when `arriving` has come and any of its working orders fill.
    Those that are reduce-only take it no further than to zero, and the others go on from there."""
    if not working:
        return abs(position + arriving)
    free, reducing = working.free, working.reducing
    most, least = position + min(arriving, ZERO), position + max(arriving, ZERO)
    if most < 0:
        most = min(most + reducing.buys, ZERO)
    if least > 0:
        least = max(least - reducing.sells, ZERO)
    up = max(arriving, ZERO) + free.buys
    down = min(arriving, ZERO) - free.sells
    return max(abs(most + up), abs(least + down))
