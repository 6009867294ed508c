"""What a fill makes of the account, worked out in full before anything is changed.

The books take a `Booking` in as a whole: an event that is refused on the way leaves them as they were.
A quantity that came or went by the operator's word is booked as a fill of nobody's order. Where it is a
transfer it is money put in or taken out on spot; a perpetual's position has its worth in the cash.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.errors import CoreError
from tradectl.domain.events import Event, FillShare, FillShared, OrderFilled, PositionChanged
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO, Side
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position
from tradectl.domain.shares import part_of, shared_out

EXTERNAL = "external"
"""The strategy that what came from outside is entered under."""


class Booking(Struct, frozen=True, gc=False):
    """What is after it: the account's `position` and `cash`, and the virtual positions, by strategy, of
    those who have a part in it (`owned`).

    `shares` is who got what of a fill, where that is not the one strategy that its order names. `kept`
    is the quantity that the exchange kept as its fee, `transferred` the money that came (+) or went (-)
    from outside.
    """

    position: Position
    owned: dict[str, Position]
    cash: Decimal
    shares: tuple[FillShare, ...] = ()
    kept: Decimal = ZERO
    transferred: Decimal = ZERO

    def changed(self) -> PositionChanged:
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

    def events(self, fill: OrderFilled) -> list[Event]:
        """What the books say of a fill."""
        if not self.shares:
            return [self.changed()]
        shared = FillShared(
            source_component="state",
            symbol=fill.symbol,
            order_id=fill.order_id,
            trade_id=fill.trade_id,
            price=fill.price,
            shares=self.shares,
        )
        return [self.changed(), shared]


class Adoption(Struct, frozen=True):
    """The books as an exchange says that they are: what is booked by symbol, the cash after it, and all
    the money that was `transferred`: no profit and no loss, so what losses are measured from moves
    with it."""

    bookings: dict[str, Booking]
    cash: Decimal
    transferred: Decimal


def book_fill(
    fill: OrderFilled,
    order: Order,
    before: Position,
    held: Mapping[str, Position],
    cash: Decimal,
    instrument: Instrument,
) -> Booking:
    """`held` are the strategies' virtual positions in the symbol, by configuration. Raises CoreError for
    a fill whose figures are no numbers."""
    signed, kept = fill.side.signed(fill.quantity), ZERO
    if instrument.can_short:
        after = before.after_fill(signed, fill.price, fill.fee)
        cash += after.realized - before.realized
    else:
        if fill.side is Side.BUY and fill.fee_currency == instrument.base:
            kept = fill.fee_paid
        after = _filled(before, fill.price, signed, fill.fee, kept)
        cash -= (signed - kept) * fill.price
    cash -= after.fees - before.fees
    name = order.spec.strategy
    if order.spec.is_for_one and (not held or (len(held) == 1 and name in held)):
        own = held.get(name) or Position(fill.symbol)
        # the usual case: one strategy has it all, and its position is the account's
        alike = own is before or own == before
        own = after if alike else _filled(own, fill.price, signed, fill.fee, kept)
        return _checked(Booking(after, {name: own}, cash, kept=kept))
    parts = parts_of(order, signed, before.quantity, held, instrument.lot_size)
    if not instrument.can_short:
        parts = none_short(parts, held, instrument.lot_size)
    owned, shares = _shared(fill, parts, kept, held, flat=not after.quantity)
    if [share.strategy for share in shares] == [name]:
        shares = ()
    return _checked(Booking(after, owned, cash, shares, kept))


def book_moved(
    moved: Decimal,
    price: Decimal,
    before: Position,
    held: Mapping[str, Position],
    cash: Decimal,
    instrument: Instrument,
    *,
    traded: bool,
) -> Booking:
    """Quantity that came (+) or went (-), at `price`: traded, or put in and taken out. What goes is taken
    from the strategies' virtual positions `held`."""
    after = before.after_fill(moved, price, ZERO)
    closed = -before.quantity if abs(moved) > abs(before.quantity) else moved
    parts: dict[str, Decimal] = {}
    if before.quantity * moved < 0:
        holders = {name: -own.quantity for name, own in held.items() if own.quantity}
        parts = part_of(holders, closed, instrument.lot_size)
    if rest := moved - sum(parts.values(), ZERO):
        parts[EXTERNAL] = parts.get(EXTERNAL, ZERO) + rest
    owned = {
        name: (held.get(name) or Position(before.symbol)).after_fill(part, price, ZERO)
        for name, part in parts.items()
        if part
    }
    if instrument.can_short:
        return _checked(Booking(after, owned, cash + after.realized - before.realized))
    if traded:
        return _checked(Booking(after, owned, cash - moved * price))
    return _checked(Booking(after, owned, cash, transferred=moved * price))


def with_result(booking: Booking, profit: Decimal, own: Position, owner: str) -> Booking:
    """With a profit or loss of the position that no fill explains; `own` is its `owner`'s, if the booking
    has not changed it."""
    own = booking.owned.get(owner, own)
    position = replace(booking.position, realized=booking.position.realized + profit)
    owned = booking.owned | {owner: replace(own, realized=own.realized + profit)}
    return replace(booking, position=position, owned=owned)


def parts_of(
    order: Order,
    signed: Decimal,
    position: Decimal,
    held: Mapping[str, Position],
    lot: Decimal,
) -> dict[str, Decimal]:
    """Who gets what of a fill of `signed`: in proportion to what each wanted of the order, in whole lots;
    of an order for all in proportion to what each holds of the account's `position`.

    What a strategy got of an order is worked out for all that was filled of it so far, so that the
    rounding of partial fills does not pile up.
    """
    spec = order.spec
    if spec.shares:
        wants = {share.strategy: share.quantity for share in spec.shares}
        before = spec.side.signed(order.filled)
        had, has = (part_of(wants, filled, lot) for filled in (before, before + signed))
        return {name: has[name] - had[name] for name in wants}
    if not spec.is_for_all:
        return {spec.strategy: signed}
    closing = -position if abs(signed) > abs(position) else signed
    if not position or (signed > 0) == (position > 0):
        return {spec.strategy: signed}
    parts = part_of({n: -own.quantity for n, own in held.items() if own.quantity}, closing, lot)
    if signed != closing:
        parts[spec.strategy] = parts.get(spec.strategy, ZERO) + signed - closing
    return parts


def none_short(
    parts: dict[str, Decimal], held: Mapping[str, Position], lot: Decimal
) -> dict[str, Decimal]:
    """The parts of a fill on spot. Nobody can sell what it does not hold any more, as where a stop was
    faster: what it lacks the others have less."""
    after = {name: own.quantity + parts.get(name, ZERO) for name, own in held.items()}
    after |= {name: part for name, part in parts.items() if name not in held}
    lacking = {name: left for name, left in after.items() if left < 0}
    if not lacking or sum(after.values(), ZERO) < 0:
        return parts
    having = {name: left for name, left in after.items() if left > 0}
    taken = part_of(having, -sum(lacking.values(), ZERO), lot)
    moved = {name: -left for name, left in lacking.items()}
    moved |= {name: -quantity for name, quantity in taken.items()}
    names = dict.fromkeys([*parts, *moved])
    return {name: parts.get(name, ZERO) + moved.get(name, ZERO) for name in names}


def refuse_contradiction(order: Order, fill: OrderFilled) -> None:
    """Raises CoreError for a fill of another symbol or side than its order, or of nothing."""
    spec = order.spec
    if fill.symbol != spec.symbol or fill.side is not spec.side or fill.quantity <= 0:
        raise CoreError(
            f"order {spec.order_id} is to {spec.side} {spec.symbol}, and its fill {fill.trade_id} "
            f"is {fill.side} {fill.quantity} {fill.symbol}"
        )


def _shared(
    fill: OrderFilled,
    parts: dict[str, Decimal],
    kept: Decimal,
    held: Mapping[str, Position],
    *,
    flat: bool,
) -> tuple[dict[str, Position], tuple[FillShare, ...]]:
    """The virtual positions after it. The fee is paid by those that traded the fill's way: who went
    against it crossed with them, without an exchange. A fill that makes the account `flat` makes all
    flat."""
    buys = fill.side is Side.BUY
    payers = {name: part for name, part in parts.items() if part and (part > 0) == buys}
    fees = shared_out(fill.fee, payers, CENT_OF_A_SATOSHI)
    keeps = shared_out(kept, payers, CENT_OF_A_SATOSHI)
    if flat:
        rest = {name: own.quantity for name, own in held.items()}
        for name, part in parts.items():
            rest[name] = rest.get(name, ZERO) + part - keeps.get(name, ZERO)
        parts = {name: parts.get(name, ZERO) - left for name, left in rest.items()}
    owned, shares = {}, []
    for name, part in parts.items():
        fee, own = fees.get(name, ZERO), held.get(name) or Position(fill.symbol)
        if part or fee:
            after = owned[name] = _filled(own, fill.price, part, fee, keeps.get(name, ZERO))
            shares.append(FillShare(name, part, after.fees - own.fees))
    return owned, tuple(shares)


def _filled(
    position: Position, price: Decimal, signed: Decimal, fee: Decimal, kept: Decimal
) -> Position:
    """What a fill makes of a position. Coins that the exchange keeps as its fee are as good as sold at
    the fill's price, with what they bring paid as the fee."""
    if not kept:
        return position.after_fill(signed, price, fee)
    return position.after_fill(signed, price, ZERO).after_fill(-kept, price, kept * price)


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


__all__ = [
    "EXTERNAL",
    "Adoption",
    "Booking",
    "book_fill",
    "book_moved",
    "parts_of",
    "refuse_contradiction",
    "with_result",
]
