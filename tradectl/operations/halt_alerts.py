"""Who clears a halt has taken in hand what tells of it: nobody is told on of it any more.

That is what is critical and about the account as a whole. What is about one symbol (a position without
its stop, a liquidation) is not mended by allowing trading again, and waits for somebody who says so.
"""

from __future__ import annotations

from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader, acknowledge_alerts

OF_A_SYMBOL = "symbol:"


def acknowledge_halt(state_dir: StateDir) -> list[str]:
    """Of runs that are over. The ids, oldest first. Raises StateError."""
    alerts = [
        row.id
        for row in StateReader(state_dir.db).alerts()
        if row.status is AlertStatus.ACTIVE
        and row.severity is AlertSeverity.CRITICAL
        and not row.component.startswith(OF_A_SYMBOL)
    ]
    acknowledge_alerts(state_dir.db, alerts)
    return alerts


__all__ = ["acknowledge_halt"]
