"""Stops that rest at the exchange: what limits a loss while nobody here is watching.

A position has one stop: reduce-only, of its whole size, `stop_loss_pct` from its entry price. When
the position changes, the old one is cancelled and, once that is confirmed, a new one is placed: never
two at a time. On spot a stop binds the coins, so that an exit has to wait until it is gone.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, ONE, ZERO, Side
from tradectl.domain.orders import Order, OrderStatus, OrderType
from tradectl.domain.positions import Position

HUNDRED = Decimal(100)
PROTECTOR = "stop-loss"
"""The strategy that stops are entered under."""
NEAR_ENOUGH = 10 * BPS
"""A stop whose price is off by less than this part of it is left where it is."""


class StopOrder(Struct, frozen=True):
    """The stop that a position should have. Quantity in coins, price in the quote currency."""

    side: Side
    quantity: Decimal
    price: Decimal


def wanted(
    position: Position,
    instrument: Instrument,
    stop_loss_pct: Decimal,
    mark: Decimal | None,
    working: Collection[Order],
) -> StopOrder | None:
    """For what is not already on its way out; None where that is too little for an order."""
    long, away = position.quantity > 0, stop_loss_pct / HUNDRED
    side = Side.SELL if long else Side.BUY
    stops = stops_of(working)
    leaving = (o.remaining for o in working if o.spec.side is side and o not in stops)
    quantity = instrument.floor_quantity(max(abs(position.quantity) - sum(leaving, ZERO), ZERO))
    price = instrument.round_price(position.entry_price * (ONE - away if long else ONE + away))
    if not quantity or quantity * (mark or price) < instrument.min_notional:
        return None
    return StopOrder(side, quantity, price)


def stops_of(working: Collection[Order]) -> list[Order]:
    """The protective stops among the working orders, those that are being cancelled too."""
    return [o for o in working if o.spec.reduce_only and o.spec.type is OrderType.STOP_MARKET]


def serves(order: Order, stop: StopOrder) -> bool:
    """It is as good as the one that is wanted."""
    spec, at = order.spec, order.spec.stop_price
    return (
        spec.side is stop.side
        and order.remaining == stop.quantity
        and at is not None
        and abs(at - stop.price) <= NEAR_ENOUGH * stop.price
    )


def cancellable(orders: Collection[Order]) -> list[Order]:
    """Those that nobody has asked to cancel yet."""
    return [order for order in orders if order.status is not OrderStatus.PENDING_CANCEL]


__all__ = ["PROTECTOR", "StopOrder", "cancellable", "serves", "stops_of", "wanted"]
