"""From an approved order to a command for the exchange, and from a state of trading to its cancels."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradectl.domain.commands import ApprovedOrder, CancelOrder, SubmitOrder
from tradectl.domain.errors import CoreError
from tradectl.domain.events import CancelRequested, OrderFilled
from tradectl.domain.money import BPS, ZERO
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.protection import protects
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView

ARRIVALS_KEPT = 1_000
"""Of orders that may be over; of those that work, there may be more."""
APPROVED = OrderStatus.APPROVED


class ExecutionEngine:
    """Pure: events and questions in, commands and events out.

    `slippage_cost` is what fills cost against the price at the moment of submission, in the quote
    currency, and `slippage_notional` the notional it was measured on.
    """

    def __init__(self, *, arrivals_kept: int = ARRIVALS_KEPT) -> None:
        self._arrivals_kept = self._looked_through_at = arrivals_kept
        self.slippage_cost = ZERO
        self.slippage_notional = ZERO
        self._arrival: dict[str, Decimal] = {}

    def submit(self, approved: ApprovedOrder, view: AccountView) -> SubmitOrder:
        """The command for an order that risk let pass. Raises CoreError where the books hold another
        one, or one that is not to be sent any more."""
        order_id = approved.spec.order_id
        order = self._order(order_id, view)
        if order.spec != approved.spec:
            raise CoreError(f"the books hold another order {order_id} than risk let pass")
        if order.status is not APPROVED:
            raise CoreError(f"order {order_id} is {order.status}: only an approved one is sent")
        mark = view.mark(approved.spec.symbol)
        if mark is not None:
            self._arrival[order_id] = mark
            if len(self._arrival) > self._looked_through_at:
                self._forget(view)
        return SubmitOrder(approved)

    def _forget(self, view: AccountView) -> None:
        """What the books have forgotten, no fill is booked of; once in as many orders as there are."""
        self._arrival = {o: mark for o, mark in self._arrival.items() if view.order(o) is not None}
        self._looked_through_at = max(self._arrivals_kept, 2 * len(self._arrival))

    def cancel(self, event: CancelRequested, view: AccountView) -> CancelOrder:
        order = self._order(event.order_id, view)
        return CancelOrder(event.order_id, order.spec.symbol, order.venue_order_id)

    def cancel_what_may_not_stay(self, view: AccountView, reason: str) -> list[CancelRequested]:
        """A cancel for every working order that the trading state leaves no place for, and that is not
        being cancelled already."""
        return self._cancels(view, reason, lambda spec: not may_stay(spec, view))

    def cancel_all(self, view: AccountView, reason: str) -> list[CancelRequested]:
        """The same for all but what protects a position."""
        return self._cancels(view, reason, lambda spec: not _protects(spec, view))

    @staticmethod
    def _cancels(
        view: AccountView, reason: str, meant: Callable[[OrderSpec], bool]
    ) -> list[CancelRequested]:
        return [
            CancelRequested(
                source_component="execution",
                order_id=order.spec.order_id,
                symbol=order.spec.symbol,
                reason=reason,
            )
            for order in view.working_orders()
            if order.status is not OrderStatus.PENDING_CANCEL and meant(order.spec)
        ]

    def on_fill(self, fill: OrderFilled) -> None:
        arrival = self._arrival.get(fill.order_id)
        if arrival is not None:
            self.slippage_cost += fill.side.signed(fill.quantity) * (fill.price - arrival)
            self.slippage_notional += fill.quantity * arrival

    def slippage_bps(self) -> Decimal:
        """Implementation shortfall of all fills in basis points of notional (Perold, 1988)."""
        if not self.slippage_notional:
            return ZERO
        return (self.slippage_cost / self.slippage_notional / BPS).quantize(Decimal("0.01"))

    @staticmethod
    def _order(order_id: str, view: AccountView) -> Order:
        order = view.order(order_id)
        if order is None:
            raise CoreError(f"order {order_id} is not in the books")
        return order


def may_stay(spec: OrderSpec, view: AccountView) -> bool:
    """Whether an order goes on to work in the trading state that has come about: what protects a position
    does, but where an emergency stop drops that, too."""
    state = view.trading_state
    if spec.is_protective:
        return _protects(spec, view) and not view.protection_dropped
    if state.only_reduces:
        return spec.reduce_only
    if state is TradingState.FLATTENING:
        return spec.reduce_only and spec.type is OrderType.MARKET and spec.plan is None
    return state is TradingState.RUNNING


def _protects(spec: OrderSpec, view: AccountView) -> bool:
    return protects(spec, view.position(spec.symbol).quantity)
