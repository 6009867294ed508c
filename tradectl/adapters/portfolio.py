"""The portfolio on the bus: signals and timers in, targets and intended orders out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tradectl.adapters.adapter import Adapter, HasBooks
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.allocation import ComputeWeights
from tradectl.domain.events import (
    AccountReported,
    AllocationRequested,
    BarOpened,
    BracketTriggered,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    ExecutionEvent,
    HaltContinued,
    LimitBreached,
    MarketDataEvent,
    OrderCanceled,
    OrderCommandReceived,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
    OrderReport,
    PositionLiquidated,
    QuotesApproved,
    QuotesDenied,
    Record,
    RestrictionKind,
    StrategySignalEvent,
    SymbolRestricted,
    TimerFired,
    TrailMoved,
    WeightsComputed,
)
from tradectl.domain.states import TradingState
from tradectl.domain.timers import END_OF_DATA_TIMER, END_TIMER, RISK_TIMER
from tradectl.portfolio import by_hand, refused_orders, resting_entries
from tradectl.portfolio.decisions import asked_of, asks, cancels, crossed_out
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.refused_cancels import RefusedCancels
from tradectl.portfolio.weighting import of_failure
from tradectl.risk.account_checks import BalanceCheck

REBALANCE_TIMER = "rebalance"
OVER = (OrderRejected, OrderExpired, OrderCanceled)
FLATTEN_TIMER = "flatten"
BRACKET_TIMER = "bracket"
RETRY_TIMER, LATE_STOP_TIMER = "retry ", "late_stop "
"""And the symbol: it is looked at."""
RUNNING, FLATTENING, HALTED = TradingState.RUNNING, TradingState.FLATTENING, TradingState.HALTED


class PortfolioAdapter(Adapter):
    """Binds a PortfolioEngine to the bus and the books; without one, the default sizing."""

    name = "portfolio"

    def __init__(
        self,
        bus: EventBus,
        state: HasBooks,
        engine: PortfolioEngine | None = None,
    ) -> None:
        super().__init__(bus)
        self.engine = engine or PortfolioEngine(PortfolioSettings(), {}, bus.core.new_id)
        self._state = state
        self._awaited: set[str] = set()
        self._watches = self._quotes = False
        self._late_at: dict[str, int] = {}
        self._flatten_at = 0
        """for when (ns) it was set last that what is to be flat is looked at again"""
        self._fails = False
        self._refused_cancels = RefusedCancels()
        self.problem: ComputeWeights | None = None
        """what weights were asked for last, in this run"""

    def attach_all(self) -> None:
        self.attach(StrategySignalEvent, self._on_signal, Stage.PORTFOLIO)
        if self.engine.sized_at_open:
            self.attach(BarOpened, self._on_open, Stage.PORTFOLIO)
        self.attach(TimerFired, self._on_timer, Stage.PORTFOLIO)
        self.attach(EmergencyStopReceived, self._on_halt, Stage.PORTFOLIO)
        self.attach(LimitBreached, self._on_halt, Stage.PORTFOLIO)
        self.attach(HaltContinued, self._on_halt, Stage.PORTFOLIO)
        self.attach(ExecutionEvent, self._on_execution, Stage.PORTFOLIO)
        if self.engine.weighting is not None:
            self.attach(AllocationRequested, self._on_request, Stage.PORTFOLIO)
            self.attach(WeightsComputed, self._on_weights, Stage.PORTFOLIO)
        self.attach(PositionLiquidated, self._on_liquidation, Stage.PORTFOLIO)
        self.attach(AccountReported, self._on_account, Stage.PORTFOLIO)
        self.attach(OrderDenied, self._on_denied, Stage.PORTFOLIO)
        self.attach(SymbolRestricted, self._on_restriction, Stage.PORTFOLIO)
        self.attach(CommandReceived, self._on_command, Stage.PORTFOLIO)
        self.attach(QuotesApproved, self._on_quotes, Stage.PORTFOLIO)
        self.attach(QuotesDenied, self._on_quotes, Stage.PORTFOLIO)
        self.attach(TrailMoved, self._on_trail, Stage.PORTFOLIO)
        self.attach(BracketTriggered, self._on_triggered, Stage.PORTFOLIO)
        self._watches = self._quotes = False
        if self._state.books.quoted():
            self._hear_for_quotes()
        if self.engine.has_brackets(self._state.books):
            self._watch_prices()
        self._awaited = {position.symbol for position in self._state.books.positions()}
        if self._awaited:
            self.attach(MarketDataEvent, self._on_first_price, Stage.PORTFOLIO)

    def _on_first_price(self, event: MarketDataEvent, record: Record) -> list[Event]:
        """Of a position that was there before: it is protected as soon as its price is known. Whoever has
        none of them hears nothing of market data."""
        if event.symbol not in self._awaited:
            return []
        self._awaited.discard(event.symbol)
        if not self._awaited:
            self._bus.detach(self._on_first_price)
        books = self._state.books
        if books.trading_state is FLATTENING or not self.engine.follows_orders(books):
            return []
        return self.engine.protect(books, record.at, event.symbol)

    def _hear_for_quotes(self) -> None:
        """From the first quotes on: what became of an order may make room for what is to rest."""
        if not self._quotes:
            self._quotes = True
            self.attach(ExecutionEvent, self._bring_quotes, Stage.PORTFOLIO)
            self.attach(OrderDenied, self._bring_quotes, Stage.PORTFOLIO)
            self.attach(SymbolRestricted, self._bring_quotes, Stage.PORTFOLIO)
            self.attach(PositionLiquidated, self._bring_quotes, Stage.PORTFOLIO)

    def _watch_prices(self) -> None:
        """From the first bracket on: whoever has none of them hears nothing of market data."""
        if not self._watches:
            self._watches = True
            self.attach(MarketDataEvent, self._on_price, Stage.PORTFOLIO)

    def _on_price(self, event: MarketDataEvent, record: Record) -> None:
        """It is judged after what it brings at the exchange."""
        if self.engine.watch.hears(event, self._state.books):
            self._set_timer(BRACKET_TIMER, record.at)

    def _on_trail(self, event: TrailMoved, record: Record) -> list[Event]:
        self.engine.watch.has_moved(event)
        if self._state.books.trading_state is FLATTENING:
            return []
        return self._protected(event.symbol, record)

    def _on_triggered(self, event: BracketTriggered, record: Record) -> list[Event]:
        return self.engine.on_triggered(event, self._state.books, record.at)

    def _protected(self, symbol: str, record: Record) -> list[Event]:
        return self._or_late([symbol], self.engine.protect(self._state.books, record.at, symbol))

    def _or_late(self, symbols: Iterable[str], events: list[Event]) -> list[Event]:
        """Look again when a stop that does not rest yet will be late, or was refused and is due; recorded
        data has its own clock."""
        for symbol in symbols if self._bus.clock.live else ():
            due = self.engine.looks_again_at(symbol)
            if due is not None and self._late_at.get(symbol) != due:
                self._late_at[symbol] = due
                self._set_timer(LATE_STOP_TIMER + symbol, due + 1)
        return events

    def _set_timer(self, name: str, due: int) -> None:
        self._bus.schedule(TimerFired(source_component=self.name, name=name), due)

    def _on_signal(self, signal: StrategySignalEvent, record: Record) -> list[Event]:
        if signal.bracket is not None:
            self._watch_prices()
        return self.engine.on_signal(signal, self._state.books, record.at)

    def _on_quotes(self, event: QuotesApproved | QuotesDenied, record: Record) -> list[Event]:
        self._hear_for_quotes()
        self.engine.quoting.heard(event.symbol, event.strategy)
        books = self._state.books
        return self.engine.quoting.bring(event.symbol, books, record.at, event.strategy)

    def _bring_quotes(
        self,
        event: ExecutionEvent | OrderDenied | SymbolRestricted | PositionLiquidated,
        record: Record,
    ) -> list[Event]:
        books, quoting = self._state.books, self.engine.quoting
        if isinstance(event, OrderDenied):
            quoting.denied(event.order_id, books, record.at)
        whose: str | None = ""
        if isinstance(event, ExecutionEvent | OrderDenied):
            whose = quoting.concerned(event, books)
        brought = [] if whose is None else quoting.bring(event.symbol, books, record.at, whose)
        return self._refused_cancels.after(event, brought, record.at)

    def _on_open(self, event: BarOpened, record: Record) -> list[Event]:
        return self.engine.on_open(event.symbol, self._state.books, record.at)

    def _on_timer(self, timer: TimerFired, record: Record) -> list[Event]:
        name, books = timer.name, self._state.books
        flattening = books.trading_state is FLATTENING
        if name == RISK_TIMER and not flattening:
            tried = [*self._try_again(record), *self._close_by_hand(record)]
            events = self._protect_all(record, tried)
            if not books.quoted():
                return events
            return events + self.engine.quoting.bring_all(books, record.at)
        if name == REBALANCE_TIMER and not flattening:
            return self.engine.rebalance(books, "scheduled rebalance", record.at)
        if flattening and name in (FLATTEN_TIMER, RISK_TIMER):
            return self._flatten_all(record)
        if name == FLATTEN_TIMER:
            return self._close_by_hand(record)
        if name == BRACKET_TIMER:
            return self.engine.watch.judge(books)
        if name.startswith(LATE_STOP_TIMER) and not flattening:
            symbol = name.removeprefix(LATE_STOP_TIMER)
            return self._and_say(self._protected(symbol, record), [symbol])
        if name.startswith(RETRY_TIMER):
            symbol = name.removeprefix(RETRY_TIMER)
            return self._and_say(self._try_again(record, symbol), [])
        if name == END_TIMER and not flattening:
            left = self.engine.run_ends(books, record.at)
            return left + self.engine.quoting.leave(books)
        if name == END_OF_DATA_TIMER:
            return self.engine.end(books, "end of data")
        return []

    def is_settled(self) -> bool:
        """Without positions a risk check leaves nothing to do: nothing is tried again, nothing rests for
        strategies, nothing is said."""
        books = self._state.books
        return not (books.anything_refused or books.quoted() or books.trading_state.is_halt)

    def _on_request(self, event: AllocationRequested, record: Record) -> None:
        """Who computes is asked once the step is durable; a replay keeps what was asked, to compare."""
        if self.engine.weighting is not None:
            books = self._state.books
            self.problem = self.engine.weighting.problem(record.seq, event.symbols, books)
            self._bus.send(self.problem)

    def _on_weights(self, event: WeightsComputed, record: Record) -> list[Event]:
        """The answer: positions are brought to the new weights; or there are none, which is said once."""
        books = self._state.books
        known = books.allocation
        if known is None or event.request != known.request:
            return []
        said: list[Event] = []
        if self._fails is not bool(event.failure):
            self._fails = bool(event.failure)
            said = [of_failure(event.failure)]
        if event.failure or books.trading_state is FLATTENING:
            return said
        return said + self.engine.on_weights(books, record.at)

    def _on_restriction(self, event: SymbolRestricted, record: Record) -> list[Event]:
        """What was denied meanwhile is still wanted once the symbol is free again. In hedge mode what
        rests would open a position of its own."""
        if event.restricted and event.kind is RestrictionKind.HEDGE_MODE:
            entries = resting_entries.of_anybody(event.symbol, self._state.books)
            return [*cancels(entries, "the account is in hedge mode")]
        if event.restricted or self._state.books.restrictions(event.symbol):
            return []
        return self.engine.on_unrestricted(event.symbol, self._state.books, record.at)

    def _on_command(self, event: CommandReceived, record: Record) -> list[Event]:
        """One order, or the position of one symbol, by hand."""
        books = self._state.books
        if isinstance(event, OrderCommandReceived):
            return [by_hand.ordered(event, self._bus.core.new_id(), books)]
        if event.command is not Command.CLOSE or event.target not in books.closing:
            return []
        cancelled = by_hand.recalled(event.target, books, event.reason)
        self.engine.flattening.try_at_once()
        return cancelled + self._close_by_hand(record)

    def _close_by_hand(self, record: Record) -> list[Event]:
        """What is to be closed, again and again until it is."""
        books = self._state.books
        if not books.closing or books.trading_state in (FLATTENING, HALTED):
            return []
        return self._flatten([*books.closing], record)

    def _on_halt(
        self, event: LimitBreached | EmergencyStopReceived | HaltContinued, record: Record
    ) -> list[Event]:
        """By a limit, by command or from the run before. What is to be flat is closed from here on; an
        operator who asks for that may have seen to what was in the way."""
        books = self._state.books
        if books.trading_state is FLATTENING:
            if isinstance(event, EmergencyStopReceived):
                self.engine.flattening.try_at_once()
            crossed = crossed_out(books, books.account.trading_state_reason)
            return crossed + self._flatten_all(record)
        return self._protect_all(record)

    def _protect_all(self, record: Record, tried: Sequence[Event] = ()) -> list[Event]:
        """Whatever is `tried` in the same step: what becomes of that comes first where it is ordered."""
        books, events = self._state.books, [*tried]
        events += self.engine.protect(books, record.at, but=asked_of(tried))
        if not books.trading_state.is_halt:
            return events
        return self._and_say(events, [position.symbol for position in books.positions()])

    def _on_execution(self, event: OrderReport, record: Record) -> list[Event]:
        return self._refused_cancels.after(event, self._became(event, record), record.at)

    def _became(self, event: OrderReport, record: Record) -> list[Event]:
        """What became of an order may be what the next one waited for. While flattening, what a cancel
        that lost its race left open is closed as well."""
        books, state = self._state.books, self._state.books.trading_state
        if state is FLATTENING or (event.symbol in books.closing and state is not HALTED):
            return self._flatten([event.symbol], record)
        follows = self.engine.follows_orders(books)
        events = self.engine.on_execution(event.symbol, books, record.at) if follows else []
        self._come_back(event, record)
        if isinstance(event, OrderFilled) and state is RUNNING:
            events += self.engine.on_filled(event.symbol, events, books, record.at)
        if follows:
            self._or_late([event.symbol], events)
        return events if state is RUNNING else self._and_say(events, [event.symbol])

    def _come_back(self, event: OrderReport, record: Record) -> None:
        """To what was refused, when it is due."""
        if isinstance(event, OVER):
            due = refused_orders.next_try(event.symbol, self._state.books)
            if due is not None and due > record.at:
                self._set_timer(RETRY_TIMER + event.symbol, due)

    def _try_again(self, record: Record, symbol: str = "") -> list[Event]:
        """What was refused, in the symbol or in all."""
        books = self._state.books
        return self.engine.on_refused(books, record.at, symbol) if books.anything_refused else []

    def _on_liquidation(self, event: PositionLiquidated, record: Record) -> list[Event]:
        """An exchange closed a position, or a part of it: its stop goes, or becomes smaller."""
        books, events = self._state.books, list[Event]()
        if books.trading_state is not FLATTENING and self.engine.follows_orders(books):
            events = self.engine.protect(books, record.at, event.symbol)
        return self._and_say(events, [event.symbol])

    def _on_account(self, event: AccountReported, record: Record) -> list[Event]:
        """What becomes ours by the operator's word has no stop yet."""
        if event.accept is None or self._state.books.trading_state is FLATTENING:
            return []
        return self._or_late(event.positions, self._protect_all(record))

    def _on_denied(self, event: OrderDenied, record: Record) -> list[Event]:
        """What the gate held back is an answer like an exchange's. What risk denies is in the cascade of
        our own intent, and is answered by the part of it that only reduces; or while flattening, by the
        stop that had made room for it."""
        if record.cause and self._state.books.trading_state is not FLATTENING:
            return self._reduce_instead(event, record.at)
        return self._on_execution(event, record)

    def _reduce_instead(self, denial: OrderDenied, at: int) -> list[Event]:
        books = self._state.books
        order = books.order(denial.order_id)
        if order is None:
            return []
        if denial.code == BalanceCheck.code:
            self.engine.lacks_money(order.spec, books)
        return self.engine.on_denied(order.spec, f"{denial.code}: {denial.message}", books, at)

    def _flatten_all(self, record: Record) -> list[Event]:
        """Of what is closed already, a stop may still rest: the exchange closed it by itself."""
        books = self._state.books
        held = [position.symbol for position in books.positions()]
        working = [order.spec.symbol for order in books.working_orders()]
        return self._flatten([*dict.fromkeys([*held, *working])], record)

    def _flatten(self, symbols: list[str], record: Record) -> list[Event]:
        """What brings these positions nearer to nothing now; they are looked at again in time."""
        books, flattening, events = self._state.books, self.engine.flattening, list[Event]()
        for symbol in symbols:
            reason = books.closing.get(symbol) or books.account.trading_state_reason
            steps = flattening.steps(symbol, books, record.at, reason)
            again = flattening.next_try(symbol)
            if again is not None and any(isinstance(step, OrderInitialized) for step in steps):
                self._look_again(again)
            events += steps
        return self._and_say(events, symbols)

    def _look_again(self, due: int) -> None:
        """At everything, once for all that is due at that moment."""
        if due != self._flatten_at:
            self._flatten_at = due
            self._set_timer(FLATTEN_TIMER, due)

    def _and_say(self, events: list[Event], symbols: list[str]) -> list[Event]:
        """With what is to be said of a halt, after all that can be done about these symbols was."""
        books = self._state.books
        if not books.trading_state.is_halt or asks(events):
            return events
        reason = books.account.trading_state_reason
        return events + self.engine.halt_word.look(symbols, books, reason)
