"""The last door before an exchange: nothing passes it while the emergency stop is latched.

The latch is asked at every send, whatever the core believes; its answer is a millisecond old at most.
What is held back is not swallowed: the order gets a report like any other, so the journal tells the
truth. Cancels always pass, and so do the closing orders of a stop that flattens.
"""

from __future__ import annotations

from typing import Protocol

from tradectl.domain.commands import CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.events import ExecutionEvent
from tradectl.domain.orders import OrderSpec, Trigger
from tradectl.domain.text import harmless
from tradectl.exchange.base import Report
from tradectl.state.latch import HaltLatch

SUPPRESSED = "not sent: the emergency stop is latched"


class Sends(Protocol):
    def send(self, command: OutboundCommand, at: int) -> None: ...


class ExchangeGate:
    """Passes commands on to `exchange`. Without a latch (no state directory) everything passes."""

    def __init__(self, exchange: Sends, report: Report, latch: HaltLatch | None = None) -> None:
        self._exchange = exchange
        self._report = report
        self._latch = latch

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, SubmitOrder) and (pre_send_check := self.pre_send_check(command)):
            self._report(_answer(command.order.spec, Trigger.REJECT, pre_send_check), at)
            return
        try:
            self._exchange.send(command, at)
        except (
            Exception
        ) as error:  # whatever broke, the command may have got through: ask, not guess
            reason = harmless(f"sending it broke: {type(error).__name__}: {error}", 200)
            if isinstance(command, SubmitOrder):
                self._report(_answer(command.order.spec, Trigger.LOSE, reason), at)
            else:
                self._report(_answer(command, Trigger.CANCEL_REJECT, reason), at)

    def pre_send_check(self, command: SubmitOrder) -> str:
        """Why an order must not leave; empty when it may. A gateway whose orders wait asks once more."""
        if self._latch is None or not self._latch.is_set():
            return ""
        halt = self._latch.read()
        closes = halt is not None and halt.flatten and command.order.spec.reduce_only
        return "" if closes else SUPPRESSED


def _answer(spec: OrderSpec | CancelOrder, kind: Trigger, reason: str) -> ExecutionEvent:
    return ExecutionEvent(
        source_component="gate",
        order_id=spec.order_id,
        symbol=spec.symbol,
        kind=kind,
        reason=reason,
    )
