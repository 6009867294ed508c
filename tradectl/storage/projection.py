"""The projection: the database follows the books in groups, a fraction of a second behind.

It is never ahead of the journal: what is written is journalled first, and once the journal has failed
nothing is written any more. What a failed write took along is offered to the next one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from tradectl.bus.clock import Clock
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import SystemEvent, SystemEventKind
from tradectl.domain.statistics import Durations
from tradectl.domain.text import harmless
from tradectl.state.books import Books
from tradectl.storage.store import Changes, Store

PAUSE_SHARE, LONGEST_PAUSE_S = 10, 0.75
"""A large account takes long to describe: the pause is so many times as long, but what others see is
not older than a second for that."""
MOST_BEHIND_S, LEAST_PAUSE_S = 0.9, 0.05
"""On a busy computer a write takes long, and the next one may take twice as long: the pause before it is
the shorter."""


class Projection:
    """Writes to `store` what `changes(snapshot)` gives. Seconds, by `clock`: at most every
    `flush_interval`, with a snapshot at most every `snapshot_interval` (None: never); an event says when
    it has failed for `stalled_after`. What a write takes, its rows and the journal's sync included, is in
    `write_times`."""

    def __init__(
        self,
        store: Store,
        books: Books,
        bus: EventBus | None,
        changes: Callable[[bool], Changes],
        *,
        clock: Clock,
        flush_interval: float,
        snapshot_interval: float | None,
        stalled_after: float,
    ) -> None:
        self._store = store
        self._books = books
        self._bus = bus
        self._changes = changes
        self._clock = clock
        self.flush_interval = flush_interval
        self._snapshot_interval = snapshot_interval
        self._stalled_after = stalled_after
        self._flushed_seq = 0
        self._collected_in = 0.0
        self._changed_by_hand = False
        self._snapshot_at = -math.inf
        self._behind_since: float | None = None
        self._is_told = False
        """that it is behind"""
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.write_times = Durations()

    def start(self) -> None:
        """Begin to write; does nothing when already started."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Write what is left, with a snapshot. Raises StateError when that fails."""
        if self._task is None:
            return
        async with self._flushing:  # a write under way ends: cancelled, it would be done again
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self.flush(snapshot=True)

    def mark_changed(self) -> None:
        """The books were changed by hand: the next flush has to write, though no record was made."""
        self._changed_by_hand = True

    async def flush(self, *, snapshot: bool = False) -> None:
        """Write every change since the last time. Raises StateError, and keeps the changes then."""
        if self._bus is not None and self._bus.failure is not None:
            return
        async with self._flushing:
            if not snapshot and not self._changed_by_hand and self._seq() == self._flushed_seq:
                return
            now = self._clock.monotonic()
            due = self._is_snapshot_due(now, wanted=snapshot)
            began = self._clock.ticks()
            changes = self._changes(due)
            self._collected_in = self._clock.monotonic() - now
            try:
                await self._sync_journal()
                await self._store.write(changes)
            except BaseException:  # a cancel is no better than an error: they are offered again
                self._books.put_back(changes.orders, changes.fills)
                raise
            self.write_times.note(self._clock.ticks() - began)
            self._flushed_seq = changes.last_seq
            self._changed_by_hand = False
            self._behind_since = None
            self._report_if_over()
            if due:
                self._snapshot_at = now

    def _is_snapshot_due(self, now: float, *, wanted: bool) -> bool:
        interval = self._snapshot_interval
        return interval is not None and (wanted or now - self._snapshot_at >= interval)

    def _seq(self) -> int:
        return self._bus.core.seq if self._bus is not None else self._books.last_seq

    async def _run(self) -> None:
        took = 0.0
        while True:
            await self._clock.sleep(self._pause(took))
            began = self._clock.monotonic()
            try:
                await self.flush()
            except Exception as error:  # a run's own status is in it; whatever it is, go on trying
                self._report_if_stalled(harmless(error))
            took = self._clock.monotonic() - began

    def _pause(self, took: float) -> float:
        """Seconds, after a write that took so many."""
        shortest = min(PAUSE_SHARE * self._collected_in, LONGEST_PAUSE_S)
        longest = max(LEAST_PAUSE_S, MOST_BEHIND_S - 2 * took)
        return max(shortest, min(self.flush_interval, longest))

    async def _sync_journal(self) -> None:
        """The database outlives a loss of power: it must not know what the journal of an account that
        goes on would not, or the next run finds it cut short."""
        journal = self._bus.command_release.journal if self._bus is not None else None
        if journal is not None and (journal.strict or self._clock.live):
            await asyncio.to_thread(journal.sync)

    def _report_if_stalled(self, message: str) -> None:
        now = self._clock.monotonic()
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since >= self._stalled_after and self._bus is not None:
            self._behind_since = now
            self._is_told = True
            self._tell(self._bus, SystemEventKind.PROJECTION_STALLED, message)

    def _report_if_over(self) -> None:
        if self._is_told and self._bus is not None:
            self._is_told = False
            over = SystemEventKind.PROJECTION_STALLED_OVER
            self._tell(self._bus, over, "the database has all again")

    def _tell(self, bus: EventBus, kind: SystemEventKind, message: str) -> None:
        bus.post(
            SystemEvent(source_component="state", kind=kind, component="state", message=message)
        )
