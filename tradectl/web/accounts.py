"""The accounts that the page shows: each state directory is looked at in a rhythm, whoever watches.

One that hangs or is broken holds up no other, nor what the page does: there is a thread for each beside
those for answers, and each keeps what was seen last beside the reason why nothing new is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from tradectl.bus.clock import ComputerClock
from tradectl.documents.account import FillRow, OrderRow
from tradectl.documents.run import AlertRow, Status
from tradectl.documents.web import EquityPoint, Glance, RunLine, View
from tradectl.domain.errors import TradectlError
from tradectl.domain.states import AlertStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import iso
from tradectl.operations.inspector import Inspector
from tradectl.operations.run_report import report_page
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import Page
from tradectl.web.access import Refused

LOOK_EVERY_S = 1.0
ALERTS_EVERY = 3
"""looks"""
POINTS = 720
ROWS = 100


class WatchedAccount:
    """One of them, number `account` of the page."""

    def __init__(self, account: int, directory: StateDir, threads: Executor) -> None:
        self.account = account
        self._threads = threads
        self.directory = directory
        self.status: Status | None = None
        self.problem = ""
        self.alerts: list[AlertRow] = []
        self.equity: deque[EquityPoint] = deque(maxlen=POINTS)
        self._every = 1
        self._looks = 0

    async def watch(self) -> None:
        """For ever."""
        while True:
            await self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        try:
            with_alerts = self._looks % ALERTS_EVERY == 0
            loop = asyncio.get_running_loop()
            seen = loop.run_in_executor(self._threads, self._seen, with_alerts)
            self.status, alerts = await seen
            self.problem = ""
        except (TradectlError, OSError) as error:
            self.problem = harmless(error)
            return
        finally:
            self._looks += 1
        if alerts is not None:
            self.alerts = alerts
        self._take_equity()

    def _seen(self, with_alerts: bool) -> tuple[Status, list[AlertRow] | None]:
        inspector = Inspector(self.directory)
        status = inspector.status()
        if not with_alerts:
            return status, None
        open_ones = [row for row in inspector.alerts() if row.status is not AlertStatus.RESOLVED]
        return status, open_ones[: -ROWS - 1 : -1]

    def _take_equity(self) -> None:
        """Of a longer time every second look, then every fourth: never more than `POINTS`."""
        totals = self.status.portfolio if self.status is not None else None
        if totals is None or self._looks % self._every:
            return
        if len(self.equity) == POINTS:
            self._every *= 2
            self.equity = deque(list(self.equity)[::2], maxlen=POINTS)
        self.equity.append(EquityPoint(time=iso(ComputerClock.wall()), equity=float(totals.equity)))

    def glance(self) -> Glance:
        status = self.status or Status()
        totals = status.portfolio
        return Glance(
            account=self.account,
            path=str(self.directory.path),
            state=status.state if self.status is not None else "",
            mode=status.mode if self.status is not None else "",
            running=status.running,
            equity=totals.equity if totals is not None else None,
            day_pnl=totals.day_pnl if totals is not None else None,
            positions=len(status.positions),
            open_orders=len(status.open_orders),
            alerts=len(self.alerts),
            problem=self.problem,
        )

    # --- what is asked for ----------------------------------------------------------------------------

    def orders(self) -> list[OrderRow]:
        """The newest, newest first; blocking, as those below."""
        return list(Inspector(self.directory).orders(Page(limit=ROWS)))[::-1]

    def fills(self) -> list[FillRow]:
        return list(Inspector(self.directory).fills(Page(limit=ROWS)))[::-1]

    def runs(self) -> list[RunLine]:
        rows = Inspector(self.directory).runs(Page(limit=ROWS))
        return [
            RunLine(
                run_id=row.run_id,
                mode=row.mode,
                status=row.status,
                started_at=row.started_at,
                ended_at=row.ended_at,
                events=row.events,
                orders=row.run_orders,
                fills=row.run_fills,
                pnl=row.run_pnl,
            )
            for row in rows
        ][::-1]

    def report(self, run_id: str) -> str:
        """A page of its own. Raises UsageError, JournalError."""
        return report_page(self.directory, run_id)


class Accounts:
    """All of them; `warning` is shown above each."""

    def __init__(self, directories: Sequence[StateDir], actions: list[str]) -> None:
        self._threads = ThreadPoolExecutor(len(directories), "accounts")
        self._all = [
            WatchedAccount(number, each, self._threads) for number, each in enumerate(directories)
        ]
        self._actions = actions
        self._tasks: list[asyncio.Task[None]] = []
        self.warning = ""

    def start(self) -> None:
        self._tasks = [asyncio.create_task(each.watch()) for each in self._all]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def directories(self) -> list[StateDir]:
        return [each.directory for each in self._all]

    def __getitem__(self, account: int) -> WatchedAccount:
        """Raises Refused."""
        if not 0 <= account < len(self._all):
            raise Refused(404, f"there is no account {account}")
        return self._all[account]

    def view(self, account: int) -> View:
        """Raises Refused."""
        chosen = self[account]
        return View(
            at=iso(ComputerClock.wall()),
            actions=self._actions,
            accounts=[each.glance() for each in self._all],
            account=account,
            status=chosen.status,
            alerts=chosen.alerts,
            equity=list(chosen.equity),
            warning=self.warning,
        )


__all__ = ["Accounts", "WatchedAccount"]
