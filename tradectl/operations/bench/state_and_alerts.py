"""The books by themselves, and how long an alert is on its way."""

from __future__ import annotations

import asyncio
import logging
import queue
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tradectl.bus.clock import DataClock
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import Settings
from tradectl.domain.events import MarketDataEvent, OrderFilled, Record
from tradectl.domain.time import SECOND
from tradectl.journal.reader import JournalReader
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.notification.dispatcher import Dispatcher
from tradectl.notification.notification_settings import AlertChannel
from tradectl.notification.outbox import Outbox
from tradectl.notification.routes import Routes
from tradectl.notification.webhook import Webhook
from tradectl.operations.bench.bench import Bench, medians, percentile
from tradectl.operations.bench.table import Row, at_least, at_most
from tradectl.state.account import Account
from tradectl.storage.outbox_rows import OutboxRows
from tradectl.storage.schema import connect, prepare
from tradectl.system.trading_system import BookkeepingSystem

ALERTS = 1_000
WEBHOOK_ALERTS = 300

logging.getLogger("tradectl").addHandler(logging.NullHandler())  # as the command line does


# --- state ----------------------------------------------------------------------------------------


def measure_state(bench: Bench) -> Iterator[Row]:
    journal = bench.journal("flip").journal
    records, fills = recorded(journal)
    (seconds,) = medians(bench.rounds(9), lambda: folded_in(journal, records))
    yield Row(
        what="state updates: orders, reports and fills folded into the books",
        value=len(records) / seconds,
        unit="updates/s",
        floor=at_least(10_000),
        goals=(at_least(500_000),),
        note=f"{len(records)} updates, {fills} of them fills: {1e6 * seconds / fills:.1f} us a fill, "
        "with its order's whole life",
    )


def recorded(journal: Path) -> tuple[list[Record], int]:
    """What changed the books in a run, market data aside; and how many fills there were."""
    with JournalReader(journal) as reader:
        records = [r for r in reader.records() if not isinstance(r.event, MarketDataEvent)]
    return records, sum(isinstance(record.event, OrderFilled) for record in records)


def folded_in(journal: Path, records: list[Record]) -> float:
    """Seconds to take the records into books as they were at the run's start."""
    system = at_start(journal)
    started = time.perf_counter()
    for record in records:
        system.fold(record)
    return time.perf_counter() - started


def at_start(journal: Path) -> BookkeepingSystem:
    with JournalReader(journal) as reader:
        header = reader.header
    account, settings = Account.load(header.state), Settings.load(header.config)
    return BookkeepingSystem(settings, account, header.run_id, DataClock())


# --- alerts ---------------------------------------------------------------------------------------


def measure_alerts(bench: Bench) -> Iterator[Row]:
    waits = asyncio.run(alerts_on_their_way(ALERTS))
    for name, share in (("p50", 0.50), ("p99", 0.99)):
        yield Row(
            what=f"alert created to handler called: {name}",
            value=1000 * percentile(waits, share),
            unit="ms",
            floor=at_most(1000),
            goals=(at_most(5),) if share > 0.5 else (),
        )

    waits = asyncio.run(alerts_to_a_webhook(WEBHOOK_ALERTS))
    for name, share in (("p50", 0.50), ("p99", 0.99), ("worst", 1.0)):
        yield Row(
            what=f"alert created to a webhook on this machine, by the database: {name}",
            value=1000 * percentile(waits, share),
            unit="ms",
            floor=at_most(1000),
        )


async def alerts_to_a_webhook(count: int) -> list[float]:
    """Seconds from `create_alert` to the other end, each alert alone on its way, and each in the
    database before it is sent."""
    waits: list[float] = []
    came: queue.SimpleQueue[int] = queue.SimpleQueue()
    with webhook(came) as url, tempfile.TemporaryDirectory() as folder:
        settings = AlertChannel(name="hook", url=url, per_minute=0)
        path = Path(folder) / "state.db"
        with closing(connect(str(path))) as db:
            prepare(db, path)
        outbox = Outbox([settings], Routes(["hook"]))
        channels = {"hook": (Webhook(url, 5), 5.0)}
        bus = EventBus()
        alerts = AlertManager(bus, dispatcher=Dispatcher(outbox, channels, OutboxRows(path)))
        await bus.start()
        await alerts.start()
        for number in range(count):
            began = time.perf_counter_ns()
            await alerts.create_alert(f"benchmark_{number}", "how long?", "error", "benchmark")
            waits.append((await asyncio.to_thread(came.get) - began) / SECOND)
        await alerts.stop()
        await bus.stop()
    return waits


@contextmanager
def webhook(came: queue.SimpleQueue[int]) -> Iterator[str]:
    """Its address; `came` gets the moment of each message."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            came.put(time.perf_counter_ns())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Not told."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


async def alerts_on_their_way(count: int) -> list[float]:
    """Seconds from `create_alert` to the handler, each alert alone on its way."""
    called: list[int] = []
    arrived = asyncio.Event()

    async def handler(_: Alert) -> None:
        called.append(time.perf_counter_ns())
        arrived.set()

    bus = EventBus()
    alerts = AlertManager(bus)
    alerts.add_notification_handler(handler)
    await bus.start()
    await alerts.start()
    waits = []
    for number in range(count):
        arrived.clear()
        began = time.perf_counter_ns()
        await alerts.create_alert(f"benchmark_{number}", "how long?", "warning", "benchmark")
        await arrived.wait()
        waits.append((called[-1] - began) / SECOND)
    await alerts.stop()
    await bus.stop()
    return waits
