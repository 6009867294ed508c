"""What protects which position: the stops that rest at an exchange and can only reduce it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order, OrderSpec, OrderStatus
from tradectl.domain.positions import Position, closable, leaving
from tradectl.domain.views import AccountView

RESTS = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


def protects(spec: OrderSpec, held: Decimal) -> bool:
    """A stop, and there is a position (`held`, signed) for it to close."""
    return spec.is_protective and spec.side.signed(held) < 0


def is_last_stop(
    stop: OrderSpec, held: Decimal, resting: Iterable[OrderSpec], *, can_short: bool
) -> bool:
    """All that protects what is `held` (signed) of a perpetual: it goes only once another one of the
    orders that are `resting` protects it. On spot a stop binds the coins, and goes before an exit."""
    if not can_short or not protects(stop, held):
        return False
    others = (o for o in resting if o.symbol == stop.symbol and o.order_id != stop.order_id)
    return not any(protects(other, held) for other in others)


def rests_as_protection(order: Order) -> bool:
    """The exchange has it, and nobody asked to cancel it."""
    return order.spec.is_protective and order.status in RESTS


def protecting(position: Position, working: Collection[Order]) -> list[Order]:
    """The resting stops that would close the position, or a part of it."""
    held = position.quantity
    return [o for o in working if rests_as_protection(o) and protects(o.spec, held)]


def price_known(position: Position, view: AccountView) -> Decimal:
    """The last price seen; before the first, that of the position's entry. 0 of what was never held."""
    return view.mark(position.symbol) or position.entry_price


def is_dust(position: Position, view: AccountView) -> bool:
    """Less than an exchange takes as an order."""
    symbol = position.symbol
    return too_small(symbol, position.quantity, view.mark(symbol), view)


def is_closed(position: Position, view: AccountView) -> bool:
    """Nothing of it could be sold: it is dust, or its exchange does not hold it any more."""
    symbol, there = position.symbol, view.there(position.symbol)
    return not there or too_small(symbol, there, view.mark(symbol), view)


def unprotected(position: Position, view: AccountView) -> bool:
    """A part of it that could be sold has no stop."""
    if is_closed(position, view):
        return False
    stops = protecting(position, view.working_in(position.symbol).stops.values())
    if not stops:
        return True
    instrument = view.instrument(position.symbol)
    there = view.there(position.symbol)
    side = stops[0].spec.side
    left = instrument.floor_quantity(closable(there, side, leaving(stops, side)))
    return left > ZERO and not instrument.is_dust(left, view.mark(position.symbol))


def too_small(symbol: str, quantity: Decimal, price: Decimal | None, view: AccountView) -> bool:
    """Less than its exchange takes as an order; of a symbol that nobody knows nothing is."""
    return view.knows(symbol) and view.instrument(symbol).is_dust(abs(quantity), price)


__all__ = [
    "is_closed",
    "is_dust",
    "is_last_stop",
    "price_known",
    "protecting",
    "protects",
    "rests_as_protection",
    "too_small",
    "unprotected",
]
