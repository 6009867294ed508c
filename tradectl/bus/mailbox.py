"""Observers get events in mailboxes of their own: slow, failing or hanging, each hurts only itself.

A mailbox is bounded. When it is full the oldest market data in it is dropped and counted first; an
observer so far behind that even the rest does not fit loses the oldest of that too, counted as `missed`
(the journal still has it). A handler that fails is tried again with backoff, then its event becomes a
dead letter that can be retried; one that keeps failing is left alone for a while by its breaker.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from tradectl.domain.breaker import CircuitBreaker
from tradectl.domain.events import EventPriority, Record
from tradectl.domain.text import harmless

Observer = Callable[[Any], "Awaitable[None] | None"]

SLICE_NS = 5_000_000


class DeadLetter(Struct, frozen=True, gc=False):
    """An event that an observer could not handle, with the last error."""

    record: Record
    observer: str
    error: str
    attempts: int


class MailboxFigures(Struct):
    """`busy_ns` is the time spent in the handler, `missed` what an overfull mailbox lost."""

    handled: int = 0
    failures: int = 0
    dropped: int = 0
    missed: int = 0
    busy_ns: int = 0
    max_ns: int = 0


class Mailbox:
    """`handler` gets the event, or the whole Record when `wants_records`."""

    def __init__(
        self,
        handler: Observer,
        *,
        name: str,
        limit: int,
        on_dead: Callable[[DeadLetter, bool], None],
        wants_records: bool = False,
        attempts: int = 3,
        backoff: float = 0.05,
    ) -> None:
        self.name = name
        self.handler = handler
        self.figures = MailboxFigures()
        self.breaker = CircuitBreaker()
        self._limit = limit
        self._on_dead = on_dead
        self._wants_records = wants_records
        self._attempts = attempts
        self._backoff = backoff
        self._market: deque[Record] = deque()
        self._rest: deque[Record] = deque()
        self._filled = asyncio.Event()
        self._busy = False

    def __len__(self) -> int:
        return len(self._market) + len(self._rest) + self._busy

    def put(self, record: Record) -> None:
        if record.event.priority is EventPriority.MARKET_DATA:
            self._market.append(record)
        else:
            self._rest.append(record)
        if len(self._market) + len(self._rest) > self._limit:
            self._shed()
        if not self._filled.is_set():
            self._filled.set()

    def _shed(self) -> None:
        if self._market:
            self._market.popleft()
            self.figures.dropped += 1
        else:
            self._rest.popleft()
            self.figures.missed += 1

    def _next(self) -> Record | None:
        """The waiting record with the lowest sequence number."""
        market, rest = self._market, self._rest
        if market and (not rest or market[0].seq < rest[0].seq):
            return market.popleft()
        return rest.popleft() if rest else None

    async def run(self) -> None:
        """Hand records to the handler for ever, giving the loop back every few milliseconds."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            slice_end = time.perf_counter_ns() + SLICE_NS
            while (record := self._next()) is not None:
                self._busy = True
                try:
                    if await self._deliver(record) > slice_end:
                        await asyncio.sleep(0)
                        slice_end = time.perf_counter_ns() + SLICE_NS
                finally:
                    self._busy = False

    async def _deliver(self, record: Record) -> int:
        """Try, try again with backoff, give up; the time (ns) when that was done."""
        attempts = self._attempts if self.breaker.allows() else 0
        error = "its circuit breaker is open"
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(self._backoff * 2 ** (attempt - 1))
            started = time.perf_counter_ns()
            try:
                answer = self.handler(record if self._wants_records else record.event)
                if answer is not None and inspect.isawaitable(answer):
                    await answer
            except asyncio.CancelledError:
                if _is_being_cancelled():
                    raise
                self.figures.failures += 1
                error = "what it waited for was cancelled"
            except Exception as failure:  # an observer's bug is its own: counted, kept, retryable
                self.figures.failures += 1
                error = harmless(f"{type(failure).__name__}: {failure}", 200)
            else:
                self.breaker.succeeded()
                return self._count(started)
        just_opened = attempts > 0 and self.breaker.failed()
        self._on_dead(DeadLetter(record, self.name, error, attempts), just_opened)
        return time.perf_counter_ns()

    def _count(self, started: int) -> int:
        now = time.perf_counter_ns()
        figures = self.figures
        figures.handled += 1
        figures.busy_ns += now - started
        figures.max_ns = max(figures.max_ns, now - started)
        return now


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
