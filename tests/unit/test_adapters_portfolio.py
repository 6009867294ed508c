"""The portfolio on the bus: what it looks at again though nothing became of any order."""

from __future__ import annotations

from decimal import Decimal

from tests.fixtures.books import RUN, SPOT, intent, open_books, tick
from tradectl.adapters.execution import ExecutionAdapter
from tradectl.adapters.portfolio import PortfolioAdapter
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.events import (
    Event,
    OrderApproved,
    OrderDenied,
    OrderInitialized,
    Record,
    TimerFired,
)
from tradectl.domain.time import SECOND
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.state.books import RISK_TIMER
from tradectl.storage.manager import StateManager


class Judge:
    """A risk that lets everything pass, or no stops."""

    denies_stops = False

    def __call__(self, event: OrderInitialized, record: Record) -> list[Event]:
        spec = event.order
        if self.denies_stops and spec.type.is_stop:
            return [OrderDenied(order_id=spec.order_id, symbol=spec.symbol, code="why", message="")]
        return [OrderApproved(order=ApprovedOrder(spec, record.at))]


async def test_the_risk_timer_sees_to_a_position_whose_stop_was_denied() -> None:
    judge = Judge()
    bus = EventBus(clock=DataClock(), core=Core(RUN))
    state = StateManager(bus, books=open_books())
    settings = PortfolioSettings(stop_loss_pct=Decimal(5))
    execution = ExecutionAdapter(bus, state)
    portfolio = PortfolioAdapter(bus, state, PortfolioEngine(settings, {}, bus.core.new_id))

    def run_through(*events: Event) -> list[str]:
        for event in events:
            bus.post(event)
            bus.turn()
        return [order.spec.type.value for order in state.books.working_orders(SPOT)]

    await state.start()
    await execution.start()
    await portfolio.start()
    bus.attach(OrderInitialized, judge, Stage.RISK)
    run_through(tick("100", ts=1), intent("o1", "buy 2"))
    judge.denies_stops = True
    assert run_through(tick("100", ts=2)) == []
    assert state.books.position(SPOT).quantity == 2
    judge.denies_stops = False
    assert run_through(tick("100", ts=2 + 2 * SECOND)) == []
    timer = TimerFired(source_component="the test", name=RISK_TIMER)
    assert run_through(timer) == ["stop_market"]
    await portfolio.stop()
    await execution.stop()
    await state.stop()
