"""The open alerts: at most one for each condition, and when people last heard of it.

A condition is a type and a component. This is bookkeeping without I/O: it says who is to be told what,
the manager tells them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from tradectl.bus.clock import Clock
from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless
from tradectl.monitoring.alert import Alert, AlertSeverity, AlertStatus

MAX_OPEN = 1_000


class OpenAlert(Struct):
    """An open alert, and when (monotonic seconds) it was last told."""

    alert: Alert
    told_at: float


class AlertRegistry:
    """`changed` gets every alert that is new, counted, acknowledged or resolved; seconds as in
    AlertManager."""

    def __init__(
        self,
        run_id: str,
        clock: Clock,
        changed: Callable[[Alert], None],
        *,
        renotify_after: float,
        escalate_after: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run_id = run_id
        self._clock = clock
        self._changed = changed
        self._renotify_after = renotify_after
        self._escalate_after = escalate_after
        self._monotonic = monotonic
        self._cases: dict[tuple[str, str], OpenAlert] = {}
        self._given = 0

    def open(self) -> list[Alert]:
        """Oldest first."""
        return [case.alert for case in self._cases.values()]

    def raised(
        self, alert_type: str, message: str, severity: AlertSeverity, component: str
    ) -> tuple[Alert, bool]:
        """The condition's alert, and whether it is to be told: new, worse, or not told for long."""
        key, message = (harmless(alert_type), harmless(component)), harmless(message)
        case = self._cases.get(key)
        if case is not None:
            return self._again(case, message, severity)
        if len(self._cases) >= MAX_OPEN:
            self._make_room()
        self._given += 1
        alert_id, now = f"{self._run_id}-a{self._given}", self._clock.now()
        alert = Alert(alert_id, key[0], severity, message, key[1], now, now)
        self._cases[key] = OpenAlert(alert, self._monotonic())
        self._changed(alert)
        return alert, True

    def acknowledged(self, alert_id: str) -> Alert:
        """Raises UsageError for an id that is not open."""
        return self._change(self._find(alert_id), status=AlertStatus.ACKNOWLEDGED)

    def resolved(self, alert_id: str) -> Alert:
        """Raises UsageError for an id that is not open."""
        return self._close(self._find(alert_id))

    def cleared(self, alert_type: str, component: str) -> Alert | None:
        """The condition is over; None when it was not open."""
        case = self._cases.get((harmless(alert_type), harmless(component)))
        return None if case is None else self._close(case)

    def unanswered(self) -> list[Alert]:
        """Critical alerts to be told again now, because nobody has acknowledged them."""
        due = [
            case
            for case in self._cases.values()
            if case.alert.severity is AlertSeverity.CRITICAL
            and case.alert.status is AlertStatus.ACTIVE
            and self._untold_for(case, self._escalate_after)
        ]
        for case in due:
            case.told_at = self._monotonic()
        return [case.alert for case in due]

    def _again(self, case: OpenAlert, message: str, severity: AlertSeverity) -> tuple[Alert, bool]:
        old = case.alert
        worse = severity > old.severity
        alert = self._change(
            case,
            message=message,
            severity=severity if worse else old.severity,
            status=AlertStatus.ACTIVE if worse else old.status,
            count=old.count + 1,
        )
        active = alert.status is AlertStatus.ACTIVE
        to_tell = worse or (active and self._untold_for(case, self._renotify_after))
        if to_tell:
            case.told_at = self._monotonic()
        return alert, to_tell

    def _untold_for(self, case: OpenAlert, seconds: float) -> bool:
        return self._monotonic() - case.told_at >= seconds

    def _find(self, alert_id: str) -> OpenAlert:
        for case in self._cases.values():
            if case.alert.id == alert_id:
                return case
        raise UsageError(
            f"no open alert has the id {harmless(alert_id)!r}: `tradectl alerts` lists them"
        )

    def _change(self, case: OpenAlert, **changes: object) -> Alert:
        now = self._clock.now()
        case.alert = msgspec.structs.replace(case.alert, updated_at=now, **changes)
        self._changed(case.alert)
        return case.alert

    def _close(self, case: OpenAlert) -> Alert:
        del self._cases[case.alert.type, case.alert.component]
        return self._change(case, status=AlertStatus.RESOLVED)

    def _make_room(self) -> None:
        """Memory is bounded: the mildest open alert, of those the oldest, is let go."""
        self._close(min(self._cases.values(), key=lambda case: case.alert.severity.rank))
