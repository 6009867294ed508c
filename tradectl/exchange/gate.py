"""The last door before an exchange: nothing passes it while the emergency stop is latched.

The latch is asked at every send, whatever the core believes. What is held back is not swallowed: the
order gets a report like any other, so the journal tells the truth. Cancels always pass, and so do the
closing orders of a stop that flattens.
"""

from __future__ import annotations

from typing import Protocol

from tradectl.domain.commands import OutboundCommand, SubmitOrder
from tradectl.domain.events import ExecutionEvent
from tradectl.domain.orders import Trigger
from tradectl.exchange.base import Report
from tradectl.state.latch import HaltLatch


class Sends(Protocol):
    def send(self, command: OutboundCommand, at: int) -> None: ...


class ExchangeGate:
    """Passes commands on to `exchange`. Without a latch (no state directory) everything passes."""

    def __init__(self, exchange: Sends, report: Report, latch: HaltLatch | None = None) -> None:
        self._exchange = exchange
        self._report = report
        self._latch = latch

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, SubmitOrder) and self._holds_back(command):
            self._report(self._suppressed(command), at)
        else:
            self._exchange.send(command, at)

    def _holds_back(self, command: SubmitOrder) -> bool:
        if self._latch is None or not self._latch.is_set():
            return False
        halt = self._latch.read()
        return halt is None or not (halt.flatten and command.order.spec.reduce_only)

    def _suppressed(self, command: SubmitOrder) -> ExecutionEvent:
        spec = command.order.spec
        return ExecutionEvent(
            source_component="gate",
            order_id=spec.order_id,
            symbol=spec.symbol,
            kind=Trigger.REJECT,
            reason="not sent: the emergency stop is latched",
        )
