"""The alert of an emergency stop that no running process was told of.

A process that is told raises its own. Where there is none, or none that answers, the alert is written
down by the stop itself, so that `tradectl alerts` shows what was done, and what is left.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tradectl.documents.operations import Receipt
from tradectl.domain.states import AlertSeverity
from tradectl.monitoring.alert import Alert
from tradectl.storage.directory import StateDir, new_run_id
from tradectl.storage.store import Store

LOCK_TIMEOUT_S = 1.0


def leave_alert(state_dir: StateDir, receipt: Receipt, now: int) -> None:
    """Of `receipt`, at the time `now` (ns UTC). A lost database is not made anew here, for an empty one
    would hide the loss. Raises StateError, AlreadyRunning."""
    if state_dir.journal_files() and not state_dir.db.exists():
        return
    stop_id = new_run_id(now)
    alert = Alert(
        id=f"{stop_id}-a1",
        type="emergency_stop",
        severity=AlertSeverity.CRITICAL,
        message=_message(receipt),
        component="operator",
        created_at=now,
        updated_at=now,
    )
    row = alert.row(Path(receipt.journal).stem if receipt.journal else stop_id)

    async def written() -> None:
        store = Store(state_dir.db, lock_timeout=LOCK_TIMEOUT_S)
        await store.open()
        try:
            await store.write_alerts([row])
        finally:
            await store.close()

    with state_dir.owned():
        asyncio.run(written())


def _message(receipt: Receipt) -> str:
    """The reason, and what a person has to look after."""
    parts = [receipt.reason or "emergency stop"]
    if not receipt.confirmed:
        parts.append("not confirmed")
    if receipt.error:
        parts.append(receipt.error)
    if left := [*receipt.open_orders_left, *receipt.positions_left]:
        parts.append(f"left: {', '.join(left)}")
    if bare := receipt.unprotected:
        mend = "`tradectl emergency-stop --flatten` closes what is open"
        parts.append(f"without protection: {', '.join(bare)}; {mend}")
    return "; ".join(parts)


__all__ = ["leave_alert"]
