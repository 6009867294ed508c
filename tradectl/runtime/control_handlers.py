"""What the control socket can ask of a run."""

from __future__ import annotations

from collections.abc import Callable

from tradectl.control.server import Handler
from tradectl.documents.control import Done, StateChange, Stopping
from tradectl.documents.operations import Reconciliation, StopReport
from tradectl.documents.run import Status
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.runtime.in_process_reconcile import SharedComparison
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.runtime.run_status import RunStatus
from tradectl.runtime.session import Session

EMERGENCY_TIMEOUT_S = 3.0


def control_handlers(
    session: Session, run_status: RunStatus, alerts: AlertManager, end: Callable[[str], None]
) -> dict[str, Handler]:
    """Command -> coroutine function taking the request's arguments; `end` ends the run for a reason.

    None answers what the journal does not have: that is written first, or the answer is why not.
    """

    comparison = SharedComparison(session)

    async def status() -> Status:
        now = run_status.now()
        await session.bus.synced()
        return now

    async def flush() -> Done:
        """Have the database show the present."""
        await session.bus.synced()
        await session.state.flush()
        await alerts.flush()
        return Done()

    async def pause(reason: str = "by command") -> StateChange:
        await session.orchestrator.pause(reason)
        return StateChange(state=session.orchestrator.state)

    async def resume() -> StateChange:
        await session.orchestrator.resume()
        return StateChange(state=session.orchestrator.state)

    async def stop() -> Stopping:
        await session.bus.synced()
        end("stopped by command")
        return Stopping(journal=str(session.journal_path))

    async def emergency_stop(
        reason: str,
        flatten: bool = False,
        everything: bool = False,
        drop_protection: bool = False,
    ) -> StopReport:
        stop = Stop(flatten=flatten, everything=everything, drop_protection=drop_protection)
        deadline = session.bus.clock.monotonic() + EMERGENCY_TIMEOUT_S
        report = await stop_session(session, reason, stop, deadline)
        end("halted")
        return report

    async def reconcile(accept: bool = False, transfer: bool = False) -> Reconciliation:
        return await comparison.compare(accept=accept, transfer=transfer)

    async def acknowledge(alert_id: str) -> Done:
        alerts.acknowledge(alert_id)
        await alerts.flush()
        return Done()

    async def resolve(alert_id: str) -> Done:
        alerts.resolve(alert_id)
        await alerts.flush()
        return Done()

    return {
        "status": status,
        "flush": flush,
        "pause": pause,
        "resume": resume,
        "stop": stop,
        "emergency_stop": emergency_stop,
        "reconcile": reconcile,
        "acknowledge_alert": acknowledge,
        "resolve_alert": resolve,
    }
