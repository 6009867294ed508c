"""The open alerts: at most one for each condition, and when its handlers were last notified.

A condition is a type and a component. This is bookkeeping without I/O: it says what is to be notified,
the manager does it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from tradectl.bus.clock import Clock
from tradectl.domain.errors import UsageError
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.text import harmless
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_endings import ENDED, is_over_with_its_run
from tradectl.notification.notice import safe

MAX_OPEN = 1_000


class OpenAlert(Struct):
    """An open alert, and when (monotonic seconds) its handlers were last notified of it."""

    alert: Alert
    notified_at: float


class AlertRegistry:
    """`changed` gets every alert that is new, counted, acknowledged or resolved; seconds as in
    AlertManager. `at` is everywhere the time that it is of, ns UTC."""

    def __init__(
        self,
        run_id: str,
        clock: Clock,
        changed: Callable[[Alert], None],
        *,
        renotify_after: float,
        escalate_after: float,
    ) -> None:
        self._run_id = run_id
        self._clock = clock
        self._changed = changed
        self.renotify_after, self.escalate_after = renotify_after, escalate_after
        self._open: dict[tuple[str, str], OpenAlert] = {}
        self._count = 0

    def open(self) -> list[Alert]:
        """Oldest first."""
        return [entry.alert for entry in self._open.values()]

    def is_open(self, alert_type: str, component: str) -> bool:
        return (harmless(alert_type), harmless(component)) in self._open

    def raise_alert(
        self,
        alert_type: str,
        message: str,
        severity: AlertSeverity,
        component: str,
        at: int,
        *,
        succeeds: bool = False,
    ) -> tuple[Alert, bool]:
        """The condition's alert, and whether to notify of it: new, worse, or silent for long. One that
        `succeeds` ends the open one, and is new."""
        key, message = (harmless(alert_type), harmless(component)), safe(message)
        entry = self._open.get(key)
        if entry is not None and succeeds:
            self._close(entry, at)
            entry = None
        if entry is not None:
            return self._repeat(entry, message, severity, at)
        if len(self._open) >= MAX_OPEN:
            self._drop_mildest(at)
        self._count += 1
        alert_id = f"{self._run_id}-a{self._count}"
        alert = Alert(alert_id, key[0], severity, message, key[1], at, at)
        self._open[key] = OpenAlert(alert, self._clock.monotonic())
        self._changed(alert)
        return alert, True

    def acknowledge(self, alert_id: str, at: int) -> Alert:
        """Raises UsageError for an id that is not open."""
        return self._transition(self._find(alert_id), at, status=AlertStatus.ACKNOWLEDGED)

    def resolve(self, alert_id: str, at: int) -> Alert:
        """Raises UsageError for an id that is not open."""
        return self._close(self._find(alert_id), at)

    def clear(self, alert_type: str, component: str, at: int) -> Alert | None:
        """The condition is over; None when it was not open."""
        entry = self._open.get((harmless(alert_type), harmless(component)))
        return None if entry is None else self._close(entry, at)

    def run_ended(self, at: int) -> None:
        """Whatever had its cause in the process is over, and says so."""
        for entry in [*self._open.values()]:
            alert = entry.alert
            if is_over_with_its_run(alert.type):
                del self._open[alert.type, alert.component]
                why = f"{alert.message}; {ENDED}"
                self._transition(entry, at, status=AlertStatus.RESOLVED, message=why)

    def due_for_escalation(self) -> list[Alert]:
        """Critical alerts to notify of again now, because nobody has acknowledged them."""
        due = [
            entry
            for entry in self._open.values()
            if entry.alert.severity is AlertSeverity.CRITICAL
            and entry.alert.status is AlertStatus.ACTIVE
            and self._silent_for(entry, self.escalate_after)
        ]
        for entry in due:
            entry.notified_at = self._clock.monotonic()
        return [entry.alert for entry in due]

    def _repeat(
        self, entry: OpenAlert, message: str, severity: AlertSeverity, at: int
    ) -> tuple[Alert, bool]:
        old = entry.alert
        worse = severity > old.severity
        alert = self._transition(
            entry,
            at,
            message=message,
            severity=severity if worse else old.severity,
            status=AlertStatus.ACTIVE if worse else old.status,
            count=old.count + 1,
        )
        active = alert.status is AlertStatus.ACTIVE
        notify = worse or (active and self._silent_for(entry, self.renotify_after))
        if notify:
            entry.notified_at = self._clock.monotonic()
        return alert, notify

    def _silent_for(self, entry: OpenAlert, seconds: float) -> bool:
        return self._clock.monotonic() - entry.notified_at >= seconds

    def _find(self, alert_id: str) -> OpenAlert:
        for entry in self._open.values():
            if entry.alert.id == alert_id:
                return entry
        raise UsageError(
            f"no open alert has the id {harmless(alert_id)!r}: `tradectl alerts` lists them"
        )

    def _transition(self, entry: OpenAlert, at: int, **changes: object) -> Alert:
        entry.alert = msgspec.structs.replace(entry.alert, updated_at=at, **changes)
        self._changed(entry.alert)
        return entry.alert

    def _close(self, entry: OpenAlert, at: int) -> Alert:
        del self._open[entry.alert.type, entry.alert.component]
        return self._transition(entry, at, status=AlertStatus.RESOLVED)

    def _drop_mildest(self, at: int) -> None:
        """Memory is bounded: the mildest open alert, of those the oldest, is let go."""
        self._close(min(self._open.values(), key=lambda entry: entry.alert.severity.rank), at)
