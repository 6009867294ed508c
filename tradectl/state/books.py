"""The books: everything the account is, folded from events and from nothing else.

Live, in a replay and after a crash the same methods see the same events and the state comes out the
same. Each computes the new value, checks it, then swaps it in. Questions are answered from what is
kept; nothing about money is a float, nothing depends on the order of a hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from tradectl.domain.errors import CoreError
from tradectl.domain.events import (
    AccountReported,
    BarEvent,
    BookEvent,
    CancelRejected,
    CancelRequested,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    ExecutionEvent,
    LimitBreached,
    MarketDataEvent,
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderOutcomeLost,
    OrderRejected,
    OrderSubmitted,
    OrderTriggered,
    PositionChanged,
    QuoteEvent,
    Record,
    RiskAction,
    SymbolRestricted,
    TimerFired,
)
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, side_of
from tradectl.domain.orders import Order, OrderStatus, Trigger, step
from tradectl.domain.positions import Position
from tradectl.domain.time import DAY
from tradectl.domain.views import TradingState
from tradectl.state import reconciliation as live
from tradectl.state.account import Account, Fill, StrategyTotals
from tradectl.state.books_view import BooksView

E = TypeVar("E", bound=Event)

FINISHED_KEPT = 250
RISK_TIMER = "risk"
EXTERNAL = "external"
"""The strategy that what came from outside is entered under."""


class Books(BooksView):
    """The account, folded; `BooksView` has the questions.

    `touched` and `new_fills` collect what changed for the projection, which empties them.
    """

    def __init__(self, account: Account, instruments: Instruments | None = None) -> None:
        super().__init__(account, instruments)
        self.last_seq = 0
        self.touched: dict[str, Order] = {}
        self.new_fills: list[Fill] = []

    def fold(self, records: Iterable[Record]) -> None:
        """Take recorded events, inputs and derived ones alike: what they caused is among them."""
        for record in records:
            handler = FOLD.get(record.event.__class__)
            if handler is not None:
                with suppress(Exception):  # what it led to then, a halt say, is among the records
                    handler(self, record.event, record)
            self.last_seq = record.seq

    def on_market(self, event: MarketDataEvent, record: Record) -> None:
        self.last[event.symbol] = event

    def on_order(self, event: OrderInitialized, record: Record) -> None:
        spec = event.order
        if spec.order_id in self._orders:
            raise CoreError(f"a second order of the id {spec.order_id}")
        order = Order(spec, record.at, record.at, reason=event.reason)
        self._orders[spec.order_id] = order
        self.account.orders_count += 1
        self._strategy(spec.strategy).orders += 1
        self._touch(order, record)

    def on_approved(self, event: OrderApproved, record: Record) -> None:
        order = self._known(event.order_id)
        self._move(order, Trigger.APPROVE, record)
        self._working.setdefault(order.spec.symbol, {})[order.spec.order_id] = order

    def on_submitted(self, event: OrderSubmitted, record: Record) -> None:
        self._move(self._known(event.order_id), Trigger.SUBMIT, record)

    def on_denied(self, event: OrderDenied, record: Record) -> None:
        order = self._known(event.order_id)
        self._move(order, Trigger.DENY, record)
        order.reason = f"{event.code}: {event.message}"
        self.account.denied_count += 1

    def on_cancel(self, event: CancelRequested, record: Record) -> None:
        self._move(self._known(event.order_id), Trigger.REQUEST_CANCEL, record)

    def on_execution(self, event: ExecutionEvent, record: Record) -> None:
        """An exchange's word on an order."""
        order = self._known(event.order_id)
        self._move(order, event.trigger, record)
        order.venue_order_id = event.venue_order_id or order.venue_order_id
        order.reason = event.reason or order.reason

    def on_fill(self, fill: OrderFilled, record: Record) -> list[Event]:
        """A fill is booked once, whoever reports it and how often. Raises CoreError on an overfill."""
        order = self._known(fill.order_id)
        if fill.trade_id in order.trades:
            self.account.duplicates += 1
            return []
        self._refuse_contradiction(order, fill)
        filled = order.filled + fill.quantity
        if filled > order.spec.quantity:
            raise CoreError(
                f"order {fill.order_id} of {order.spec.quantity} was filled {filled}: overfilled"
            )
        trigger = Trigger.FILL if filled == order.spec.quantity else Trigger.PARTIAL_FILL
        status = step(order.status, trigger)
        self._book(order, fill, record)
        order.filled, order.cost = filled, order.cost + fill.quantity * fill.price
        order.fees += fill.fee
        order.trades.append(fill.trade_id)
        order.venue_order_id = fill.venue_order_id or order.venue_order_id
        self._settle(order, status, record)
        return [self._position_event(fill.symbol)]

    @staticmethod
    def _refuse_contradiction(order: Order, fill: OrderFilled) -> None:
        spec = order.spec
        if fill.symbol != spec.symbol or fill.side is not spec.side or fill.quantity <= 0:
            raise CoreError(
                f"order {spec.order_id} is to {spec.side} {spec.symbol}, and its fill {fill.trade_id} "
                f"is {fill.side} {fill.quantity} {fill.symbol}"
            )

    def on_risk(self, event: LimitBreached, record: Record) -> None:
        if event.action == RiskAction.HALT:
            self._halt(f"{event.code}: {event.message}", record.at)
        elif event.action == RiskAction.PAUSE and self.mode is TradingState.RUNNING:
            self.account.mode = TradingState.PAUSED
            self.account.mode_reason = f"{event.code}: {event.message}"

    def on_hold(self, event: SymbolRestricted, _record: Record) -> None:
        self.account.at_exchange().hold(event)

    def on_statement(self, statement: AccountReported, record: Record) -> list[Event]:
        """An exchange's word on what we hold there: compared with ours, or taken for it."""
        account, there = self.account, self.account.at_exchange()
        adjusted: list[Event] = []
        if statement.accept:
            adjusted = list(self._accept(statement, record))
        ours = {symbol: self.position(symbol).quantity for symbol in statement.positions}
        return [*adjusted, *live.judge(there, statement, ours, account.cash)]

    def on_command(self, event: CommandReceived, record: Record) -> None:
        if event.command is Command.EMERGENCY_STOP:
            self._halt(event.reason or "emergency stop", record.at)
            self.account.flattening = self.account.flattening or event.flatten
        elif event.command is Command.PAUSE and self.mode is TradingState.RUNNING:
            self.account.mode, self.account.mode_reason = TradingState.PAUSED, event.reason
        elif event.command is Command.RESUME and self.mode is TradingState.PAUSED:
            self.account.mode, self.account.mode_reason = TradingState.RUNNING, ""

    def on_timer(self, event: TimerFired, record: Record) -> None:
        """The risk timer measures equity: the peak for the drawdown, the day's start for its loss."""
        if event.name == RISK_TIMER:
            equity, day = self.equity(), record.at // DAY
            self.account.peak_equity = max(self.account.peak_equity, equity)
            if day != self.account.day:
                self.account.day, self.account.day_start_equity = day, equity

    # --- how a fill is booked --------------------------------------------------------------------------

    def _book(self, order: Order, fill: OrderFilled, record: Record) -> None:
        account, symbol = self.account, fill.symbol
        signed, instrument = fill.side.signed(fill.quantity), self.instruments[symbol]
        totals = self._strategy(order.spec.strategy)
        before, own = self.position(symbol), totals.positions.get(symbol) or Position(symbol)
        kept = ZERO
        if fill.fee_paid and fill.fee_currency == instrument.base and not instrument.can_short:
            kept = fill.fee_paid
        after = _filled(before, fill, signed, kept)
        paid = after.fees - before.fees
        if instrument.can_short:
            paid -= after.realized - before.realized
        else:
            paid += (signed - kept) * fill.price
        totals.positions[symbol] = _filled(own, fill, signed, kept)
        totals.fills += 1
        account.positions[symbol] = after
        account.cash -= paid
        account.fills_count += 1
        account.turnover += fill.quantity * fill.price
        if fill.fee_paid and not kept:
            account.at_exchange().fees_elsewhere += fill.fee
        self.new_fills.append(Fill(fill, order.spec.strategy, record.at, kept))

    def _accept(self, statement: AccountReported, record: Record) -> Iterable[Event]:
        """Make our books what the exchange says. What is moved is no profit: it came from outside."""
        account, there = self.account, self.account.at_exchange()
        for symbol, stated in statement.positions.items():
            before = self.position(symbol)
            moved = stated - there.external.get(symbol, ZERO) - before.quantity
            price = self.mark(symbol) or before.entry_price
            there.discrepancies.pop(symbol, None)
            if moved:
                self._move_in(symbol, moved, price, record)
                yield self._position_event(symbol)
        if statement.cash is not None:
            there.cash_at[statement.exchange] = statement.cash
            total = sum(there.cash_at.values(), ZERO)
            moved = total - there.cash_outside - there.fees_elsewhere - account.cash
            there.discrepancies.pop(live.CASH, None)
            account.cash += moved
            self._put_in(moved)

    def _move_in(self, symbol: str, moved: Decimal, price: Decimal, record: Record) -> None:
        """Quantity that came (+) or went (-) from outside, at `price`, as a fill of nobody's order: on
        spot it is money put in or taken out, a perpetual's position has its worth in the cash."""
        account, totals = self.account, self._strategy(EXTERNAL)
        before, own = self.position(symbol), totals.positions.get(symbol) or Position(symbol)
        after = before.after_fill(moved, price, ZERO)
        if self.instruments[symbol].can_short:
            account.cash += after.realized - before.realized
        else:
            self._put_in(moved * price)
        account.positions[symbol] = after
        totals.positions[symbol] = own.after_fill(moved, price, ZERO)
        report = OrderFilled(
            source_component="operator",
            order_id=f"{EXTERNAL}-{record.seq}",
            symbol=symbol,
            trade_id=symbol,
            side=side_of(moved),
            quantity=abs(moved),
            price=price,
        )
        self.new_fills.append(Fill(report, EXTERNAL, record.at))

    def _put_in(self, amount: Decimal) -> None:
        """Money that came (+) or went (-) from outside is no profit and no loss: what losses are
        measured from moves with it."""
        account = self.account
        account.at_exchange().transferred += amount
        account.peak_equity += amount
        account.day_start_equity += amount

    def _position_event(self, symbol: str) -> PositionChanged:
        position = self.account.positions[symbol]
        return PositionChanged(
            source_component="state",
            symbol=symbol,
            quantity=position.quantity,
            cost=position.cost,
            realized=position.realized,
            cash=self.account.cash,
            fees=position.fees,
        )

    def _known(self, order_id: str) -> Order:
        order = self.order(order_id)
        if order is None:
            raise CoreError(f"a report on order {order_id}, which is not ours or long over")
        return order

    def _move(self, order: Order, trigger: Trigger, record: Record) -> None:
        self._settle(order, step(order.status, trigger), record)

    def _settle(self, order: Order, status: OrderStatus, record: Record) -> None:
        """Set the status, and move an order that is over from the working to the finished ones."""
        was_over = order.is_over
        order.status = status
        if order.is_over and not was_over:
            spec = order.spec
            self._working.get(spec.symbol, {}).pop(spec.order_id, None)
            self._finished.append(spec.order_id)
            if len(self._finished) > FINISHED_KEPT:
                del self._orders[self._finished.popleft()]
        self._touch(order, record)

    def _touch(self, order: Order, record: Record) -> None:
        order.updated_at = record.at
        self.touched[order.spec.order_id] = order

    def _halt(self, reason: str, at: int) -> None:
        if self.mode is not TradingState.HALTED:
            self.account.mode, self.account.mode_reason = TradingState.HALTED, reason
            self.account.halted_at = at

    def _strategy(self, name: str) -> StrategyTotals:
        found = self.account.strategies.get(name)
        if found is None:
            found = self.account.strategies[name] = StrategyTotals()
        return found

    # --- dump and hash ---------------------------------------------------------------------------------

    def snapshot(self) -> Account:
        """The account with its orders and marks, as it would be stored or hashed: a copy.

        Orders are listed by symbol, then age: which symbol traded first is forgotten by a snapshot.
        """
        account, copy = self.account, msgspec.structs.replace
        working = [o for symbol in sorted(self._working) for o in self._working[symbol].values()]
        marks = {**account.marks, **{s: tick.price for s, tick in self.last.items()}}
        return copy(
            account,
            live=account.live.copy() if account.live is not None else None,
            positions=dict(account.positions),
            strategies={
                name: copy(totals, positions=dict(totals.positions))
                for name, totals in account.strategies.items()
            },
            orders=[_copied(o) for o in working],
            finished=[_copied(self._orders[i]) for i in self._finished],
            marks=dict(sorted(marks.items())),
        )

    def state_hash(self, run_id: str) -> str:
        return self.snapshot().hash(run_id)


def _filled(position: Position, fill: OrderFilled, signed: Decimal, kept: Decimal) -> Position:
    """What a fill makes of a position. Coins that the exchange keeps as its fee are as good as sold at
    the fill's price, with what they bring paid as the fee."""
    if not kept:
        return position.after_fill(signed, fill.price, fill.fee)
    return position.after_fill(signed, fill.price, ZERO).after_fill(
        -kept, fill.price, kept * fill.price
    )


def _copied(order: Order) -> Order:
    return msgspec.structs.replace(order, trades=list(order.trades))


FOLD: dict[type[Event], Callable[[Books, Any, Record], Iterable[Event] | None]] = {}
"""What the books do with each kind of event: attached to the core live, looked up by the fold."""


def _folds(fold: Callable[[Books, E, Record], Iterable[Event] | None], *kinds: type[E]) -> None:
    FOLD.update(dict.fromkeys(kinds, fold))


_folds(Books.on_market, MarketDataEvent, QuoteEvent, BookEvent, BarEvent)
_folds(Books.on_order, OrderInitialized)
_folds(Books.on_approved, OrderApproved)
_folds(Books.on_submitted, OrderSubmitted)
_folds(Books.on_denied, OrderDenied)
_folds(Books.on_cancel, CancelRequested)
_folds(
    Books.on_execution,
    OrderAccepted, OrderRejected, OrderTriggered, OrderCanceled, OrderExpired, CancelRejected,
    OrderOutcomeLost,
)  # fmt: skip
_folds(Books.on_fill, OrderFilled)
_folds(Books.on_risk, LimitBreached)
_folds(Books.on_hold, SymbolRestricted)
_folds(Books.on_statement, AccountReported)
_folds(Books.on_command, CommandReceived, EmergencyStopReceived)
_folds(Books.on_timer, TimerFired)
