"""What a channel that never answers costs the trading beside it: nothing, if that is true.

Two runs of the same ticks at the same pace, with alerts all along. In the second they are to be told by
a webhook whose other end takes the connection and says nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import MILLISECOND
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.notification.dispatcher import Dispatcher
from tradectl.notification.notification_settings import AlertChannel
from tradectl.notification.outbox import Outbox
from tradectl.notification.routes import Routes
from tradectl.notification.webhook import Webhook
from tradectl.operations.bench.bench import Bench, percentile
from tradectl.operations.bench.latency import TICKS_PER_SECOND, Stamps, tick_of_order, trade
from tradectl.operations.bench.table import Row, at_most, at_most_times
from tradectl.runtime.session import Session
from tradectl.storage.directory import StateDir
from tradectl.storage.outbox_rows import OutboxRows

ALERTS_PER_SECOND = 100
TIMEOUT_S = 1.0


def measure(bench: Bench) -> Iterator[Row]:
    ticks = bench.events(TICKS_PER_SECOND * (3 if bench.quick else 10))
    alone, beside = (asyncio.run(waits(ticks, bench, is_told=told)) for told in (False, True))
    for name, share in (("p50", 0.50), ("p99", 0.99)):
        yield Row(
            what=f"tick to order approved, beside a channel that never answers: {name}",
            value=percentile(beside, share) / MILLISECOND,
            unit="ms",
            against="nobody is told",
            other=percentile(alone, share) / MILLISECOND,
            floor=at_most(100),
            goals=(at_most_times(1.25),) if name == "p50" else (),
            note=f"{ALERTS_PER_SECOND} alerts a second in both",
        )


async def waits(ticks: list[MarketDataEvent], bench: Bench, *, is_told: bool) -> list[int]:
    """ns from each tick to the order that it caused, once risk had approved it."""
    state_dir, stamps = StateDir(bench.new_folder() / "state"), Stamps()
    raising: list[asyncio.Task[None]] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        def watched(session: Session) -> AlertManager:
            dispatcher = _told_at(url, state_dir) if is_told else None
            alerts = AlertManager(
                session.bus, store=session.store, run_id=session.run_id, dispatcher=dispatcher
            )
            raising.append(asyncio.ensure_future(_raised(alerts)))
            return alerts

        journal = await trade(ticks, state_dir, stamps, watched)
        for task in raising:
            task.cancel()
    causes = tick_of_order(journal)
    found = [at - stamps.posted[causes[i]] for i, at in stamps.decided.items() if i in causes]
    if not found:
        raise RuntimeError("no order was approved in time")
    return found


async def _raised(alerts: AlertManager) -> None:
    number = 0
    while True:
        await asyncio.sleep(1 / ALERTS_PER_SECOND)
        await alerts.create_alert(f"benchmark_{number}", "is anybody there?", "error", "benchmark")
        number += 1


def _told_at(url: str, state_dir: StateDir) -> Dispatcher:
    settings = AlertChannel(name="hook", url=url, per_minute=0)
    outbox = Outbox([settings], Routes(["hook"]))
    return Dispatcher(
        outbox, {"hook": (Webhook(url, TIMEOUT_S), 2 * TIMEOUT_S)}, OutboxRows(state_dir.db)
    )


__all__ = ["measure"]
