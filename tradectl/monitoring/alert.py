"""An alert: a condition that a person should know of, for as long as it lasts.

Alerts never change; a condition that comes again, worsens, is acknowledged or ends gets a new alert of
the same id in the old one's place. Whoever was handed one can keep it.
"""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.run import AlertRow
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.time import iso


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
