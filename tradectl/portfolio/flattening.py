"""Flattening: every position is closed at market, again and again until it is.

    its order is on the way       it is waited for
    the last one brought nothing  the next one goes out later, each time twice as long; on spot the
                                  position's stop is placed again meanwhile
    its exchange holds less       no more than that is closed
    on spot, a stop holds coins   it is cancelled first
    else                          a closing order

A stop stays until its position is closed: on a perpetual beside the closing order, as both only
reduce.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import Event
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus
from tradectl.domain.positions import Position, closable, leaving
from tradectl.domain.resilience import pause_after
from tradectl.domain.time import SECOND
from tradectl.domain.views import AccountView
from tradectl.portfolio.decisions import NOT_THERE, cancels, moves, orders, stays
from tradectl.portfolio.needed_stops import cancellable
from tradectl.portfolio.order_making import by_another_type
from tradectl.portfolio.position_delta import already_closing
from tradectl.portfolio.protection import Protection

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
DUST = (ReasonCode.TOO_SMALL, "dust: below the exchange's minimum")


class Attempt(Struct, frozen=True):
    """A closing order was sent while `held` was held, the `number`th in a row that brought nothing before
    it; the next one goes out at `next_at` (ns) at the earliest, unless something was closed."""

    held: Decimal
    number: int
    next_at: int


class Flattening:
    """What is to be done about each position. `protection` sees to the stop of one that cannot be closed
    yet; `new_order_id` gives an id that was never given before."""

    def __init__(self, new_order_id: Callable[[], str], protection: Protection) -> None:
        self._new_order_id = new_order_id
        self._protection = protection
        self._attempts: dict[str, Attempt] = {}

    def next_try(self, symbol: str) -> int | None:
        """When (ns) the symbol is to be looked at again."""
        attempt = self._attempts.get(symbol)
        return attempt.next_at if attempt is not None else None

    def try_at_once(self) -> None:
        """Whatever was tried before in vain."""
        self._attempts.clear()

    def steps(self, symbol: str, view: AccountView, at: int, reason: str) -> list[Event]:
        position, working = view.position(symbol), view.working_in(symbol)
        stops = [*working.stops.values()]
        if not position.quantity:
            self._attempts.pop(symbol, None)
            return [*cancels(cancellable(stops), "its position is closed")]
        try:
            instrument = view.instrument(symbol)
        except UsageError as error:
            held = position.quantity
            return [stays(symbol, ZERO, held, (ReasonCode.REFUSED, f"cannot be closed: {error}"))]
        side = position.closing_side
        closing = already_closing(working.on(side), side)
        there = view.there(symbol)
        size = instrument.floor_quantity(closable(view.free(symbol), side, leaving(closing, side)))
        if not there:
            return self._nothing_to_close(position, closing, stops, NOT_THERE)
        if instrument.is_dust(size, view.mark(symbol)):
            return self._nothing_to_close(position, closing, stops, DUST)
        size = instrument.part(size, at_market=True)
        if self._too_early(position, at):
            return [] if closing else self._protection.protect(symbol, view, at)
        if not instrument.can_short:
            if stops:
                return self._protection.make_room(stops, reason, at)
            if _bind_coins((order for order in working if order not in closing), side):
                return []
        refusal, mark = view.refusal(symbol, exits=True), view.mark(symbol)
        order = OrderSpec(self._new_order_id(), symbol, side, size, reduce_only=True)
        order = by_another_type(order, refusal, instrument, mark)
        return self._close(position, order, at, reason)

    def at_once(self, position: Position, view: AccountView, reason: str) -> list[Event]:
        """One closing order, where whatever else works is on its way out."""
        instrument, held = view.instrument(position.symbol), position.quantity
        side, size = position.closing_side, instrument.floor_quantity(abs(held))
        if instrument.is_dust(size, view.mark(position.symbol)):
            return self._nothing_to_close(position, [], [], DUST)
        order = OrderSpec(self._new_order_id(), position.symbol, side, size, reduce_only=True)
        return [
            moves(position.symbol, ZERO, held, side.signed(size), reason),
            orders(order, reason),
        ]

    def _nothing_to_close(
        self, position: Position, closing: list[Order], stops: list[Order], why: Reason
    ) -> list[Event]:
        if closing:
            return []
        self._attempts.pop(position.symbol, None)
        return [
            stays(position.symbol, ZERO, position.quantity, why),
            *cancels(cancellable(stops), why[1]),
        ]

    def _too_early(self, position: Position, at: int) -> bool:
        attempt = self._attempts.get(position.symbol)
        return attempt is not None and attempt.held == position.quantity and at < attempt.next_at

    def _close(self, position: Position, order: OrderSpec, at: int, reason: str) -> list[Event]:
        symbol, held = order.symbol, position.quantity
        before = self._attempts.get(symbol)
        number = before.number + 1 if before is not None and before.held == held else 1
        pause = pause_after(number, FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._attempts[symbol] = Attempt(held, number, at + int(pause * SECOND))
        change = order.side.signed(order.quantity)
        return [moves(symbol, ZERO, held, change, reason), orders(order, reason)]


def _bind_coins(orders: Iterable[Order], side: Side) -> bool:
    """They are on their way out at an exchange that still counts them; of an unknown one nobody knows."""
    return any(o.spec.side is side and o.status is not OrderStatus.UNKNOWN for o in orders)


__all__ = ["Flattening"]
