"""What the control socket can ask of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tradectl.control.server import Handler
from tradectl.runtime.in_process_reconcile import comparison_table
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.runtime.run_status import document

if TYPE_CHECKING:
    from tradectl.runtime.run import TradingRun

EMERGENCY_TIMEOUT_S = 3.0


def control_handlers(run: TradingRun) -> dict[str, Handler]:
    """Command -> coroutine function taking the request's arguments."""

    async def status() -> dict[str, Any]:
        return document(run)

    async def flush() -> dict[str, Any]:
        """Have the database show the present."""
        await run.state.flush()
        await run.alerts.flush()
        return {}

    async def pause(reason: str = "by command") -> dict[str, Any]:
        await run.orchestrator.pause(reason)
        return {"state": run.orchestrator.state}

    async def resume() -> dict[str, Any]:
        await run.orchestrator.resume()
        return {"state": run.orchestrator.state}

    async def stop() -> dict[str, Any]:
        run.end("stopped by command")
        return {"stopping": True}

    async def emergency_stop(
        reason: str, flatten: bool = False, everything: bool = False
    ) -> dict[str, Any]:
        stop = Stop(flatten=flatten, everything=everything)
        deadline = time.monotonic() + EMERGENCY_TIMEOUT_S
        receipt = await stop_session(run, reason, stop, deadline)
        run.end("halted")
        return {**receipt, "journal": run.journal_path.name}

    async def reconcile(accept: bool = False) -> dict[str, Any]:
        return await comparison_table(run, accept=accept)

    async def acknowledge(alert_id: str) -> dict[str, Any]:
        run.alerts.acknowledge(alert_id)
        await run.alerts.flush()
        return {}

    async def resolve(alert_id: str) -> dict[str, Any]:
        run.alerts.resolve(alert_id)
        await run.alerts.flush()
        return {}

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
