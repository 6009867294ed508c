"""With the latch set nothing leaves but cancels and the closing orders of a stop that flattens."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradectl.domain.commands import ApprovedOrder, CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.events import ExecutionEvent, OrderDenied, OrderOutcomeLost, OrderReport
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType, Trigger, step
from tradectl.domain.states import TradingState
from tradectl.exchange.gate import ExchangeGate
from tradectl.storage.latch import SIZE, HaltLatch

NOW = 7


class RemoteGateway:
    """An exchange that only keeps what reaches it."""

    def __init__(self) -> None:
        self.got: list[tuple[OutboundCommand, int]] = []

    def send(self, command: OutboundCommand, at: int) -> None:
        self.got.append((command, at))


S = TradingState


def submit(order_id: str = "o1", *, reduce_only: bool = False, **fields: Any) -> SubmitOrder:
    spec = OrderSpec(order_id, "BTCUSDT", Side.SELL, Decimal(1), reduce_only=reduce_only, **fields)
    return SubmitOrder(ApprovedOrder(spec, 0))


STOP: dict[str, Any] = {
    "type": OrderType.STOP_MARKET,
    "stop_price": Decimal(90),
    "reduce_only": True,
}


CANCEL = CancelOrder("o1", "BTCUSDT", "v1")


@pytest.fixture
def latch(tmp_path: Path) -> HaltLatch:
    latch = HaltLatch(tmp_path / "halt", places=[tmp_path], look_up_every=0.0)
    latch.prepare()
    return latch


class Door:
    def __init__(self, latch: HaltLatch | None) -> None:
        self.external = RemoteGateway()
        self.reports: list[tuple[OrderReport, int]] = []
        report = self.reports
        self.gate = ExchangeGate(self.external, lambda e, at: report.append((e, at)), latch)

    def lets_pass(self, command: OutboundCommand) -> bool:
        before = len(self.external.got), len(self.reports)
        self.gate.send(command, NOW)
        passed, reported = len(self.external.got) - before[0], len(self.reports) - before[1]
        assert passed + reported == 1
        return bool(passed)


def test_without_a_latch_everything_passes() -> None:
    door = Door(None)
    commands: list[OutboundCommand] = [submit(), submit(reduce_only=True), CANCEL]
    assert all(door.lets_pass(command) for command in commands)
    assert door.external.got == [(command, NOW) for command in commands]


def test_while_the_latch_is_blank_everything_passes(latch: HaltLatch) -> None:
    door = Door(latch)
    commands: list[OutboundCommand] = [submit(), submit(reduce_only=True), CANCEL]
    assert all(door.lets_pass(command) for command in commands)


@pytest.mark.parametrize(
    ("state", "command", "passes"),
    [
        (S.HALTED, submit(), False),
        (S.HALTED, submit(reduce_only=True), False),
        (S.HALTED, submit(**STOP), True),
        (S.HALTED, submit(**{**STOP, "reduce_only": False}), False),
        (S.HALTED, CANCEL, True),
        (S.FLATTENING, submit(**STOP), True),
        (S.REDUCING, submit(**STOP), True),
        (S.FLATTENING, submit(), False),
        (S.FLATTENING, submit(reduce_only=True), True),
        (S.FLATTENING, CANCEL, True),
        (S.REDUCING, submit(), False),
        (S.REDUCING, submit(reduce_only=True), True),
        (S.PAUSED, submit(), False),
        (S.PAUSED, submit(reduce_only=True), True),
    ],
)
def test_what_passes_a_latch_that_is_set(
    latch: HaltLatch, state: TradingState, command: OutboundCommand, passes: bool
) -> None:
    latch.set("fire", state)
    assert Door(latch).lets_pass(command) is passes


def test_a_latch_that_is_set_by_somebody_else_counts_for_the_very_next_send(
    latch: HaltLatch, tmp_path: Path
) -> None:
    door = Door(latch)
    assert door.lets_pass(submit("o1"))
    HaltLatch(tmp_path / "halt").set("fire")
    assert not door.lets_pass(submit("o2"))
    HaltLatch(tmp_path / "halt").clear()
    assert door.lets_pass(submit("o3"))


def test_a_latch_that_cannot_be_understood_holds_everything_back_but_cancels(
    latch: HaltLatch, tmp_path: Path
) -> None:
    (tmp_path / "halt").write_bytes(b'{"reason":"fi'.ljust(SIZE))
    door = Door(latch)
    assert not door.lets_pass(submit())
    assert not door.lets_pass(submit(reduce_only=True))
    assert door.lets_pass(CANCEL)


def test_what_is_held_back_is_denied_and_that_is_an_input_like_any_other_answer(
    latch: HaltLatch,
) -> None:
    latch.set("fire")
    door = Door(latch)
    door.gate.send(submit("o9"), NOW)
    ((report, at),) = door.reports
    assert at == NOW
    assert (report.source_component, report.order_id, report.symbol) == ("gate", "o9", "BTCUSDT")
    assert isinstance(report, OrderDenied)
    assert report.message == "not sent: trading is halted"
    assert report.code == "NOT_SENT"
    assert report.priority is ExecutionEvent.priority
    assert step(OrderStatus.SUBMITTED, Trigger.DENY) is OrderStatus.DENIED


class Broken:
    def send(self, command: OutboundCommand, at: int) -> None:
        raise ConnectionResetError("by \x1b[1mpeer")


def test_a_send_that_breaks_leaves_the_order_unknown_for_it_may_have_got_through() -> None:
    reports: list[OrderReport] = []
    gate = ExchangeGate(Broken(), lambda event, at: reports.append(event))
    gate.send(submit("o9"), NOW)
    (report,) = reports
    assert isinstance(report, OrderOutcomeLost)
    assert report.order_id == "o9"
    assert report.reason == "sending it broke: ConnectionResetError: by ?[1mpeer"
    assert step(OrderStatus.SUBMITTED, report.trigger) is OrderStatus.UNKNOWN


def test_a_cancel_that_breaks_stops_nothing_else() -> None:
    ExchangeGate(Broken(), lambda event, at: None).send(CANCEL, NOW)


def test_a_cancel_that_breaks_is_told() -> None:
    reports: list[OrderReport] = []
    ExchangeGate(Broken(), lambda event, at: reports.append(event)).send(CANCEL, NOW)
    assert [report.order_id for report in reports] == ["o1"]


class Granted:
    """A lease that can be lost."""

    def __init__(self) -> None:
        self.held = True
        self.epoch = 1


def test_who_has_lost_the_account_lets_no_order_out_and_every_cancel() -> None:
    lease, door = Granted(), Door(None)
    door.gate = ExchangeGate(door.external, lambda e, at: door.reports.append((e, at)), lease=lease)
    assert door.lets_pass(submit("o1"))
    lease.held = False
    assert not door.lets_pass(submit("o2"))
    assert not door.lets_pass(submit("o3", reduce_only=True))
    assert door.lets_pass(CANCEL)
    [denied, _] = [event for event, _ in door.reports]
    assert isinstance(denied, OrderDenied)
    assert denied.message == "not sent: this process no longer holds the account"
