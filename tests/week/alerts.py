"""Every alert has a cause that is named: none comes without one, and none stays beyond it.

A cause is what happened, from when to when it may be felt, and which alerts it explains. Alerts are noted
as they are raised, and looked at again with every turn of the market as long as they are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tradectl.documents.run import AlertRow
from tradectl.domain.events import Record
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_rules import AlertRaised, alert_change

MOMENT = 0.02
"""A stored time is rounded, and that of this machine's clock."""


@dataclass(frozen=True)
class Cause:
    """Times in hours since the week began."""

    what: str
    since: float
    until: float
    explains: frozenset[str]


@dataclass
class AlertLog:
    """`hour` tells the time, `wrong` gets what nothing explains."""

    hour: Callable[[], float]
    wrong: list[str]
    causes: list[Cause] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=dict)
    """by cause, what it explained"""

    def happens(self, what: str, explains: Iterable[str], *, lasting: float) -> None:
        now = self.hour()
        self.causes.append(Cause(what, now, now + lasting, frozenset(explains)))

    def heard(self, record: Record) -> None:
        """What raises an alert, each time."""
        change = alert_change(record.event)
        if isinstance(change, AlertRaised):
            self._explained(change.type, change.message, self.hour())

    def open_now(self, alerts: Iterable[Alert]) -> None:
        """A denial has no end, and was explained as it came."""
        for alert in alerts:
            if alert.type.startswith("denied_"):
                continue
            self._explained(alert.type, f"still open: {alert.message}", self.hour())

    def stored(self, rows: Iterable[AlertRow], hour_of: Callable[[str], float]) -> None:
        """Those that nobody may have heard, as a process began or ended."""
        for row in rows:
            self._explained(row.type, row.message, hour_of(row.created_at))

    def _explained(self, kind: str, message: str, at: float) -> None:
        by = [
            c.what
            for c in self.causes
            if kind in c.explains and c.since - MOMENT <= at <= c.until + MOMENT
        ]
        if not by:
            self.wrong.append(f"hour {at:.2f}: nothing explains {kind}: {message}")
        for what in by:
            self.seen.setdefault(what, set()).add(kind)


__all__ = ["AlertLog", "Cause"]
