"""The last check before an exchange: nothing passes it that a latched halt forbids.

The halt switch is asked at every send, whatever the core believes; its answer is a millisecond old at
most. What is held back is not swallowed: the order is denied, an input like any exchange's report, so the
journal tells the truth. Cancels always pass, and so does what only reduces a position for as long as
positions are to be reduced or closed; a stop that protects one passes even in HALTED.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tradectl.domain.commands import CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.events import (
    CancelRejected,
    ExecutionEvent,
    OrderDenied,
    OrderOutcomeLost,
    OrderReport,
)
from tradectl.domain.orders import OrderSpec
from tradectl.domain.states import TradingState
from tradectl.domain.text import harmless
from tradectl.storage.latch import HaltSwitch
from tradectl.storage.lease import Lease

SOURCE = "gate"
NOT_SENT = "NOT_SENT"
LEASE_LOST = "not sent: this process no longer holds the account"
SUPPRESSED = "not sent: trading is halted"
ONLY_REDUCES = "not sent: trading is halted, and only what reduces a position leaves"


class Sends(Protocol):
    def send(self, command: OutboundCommand, at: int) -> None: ...


class ExchangeGate:
    """Passes commands on to `exchange`, for as long as the halt switch lets them and we hold the lease.
    Without either (no state directory) everything passes that `may_leave` says nothing against: why an
    order must not leave after all."""

    def __init__(
        self,
        exchange: Sends,
        report: Callable[[OrderReport, int], None],
        halt_switch: HaltSwitch | None = None,
        lease: Lease | None = None,
        may_leave: Callable[[OrderSpec], str] = lambda spec: "",
    ) -> None:
        self._exchange = exchange
        self._report = report
        self._halt_switch = halt_switch
        self._lease = lease
        self._may_leave = may_leave

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, SubmitOrder) and (denial := self.pre_send_check(command)):
            self._report(not_sent(command.order.spec, SOURCE, denial), at)
            return
        try:
            self._exchange.send(command, at)
        except Exception as error:  # whatever broke, it may have got through: ask, not guess
            reason = harmless(f"sending it broke: {type(error).__name__}: {error}", 200)
            if isinstance(command, SubmitOrder):
                self._report(_failure(command.order.spec, OrderOutcomeLost, reason), at)
            else:
                self._report(_failure(command, CancelRejected, reason), at)

    def pre_send_check(self, command: SubmitOrder) -> str:
        """Why an order must not leave; empty when it may. A gateway whose orders wait asks once more."""
        if self._lease is not None and not self._lease.held:
            return LEASE_LOST
        state = TradingState.RUNNING if self._halt_switch is None else self._halt_switch.state()
        spec = command.order.spec
        if state is TradingState.RUNNING or spec.is_protective:
            return self._may_leave(spec)
        if state is TradingState.HALTED:
            return SUPPRESSED
        return self._may_leave(spec) if spec.reduce_only else ONLY_REDUCES


def not_sent(spec: OrderSpec, source: str, reason: str) -> OrderDenied:
    """We held back an order that risk had let pass: it did not leave."""
    return OrderDenied(
        source_component=source,
        order_id=spec.order_id,
        symbol=spec.symbol,
        code=NOT_SENT,
        message=reason,
    )


def _failure(
    spec: OrderSpec | CancelOrder, kind: type[OrderOutcomeLost | CancelRejected], reason: str
) -> ExecutionEvent:
    return kind(source_component=SOURCE, order_id=spec.order_id, symbol=spec.symbol, reason=reason)
