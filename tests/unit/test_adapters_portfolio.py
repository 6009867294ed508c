"""The portfolio on the bus: what it looks at again though nothing became of any order."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tests.fixtures.books import PERP, RUN, SPOT, intent, open_books, tick
from tradectl.adapters.execution import ExecutionAdapter
from tradectl.adapters.portfolio import PortfolioAdapter
from tradectl.bus.clock import DataClock
from tradectl.bus.components import Component
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.events import (
    Acceptance,
    AccountReported,
    EmergencyStopReceived,
    Event,
    OrderApproved,
    OrderDenied,
    OrderInitialized,
    Record,
    SignalAction,
    StrategySignalEvent,
    TimerFired,
)
from tradectl.domain.refusals import RefusalCause, next_refusal
from tradectl.domain.time import SECOND
from tradectl.domain.timers import RISK_TIMER
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.storage.manager import StateManager


class Judge:
    """A risk that lets pass all but what it `denies`, by type, and what is of a `closed` symbol."""

    denies = ""
    closed = ""

    def __call__(self, event: OrderInitialized, record: Record) -> list[Event]:
        spec = event.order
        if spec.symbol == self.closed or (spec.reduce_only and spec.type == self.denies):
            why = {"code": "WHY", "message": "why"}
            return [OrderDenied(order_id=spec.order_id, symbol=spec.symbol, **why)]
        return [OrderApproved(order=ApprovedOrder(spec, record.at))]


class PortfolioHarness:
    """Books, a portfolio with stops, and execution on paper."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.bus = EventBus(clock=DataClock(), core=Core(RUN))
        self.state = StateManager(self.bus, books=open_books())
        engine = PortfolioEngine(
            PortfolioSettings(stop_loss_pct=Decimal(5)), {}, self.bus.core.new_id
        )
        execution = ExecutionAdapter(self.bus, self.state)
        self.parts: list[Component] = [
            self.state,
            execution,
            PortfolioAdapter(self.bus, self.state, engine),
        ]

    async def __aenter__(self) -> PortfolioHarness:
        for part in self.parts:
            await part.start()
        self.bus.attach(OrderInitialized, self.judge, Stage.RISK)
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in reversed(self.parts):
            await part.stop()

    def working_after(self, *events: Event) -> list[str]:
        """The types of the orders that work once these went through."""
        for event in events:
            self.bus.post(event)
            self.bus.turn()
        return [order.spec.type.value for order in self.state.books.working_orders(SPOT)]


async def test_the_risk_timer_sees_to_a_position_whose_stop_was_denied() -> None:
    async with PortfolioHarness() as harness:
        harness.working_after(tick("100", ts=1), intent("o1", "buy 2"))
        harness.judge.denies = "stop_market"
        assert harness.working_after(tick("100", ts=2)) == []
        assert harness.state.books.position(SPOT).quantity == 2
        harness.judge.denies = ""
        assert harness.working_after(tick("100", ts=2 + 2 * SECOND)) == []
        timer = TimerFired(source_component="the test", name=RISK_TIMER)
        assert harness.working_after(timer) == ["stop_market"]


async def test_what_becomes_ours_by_the_operators_word_has_its_stop_at_once() -> None:
    """No restriction is lifted by it where none was left."""
    async with PortfolioHarness() as harness:
        harness.working_after(tick("100", PERP, ts=1))
        found = AccountReported(exchange="paper", positions={PERP: Decimal("0.5")})
        accepted = msgspec.structs.replace(found, accept=Acceptance.POSITION)
        harness.working_after(accepted)
        assert harness.state.books.position(PERP).quantity == Decimal("0.5")
        (sent,) = [r.event for r in harness.bus.history() if isinstance(r.event, OrderApproved)]
        stop = sent.order.spec
        assert (stop.type.value, stop.quantity) == ("stop_market", Decimal("0.5"))


async def test_what_is_tried_again_elsewhere_does_not_put_off_a_stop() -> None:
    async with PortfolioHarness() as harness:
        harness.working_after(tick("100", PERP, ts=1), tick("100", ts=1), intent("o1", "buy 2"))
        harness.judge.denies = "stop_market"
        assert harness.working_after(tick("100", ts=2)) == []
        harness.judge.denies = ""
        harness.judge.closed = PERP
        harness.working_after(
            StrategySignalEvent(symbol=PERP, action=SignalAction.BUY, strategy="s")
        )
        harness.judge.closed = ""
        refused = next_refusal(None, RefusalCause.TURNED_AWAY, "busy", 0)
        harness.state.books.account.refused_entries[PERP] = refused
        harness.working_after(tick("100", ts=2 + 2 * SECOND))
        timer = TimerFired(source_component="the test", name=RISK_TIMER)
        assert harness.working_after(timer) == ["stop_market"]
        assert len(harness.state.books.working_orders(PERP)) == 1


async def test_a_sale_that_risk_denies_while_flattening_gives_its_coins_back_to_the_stop() -> None:
    async with PortfolioHarness() as harness:
        harness.working_after(tick("100", ts=1), intent("o1", "buy 2"))
        assert harness.working_after(tick("100", ts=2)) == ["stop_market"]
        harness.working_after(tick("100", ts=3))
        harness.judge.denies = "market"
        harness.working_after(EmergencyStopReceived(reason="fire", flatten=True))
        assert harness.working_after(tick("100", ts=4)) == ["stop_market"]
        (stop,) = harness.state.books.working_orders(SPOT)
        assert stop.status.value != "pending_cancel"
        denied = [r.event for r in harness.bus.history() if isinstance(r.event, OrderDenied)]
        assert len(denied) == 1


async def test_an_emergency_stop_tries_at_once_what_flattening_would_try_later() -> None:
    """Whoever asks for it may have seen to what was in the way."""
    async with PortfolioHarness() as harness:
        harness.working_after(tick("100", ts=1), intent("o1", "buy 2"))
        harness.working_after(tick("100", ts=2))
        harness.working_after(tick("100", ts=3))
        harness.judge.denies = "market"
        stop = EmergencyStopReceived(reason="fire", flatten=True)
        harness.working_after(stop)
        assert harness.working_after(tick("100", ts=4)) == ["stop_market"]
        harness.judge.denies = ""
        assert harness.working_after(tick("100", ts=5)) == ["stop_market"]
        harness.working_after(stop)
        harness.working_after(tick("100", ts=6), tick("100", ts=7))
        assert not harness.state.books.position(SPOT).quantity
