"""The portfolio on the bus: what it looks at again though nothing became of any order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.fixtures.books import RUN, SPOT, intent, open_books, tick
from tradectl.adapters.execution import ExecutionAdapter
from tradectl.adapters.portfolio import PortfolioAdapter
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.events import Event, OrderApproved, OrderInitialized, Record, TimerFired
from tradectl.domain.time import SECOND
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.state.books import RISK_TIMER
from tradectl.storage.latch import HaltLatch
from tradectl.storage.manager import StateManager


def approve(event: OrderInitialized, record: Record) -> list[Event]:
    return [OrderApproved(order=ApprovedOrder(event.order, record.at))]


async def test_the_risk_timer_sees_to_a_position_whose_stop_was_held_back(tmp_path: Path) -> None:
    latch = HaltLatch(tmp_path / "halt")
    latch.prepare()
    bus = EventBus(clock=DataClock(), core=Core(RUN))
    state = StateManager(bus, books=open_books())
    settings = PortfolioSettings(stop_loss_pct=Decimal(5))
    execution = ExecutionAdapter(bus, state, halt_switch=latch)
    portfolio = PortfolioAdapter(bus, state, PortfolioEngine(settings, {}, bus.core.new_id))

    def run_through(*events: Event) -> list[str]:
        for event in events:
            bus.post(event)
            bus.turn()
        bus.turn()  # what the gate answered
        return [order.spec.type.value for order in state.books.working_orders(SPOT)]

    await state.start()
    await execution.start()
    await portfolio.start()
    bus.attach(OrderInitialized, approve, Stage.RISK)
    run_through(tick("100", ts=1), intent("o1", "buy 2"))
    latch.set("fire")
    assert run_through(tick("100", ts=2)) == []
    assert state.books.position(SPOT).quantity == 2
    latch.clear()
    assert run_through(tick("100", ts=2 + 2 * SECOND)) == []
    timer = TimerFired(source_component="the test", name=RISK_TIMER)
    assert run_through(timer) == ["stop_market"]
    await portfolio.stop()
    await execution.stop()
    await state.stop()
