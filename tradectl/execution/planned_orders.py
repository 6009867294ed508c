"""An order with a plan, and the children that work it.

    begins      it is accepted here, and its first child made
    looked at   as an interval begins, when something became of a child, at the end
    due         what is to be done by now, less what is filled: the next child. One at a time
    ends        filled; or cancelled, once no child works any more; or its time is over

What is to be done follows from the order, its fills and the time alone: after a restart it is looked at,
and goes on, as soon as there is a price. A child that was refused, or is too small to be sent, joins the
next one. One that rests and was not filled is cancelled as the next is due; its rest joins that. Of a
share of the market's volume only what was traded while somebody listened is known: what a restart missed
does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from tradectl.domain.events import (
    CancelRequested,
    Event,
    ExecutionEvent,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderReport,
    OrderSubmitted,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, ONE, ZERO, Side, plain
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType, TimeInForce
from tradectl.domain.plans import Algorithm, ExecutionPlan, Rest
from tradectl.domain.shares import Share, part_of
from tradectl.domain.views import AccountView
from tradectl.execution.schedule import done_by, ends_at, given_up_at, interval_of

NAME = "execution"
PENDING_CANCEL = OrderStatus.PENDING_CANCEL
NOT_BEGUN = (OrderStatus.APPROVED, OrderStatus.SUBMITTED)
RESTS = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
RELEASES = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
"""A child may leave."""
RESTING = (Algorithm.ICEBERG, Algorithm.PEG)


class PlannedOrders:
    """`new_order_id` gives an id that was never given before. `at` is everywhere the time of the step, ns
    UTC."""

    def __init__(self, new_order_id: Callable[[], str]) -> None:
        self._new_order_id = new_order_id
        self._heard: dict[str, dict[str, Decimal]] = {}
        """by symbol and order: what may be done of it by the volume of the market so far"""

    # --- what happens -----------------------------------------------------------------------------------

    def begins(self, order: Order, view: AccountView, at: int) -> list[Event]:
        """Risk let it pass whole."""
        spec = order.spec
        order_id, symbol = spec.order_id, spec.symbol
        begun: list[Event] = []
        if order.status is OrderStatus.APPROVED:
            begun.append(OrderSubmitted(source_component=NAME, order_id=order_id, symbol=symbol))
        begun.append(OrderAccepted(source_component=NAME, order_id=order_id, symbol=symbol))
        return [*begun, *self._release(order, view, at)]

    def look(self, order: Order, view: AccountView, at: int) -> list[Event]:
        """What is to be done about it now."""
        children = view.working_in(order.spec.symbol).children_of(order.spec.order_id)
        if order.is_over:
            return cancels(children, f"its order is {order.status}")
        if order.status in NOT_BEGUN:  # the run before ended in the step that let it pass
            return self.begins(order, view, at)
        if order.status is PENDING_CANCEL:
            return cancels(children, order.reason) if children else [_canceled(order)]
        is_end = at >= ends_at(_plan(order), order.created_at)
        why = self._stops(order, view, is_end=is_end)
        if why:
            return cancels([order], why)
        if children:
            return self._see_to(order, children, view, at, is_end=is_end)
        if at >= given_up_at(_plan(order), order.created_at):
            return [_expired(order)]
        return self._release(order, view, at)

    def on_child(self, report: OrderReport, view: AccountView, at: int) -> list[Event]:
        """Something became of a child."""
        child = view.order(report.order_id)
        parent = None if child is None else view.order(child.spec.parent_id)
        if child is None or parent is None or not child.is_over:
            return []
        end = ends_at(_plan(parent), parent.created_at)
        if parent.is_over or parent.status is PENDING_CANCEL:
            return self.look(parent, view, at)
        if at >= end and child.created_at >= end and not isinstance(report, OrderFilled):
            if isinstance(report, OrderDenied) and at < given_up_at(
                _plan(parent), parent.created_at
            ):
                return []  # what stands against it may pass
            return [_expired(parent)]
        by_volume = _plan(parent).algorithm is Algorithm.POV
        if at >= end or (_makes_way(report) and not by_volume):
            return self.look(parent, view, at)
        return []  # what was refused joins the next one

    def on_volume(self, symbol: str, volume: Decimal, view: AccountView) -> None:
        """So much was traded in the symbol."""
        for order_id, may in self._heard.get(symbol, {}).items():
            order = view.order(order_id)
            if order is not None:
                self._heard[symbol][order_id] = may + _plan(order).participation * volume

    def listens(self, symbol: str = "") -> bool:
        """It has to hear of the market's volume, in the symbol or in any."""
        return bool(self._heard.get(symbol) if symbol else self._heard)

    def listen(self, order: Order, view: AccountView) -> None:
        """To the market's volume, where the order follows that."""
        spec = order.spec
        if _plan(order).algorithm is not Algorithm.POV:
            return
        children = view.working_in(spec.symbol).children_of(spec.order_id)
        done = order.filled + sum((child.remaining for child in children), ZERO)
        self._heard.setdefault(spec.symbol, {}).setdefault(spec.order_id, done)

    def forget(self, order: Order) -> None:
        """It is over."""
        heard = self._heard.get(order.spec.symbol)
        if heard is not None:
            heard.pop(order.spec.order_id, None)
            if not heard:
                del self._heard[order.spec.symbol]

    # --- the next child ---------------------------------------------------------------------------------

    def _see_to(
        self, order: Order, children: list[Order], view: AccountView, at: int, *, is_end: bool
    ) -> list[Event]:
        """A child works: at most one that rests makes way for what is due, for a better price, or for
        the end."""
        resting = [child for child in children if child.status in RESTS and _waits(child.spec)]
        if is_end:
            return cancels(resting, "the time of its order is over")
        algorithm = _plan(order).algorithm
        if algorithm is Algorithm.ICEBERG:
            return []
        if algorithm is Algorithm.PEG:
            price = self._price(order, view, at)
            left_behind = [child for child in resting if child.spec.price != price]
            return cancels(left_behind, "the best price is another one by now")
        is_due = self._due(order, view, at) > sum((child.remaining for child in children), ZERO)
        return cancels(resting, "the next part of its order is due") if is_due else []

    def _release(self, order: Order, view: AccountView, at: int) -> list[Event]:
        """The next child, unless there is nothing due, or it is too small."""
        spec, plan = order.spec, _plan(order)
        if view.data_time(spec.symbol) is None:
            return []  # the run goes on with it, and has heard of no price yet
        is_end = at >= ends_at(plan, order.created_at)
        due = order.remaining if is_end else self._due(order, view, at)
        instrument, mark = view.instrument(spec.symbol), view.mark(spec.symbol)
        price = None if is_end and plan.rest is Rest.SENT else self._price(order, view, at)
        price = spec.price if price is None else price
        quantity = _sendable(min(due, order.remaining), order.remaining, instrument, price or mark)
        quantity = instrument.part(quantity, at_market=price is None)
        if quantity <= 0 or instrument.is_dust(quantity, price or mark):
            return cancels([order], "what is left is too small for an order") if is_end else []
        if not is_end and self._is_slowed(order, view, at):
            return []
        child = OrderSpec(
            order_id=self._new_order_id(),
            symbol=spec.symbol,
            side=spec.side,
            quantity=quantity,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=price,
            time_in_force=TimeInForce.IOC if is_end and price is not None else TimeInForce.GTC,
            post_only=plan.algorithm in RESTING and not is_end,
            reduce_only=spec.reduce_only,
            strategy=spec.strategy,
            shares=_shares(order, quantity, instrument.lot_size),
            parent_id=spec.order_id,
            mid=_mid(spec.symbol, view) if plan.watches_mid else None,
        )
        return [OrderInitialized(source_component=NAME, order=child, reason=_word(order, is_end))]

    def _due(self, order: Order, view: AccountView, at: int) -> Decimal:
        """What is to be filled by now and is not."""
        plan, spec = _plan(order), order.spec
        if plan.algorithm is Algorithm.PEG:
            return order.remaining
        if plan.algorithm is Algorithm.ICEBERG:
            return min(plan.visible, order.remaining)
        if plan.algorithm is Algorithm.POV:
            self.listen(order, view)
            return self._heard[spec.symbol][spec.order_id] - order.filled
        interval = interval_of(plan, order.created_at, at)
        instrument = view.instrument(spec.symbol)
        done = done_by(plan, spec.quantity, order.created_at, interval, instrument)
        return done - order.filled

    def _price(self, order: Order, view: AccountView, at: int) -> Decimal | None:
        """What the next child asks for; None at market. One that rests stands at the best price of its
        own side, and no plan goes beyond its order's limit."""
        plan, spec = _plan(order), order.spec
        if plan.algorithm not in RESTING:
            return spec.price
        best = view.best(spec.symbol, spec.side)
        if best is None:
            return spec.price
        if spec.price is not None:
            best = spec.side.signed(min(spec.side.signed(best), spec.side.signed(spec.price)))
        return view.instrument(spec.symbol).round_price(best)

    # --- slippage ---------------------------------------------------------------------------------------

    def _stops(self, order: Order, view: AccountView, *, is_end: bool) -> str:
        """Why nothing more of it is done; empty where it goes on."""
        plan = _plan(order)
        if is_end and plan.rest is Rest.LEFT:
            return "its time is over: the rest is left"
        for limit, slipped, what in (
            (plan.stopped_at, self._slipped(order, view), "its arrival price"),
            (plan.stopped_at_mid, beyond_mid_bps(order), "the middle of the market"),
        ):
            if limit is not None and slipped is not None and slipped > limit:
                return f"slippage of {slipped:.1f} bps against {what}: it stops at {plain(limit)}"
        return ""

    def _is_slowed(self, order: Order, view: AccountView, at: int) -> bool:
        """It slipped more than it should, and this is one of the intervals that are left out then."""
        plan = _plan(order)
        if not interval_of(plan, order.created_at, at) % 2:
            return False
        return any(
            limit is not None and slipped is not None and slipped > limit
            for limit, slipped in (
                (plan.slowed_at, self._slipped(order, view)),
                (plan.slowed_at_mid, beyond_mid_bps(order)),
            )
        )

    @staticmethod
    def _slipped(order: Order, view: AccountView) -> Decimal | None:
        return slippage_bps(order, view.mark(order.spec.symbol))


def slippage_bps(order: Order, mark: Decimal | None) -> Decimal | None:
    """What the whole order will have cost against the price as it was made, were the rest filled at
    `mark`: hundredths of a percent, above zero where it is worse. Implementation shortfall (Perold,
    1988) with the rest at the price of now. None where a price is not known."""
    spec, plan = order.spec, order.spec.plan
    arrival = None if plan is None else plan.arrival
    if not arrival or not mark:
        return None
    average = (order.cost + order.remaining * mark) / spec.quantity
    return spec.side.signed(average / arrival - ONE) / BPS


def beyond_mid_bps(order: Order) -> Decimal | None:
    """What its fills cost against the middle of the market as each child was made, in hundredths of a
    percent of what was paid; None before the first."""
    return order.beyond_mid / order.cost_with_mid / BPS if order.cost_with_mid else None


def _mid(symbol: str, view: AccountView) -> Decimal | None:
    bid, ask = view.best(symbol, Side.BUY), view.best(symbol, Side.SELL)
    return None if bid is None or ask is None else (bid + ask) / 2


def cancels(orders: Iterable[Order], reason: str) -> list[Event]:
    """Of those that nobody has asked to cancel."""
    return [
        CancelRequested(
            source_component=NAME,
            order_id=order.spec.order_id,
            symbol=order.spec.symbol,
            reason=reason,
        )
        for order in orders
        if order.status is not PENDING_CANCEL
    ]


def _plan(order: Order) -> ExecutionPlan:
    plan = order.spec.plan
    assert plan is not None, "an order with a plan"
    return plan


def _makes_way(report: OrderReport) -> bool:
    """The child is filled, or was cancelled because we asked for it: what is due goes on at once."""
    if isinstance(report, OrderCanceled):
        return not report.by_exchange
    return isinstance(report, OrderFilled)


def _waits(spec: OrderSpec) -> bool:
    return not spec.is_at_once


def _sendable(
    due: Decimal, remaining: Decimal, instrument: Instrument, price: Decimal | None
) -> Decimal:
    """What is due in lots; and all that remains, where what would be left of it is too small to be sent
    by itself."""
    quantity = instrument.floor_quantity(due)
    too_small = instrument.is_dust(quantity, price)
    tail = remaining - quantity
    if too_small or not tail or not instrument.is_dust(tail, price):
        return quantity
    return instrument.floor_quantity(remaining)


def _shares(order: Order, quantity: Decimal, lot: Decimal) -> tuple[Share, ...]:
    """Of an order for several strategies, whose the child is, by what each still wants."""
    if not order.spec.shares:
        return ()
    parts = part_of(order.coming_for(lot), order.spec.side.signed(quantity), lot)
    return tuple(Share(name, part) for name, part in parts.items() if part)


def _word(order: Order, is_end: bool) -> str:
    algorithm = _plan(order).algorithm
    return f"{algorithm}: the rest" if is_end else f"{algorithm}: {order.reason}"


def _canceled(order: Order) -> ExecutionEvent:
    spec = order.spec
    return OrderCanceled(source_component=NAME, order_id=spec.order_id, symbol=spec.symbol)


def _expired(order: Order) -> ExecutionEvent:
    spec = order.spec
    left = f"{plain(order.remaining)} of {plain(spec.quantity)}"
    return OrderExpired(
        source_component=NAME,
        order_id=spec.order_id,
        symbol=spec.symbol,
        reason=f"its time is over, and {left} was not filled",
    )


__all__ = ["RELEASES", "PlannedOrders", "beyond_mid_bps", "cancels", "slippage_bps"]
