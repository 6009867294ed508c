"""Risk on the bus: every intended order is judged, the account is reviewed on a timer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from tradectl.adapters.adapter import Adapter, HasBooks
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.allocation import share_of
from tradectl.domain.events import (
    CloseCause,
    Command,
    CommandReceived,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    PositionLiquidated,
    QuotesWanted,
    Record,
    RiskAction,
    SymbolRestricted,
    TimerFired,
)
from tradectl.domain.instruments import MarginMode
from tradectl.domain.money import ONE, money_text
from tradectl.domain.states import TradingState
from tradectl.domain.timers import RISK_TIMER
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

LIQUIDATED = "LIQUIDATED"


class RiskAdapter(Adapter):
    """Binds a RiskEngine to the bus and the books; without one, the default limits with no more working
    orders than the orchestrator's `max_concurrent_orders`. `allocations` are the shares of equity (0 to
    1) that strategies may quote for, by their names, before others are worked out."""

    name = "risk"

    def __init__(
        self,
        bus: EventBus,
        state: HasBooks,
        engine: RiskEngine | None = None,
        *,
        allocations: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        super().__init__(bus)
        self._allocations = allocations
        self.engine = engine or RiskEngine(
            RiskLimits().with_at_most(bus.terms.max_concurrent_orders)
        )
        self._state = state

    def attach_all(self) -> None:
        self.attach(OrderInitialized, self._on_order, Stage.RISK)
        self.attach(QuotesWanted, self._on_quotes, Stage.RISK)
        self._hear_what_limits_ask_for()
        self.attach(TimerFired, self._on_timer, Stage.RISK)
        self.attach(PositionLiquidated, self._on_liquidation, Stage.RISK)
        self.attach(CommandReceived, self._on_command, Stage.RISK)

    def _hear_what_limits_ask_for(self) -> None:
        """Where none looks at fills, or at every price, nobody hears of them."""
        if self.engine.looks_at_fills:
            self.attach(OrderFilled, self._on_fill, Stage.RISK)
        if self.engine.breaks:
            self.attach(MarketDataEvent, self._on_price, Stage.RISK)

    def change_limits(self, limits: RiskLimits) -> None:
        """Hold orders and the account to these from now on."""
        self.engine.change_limits(limits)
        self._bus.detach(self._on_fill)
        self._bus.detach(self._on_price)
        self._hear_what_limits_ask_for()

    def _on_order(self, order: OrderInitialized, record: Record) -> list[Event]:
        judged = self.engine.judge(order.order, self._state.books, record.at)
        if isinstance(judged, OrderDenied):
            return [judged]
        return [OrderApproved(source_component=self.name, order=judged)]

    def _on_quotes(self, wanted: QuotesWanted, record: Record) -> list[Event]:
        books, base = self._state.books, self._allocations.get(wanted.strategy, ONE)
        share = share_of(books.allocation, wanted.strategy, base)
        return [self.engine.judge_quotes(wanted, books, record.at, share)]

    def _on_command(self, event: CommandReceived, _record: Record) -> None:
        if event.command in (Command.RESUME, Command.CLEAR_HALT):
            self.engine.begin_anew()

    def _on_fill(self, fill: OrderFilled, record: Record) -> list[LimitBreached]:
        books = self._state.books
        order = books.order(fill.order_id)
        repeated = self.engine.executed(order.spec, books, record.at) if order is not None else []
        return [*repeated, *self.engine.traded(books)]

    def _on_price(self, event: MarketDataEvent, record: Record) -> list[SymbolRestricted]:
        return self.engine.moved(event.symbol, self._state.books, record.at)

    def _on_timer(self, timer: TimerFired, record: Record) -> list[Event]:
        if timer.name != RISK_TIMER:
            return []
        books, at = self._state.books, record.at
        ended = self.engine.ended_pauses(books, at)
        return [
            *ended,
            *self.engine.review(books, [pause.code for pause in ended]),
            *self.engine.sized(books, at),
            *self.engine.released(books, at),
        ]

    def _on_liquidation(self, event: PositionLiquidated, _record: Record) -> list[Event]:
        """An account that is lost trades no more, on one reading: it is an exchange's word. What an
        isolated position loses is lost for itself. A cross account is lost position by position, and
        is not halted, which may end the run, before the last of them is closed."""
        books = self._state.books
        if event.cause is not CloseCause.LIQUIDATION:
            return [*self.engine.traded(books)]
        is_cross = event.margin is MarginMode.CROSS
        if books.trading_state is TradingState.HALTED or (is_cross and self._is_cross_held()):
            return []
        if not is_cross and books.equity() > 0:
            return []
        left = money_text(books.equity(), books.currency)
        return [
            LimitBreached(
                source_component=self.name,
                code=LIQUIDATED,
                message=f"the account was liquidated: {left} is left",
                action=RiskAction.HALT,
                symbol=event.symbol,
            )
        ]

    def _is_cross_held(self) -> bool:
        books = self._state.books
        held = (books.instrument(position.symbol) for position in books.positions())
        return any(each.can_short and each.margin is MarginMode.CROSS for each in held)
