"""The books: everything the account is, folded from events and from nothing else.

Live, in a replay and after a crash the same methods see the same events and the state comes out the
same. Each works out all new values and checks them, and only then puts them in place, by assignments
that cannot fail: an event that is refused leaves the books as they were. Nothing about money is a
float, nothing depends on the order of a hash.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from tradectl.domain.allocation import Allocated
from tradectl.domain.errors import CoreError
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    Acceptance,
    AccountReported,
    AllocationRequested,
    BarOpened,
    CashMoved,
    CloseCause,
    Command,
    CommandReceived,
    Event,
    FundingPaid,
    HaltContinued,
    InstrumentChanged,
    LimitBreached,
    MarketDataEvent,
    PauseEnded,
    PositionLiquidated,
    QuotesApproved,
    QuotesDenied,
    Record,
    RestrictionKind,
    SettingsChanged,
    SharesComputed,
    SizeChanged,
    StrategiesCrossed,
    SymbolRestricted,
    TargetComputed,
    TimerFired,
    TradingConcluded,
    WarmUpReceived,
    WeightsComputed,
)
from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position
from tradectl.domain.risk_memory import COOLDOWN
from tradectl.domain.states import TradingState
from tradectl.domain.timers import END_TIMER, RISK_TIMER
from tradectl.risk.limits import RiskLimits
from tradectl.state import by_hand, refusals, resting_quotes, trading_state
from tradectl.state.account import Account, ChangedRules, Fill
from tradectl.state.adoption import accepted_fill, adopt, reduced
from tradectl.state.baselines import (
    begin_anew,
    measure,
    measure_closes,
    shift,
)
from tradectl.state.booking import Adoption
from tradectl.state.bracket_books import end_trails
from tradectl.state.comparison import compared
from tradectl.state.days import forget_days_to_come, note_closes, take_history
from tradectl.state.fee_coins import paid_in_coins
from tradectl.state.income_booking import (
    book_cash,
    closed_from,
    closed_of_ours,
    external_after,
    is_new,
    note_held,
)
from tradectl.state.order_books import OrderBooks
from tradectl.state.perpetual_booking import (
    book_funding,
    liquidation,
    liquidation_fill,
)
from tradectl.state.price_history import note_period, warmed_up
from tradectl.state.reconciliation import ReconciliationState
from tradectl.state.snapshot import snapshot
from tradectl.state.stopped_targets import stop_out

TAKES_MONEY = (Acceptance.FILL, Acceptance.TRANSFER)


class Books(OrderBooks):
    """The account, folded; `OrderBooks` has its orders and their fills, `BooksView` the questions."""

    def on_market(self, event: MarketDataEvent, record: Record) -> None:
        if self._breaks:
            self.account.risk.note_price(event, record.at, self.limits.breaker_window)
        if event.__class__ is BarOpened and event.ts != self.account.opened_at:
            self.account.opened_at = event.ts
            measure_closes(self)
        self._arrived[event.symbol] = event

    def on_crossed(self, event: StrategiesCrossed, record: Record) -> None:
        """Strategies traded with each other: the account is as before. Raises CoreError where what they
        traded does not add up to nothing."""
        if sum((share.quantity for share in event.shares), ZERO):
            raise CoreError(
                f"strategies crossed in {event.symbol}, and one side is larger: {event}"
            )
        held = self.holdings(event.symbol)
        crossed = {
            share.strategy: (held.get(share.strategy) or Position(event.symbol)).after_fill(
                share.quantity, event.price, ZERO
            )
            for share in event.shares
        }
        # in place
        note_held(self, event.symbol, crossed, record.at)
        end_trails(self, event.symbol, crossed)
        self.account.own(event.symbol, crossed)
        self._changed[event.symbol] = None

    def on_target(self, event: TargetComputed, record: Record) -> list[Event] | None:
        """What strategies want is kept: it outlives the process that heard them."""
        symbol, targets = event.symbol, self.account.targets
        if self.account.allocation is not None:
            self.account.allocation = held_back_after(self.account.allocation, event)
        changed = False
        if self.account.closing:
            by_hand.answered(self, event)
        for target in event.strategies:
            known = targets.setdefault(symbol, {})
            changed |= not target.is_same_word(known.get(target.strategy))
            known[target.strategy] = target
            if target.size:
                self._wanted[symbol] = None
            elif not any(other.size for other in targets[symbol].values()):
                self._wanted.pop(symbol, None)
        if not (self.account.refused_exits or self.account.refused_entries):
            return None
        asked = refusals.asked_anew(self, symbol) if changed else []
        return asked + refusals.answered(self, symbol, event.code, record.at)

    def on_quotes(self, event: QuotesApproved | QuotesDenied, _record: Record) -> None:
        """What a strategy wants to rest is kept: it outlives the process that heard it."""
        resting_quotes.put(self.account, event)
        if not any(target.size for target in self.targets(event.symbol).values()):
            self._wanted.pop(event.symbol, None)

    def on_liquidation(self, event: PositionLiquidated, record: Record) -> list[Event]:
        """An exchange closed a position. Equity is measured: it may never have been lower."""
        account, symbol, told = self.account, event.symbol, event
        before, held = self.position(symbol).quantity, self.holdings(symbol)
        weights, external = None, account.at_exchange().external.get(symbol, ZERO)
        if told.exchange:
            if not is_new(account, told):
                return []
            if told.cause is not CloseCause.MANUAL:  # of that only our part is told
                weights = closed_from(account, told, held)
                event = closed_of_ours(told, weights)
                external = external_after(account, told, event.quantity)
            if not event.quantity:
                account.at_exchange().close(told, external)
                return []
        booked = liquidation(account, held, event, self.instruments[symbol], weights)
        fill = Fill(liquidation_fill(event, record.seq), event.cause, record.at)
        paid = paid_in_coins(self, fill.report, booked.booking, record)
        # in place
        if told.exchange:
            account.at_exchange().close(told, external)
            note_held(self, symbol, booked.booking.owned, event.ts or record.at)
        booked.enter(self, event)
        if self._projected and event.quantity:
            self.new_fills.append(fill)
        if paid is not None:
            self._pay_in_coins(paid)
        left, owned = booked.booking.position.quantity, booked.booking.owned
        stop_out(self, symbol, before, left, event.price, closed=owned)
        measure(self, record.at, reads=False)
        over = [] if self.open_quantity(symbol) else refusals.end(self, symbol, exits=True)
        return [booked.booking.changed(), *(paid.events() if paid is not None else ()), *over]

    def on_funding(self, event: FundingPaid, _record: Record) -> list[Event]:
        return book_funding(self, event)

    def on_cash_moved(self, event: CashMoved, _record: Record) -> None:
        """Income, or a transfer, that a real exchange told of: booked once."""
        if is_new(self.account, event):
            book_cash(self.account, event)

    def on_risk(self, event: LimitBreached, record: Record) -> None:
        trading_state.limit_breached(self.account, event, record.at)
        if event.code == COOLDOWN:
            self.account.risk.forget_trips()

    def on_restriction(self, event: SymbolRestricted, record: Record) -> None:
        self.account.at_exchange().restrict(event)
        if event.kind is RestrictionKind.VOLATILE:
            self.account.risk.note_volatile(event.symbol, record.at, restricted=event.restricted)
        is_over = event.kind is RestrictionKind.NOT_TRADED and not event.restricted
        if is_over or event.kind is RestrictionKind.HEDGE_MODE:
            refusals.due_now(self.account, event.symbol, record.at)

    def on_account_report(self, report: AccountReported, record: Record) -> list[Event]:
        """An exchange's word on what we hold there: compared with ours, or taken as the operator says."""
        account, known = self.account, self.account.reconciliation
        noted = known.copy() if known is not None else ReconciliationState()
        noted.compared_at[report.exchange] = report.told_at or record.at
        adopted = Adoption({}, account.cash, ZERO)
        if report.accept is not None:
            adopted = adopt(self, report, noted)
        bookings, transferred = adopted.bookings, adopted.transferred
        ours = {symbol: self.position(symbol).quantity for symbol in report.positions}
        ours |= {symbol: booking.position.quantity for symbol, booking in bookings.items()}
        said = compared(report, noted, ours, adopted.cash, self.instruments)
        taken_out = noted.without_debt()
        transferred += taken_out
        fills = [accepted_fill(self, each, report, record) for each in bookings.values()]
        before = {symbol: self.position(symbol) for symbol in bookings}
        # in place
        for booking, fill in zip(bookings.values(), fills, strict=True):
            self._enter(booking, fill if fill.report.quantity else None)
        noted.transferred += transferred
        if report.income_until:
            taken = report.accept in TAKES_MONEY and report.cash is not None
            noted.income.asked(report.exchange, report.income_until, accepted=taken)
        if report.cash is None:
            account.book_cash(adopted.cash + taken_out, report.exchange)
            noted.cash_at = account.at_exchange().cash_at
        account.reconciliation, account.cash = noted, adopted.cash + taken_out
        shift(account, transferred)
        for (symbol, booking), fill in zip(bookings.items(), fills, strict=True):
            if reduced(before[symbol], booking.position):
                held, left = before[symbol].quantity, booking.position.quantity
                stop_out(self, symbol, held, left, fill.report.price, closed=booking.owned)
        over = refusals.closed(self, report.positions)
        return [*(booking.changed() for booking in bookings.values()), *said, *over]

    def on_instrument(self, event: InstrumentChanged, record: Record) -> None:
        """An exchange has other rules: what is decided from here on keeps to them."""
        instrument = event.instrument
        self.account.rules[instrument.symbol] = ChangedRules(instrument, record.at)
        self.instruments.describe(instrument)
        self._changed[instrument.symbol] = None

    def on_command(self, event: CommandReceived, record: Record) -> list[Event]:
        """Who lets trading go on has tried again what was refused before: entries, and after a halt
        exits, which the halt may have wanted and nobody else."""
        account, over = self.account, list[Event]()
        if event.command is Command.EMERGENCY_STOP:
            trading_state.emergency_stop(account, event, record.at)
            resting_quotes.call_off_all(account)
        elif event.command is Command.CANCEL_ALL:
            resting_quotes.call_off_all(account)
        elif event.command is Command.PAUSE:
            trading_state.pause_by_operator(account, event.reason, record.at)
        elif event.command is Command.RESUME and self.trading_state is TradingState.PAUSED:
            trading_state.run_freely(account)
            begin_anew(self)
            account.risk.begin_anew()
            over = refusals.end_entries(self)
        elif event.command is Command.CLEAR_HALT:
            if self.trading_state.is_halt:
                trading_state.end_halt(account)
            begin_anew(self)
            account.risk.begin_anew()
            over = refusals.end_all(self)
        elif event.command is Command.CLOSE:
            by_hand.close(self, event)
        elif event.command is Command.CANCEL:
            by_hand.cancel(self, event, record.at)
        elif isinstance(event, SettingsChanged):
            account.applied.update(event.values())
            if event.limits is not None:
                self.change_limits(msgspec.convert(event.limits, RiskLimits))
        return over

    def on_pause_ended(self, event: PauseEnded, _record: Record) -> None:
        trading_state.end_pause(self.account, event.code)
        if event.code == COOLDOWN:  # what was lost meanwhile was sat through
            self.account.risk.forget_trips()

    def on_size_changed(self, event: SizeChanged, _record: Record) -> None:
        self.account.risk.scale(event.cause, event.symbol, event.size)

    def on_halt_continued(self, event: HaltContinued, record: Record) -> None:
        trading_state.continue_halt(self.account, event, record.at)

    def on_concluded(self, _event: TradingConcluded, _record: Record) -> None:
        trading_state.conclude(self.account)

    def on_timer(self, event: TimerFired, record: Record) -> None:
        """Equity is measured: the peak and the drawdown, the day's start for its loss."""
        if event.name in (RISK_TIMER, END_TIMER):
            day, before = self.account.day, self.account.measured_equity
            measure(self, record.at, reads=event.name == RISK_TIMER)
            if 0 < day < self.account.day:
                note_closes(self, record.at)
                self.account.risk.day_high = ZERO
            elif self.account.day < day:
                forget_days_to_come(self.account, record.at)
            if self.limits.profit_lock_from_pct is not None:
                self.account.risk.note_equity(before, self.account.measured_equity)
        if event.name == RISK_TIMER:
            note_period(self, record.at)

    def on_warm_up(self, event: WarmUpReceived, record: Record) -> None:
        take_history(self.account, event.events, record.at, self.limits.history_days + 1)
        if self.account.history is not None:
            self.account.history = warmed_up(self.account.history, event.events)

    def on_allocation_requested(self, event: AllocationRequested, record: Record) -> None:
        self.account.allocation = replace(
            self.account.allocation or Allocated(),
            symbols=event.symbols,
            request=record.seq,
            asked_at=record.at,
        )

    def on_shares(self, event: SharesComputed, _record: Record) -> None:
        known = self.account.allocation or Allocated()
        self.account.allocation = replace(known, shares=event.shares, shares_period=event.period)

    def on_weights(self, event: WeightsComputed, record: Record) -> None:
        """An answer to what is not asked any more changes nothing."""
        known = self.account.allocation
        if known is None or event.request != known.request:
            return
        known = replace(known, answered_at=record.at, failure=event.failure)
        if not event.failure:
            known = replace(known, weights=event.weights, at=record.at, held_back={})
        self.account.allocation = known

    # --- dump and hash ---------------------------------------------------------------------------------

    def snapshot(self) -> Account:
        """As it would be stored or hashed: a copy."""
        return snapshot(self)

    def state_hash(self, run_id: str) -> str:
        return self.snapshot().hash(run_id)


def held_back_after(known: Allocated, event: TargetComputed) -> Allocated:
    """Rebalancing a symbol is held back, or it is traded."""
    symbol, held_back = event.symbol, known.held_back
    if event.code is ReasonCode.COST:
        return replace(known, held_back={**held_back, symbol: event.reason})
    if symbol in held_back and event.change:
        left = {name: why for name, why in held_back.items() if name != symbol}
        return replace(known, held_back=left)
    return known
