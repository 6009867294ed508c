"""What a run shows while it trades: the live panel, or plain lines where there is no terminal for it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from tradectl.bus.clock import ComputerClock
from tradectl.cli.output.lines import LineLog
from tradectl.domain.events import EventType, Record
from tradectl.logs.event_words import GRAVE

if TYPE_CHECKING:
    from rich.console import Console

    from tradectl.monitoring.alert import Alert
    from tradectl.runtime.run import TradingRun

HEARTBEAT_S = 10.0

SHOWN = [family for family in EventType if family is not EventType.MARKET_DATA]


class LineScreen:
    """One line on stderr for each thing worth knowing, and a heartbeat now and then."""

    def __init__(self) -> None:
        self._log = LineLog()
        self._run_id, self._is_recorded = "", False
        self._now = ComputerClock.wall
        self._task: asyncio.Task[None] | None = None

    async def start(self, run: TradingRun) -> None:
        self._run_id, self._now = run.run_id, run.bus.clock.wall
        self._is_recorded = bool(run.options.data)
        at_full_speed = bool(run.options.data) and run.options.speed is None
        kinds = GRAVE if at_full_speed else SHOWN
        run.bus.observe(kinds, self._on_record, name="screen")
        run.alerts.add_notification_handler(self._on_alert, name="screen")
        name, source = run.feed.name, run.source
        market = "the simulated market" if name == source else f"{name} ({source})"
        self._say(f"run {run.run_id} on {market}, journal {run.journal_path}")
        self._task = asyncio.ensure_future(self._beat(run))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _on_record(self, record: Record) -> None:
        line = self._log.line(record)
        if line is not None:
            self._say(line)

    def _on_alert(self, alert: Alert) -> None:
        """Among recorded data at the time of that, else now: it may be a reminder."""
        at = alert.updated_at if self._is_recorded else self._now()
        self._say(self._log.alert(alert.row(self._run_id), at))

    async def _beat(self, run: TradingRun) -> None:
        while True:
            await run.bus.clock.sleep(HEARTBEAT_S)
            self._say(self._log.heartbeat(run.status.live(), self._now()))

    @staticmethod
    def _say(line: str) -> None:
        """Nobody may be reading any more; that is no reason to stop trading."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


class PanelScreen:
    """The live panel, for as long as the run lasts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, run: TradingRun) -> None:
        from tradectl.cli.panel.link import SocketLink
        from tradectl.cli.panel.panel import Panel

        is_recorded = bool(run.options.data)
        link = SocketLink(None if is_recorded else run.options.state_dir.socket)
        panel = Panel(run.status.live, self._console, link=link)
        self._task = asyncio.ensure_future(panel.run(self._stop))

    async def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
