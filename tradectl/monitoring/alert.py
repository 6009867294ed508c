"""An alert: a condition that a person should know of, for as long as it lasts.

Alerts never change; a condition that comes again, worsens, is acknowledged or ends gets a new alert of
the same id in the old one's place. Whoever was handed one can keep it.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tradectl.documents.run import AlertRow
from tradectl.domain.errors import UsageError
from tradectl.domain.time import iso


class AlertSeverity(StrEnum):
    """Ordered as written here, not as spelled: `INFO < WARNING < ERROR < CRITICAL`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(AlertSeverity).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < AlertSeverity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= AlertSeverity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > AlertSeverity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= AlertSeverity(other).rank

    @classmethod
    def parse(cls, text: str) -> AlertSeverity:
        """The severity of that name, in any case. Raises UsageError."""
        try:
            return cls(text.lower())
        except ValueError:
            names = ", ".join(cls)
            raise UsageError(f"unknown alert severity {text!r}: expected one of {names}") from None


class AlertStatus(StrEnum):
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    """somebody knows: no more reminders, unless it gets worse"""
    RESOLVED = "resolved"


class Alert(Struct, frozen=True, gc=False):
    """`count` is how often the condition was seen, from `created_at` to `updated_at` (ns UTC)."""

    id: str
    type: str
    severity: AlertSeverity
    message: str
    component: str
    created_at: int
    updated_at: int
    status: AlertStatus = AlertStatus.ACTIVE
    count: int = 1

    def row(self, run_id: str) -> AlertRow:
        """As `tradectl alerts --json` shows it."""
        return AlertRow(
            id=self.id,
            run_id=run_id,
            type=self.type,
            severity=self.severity,
            message=self.message,
            component=self.component,
            created_at=iso(self.created_at),
            updated_at=iso(self.updated_at),
            status=self.status,
            count=self.count,
        )
