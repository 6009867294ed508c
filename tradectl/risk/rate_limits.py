"""How many orders, how fast, and never the same one twice.

These checks remember. Their memory is bounded, and its time is the events' own, so that a replay
forgets and remembers at the same moments. Exits pass: no more can leave than came in by
entries. Nor are the closing orders of an emergency stop, the only ones that get this far in a
halt, slowed down: one that was rejected is sent again at once.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Self

from tradectl.domain.money import plain
from tradectl.domain.orders import PROTECTOR, OrderSpec, OrderStatus
from tradectl.domain.risk_memory import Window, is_full, lately
from tradectl.domain.states import TradingState
from tradectl.domain.text import counted
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.risk.base import Check, Denial, Figures, RememberingCheck
from tradectl.risk.context import RiskContext

FILLED = OrderStatus.FILLED
ON_THE_WAY_OUT = (TradingState.FLATTENING, TradingState.HALTED)
IDS_KEPT = 10_000


class OrderRateCheck(RememberingCheck):
    """At most `per_second` x `seconds` orders in any `seconds`. Exits pass."""

    code = "ORDER_RATE"

    def __init__(self, per_second: int, seconds: int) -> None:
        self._most = per_second * seconds
        self._window = seconds * SECOND
        self._times: deque[int] = deque(maxlen=self._most)

    def check(self, context: RiskContext) -> Denial | None:
        times = self._times
        if len(times) < self._most or context.at - times[0] >= self._window:
            return None
        if context.impact.reduces:
            return None
        return self.deny(
            f"{counted(self._most, 'order')} went out within {self._window // SECOND} s: no more may",
            Decimal(self._most),
            Decimal(self._most + 1),
        )

    def figures(self, context: RiskContext) -> Figures | None:
        lately = sum(context.at - at < self._window for at in self._times)
        return Figures(Decimal(self._most), Decimal(lately + 1))

    def remember(self, order: OrderSpec, at: int) -> None:
        if order.plan is None:  # that one does not leave: its children do
            self._times.append(at)

    def go_on_from(self, other: Self) -> None:
        self._times.extend(other._times)


class MessageRateCheck(Check):
    """At most so many messages in a window: orders, and the cancels of orders. What reduces or protects
    a position passes, and no cancel is ever held back: no more can leave than came in by entries. The
    books remember them."""

    code = "MESSAGE_RATE"

    def __init__(self, window: Window) -> None:
        self._window = window

    def check(self, context: RiskContext) -> Denial | None:
        if not is_full(context.view.risk.messages, context.at, self._window):
            return None
        if context.impact.reduces:
            return None
        most, length = self._window
        return self.deny(
            f"{counted(most, 'message')} (orders and cancels) went out within {length // SECOND} s: "
            "nothing is entered before there are fewer",
            Decimal(most),
            Decimal(most + 1),
        )

    def figures(self, context: RiskContext) -> Figures | None:
        sent = lately(context.view.risk.messages, context.at, self._window)
        return Figures(Decimal(self._window[0]), Decimal(sent + 1))


class WorkingOrdersCheck(Check):
    """At most so many orders that may still trade. Exits pass."""

    code = "WORKING_ORDERS"

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Denial | None:
        working = context.view.working_count()
        if working < self._limit or context.impact.reduces or context.order.parent_id:
            return None
        return self.deny(
            f"{counted(working, 'working order')}: the limit is {self._limit}",
            Decimal(self._limit),
            Decimal(working + 1),
        )

    def figures(self, context: RiskContext) -> Figures | None:
        return Figures(Decimal(self._limit), Decimal(context.view.working_count() + 1))


class DuplicateCheck(RememberingCheck):
    """No id twice, ever; and no order that repeats the last one of its symbol within the window.

    Only the last one: buying, selling and buying the same again is trading, however fast. So is a second
    step out of a position once the first has filled, or the step to its other side, a stop that comes
    back where it was, and another slice of what a strategy quotes once the one before it has filled.
    """

    code = "DUPLICATE"

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last: dict[str, tuple[OrderSpec, int]] = {}
        self._ids: set[str] = set()
        self._oldest_first: deque[str] = deque()

    def check(self, context: RiskContext) -> Denial | None:
        order = context.order
        if order.order_id in self._ids or context.view.seen(order.order_id):
            return self.deny(f"an order with the id {order.order_id} was there before")
        last = None if order.parent_id else self._last.get(order.symbol)
        if last is None or context.state in ON_THE_WAY_OUT:
            return None
        before, then = last
        ago = context.at - then
        if ago >= self._window_ms * MILLISECOND or not _same(order, before):
            return None
        turns = before.reduce_only and not order.reduce_only
        if (context.impact.reduces or turns or order.tag) and _makes_way(before, context):
            return None
        ago //= MILLISECOND
        return self.deny(
            f"the same order ({order.side} {plain(order.quantity)} {order.symbol}) went out "
            f"{ago} ms ago: the limit is once in {self._window_ms} ms",
            Decimal(self._window_ms),
            Decimal(ago),
        )

    def remember(self, order: OrderSpec, at: int) -> None:
        if not order.parent_id:  # equal parts of one intent are no mistake
            self._last[order.symbol] = (order, at)
        self._ids.add(order.order_id)
        self._oldest_first.append(order.order_id)
        if len(self._oldest_first) > IDS_KEPT:
            self._ids.discard(self._oldest_first.popleft())

    def go_on_from(self, other: Self) -> None:
        self._last, self._ids, self._oldest_first = other._last, other._ids, other._oldest_first


def _makes_way(order: OrderSpec, context: RiskContext) -> bool:
    """It was done; or it is over, and what protects a position is tried again, in its own time."""
    known = context.view.order(order.order_id)
    if known is None:
        return False
    again = context.order.strategy == PROTECTOR or context.order.leg is not None
    return known.status is FILLED or (known.is_over and again)


def _same(one: OrderSpec, other: OrderSpec) -> bool:
    return (
        one.quantity == other.quantity
        and one.side == other.side
        and one.type == other.type
        and one.price == other.price
        and one.stop_price == other.stop_price
        and one.leg == other.leg
        and one.tag == other.tag
        and (not (one.leg or one.tag) or one.strategy == other.strategy)
    )
