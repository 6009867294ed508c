"""What a fill makes of the account, worked out in full before anything is changed.

The books take a `Booking` in as a whole: an event that is refused on the way leaves them as they were.
A transfer, a quantity that came or went from outside, is booked as a fill of nobody's order: on spot it
is money put in or taken out, a perpetual's position has its worth in the cash.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from tradectl.domain.errors import CoreError
from tradectl.domain.events import OrderFilled, PositionChanged
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position


class Booking(Struct, frozen=True, gc=False):
    """What is after it: the account's `position` and `cash`, and the strategy's `own` position.

    `kept` is the quantity that the exchange kept as its fee, `transferred` the money that came (+) or
    went (-) from outside.
    """

    position: Position
    own: Position
    cash: Decimal
    kept: Decimal = ZERO
    transferred: Decimal = ZERO

    def event(self) -> PositionChanged:
        position = self.position
        return PositionChanged(
            source_component="state",
            symbol=position.symbol,
            quantity=position.quantity,
            cost=position.cost,
            realized=position.realized,
            cash=self.cash,
            fees=position.fees,
        )


class Adoption(Struct, frozen=True):
    """The books as an exchange says that they are: what is booked by symbol, the cash after it, and all
    the money that was `transferred`: no profit and no loss, so what losses are measured from moves
    with it."""

    bookings: dict[str, Booking]
    cash: Decimal
    transferred: Decimal


def book_fill(
    fill: OrderFilled, before: Position, own: Position, cash: Decimal, instrument: Instrument
) -> Booking:
    """Raises CoreError for a fill whose figures are no numbers."""
    signed = fill.side.signed(fill.quantity)
    kept = ZERO
    if fill.fee_paid and fill.fee_currency == instrument.base and not instrument.can_short:
        kept = fill.fee_paid
    after = _filled(before, fill, signed, kept)
    paid = after.fees - before.fees
    if instrument.can_short:
        paid -= after.realized - before.realized
    else:
        paid += (signed - kept) * fill.price
    return _checked(Booking(after, _filled(own, fill, signed, kept), cash - paid, kept))


def book_transfer(
    moved: Decimal,
    price: Decimal,
    before: Position,
    own: Position,
    cash: Decimal,
    instrument: Instrument,
) -> Booking:
    """Quantity that came (+) or went (-) from outside, at `price`."""
    after, own = before.after_fill(moved, price, ZERO), own.after_fill(moved, price, ZERO)
    if instrument.can_short:
        return _checked(Booking(after, own, cash + after.realized - before.realized))
    return _checked(Booking(after, own, cash, transferred=moved * price))


def refuse_contradiction(order: Order, fill: OrderFilled) -> None:
    """Raises CoreError for a fill of another symbol or side than its order, or of nothing."""
    spec = order.spec
    if fill.symbol != spec.symbol or fill.side is not spec.side or fill.quantity <= 0:
        raise CoreError(
            f"order {spec.order_id} is to {spec.side} {spec.symbol}, and its fill {fill.trade_id} "
            f"is {fill.side} {fill.quantity} {fill.symbol}"
        )


def _filled(position: Position, fill: OrderFilled, signed: Decimal, kept: Decimal) -> Position:
    """What a fill makes of a position. Coins that the exchange keeps as its fee are as good as sold at
    the fill's price, with what they bring paid as the fee."""
    if not kept:
        return position.after_fill(signed, fill.price, fill.fee)
    return position.after_fill(signed, fill.price, ZERO).after_fill(
        -kept, fill.price, kept * fill.price
    )


def _checked(booking: Booking) -> Booking:
    after = booking.position
    if (
        booking.cash.is_finite()
        and after.quantity.is_finite()
        and after.cost.is_finite()
        and after.realized.is_finite()
        and after.fees.is_finite()
    ):
        return booking
    raise CoreError(f"the books would hold what is no number: {after}")


__all__ = ["Adoption", "Booking", "book_fill", "book_transfer", "refuse_contradiction"]
