"""What the control socket can ask of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradectl.runtime.control_server import Handler
from tradectl.runtime.settle import settled
from tradectl.runtime.view import document

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

    async def emergency_stop(reason: str, flatten: bool = False) -> dict[str, Any]:
        return await _emergency_stop(run, reason, flatten=flatten)

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
        "acknowledge_alert": acknowledge,
        "resolve_alert": resolve,
    }


async def _emergency_stop(run: TradingRun, reason: str, *, flatten: bool) -> dict[str, Any]:
    """Stop, wait until it is done, and tell what was cancelled, closed and left."""
    books = run.books
    orders = [order.spec.order_id for order in books.working_orders()]
    symbols = [position.symbol for position in books.positions()] if flatten else []
    await run.orchestrator.emergency_stop(reason, flatten=flatten)
    confirmed = await settled(books, EMERGENCY_TIMEOUT_S)
    run.end("halted")
    left = [order.spec.order_id for order in books.working_orders()]
    held = [position.symbol for position in books.positions()]
    return {
        "confirmed": confirmed,
        "cancelled": [order_id for order_id in orders if order_id not in left],
        "closed": [symbol for symbol in symbols if symbol not in held],
        "open_orders_left": left,
        "positions_left": held,
    }
