"""The alert manager: one open alert per condition, told to everyone who should hear of it.

While a condition is open its alert counts how often it was seen; handlers hear of it when it is new,
when it gets worse, and again after a while if it keeps coming. A critical one that nobody acknowledges
is repeated until somebody does.

Alerts come from the bus, by the tables in `alert_rules`, or from whoever calls. They are the work of an
observer: nothing here can delay trading.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.delivery import RetryPolicy
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import (
    EmergencyStopReceived,
    Event,
    LimitBreached,
    OrderDenied,
    SymbolRestricted,
    SystemEvent,
)
from tradectl.monitoring.alert import Alert, AlertSeverity
from tradectl.monitoring.alert_registry import AlertRegistry
from tradectl.monitoring.alert_rules import Cleared, Raised, finding_of
from tradectl.monitoring.alert_writer import AlertWriter
from tradectl.monitoring.notifier import NOTIFICATIONS, Notifier, Notify

if TYPE_CHECKING:
    from tradectl.state.store import Store

HEARD = (LimitBreached, SymbolRestricted, OrderDenied, SystemEvent, EmergencyStopReceived)
NOTIFICATION_FAILED = "notification_failed"
LOG_LEVELS = {
    AlertSeverity.INFO: logging.INFO,
    AlertSeverity.WARNING: logging.WARNING,
    AlertSeverity.ERROR: logging.ERROR,
    AlertSeverity.CRITICAL: logging.CRITICAL,
}

log = logging.getLogger("tradectl.alerts")


class AlertManager:
    """Raises, counts, tells, escalates and stores alerts. Intervals are in seconds.

    An alert that keeps coming is told again after `renotify_after`, a critical one that is not
    acknowledged every `escalate_after`. Ids are `{run_id}-a{n}`; `run_id` is the bus's by default.
    """

    name = "alerts"

    def __init__(
        self,
        bus: EventBus,
        *,
        store: Store | None = None,
        run_id: str = "",
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        renotify_after: float = 60.0,
        escalate_after: float = 300.0,
        flush_interval: float = 0.2,
        retry: RetryPolicy = NOTIFICATIONS,
    ) -> None:
        run_id = run_id or bus.core.run_id
        self._bus = bus
        self._retry = retry
        self._writer = AlertWriter(store, run_id, flush_interval) if store else None
        self._book = AlertRegistry(
            run_id,
            clock or WallClock(),
            self._store,
            renotify_after=renotify_after,
            escalate_after=escalate_after,
            monotonic=monotonic,
        )
        self._look_every = min(1.0, escalate_after / 4)
        self._sinks: list[Notifier] = []
        self._escalation: asyncio.Task[None] | None = None
        self.add_notification_handler(log_alert, name="log")

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen to the bus and begin to deliver; does nothing when already started."""
        if self._escalation is not None:
            return
        self._bus.observe(HEARD, self.hear, name=self.name, records=False)
        self._escalation = asyncio.ensure_future(self._keep_escalating())
        for sink in self._sinks:
            sink.start()
        if self._writer is not None:
            self._writer.start()
        self._bus.components.started(self.name)

    async def stop(self) -> None:
        """Deliver and store what waits, then stop. What the bus still holds is not heard any more."""
        if self._escalation is None:
            return
        for kind in HEARD:
            self._bus.unsubscribe(kind, self.hear)
        self._escalation.cancel()
        await asyncio.gather(self._escalation, return_exceptions=True)
        self._escalation = None
        await asyncio.gather(*(sink.stop() for sink in self._sinks))
        if self._writer is not None:
            await self._writer.stop()
        self._bus.components.stopped(self.name)

    async def flush(self) -> None:
        """Store every change now. Raises StateError, and keeps the changes then."""
        if self._writer is not None:
            await self._writer.flush()

    # --- alerts --------------------------------------------------------------------------------------

    async def create_alert(
        self, alert_type: str, message: str, severity: AlertSeverity | str, component: str
    ) -> Alert:
        """The open alert of this type and component, new or counted once more.

        Raises UsageError for a severity that does not exist.
        """
        return self.raise_alert(alert_type, message, severity, component)

    def raise_alert(
        self, alert_type: str, message: str, severity: AlertSeverity | str, component: str
    ) -> Alert:
        """`create_alert` for callers that cannot await."""
        parsed = AlertSeverity.parse(severity)
        alert, to_tell = self._book.raised(alert_type, message, parsed, component)
        if to_tell:
            self._tell(alert)
        return alert

    def get_active_alerts(self) -> list[Alert]:
        """Those not resolved, acknowledged ones included, oldest first."""
        return self._book.open()

    def acknowledge(self, alert_id: str) -> Alert:
        """Somebody knows: no more reminders of this one. Raises UsageError for an unknown id."""
        return self._book.acknowledged(alert_id)

    def resolve(self, alert_id: str) -> Alert:
        """The condition is over; if it comes again it is a new alert. Raises UsageError as above."""
        return self._book.resolved(alert_id)

    def resolve_type(self, alert_type: str, component: str) -> Alert | None:
        """The same by what it is about; None when no such alert is open."""
        return self._book.cleared(alert_type, component)

    def add_notification_handler(self, handler: Notify, *, name: str = "") -> None:
        """Call `handler(alert)`, plain or async, with each alert told from now on.

        A plain function is called in a thread of its own.
        """
        name = name or getattr(handler, "__qualname__", type(handler).__name__)
        alike = sum(sink.name.partition(" #")[0] == name for sink in self._sinks)
        if alike:
            name = f"{name} #{alike + 1}"
        sink = Notifier(name, handler, self._retry, self._sink_died, self._sink_is_back)
        self._sinks.append(sink)
        if self._escalation is not None:
            sink.start()

    # --- where they come from and go to ----------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Raise or resolve what the rules make of `event`; most events are none of our business."""
        finding = finding_of(event)
        if isinstance(finding, Raised):
            self.raise_alert(finding.type, finding.message, finding.severity, finding.component)
        elif isinstance(finding, Cleared):
            self.resolve_type(finding.type, finding.component)

    def _store(self, alert: Alert) -> None:
        if self._writer is not None:
            self._writer.put(alert)

    def _tell(self, alert: Alert, but: Notifier | None = None) -> None:
        for sink in self._sinks:
            if sink is not but:
                sink.put(alert)

    async def _keep_escalating(self) -> None:
        while True:
            await asyncio.sleep(self._look_every)
            for alert in self._book.unanswered():
                self._tell(alert)

    def _sink_died(self, sink: Notifier, error: str) -> None:
        message = f"alerts cannot be delivered to {sink.name}: {error}"
        component, severity = f"notifier:{sink.name}", AlertSeverity.ERROR
        alert, to_tell = self._book.raised(NOTIFICATION_FAILED, message, severity, component)
        if to_tell:
            self._tell(alert, but=sink)

    def _sink_is_back(self, sink: Notifier) -> None:
        self.resolve_type(NOTIFICATION_FAILED, f"notifier:{sink.name}")


def log_alert(alert: Alert) -> None:
    """The handler that is always there: one line to the logger `tradectl.alerts`."""
    level = LOG_LEVELS[alert.severity]
    log.log(level, "%s %s (%s): %s", alert.id, alert.type, alert.component, alert.message)
