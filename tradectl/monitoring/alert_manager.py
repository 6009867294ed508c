"""The alert manager: one open alert per condition, sent to everyone who should know of it.

While a condition is open its alert counts how often it was seen; handlers are notified when it is new,
when it gets worse, and again after a while if it keeps coming. A critical one that nobody
acknowledges is repeated until somebody does.

Alerts come from the bus, by the tables in `alert_rules`, or from whoever calls. They are the work of an
observer: nothing here can delay trading.

The time of an alert is that of the event which it is of, on recorded data as well: there it is the time
of the data. What no event told of is of the time that the bus's clock shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tradectl.bus.clock import Clock
from tradectl.bus.delivery import RetryPolicy
from tradectl.bus.event_bus import EventBus
from tradectl.documents.run import AlertRow
from tradectl.domain.events import Event, PauseEnded, Record, SystemEvent, SystemEventKind
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import from_iso, iso
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_endings import is_over_with_its_run
from tradectl.monitoring.alert_registry import AlertRegistry
from tradectl.monitoring.alert_rules import RULES, AlertCleared, AlertRaised, alert_change
from tradectl.monitoring.alert_writer import AlertWriter
from tradectl.monitoring.notifier import NOTIFICATIONS, Notifier, Notify
from tradectl.notification.notice import Notice

if TYPE_CHECKING:
    from tradectl.notification.dispatcher import Dispatcher
    from tradectl.storage.store import Store

NOTIFICATION_FAILED = "notification_failed"
LAST_WORDS_S = 2.0
"""What the end of a run gives to what people are still to be told; the next run tells the rest."""
LOG_LEVELS = {
    AlertSeverity.INFO: logging.INFO,
    AlertSeverity.WARNING: logging.WARNING,
    AlertSeverity.ERROR: logging.ERROR,
    AlertSeverity.CRITICAL: logging.CRITICAL,
}

log = logging.getLogger("tradectl.alerts")
log.addHandler(logging.NullHandler())
"""Who asks for it gets it; nobody does unless he does."""


class AlertManager:
    """Raises, counts, escalates and stores alerts, and notifies of them. Intervals are in seconds.

    Handlers are notified again of one that keeps coming after `renotify_after`, of a critical one that
    is not acknowledged every `escalate_after`. Ids are `{run_id}-a{n}`; `run_id` is the bus's by default.
    People are told by the `dispatcher`, where there is one; a `listener` gets what they would be told.
    With one `of_a_run`, what had its cause in the process is over as it stops; that it begins paused is
    over with the last pause, `is_paused` says.
    """

    name = "alerts"

    def __init__(
        self,
        bus: EventBus,
        *,
        store: Store | None = None,
        dispatcher: Dispatcher | None = None,
        run_id: str = "",
        clock: Clock | None = None,
        renotify_after: float = 60.0,
        escalate_after: float = 300.0,
        flush_interval: float = 0.2,
        retry: RetryPolicy = NOTIFICATIONS,
        listener: Callable[[Alert], None] | None = None,
        of_a_run: bool = False,
        is_paused: Callable[[], bool] = lambda: True,
    ) -> None:
        run_id = run_id or bus.core.run_id
        self._bus = bus
        self._clock = clock or bus.clock
        self._retry = retry
        self._run_id = run_id
        self._dispatcher = dispatcher
        self._listener = listener
        self._of_a_run, self._is_paused = of_a_run, is_paused
        self._writer = AlertWriter(store, run_id, flush_interval) if store else None
        self._registry = AlertRegistry(
            run_id,
            self._clock,
            self._store,
            renotify_after=renotify_after,
            escalate_after=escalate_after,
        )
        self._notifiers: list[Notifier] = []
        self._escalation: asyncio.Task[None] | None = None
        self.add_notification_handler(log_alert, name="log")

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Subscribe to the bus and begin to deliver; does nothing when already started."""
        if self._escalation is not None:
            return
        self._bus.observe(RULES, self._on_record, name=self.name)
        self._escalation = asyncio.ensure_future(self._run_escalation())
        for notifier in self._notifiers:
            notifier.start()
        if self._writer is not None:
            self._writer.start()
        if self._dispatcher is not None:
            self._dispatcher.heed(
                self._in_loop(self._channel_failed), self._in_loop(self._channel_back)
            )
            self._dispatcher.start()
        self._bus.components.started(self.name)

    async def stop(self) -> None:
        """Deliver and store what waits, then stop. What waits on the bus raises no alert any more."""
        if self._escalation is None:
            return
        for kind in RULES:
            self._bus.unsubscribe(kind, self._on_record)
        self._escalation.cancel()
        await asyncio.gather(self._escalation, return_exceptions=True)
        self._escalation = None
        if self._of_a_run:
            self._registry.run_ended(self._now())
        await asyncio.gather(*(notifier.stop() for notifier in self._notifiers))
        if self._writer is not None:
            await self._writer.stop()
        if self._dispatcher is not None:
            await asyncio.to_thread(self._dispatcher.stop, LAST_WORDS_S)
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
        return self._raise(AlertRaised(alert_type, message, parsed, component), self._now())

    def get_active_alerts(self) -> list[Alert]:
        """Those not resolved, acknowledged ones included, oldest first."""
        return self._registry.open()

    def acknowledge(self, alert_id: str) -> Alert:
        """Somebody knows: no more reminders of this one. Raises UsageError for an unknown id."""
        return self._registry.acknowledge(alert_id, self._now())

    def resolve(self, alert_id: str) -> Alert:
        """The condition is over; if it comes again it is a new alert. Raises UsageError as above."""
        return self._registry.resolve(alert_id, self._now())

    def resolve_type(self, alert_type: str, component: str) -> Alert | None:
        """The same by what it is about; None when no such alert is open."""
        return self._registry.clear(alert_type, component, self._now())

    def add_notification_handler(self, handler: Notify, *, name: str = "") -> None:
        """Call `handler(alert)`, plain or async, with each alert to notify of from now on.

        A plain function is called in a thread of its own.
        """
        name = name or getattr(handler, "__qualname__", type(handler).__name__)
        alike = sum(notifier.name.partition(" #")[0] == name for notifier in self._notifiers)
        if alike:
            name = f"{name} #{alike + 1}"
        notifier = Notifier(
            name, handler, self._retry, self._notifier_failed, self._notifier_recovered
        )
        self._notifiers.append(notifier)
        if self._escalation is not None:
            notifier.start()

    def raise_again(self, what: AlertRaised, at: int) -> Alert:
        """What a run before had no time to tell of, and is of the time `at` (ns UTC); what ended with it
        is over."""
        alert = self._raise(what, at)
        if is_over_with_its_run(alert.type):
            self._registry.clear(alert.type, alert.component, self._now())
        return alert

    async def end_those_before(
        self, known: Iterable[AlertRow], goes_on: Callable[[AlertRow], bool] = lambda alert: False
    ) -> None:
        """Of those that runs before have left open what is over by now; what `goes_on` is raised again.
        Who was told hears of the end of what is not open in this run, too. Raises StateError."""
        if self._writer is None:
            return
        rows = {row.id: row for row in known}
        for over in await self._writer.end_those_before(rows.values(), iso(self._now())):
            row = rows[over.id]
            if goes_on(row):
                self.raise_alert(row.type, row.message, row.severity, row.component)
            elif self._dispatcher is not None and not self._registry.is_open(
                row.type, row.component
            ):
                self._dispatcher.put(notice_of_row(over))

    def notify_again_after(self, renotify: float, escalate: float) -> None:
        """As they were given at first, from here on."""
        self._registry.renotify_after, self._registry.escalate_after = renotify, escalate

    # --- from the bus, to the handlers ---------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Raise or resolve the alert that the rules make of an `event` that the bus does not carry; most
        events make none."""
        self._heed(event, self._now())

    def _on_record(self, record: Record) -> None:
        self._heed(record.event, record.at)

    def _heed(self, event: Event, at: int) -> None:
        change = alert_change(event)
        if isinstance(change, AlertRaised):
            self._raise(change, at)
        elif isinstance(change, AlertCleared):
            self._registry.clear(change.type, change.component, at)
            if isinstance(event, PauseEnded) and not self._is_paused():
                self._registry.clear(SystemEventKind.STILL_PAUSED, "run", at)

    def _raise(self, what: AlertRaised, at: int, but: Notifier | None = None) -> Alert:
        alert, notify = self._registry.raise_alert(
            what.type, what.message, what.severity, what.component, at, succeeds=what.succeeds
        )
        if notify:
            self._notify(alert, but)
        return alert

    def _now(self) -> int:
        """Before the first recorded event the data has no time."""
        return self._clock.now() or self._clock.wall()

    def _store(self, alert: Alert) -> None:
        if self._writer is not None:
            self._writer.put(alert)
        if alert.status is not AlertStatus.ACTIVE:
            self._tell(alert)

    def _tell(self, alert: Alert) -> None:
        if self._listener is not None:
            self._listener(alert)
        if self._dispatcher is not None:
            self._dispatcher.put(notice_of(alert, self._run_id))

    def _notify(self, alert: Alert, but: Notifier | None = None) -> None:
        for notifier in self._notifiers:
            if notifier is not but:
                notifier.put(alert)
        self._tell(alert)

    async def _run_escalation(self) -> None:
        while True:
            await self._clock.sleep(min(1.0, self._registry.escalate_after / 4))
            for alert in self._registry.due_for_escalation():
                self._notify(alert)

    def _in_loop(self, call: Callable[..., None]) -> Callable[..., None]:
        """`call` for the dispatcher's thread; once the loop has ended nobody is told any more."""
        loop = asyncio.get_running_loop()

        def called(*words: str) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(call, *words)

        return called

    def _channel_failed(self, name: str, error: str) -> None:
        message = f"nobody is reached by {name}: {error}"
        self.raise_alert(NOTIFICATION_FAILED, message, AlertSeverity.ERROR, f"channel:{name}")
        self.left_alone(f"channel:{name}", message)

    def _channel_back(self, name: str) -> None:
        self.resolve_type(NOTIFICATION_FAILED, f"channel:{name}")
        self.works_again(f"channel:{name}")

    def left_alone(self, component: str, why: str) -> None:
        """For the journal and the list of components: what reaches people fails, and is tried again after
        growing pauses. Its alert is its owner's."""
        message = f"{harmless(why, 200)}; it is tried again after growing pauses"
        self._post_breaker(SystemEventKind.COMPONENT_LEFT_ALONE, component, message)

    def works_again(self, component: str) -> None:
        self._post_breaker(SystemEventKind.BREAKER_CLOSED, component, "it works again")

    def _post_breaker(self, kind: SystemEventKind, component: str, message: str) -> None:
        self._bus.post(
            SystemEvent(source_component=self.name, kind=kind, component=component, message=message)
        )

    def _notifier_failed(self, notifier: Notifier, error: str) -> None:
        message = f"alerts cannot be delivered to {notifier.name}: {error}"
        failed = AlertRaised(
            NOTIFICATION_FAILED, message, AlertSeverity.ERROR, f"notifier:{notifier.name}"
        )
        self._raise(failed, self._now(), but=notifier)

    def _notifier_recovered(self, notifier: Notifier) -> None:
        self.resolve_type(NOTIFICATION_FAILED, f"notifier:{notifier.name}")


def notice_of(alert: Alert, run_id: str) -> Notice:
    """The alert as people are told of it."""
    return Notice(
        id=alert.id,
        run_id=run_id,
        type=alert.type,
        severity=alert.severity,
        component=alert.component,
        message=alert.message,
        created_at=alert.created_at,
        updated_at=alert.updated_at,
        status=alert.status,
        count=alert.count,
    )


def notice_of_row(row: AlertRow) -> Notice:
    """The same of one that is stored."""
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    times = {name: from_iso(fields[name]) for name in ("created_at", "updated_at")}
    return Notice(**{**fields, **times})


def log_alert(alert: Alert) -> None:
    """The handler that is always there: one line to the logger `tradectl.alerts`."""
    level = LOG_LEVELS[alert.severity]
    said = (alert.id, alert.type, alert.component, alert.message)
    log.log(level, "%s %s (%s): %s", *said, extra={"is_alert": True})
