"""Alerts on their way to the database: changed ones in groups, kept until a write succeeds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tradectl.bus.delivery import Delivery, RetryPolicy
from tradectl.documents.run import AlertRow
from tradectl.domain.errors import StateError
from tradectl.domain.resilience import LONGEST_PAUSE_S
from tradectl.domain.text import counted
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_endings import over_by

if TYPE_CHECKING:
    from tradectl.storage.store import Store

log = logging.getLogger("tradectl.alerts")

Batch = list[Alert]


class ChangedAlerts:
    """The newest of each alert that is not stored yet, taken all at once."""

    def __init__(self) -> None:
        self._changed: dict[str, Alert] = {}

    def __len__(self) -> int:
        return len(self._changed)

    def put(self, batch: Batch) -> None:
        self._changed.update((alert.id, alert) for alert in batch)

    def take(self) -> Batch | None:
        batch, self._changed = list(self._changed.values()), {}
        return batch or None

    def put_back(self, batch: Batch) -> None:
        self._changed = {**{alert.id: alert for alert in batch}, **self._changed}


class AlertWriter:
    """Writes each changed alert within `interval` seconds; waits longer while writes fail."""

    def __init__(self, store: Store, run_id: str, interval: float) -> None:
        self._store = store
        self._run_id = run_id
        self._changed = ChangedAlerts()
        self._writing = asyncio.Lock()
        policy = RetryPolicy(
            attempts=1,
            backoff=interval,
            failures=1,
            cooldown=interval,
            max_cooldown=max(LONGEST_PAUSE_S, interval),
        )
        self._delivery: Delivery[Batch] = Delivery(
            self._write, self._changed, policy, on_open=_log_failure, linger=interval
        )

    def put(self, alert: Alert) -> None:
        self._delivery.put([alert])

    def start(self) -> None:
        self._delivery.start()

    async def end_those_before(self, known: Iterable[AlertRow], now: str) -> list[AlertRow]:
        """Of those `known` of earlier runs what is over at `now` (ISO 8601). Raises StateError."""
        over = [*over_by(self._run_id, known, now)]
        if over:
            await self._store.write_alerts(over)
        return over

    async def stop(self) -> None:
        """Write what is left; if that fails it is kept for the next start, and logged."""
        async with self._writing:  # a write under way ends first: half of one is never left
            await self._delivery.stop()
        try:
            await self.flush()
        except StateError as error:
            log.error("%s could not be stored: %s", counted(len(self._changed), "alert"), error)

    async def flush(self) -> None:
        """Write every change now. Raises StateError, and keeps the changes then."""
        async with self._writing:
            batch = self._changed.take()
            if batch is None:
                return
            try:
                await self._store.write_alerts([alert.row(self._run_id) for alert in batch])
            except BaseException:  # whatever ended it: to write twice does no harm
                self._changed.put_back(batch)
                raise

    async def _write(self, batch: Batch) -> None:
        async with self._writing:
            await self._store.write_alerts([alert.row(self._run_id) for alert in batch])


def _log_failure(error: str) -> None:
    log.warning("alerts wait to be stored: %s", error)
