"""Alerts on their way to the database: changed ones in groups, kept until a write succeeds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tradectl.domain.backoff import LONGEST_PAUSE_S, pauses
from tradectl.domain.errors import StateError
from tradectl.monitoring.alert import Alert

if TYPE_CHECKING:
    from tradectl.state.store import Store

log = logging.getLogger("tradectl.alerts")


class AlertWriter:
    """Writes each changed alert within `interval` seconds; waits longer while writes fail."""

    def __init__(self, store: Store, run_id: str, interval: float) -> None:
        self._store = store
        self._run_id = run_id
        self._interval = interval
        self._changed: dict[str, Alert] = {}
        self._any = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def put(self, alert: Alert) -> None:
        self._changed[alert.id] = alert
        self._any.set()

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Write what is left; if that fails it is kept for the next start, and logged."""
        if self._task is not None:
            async with self._writing:  # a write under way ends first: half of one is never left
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            await self.flush()
        except StateError as error:
            log.error("%d alerts could not be stored: %s", len(self._changed), error)

    async def flush(self) -> None:
        """Write every change now. Raises StateError, and keeps the changes then."""
        async with self._writing:
            if not self._changed:
                return
            alerts, self._changed = self._changed, {}
            try:
                await self._store.write_alerts(
                    [alert.row(self._run_id) for alert in alerts.values()]
                )
            except BaseException:  # whatever ended it: to write twice does no harm
                self._changed = {**alerts, **self._changed}
                raise

    async def _run(self) -> None:
        waits, failing = self._waits(), False
        while True:
            await self._any.wait()
            await asyncio.sleep(next(waits))
            self._any.clear()
            try:
                await self.flush()
                waits, failing = self._waits(), False
            except StateError as error:
                if not failing:
                    log.warning("alerts wait to be stored: %s", error)
                failing = True
                self._any.set()

    def _waits(self) -> Iterator[float]:
        return pauses(self._interval, max(LONGEST_PAUSE_S, self._interval))
