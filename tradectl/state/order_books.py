"""The orders in the books: each one's way through its life, and what its fills make of the account.

A fill is booked once, whoever reports it and how often. An order that may still trade is among the
working ones; of those that are over the newest are remembered: a late report may still concern them.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.errors import CoreError
from tradectl.domain.events import (
    CancelRequested,
    Event,
    ExecutionEvent,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    Record,
)
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import BY_HAND, WORKING, Order, OrderStatus, Trigger, step
from tradectl.domain.positions import Position
from tradectl.risk.limits import RiskLimits
from tradectl.state import refusals, resting_quotes
from tradectl.state.account import Account, Fill, StrategyTotals
from tradectl.state.booking import Booking, book_fill, refuse_contradiction
from tradectl.state.books_view import BooksView
from tradectl.state.bracket_books import end_trails
from tradectl.state.fee_coins import PaidInCoins, paid_in_coins
from tradectl.state.income_booking import note_held
from tradectl.state.perpetual_booking import held_from
from tradectl.state.stopped_targets import stop_out

FINISHED_KEPT = 250
INITIALIZED, PENDING_CANCEL = OrderStatus.INITIALIZED, OrderStatus.PENDING_CANCEL
APPROVE, SUBMIT, FILL, PARTIAL_FILL = (
    Trigger.APPROVE,
    Trigger.SUBMIT,
    Trigger.FILL,
    Trigger.PARTIAL_FILL,
)


class OrderBooks(BooksView):
    """`touched` orders and `new_fills` collect what changed until the projection takes it; where there is
    none (`projected` is False) nothing is collected."""

    def __init__(
        self,
        account: Account,
        instruments: Instruments | None = None,
        *,
        limits: RiskLimits | None = None,
        projected: bool = True,
    ) -> None:
        super().__init__(account, instruments, limits)
        self._note_limits()
        self.last_seq = 0
        self._projected = projected
        self.touched: dict[str, Order] = {}
        self.new_fills: list[Fill] = []

    def _note_limits(self) -> None:
        self._messages = self.limits.message_window
        self._repeated = self.limits.repeated_window
        self._breaks = self.limits.breaks

    def change_limits(self, limits: RiskLimits) -> None:
        super().change_limits(limits)
        self._note_limits()

    # --- an order's life ------------------------------------------------------------------------------

    def on_order(self, event: OrderInitialized, record: Record) -> None:
        spec = event.order
        if spec.order_id in self._orders:
            raise CoreError(f"a second order of the id {spec.order_id}")
        order = Order(spec, record.at, record.at, reason=event.reason)
        # in place
        self._orders[spec.order_id] = order
        if spec.plan is None:  # what leaves is counted
            self.account.orders_count += 1
            for name in spec.owners:
                self._strategy(name).orders += 1
        if self._projected:
            self.touched[spec.order_id] = order

    def on_approved(self, event: OrderApproved, record: Record) -> None:
        order = self._known(event.order_id)
        self._move(order, APPROVE, record)
        self._work(order)
        if self._messages is not None and order.spec.plan is None:
            self.account.risk.note_message(record.at, self._messages)

    def on_submitted(self, event: OrderSubmitted, record: Record) -> None:
        self._move(self._known(event.order_id), SUBMIT, record)

    def on_denied(self, event: OrderDenied, record: Record) -> None:
        order = self._known(event.order_id)
        self._move(order, Trigger.DENY, record)
        order.reason = f"{event.code}: {event.message}"
        self.account.denied_count += 1
        if order.spec.tag:
            if event.code not in resting_quotes.NO_ROOM:
                resting_quotes.take_what_cannot_rest(self.account, order)
            return
        refusals.held_back(self, order, record.at)

    def on_cancel(self, event: CancelRequested, record: Record) -> None:
        order = self._known(event.order_id)
        self._move(order, Trigger.REQUEST_CANCEL, record)
        if self._messages is not None and order.spec.plan is None:
            self.account.risk.note_message(record.at, self._messages)
        if event.makes_room and order.spec.leg is None:  # a bracket's comes back by itself
            self.account.lift(order.spec)

    def on_execution(self, event: ExecutionEvent, record: Record) -> list[Event]:
        """An exchange's word on an order."""
        order = self._known(event.order_id)
        before, was_over = order.status, order.is_over
        self._move(order, event.trigger, record)
        order.venue_order_id = event.venue_order_id or order.venue_order_id
        order.reason = event.reason or order.reason
        if was_over or not order.is_over or before is PENDING_CANCEL:
            return []
        if order.spec.parent_id or order.spec.strategy == BY_HAND:
            return []  # nobody tries these again
        if order.spec.tag:
            resting_quotes.take_what_cannot_rest(self.account, order)
            return []
        cause = refusals.cause_of(event, order, before)
        return refusals.refused(self, order, cause, event.reason, record.at)

    def on_fill(self, fill: OrderFilled, record: Record) -> list[Event]:
        """Raises CoreError on an overfill."""
        order, account = self._known(fill.order_id), self.account
        if fill.trade_id in order.trades:
            account.duplicates += 1
            return []
        refuse_contradiction(order, fill)
        spec, symbol = order.spec, fill.symbol
        filled, notional = order.filled + fill.quantity, fill.quantity * fill.price
        if filled > spec.quantity:
            raise CoreError(
                f"order {fill.order_id} of {spec.quantity} was filled {filled}: overfilled"
            )
        is_all = filled == spec.quantity
        status = step(order.status, FILL if is_all else PARTIAL_FILL)
        before, instrument = self.position(symbol), self.instruments[symbol]
        parent = self._parent_of(order, fill) if spec.parent_id else None
        worked = None if parent is None else _filled_by(parent, fill)
        held = self.holdings(symbol)
        booking = book_fill(fill, parent or order, before, held, account.cash, instrument)
        paid = paid_in_coins(self, fill, booking, record)
        cost, fees = order.cost + notional, order.fees + fill.fee
        turnover = account.turnover + notional
        # in place
        if not before.quantity and instrument.can_short:
            account.hold_from(symbol, held_from(self.last.get(symbol), fill.ts or record.at))
        is_first = not order.trades and (parent is None or not parent.filled)
        if self._repeated is not None and is_first and not spec.is_for_all:
            account.risk.note_execution(spec, record.at, self._repeated)
        self._enter(booking, Fill(fill, spec.entered_by, record.at, booking.kept))
        for name in booking.owned:
            self._strategy(name).fills += 1
        account.fills_count += 1
        account.turnover = turnover
        if paid is not None:
            self._pay_in_coins(paid)
        order.cost, order.fees = cost, fees
        order.trades[fill.trade_id] = None
        order.venue_order_id = fill.venue_order_id or order.venue_order_id
        self._set(order, status, filled, record)
        if parent is not None and worked is not None:
            parent.cost, parent.fees = parent.cost + notional, parent.fees + fill.fee
            if spec.mid is not None:
                parent.beyond_mid += fill.side.signed(fill.quantity) * (fill.price - spec.mid)
                parent.cost_with_mid += notional
            self._set(parent, *worked, record)
        if spec.tag:
            resting_quotes.take_filled(account, order, fill.quantity)
        if spec.leg is not None or spec.is_stop_loss:
            left = booking.position.quantity
            stop_out(self, symbol, before.quantity, left, fill.price, closed=booking.owned)
        events = booking.events(fill)
        if paid is not None:
            events += paid.events()
        if account.refused_exits or account.refused_entries:
            events += refusals.filled(self, order, before.quantity)
        return events

    def _parent_of(self, child: Order, fill: OrderFilled) -> Order | None:
        """Whose fill it is. One that comes so late that others have taken its part is the child's own."""
        parent = self._orders.get(child.spec.parent_id)
        return parent if parent is not None and fill.quantity <= parent.remaining else None

    def _known(self, order_id: str) -> Order:
        order = self._orders.get(order_id)
        if order is None:
            raise CoreError(f"a report on order {order_id}, which is not ours or long over")
        return order

    # --- putting it in place: nothing here can fail ----------------------------------------------------

    def _move(self, order: Order, trigger: Trigger, record: Record) -> None:
        """Raises IllegalTransition, before anything is changed."""
        self._set(order, step(order.status, trigger), order.filled, record)

    def _set(self, order: Order, status: OrderStatus, filled: Decimal, record: Record) -> None:
        """An order that is over by it goes from the working to the finished ones."""
        before, spec, works = order.status, order.spec, status in WORKING
        if before in WORKING:
            self._change(order, status, filled)
            self._working_count -= not (works or spec.parent_id)
            self._changed[spec.symbol] = None
        else:
            order.status, order.filled = status, filled
        if not works and (before in WORKING or before is INITIALIZED):
            self._finished.append(spec.order_id)
            if len(self._finished) > FINISHED_KEPT:
                del self._orders[self._finished.popleft()]
        order.updated_at = record.at
        if self._projected:
            self.touched[spec.order_id] = order

    def _enter(self, booking: Booking, fill: Fill | None) -> None:
        account, symbol = self.account, booking.position.symbol
        if fill is not None:
            note_held(self, symbol, booking.owned, fill.report.ts or fill.at)
        if account.lifted_stops and self._begins_anew(booking.position):
            account.lifted_stops.pop(symbol, None)
        if account.brackets:
            end_trails(self, symbol, booking.owned)
        self.hold(booking.position)
        account.book_cash(booking.cash, self.instruments.exchange_of(symbol))
        account.own(symbol, booking.owned)
        if self._projected and fill is not None:
            self.new_fills.append(fill)

    def _begins_anew(self, after: Position) -> bool:
        """What is left is too little for any order, or was when something was added to it: a stop of
        before has nothing to do with it. What only a falling price makes dust keeps its own."""
        symbol, before = after.symbol, self.position(after.symbol).quantity
        if before * after.quantity < 0 or self.is_dust(symbol, after.quantity, None):
            return True
        return abs(after.quantity) > abs(before) and not self.open_quantity(symbol)

    def _pay_in_coins(self, paid: PaidInCoins) -> None:
        if paid.sold is not None:
            cash = self.account.cash + paid.sold.cash
            self._enter(replace(paid.sold, cash=cash), paid.fill)
        paid.note_external(self.account)

    def _strategy(self, name: str) -> StrategyTotals:
        found = self.account.strategies.get(name)
        if found is None:
            found = self.account.strategies[name] = StrategyTotals()
        return found

    # --- for the projection ----------------------------------------------------------------------------

    def take_changed(self) -> tuple[list[Order], list[Fill]]:
        """The orders and fills that changed since they were taken last."""
        orders, fills = [*self.touched.values()], self.new_fills
        self.touched, self.new_fills = {}, []
        return orders, fills

    def put_back(self, orders: list[Order], fills: list[Fill]) -> None:
        """What was taken could not be stored: it comes with what is taken next."""
        self.touched = {order.spec.order_id: order for order in orders} | self.touched
        self.new_fills = fills + self.new_fills


def _filled_by(parent: Order, fill: OrderFilled) -> tuple[OrderStatus, Decimal]:
    """The status of an order with a plan after a fill of its child, and what is filled of it then."""
    filled = parent.filled + fill.quantity
    is_all = filled == parent.spec.quantity
    return step(parent.status, FILL if is_all else PARTIAL_FILL), filled


__all__ = ["OrderBooks"]
