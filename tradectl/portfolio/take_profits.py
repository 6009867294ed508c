"""Targets that rest at the exchange beside the stops: reduce-only limit orders, each of one strategy.

The stop comes first: a target is placed once the stop of its strategy rests, and is as large as what the
strategy holds and no exit is taking already. It is replaced one after the other, never two at a time: one
that is missing costs a chance, two could sell more than the strategy has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from tradectl.domain.events import Event
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Leg, Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.protection import RESTS
from tradectl.domain.views import AccountView
from tradectl.portfolio.brackets import Brackets, Levels
from tradectl.portfolio.decisions import cancels, is_unjudged, orders
from tradectl.portfolio.needed_stops import cancellable, going_of
from tradectl.portfolio.retries import RetryTimes


class WantedTarget(NamedTuple):
    side: Side
    quantity: Decimal
    price: Decimal
    reason: str

    def is_met_by(self, order: Order) -> bool:
        return order.spec.price == self.price and order.remaining == self.quantity


class TakeProfits:
    """`new_order_id` gives an id that was never given before."""

    def __init__(self, brackets: Brackets, new_order_id: Callable[[], str]) -> None:
        self._brackets = brackets
        self._new_order_id = new_order_id
        self._retries = RetryTimes()
        self._placed: dict[tuple[str, str], str] = {}
        self._placed_at = -1

    def see_to(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Place the symbol's targets, or cancel what does not serve any more. `at` in ns UTC."""
        working = view.working_in(symbol).take_profits.values()
        if not working and not self._brackets.is_active(view):
            return []
        if view.trading_state.is_halt and not view.trading_state.only_reduces:
            return []  # what works is cancelled by the halt
        if any(kind.blocks_exits for kind in view.restrictions(symbol)):
            return []
        wanted = self._wanted(symbol, view)
        outdated = [
            order
            for order in cancellable(working)
            if (want := wanted.get(order.spec.strategy)) is None or not want.is_met_by(order)
        ]
        events: list[Event] = [*cancels(outdated, "it is not the target of what is held")]
        taken = {order.spec.strategy for order in working}
        for name, want in wanted.items():
            if name not in taken and self._may_place(name, symbol, view, at):
                events.append(self._place(name, want, symbol))
                self._placed_at = at
        return events

    def _wanted(self, symbol: str, view: AccountView) -> dict[str, WantedTarget]:
        """By strategy. Of one whose stop does not rest yet there is none."""
        levels = self._brackets.levels(symbol, view)
        if not levels:
            return {}
        position, instrument = view.position(symbol), view.instrument(symbol)
        side, working = position.closing_side, view.working_in(symbol)
        stops = self._brackets.resting_stops(levels, symbol, view)
        parts = self._brackets.resting_targets(levels, symbol, view)
        found = {}
        for each in levels:
            part = parts.get(each.strategy)
            if part is None or each.target is None:
                continue
            if each.strategy in stops and not _is_stopped(each, working.stops.values()):
                continue
            going = going_of(each.strategy, working.on(side), each.own, position, instrument)
            size = instrument.floor_quantity(max(part - going, ZERO))
            if not instrument.is_dust(size, view.mark(symbol)):
                reason = each.reason(Leg.TAKE_PROFIT)
                found[each.strategy] = WantedTarget(side, size, each.target, reason)
        return found

    def _may_place(self, name: str, symbol: str, view: AccountView, at: int) -> bool:
        """It comes from an open market, and is not refused again and again."""
        if view.data_time(symbol) is None:
            return False
        last = self._placed.get((symbol, name), "")
        if last and is_unjudged(last, self._placed_at, view, at):
            return False
        before = view.order(last)
        if before is not None and before.is_over:
            del self._placed[symbol, name]
            if not before.filled and before.status is not OrderStatus.CANCELED:
                self._retries.failed(f"{symbol} {name}", at)
        return self._retries.is_due(f"{symbol} {name}", at)

    def _place(self, name: str, want: WantedTarget, symbol: str) -> Event:
        spec = OrderSpec(
            self._new_order_id(),
            symbol,
            want.side,
            want.quantity,
            OrderType.LIMIT,
            price=want.price,
            reduce_only=True,
            strategy=name,
            leg=Leg.TAKE_PROFIT,
        )
        self._placed[symbol, name] = spec.order_id
        return orders(spec, want.reason)


def _is_stopped(each: Levels, stops: Iterable[Order]) -> bool:
    """A stop of the strategy rests."""
    return any(o.spec.strategy == each.strategy and o.status in RESTS for o in stops)


__all__ = ["TakeProfits"]
