"""The portfolio on the bus: signals and timers in, targets and intended orders out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tradectl.adapters.adapter import Adapter, HasBooks
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import (
    BarOpened,
    EmergencyStopReceived,
    Event,
    ExecutionEvent,
    OrderDenied,
    OrderReport,
    Record,
    StrategySignalEvent,
    SymbolRestricted,
    TimerFired,
    WarmUpReceived,
)
from tradectl.domain.money import ZERO
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.state.books import RISK_TIMER

REBALANCE_TIMER = "rebalance"
CLOSING_ATTEMPTS = 5


Recalled = Callable[[], Mapping[tuple[str, str], StrategySignalEvent]]


class PortfolioAdapter(Adapter):
    """Binds a PortfolioEngine to the bus and the books; without one, the default sizing. `recalled` gives
    the last signals, by strategy and symbol, of the past that strategies were shown."""

    name = "portfolio"

    def __init__(
        self,
        bus: EventBus,
        state: HasBooks,
        engine: PortfolioEngine | None = None,
        *,
        recalled: Recalled = dict,
    ) -> None:
        super().__init__(bus)
        self._recalled = recalled
        self.engine = engine or PortfolioEngine(PortfolioSettings(), {}, bus.core.new_id)
        self._state = state
        self._closings = 0

    def attach_all(self) -> None:
        self.attach(StrategySignalEvent, self._on_signal, Stage.PORTFOLIO)
        if self.engine.sized_at_open:
            self.attach(BarOpened, self._on_open, Stage.PORTFOLIO)
        self.attach(TimerFired, self._on_timer, Stage.PORTFOLIO)
        self.attach(EmergencyStopReceived, self._on_emergency, Stage.PORTFOLIO)
        self.attach(ExecutionEvent, self._on_execution, Stage.PORTFOLIO)
        self.attach(OrderDenied, self._on_denied, Stage.PORTFOLIO)
        self.attach(SymbolRestricted, self._on_restriction, Stage.PORTFOLIO)
        self.attach(WarmUpReceived, self._on_warm_up, Stage.PORTFOLIO)

    def _on_signal(self, signal: StrategySignalEvent, _record: Record) -> list[Event]:
        return self.engine.on_signal(signal, self._state.books)

    def _on_open(self, event: BarOpened, _record: Record) -> list[Event]:
        return self.engine.on_open(event.symbol, self._state.books)

    def _on_warm_up(self, _: WarmUpReceived, _record: Record) -> None:
        books = self._state.books
        for (strategy, symbol), signal in self._recalled().items():
            own = books.holdings(symbol).get(strategy)
            self.engine.recall(signal, own.quantity if own is not None else ZERO, books)

    def _on_timer(self, timer: TimerFired, record: Record) -> list[Event]:
        if timer.name == REBALANCE_TIMER:
            return self.engine.rebalance(self._state.books, "scheduled rebalance", record.at)
        if timer.name == RISK_TIMER and self.engine.follows_orders:
            return self.engine.protect(self._state.books, record.at)
        return []

    def _on_restriction(self, event: SymbolRestricted, record: Record) -> list[Event]:
        """What was denied meanwhile is still wanted once the symbol is free again."""
        if event.restricted or self._state.books.restrictions(event.symbol):
            return []
        return self.engine.on_unrestricted(event.symbol, self._state.books, record.at)

    def _on_emergency(self, _: EmergencyStopReceived, _record: Record) -> list[Event]:
        self._closings = 0
        return self._close_all() if self._state.books.flattening else []

    def _on_execution(self, event: OrderReport, record: Record) -> list[Event]:
        """What became of an order may be what the next one waited for. While flattening, what a cancel
        that lost its race left open is closed as well."""
        books = self._state.books
        if not books.flattening:
            if not self.engine.follows_orders:
                return []
            return self.engine.on_execution(event.symbol, event.order_id, books, record.at)
        if books.working_orders() or not books.positions():
            return []
        return self._close_all()

    def _on_denied(self, event: OrderDenied, record: Record) -> list[Event]:
        """What the gate held back is an answer like an exchange's. What risk denies is in the cascade of
        our own intent, and is answered by the part of it that only reduces."""
        if record.cause:
            return self._reduce_instead(event, record.at)
        return self._on_execution(event, record)

    def _reduce_instead(self, denial: OrderDenied, at: int) -> list[Event]:
        books = self._state.books
        order = books.order(denial.order_id)
        if order is None or books.flattening:
            return []
        return self.engine.on_denied(order.spec, f"{denial.code}: {denial.message}", books, at)

    def _close_all(self) -> list[Event]:
        self._closings += 1
        if self._closings > CLOSING_ATTEMPTS:
            return []
        return self.engine.close_all(self._state.books, "emergency stop")
