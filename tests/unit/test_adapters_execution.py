"""Execution on the bus: what is approved is submitted, and what the gate holds back is denied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.books import RUN, SPOT, cancel, intent, open_books, tick
from tradectl.adapters.execution import ExecutionAdapter
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.events import (
    CancelRejected,
    Command,
    CommandReceived,
    Event,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    Record,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.storage.latch import HaltLatch
from tradectl.storage.manager import StateManager


def approve(event: OrderInitialized, record: Record) -> list[Event]:
    return [OrderApproved(order=ApprovedOrder(event.order, record.at))]


class ExecutionHarness:
    """Books, a risk that lets everything pass, and execution on paper."""

    def __init__(self, latch: HaltLatch) -> None:
        self.latch = latch
        self.bus = EventBus(clock=DataClock(), core=Core(RUN))
        self.state = StateManager(self.bus, books=open_books())
        self.adapter = ExecutionAdapter(self.bus, self.state, halt_switch=latch)

    async def start(self) -> None:
        await self.state.start()
        await self.adapter.start()
        self.bus.attach(OrderInitialized, approve, Stage.RISK)
        self.run_through(tick("100", ts=1))

    async def stop(self) -> None:
        await self.adapter.stop()
        await self.state.stop()

    def run_through(self, *events: Event) -> None:
        for event in events:
            self.bus.post(event)
        self.bus.run_dry()

    def status(self, order_id: str) -> OrderStatus:
        order = self.state.books.order(order_id)
        assert order is not None
        return order.status

    def orders(self) -> list[Record]:
        wanted = (OrderInitialized, OrderApproved, OrderSubmitted, OrderDenied, OrderFilled)
        return [record for record in self.bus.history() if isinstance(record.event, wanted)]


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[ExecutionHarness]:
    latch = HaltLatch(tmp_path / "halt")
    latch.prepare()
    harness = ExecutionHarness(latch)
    await harness.start()
    yield harness
    await harness.stop()


async def test_an_approved_order_is_submitted_in_the_same_cascade(
    harness: ExecutionHarness,
) -> None:
    harness.run_through(intent("o1", "buy 2"), tick("100", ts=2))
    initialized, let_pass, submitted, filled = harness.orders()
    assert [type(r.event) for r in harness.orders()] == [
        OrderInitialized, OrderApproved, OrderSubmitted, OrderFilled,
    ]  # fmt: skip
    assert (let_pass.cause, submitted.cause) == (initialized.seq, let_pass.seq)
    assert filled.cause == 0
    assert harness.status("o1") is OrderStatus.FILLED


async def test_what_the_gate_holds_back_is_denied_and_never_rejected(
    harness: ExecutionHarness,
) -> None:
    harness.latch.set("fire")
    harness.run_through(intent("o1", "buy 2"))
    denied = harness.orders()[-1]
    assert isinstance(denied.event, OrderDenied)
    assert (denied.event.code, denied.event.source_component, denied.cause) == (
        "NOT_SENT",
        "gate",
        0,
    )
    assert harness.status("o1") is OrderStatus.DENIED
    assert not harness.state.books.working_orders(SPOT)
    assert harness.state.books.account.denied_count == 1


async def test_the_command_to_cancel_all_leaves_the_stop_of_a_position(
    harness: ExecutionHarness,
) -> None:
    harness.run_through(intent("o1", "buy 2"), tick("100", ts=2))
    resting = {
        "stop": OrderSpec(
            "stop", SPOT, Side.SELL, Decimal(2),
            OrderType.STOP_MARKET, stop_price=Decimal(95), reduce_only=True,
        ),
        "entry": OrderSpec("entry", SPOT, Side.BUY, Decimal(1), OrderType.LIMIT, price=Decimal(90)),
    }  # fmt: skip
    harness.run_through(*[OrderInitialized(order=spec, reason="why") for spec in resting.values()])
    harness.run_through(tick("100", ts=3))
    assert [harness.status(name).value for name in resting] == ["accepted", "accepted"]
    harness.run_through(CommandReceived(command=Command.CANCEL_ALL, reason="why"))
    harness.run_through(tick("100", ts=4))
    assert [harness.status(name).value for name in resting] == ["accepted", "canceled"]


async def test_a_cancel_of_what_was_held_back_changes_nothing(harness: ExecutionHarness) -> None:
    """Both were asked for in one step: the exchange is asked to cancel what it never got."""
    harness.latch.set("fire")
    harness.bus.attach(OrderSubmitted, lambda _, __: [cancel("o1")], Stage.PORTFOLIO)
    harness.run_through(intent("o1", "buy 2"))
    harness.run_through()
    assert [type(record.event) for record in harness.bus.history()][-2:] == [
        OrderDenied,
        CancelRejected,
    ]
    assert harness.status("o1") is OrderStatus.DENIED
    assert harness.state.books.trading_state.value == "RUNNING"
