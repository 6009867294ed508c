"""What the control socket can ask of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tradectl.control.server import Handler
from tradectl.documents.operations import Done, Reconciliation, StateChange, StopReport
from tradectl.documents.run import Status
from tradectl.runtime.in_process_reconcile import compare
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.runtime.run_status import status_of

if TYPE_CHECKING:
    from tradectl.runtime.run import TradingRun

EMERGENCY_TIMEOUT_S = 3.0


def control_handlers(run: TradingRun) -> dict[str, Handler]:
    """Command -> coroutine function taking the request's arguments."""

    async def status() -> Status:
        return status_of(run)

    async def flush() -> Done:
        """Have the database show the present."""
        await run.state.flush()
        await run.alerts.flush()
        return Done()

    async def pause(reason: str = "by command") -> StateChange:
        await run.orchestrator.pause(reason)
        return StateChange(state=run.orchestrator.state)

    async def resume() -> StateChange:
        await run.orchestrator.resume()
        return StateChange(state=run.orchestrator.state)

    async def stop() -> Done:
        run.end("stopped by command")
        return Done()

    async def emergency_stop(
        reason: str, flatten: bool = False, everything: bool = False
    ) -> StopReport:
        stop = Stop(flatten=flatten, everything=everything)
        deadline = time.monotonic() + EMERGENCY_TIMEOUT_S
        report = await stop_session(run, reason, stop, deadline)
        run.end("halted")
        return report

    async def reconcile(accept: bool = False) -> Reconciliation:
        return await compare(run, accept=accept)

    async def acknowledge(alert_id: str) -> Done:
        run.alerts.acknowledge(alert_id)
        await run.alerts.flush()
        return Done()

    async def resolve(alert_id: str) -> Done:
        run.alerts.resolve(alert_id)
        await run.alerts.flush()
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
