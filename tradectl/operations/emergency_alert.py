"""What an emergency stop has to do with alerts: its own, and those that it makes pointless.

A process that is told of the stop raises an alert. Where there is none, or none that answers, it is
written down by the stop itself, so that `tradectl alerts` shows what was done, and what is left. It waits
in the outbox for whoever knows the channels: the command with a configuration, else the next run.

Alerts of runs that are over have nobody who ends them. Those that say what the receipt answers are
resolved: that a position lacks its stop, that an order's fate is not known, what an earlier stop left.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from msgspec.structs import replace

from tradectl.documents.operations import Receipt
from tradectl.documents.run import AlertRow
from tradectl.domain.events import SystemEventKind
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.time import iso
from tradectl.monitoring.alert import Alert
from tradectl.storage.directory import StateDir, new_run_id
from tradectl.storage.outbox_rows import OutboxRows
from tradectl.storage.reader import StateReader, resolve_alerts
from tradectl.storage.store import Store

LOCK_TIMEOUT_S = 1.0
HALT_CONTINUED = "halt_continued"
OF_A_POSITION = (SystemEventKind.POSITION_UNPROTECTED, SystemEventKind.STOP_REFUSED)
OF_THE_ACCOUNT = (
    SystemEventKind.CANCEL_FAILED,
    SystemEventKind.ORDER_UNKNOWN,
    "emergency_stop",
    HALT_CONTINUED,
)


def leave_alert(state_dir: StateDir, receipt: Receipt, now: int) -> None:
    """Of `receipt`, at the time `now` (ns UTC). A lost database is not made anew here, for an empty one
    would hide the loss. Raises StateError, AlreadyRunning."""
    if state_dir.journal_files() and not state_dir.db.exists():
        return
    # only what is not needed to stop
    from tradectl.monitoring.alert_manager import notice_of
    from tradectl.notification.dispatcher import unaddressed

    stop_id = new_run_id(now)
    alert = Alert(
        id=f"{stop_id}-a1",
        type="emergency_stop",
        severity=AlertSeverity.CRITICAL,
        message=told_of(receipt),
        component="operator",
        created_at=now,
        updated_at=now,
    )
    row = alert.row(Path(receipt.journal).stem if receipt.journal else stop_id)

    told = f"stopped at {iso(now)}: {alert.message}"
    notice = notice_of(replace(alert, message=told), row.run_id)

    async def written() -> None:
        store = Store(state_dir.db, lock_timeout=LOCK_TIMEOUT_S)
        await store.open()
        try:
            await store.write_alerts([row])
        finally:
            await store.close()

    with state_dir.owned(guest=True):
        asyncio.run(written())
        with contextlib.closing(OutboxRows(state_dir.db)) as rows:
            number = max((each.id for each in rows.all()), default=0) + 1
            rows.write([unaddressed(number, notice)], [])


def resolve_answered(state_dir: StateDir, receipt: Receipt, now: int) -> None:
    """The open alerts of runs that are over, as far as `receipt` answers them: by the symbol where it
    knows of each position, the others where nothing is left that should not be. Raises StateError."""
    if receipt.error is not None:
        return
    rows = StateReader(state_dir.db).alerts()
    running = Path(receipt.journal).stem if receipt.method == "control" and receipt.journal else ""
    answered = [
        row.id
        for row in rows
        if row.status is not AlertStatus.RESOLVED
        and row.run_id != running
        and _is_answered(row, receipt)
    ]
    resolve_alerts(state_dir.db, answered, iso(now))


def resolve_halts(state_dir: StateDir, now: int) -> None:
    """The open alerts of a halt that is cleared. Raises StateError."""
    rows = StateReader(state_dir.db).alerts()
    of_halts = [
        row.id
        for row in rows
        if row.status is not AlertStatus.RESOLVED and row.type in ("emergency_stop", HALT_CONTINUED)
    ]
    resolve_alerts(state_dir.db, of_halts, iso(now))


def _is_answered(alert: AlertRow, receipt: Receipt) -> bool:
    if alert.type in OF_A_POSITION:
        return alert.component.removeprefix("symbol:") not in receipt.unprotected
    return receipt.confirmed and alert.type in OF_THE_ACCOUNT


def told_of(receipt: Receipt) -> str:
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


__all__ = ["leave_alert", "resolve_answered", "resolve_halts", "told_of"]
