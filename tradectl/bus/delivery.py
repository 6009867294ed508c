"""Delivery: a bounded queue in front of one handler, with retries and a circuit breaker.

    put -> [queue] -> try, try again with growing pauses -> delivered
                                   `-> failed: a dead letter, or kept until it can be delivered

Observers of the bus, notification handlers and the writer of alerts all stand behind one. Each is slow,
fails or hangs for itself alone. Once several items in a row have failed, the breaker opens, and the
handler is left alone for longer and longer.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.guarded_call import answer_within, failure
from tradectl.domain.resilience import CLOSED, CircuitBreaker, pause_after

T = TypeVar("T")

Observer = Callable[[Any], "Awaitable[None] | None"]

SLICE_NS = 5_000_000
BREAKER_IS_OPEN = "its circuit breaker is open"


class RetryPolicy(Struct, frozen=True):
    """How long a handler is waited for and how often it is tried. Times are in seconds."""

    attempts: int = 3
    """tries of one item, `backoff` apart and doubling, before it counts as failed"""
    backoff: float = 0.05
    failures: int = 5
    """items in a row that failed: from then on the breaker is open"""
    cooldown: float = 1.0
    """until an open breaker lets one item pass, doubling up to `max_cooldown`"""
    max_cooldown: float = 30.0
    timeout: float | None = None
    """of an async handler's answer; None waits for ever"""
    closing: float = 1.0
    """what a handler gets at the end to take what still waits"""


class Figures(Struct):
    """`failures` are failed tries; `busy_ns` is the time spent in the handler."""

    handled: int = 0
    failures: int = 0
    busy_ns: int = 0
    max_ns: int = 0


class Waiting(Protocol[T]):
    """What waits, in bounded memory: whoever implements it decides what is let go."""

    def __len__(self) -> int: ...
    def put(self, item: T) -> None: ...
    def take(self) -> T | None:
        """The next item, or None."""
        ...

    def put_back(self, item: T) -> None:
        """An item that was taken and not delivered: it is the next again."""
        ...


class Delivery(Generic[T]):
    """Hands what waits in `queue` to `handler`, plain or async, one item after the other.

    `on_dead(item, error, attempts)` gets what failed; without it an item is kept and tried for ever.
    `on_open(error)` is told when the breaker opens, `on_close()` when the handler works again.
    `argument` makes what the handler is called with out of an item. `linger` is how long (s) to wait
    for more once something waits; after `slice_ns` the loop is given back.
    """

    def __init__(
        self,
        handler: Observer,
        queue: Waiting[T],
        policy: RetryPolicy,
        *,
        on_dead: Callable[[T, str, int], None] | None = None,
        on_open: Callable[[str], None] | None = None,
        on_close: Callable[[], None] | None = None,
        argument: Callable[[T], Any] | None = None,
        linger: float = 0.0,
        slice_ns: int = SLICE_NS,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or WallClock()
        self._ticks, self._sleep = clock.ticks, clock.sleep
        self._slice_ns = slice_ns
        self.handler = handler
        self.queue = queue
        self.figures = Figures()
        self.breaker = CircuitBreaker(
            policy.failures, policy.cooldown, policy.max_cooldown, clock=clock.monotonic
        )
        self._policy = policy
        self._on_dead = on_dead
        self._on_open = on_open
        self._on_close = on_close
        self._argument = argument
        self._linger = linger
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self._busy = False
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self.queue) + self._busy

    @property
    def in_trouble(self) -> bool:
        return self.breaker.failures > 0

    def put(self, item: T) -> None:
        self.queue.put(item)
        if not self._filled.is_set():
            self._filled.set()

    def start(self) -> None:
        """Begin to deliver; does nothing when already started."""
        if self._task is None:
            self._task = asyncio.ensure_future(self.run())

    async def drain(self) -> None:
        """Wait for what waits to be delivered, in bounded time, and not on a handler in trouble."""
        if self._task is None or self.in_trouble:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._policy.closing):
                while len(self):
                    self._emptied.clear()
                    await self._emptied.wait()

    def cancel(self) -> asyncio.Task[None] | None:
        """Stop without waiting for it; the task that ends."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        return task

    async def stop(self) -> None:
        """Stop at once, in bounded time even if the handler ignores it."""
        task = self.cancel()
        if task is not None:
            await asyncio.wait([task], timeout=self._policy.closing)

    async def run(self) -> None:
        """Deliver for ever, giving the loop back every few milliseconds."""
        if len(self.queue):
            self._filled.set()
        while True:
            await self._filled.wait()
            if self._linger:
                await self._sleep(self._linger)
            self._filled.clear()
            slice_end = self._ticks() + self._slice_ns
            while (item := self.queue.take()) is not None:
                self._busy = True
                try:
                    if await self._deliver(item) > slice_end:
                        await asyncio.sleep(0)
                        slice_end = self._ticks() + self._slice_ns
                finally:
                    self._busy = False
            self._emptied.set()

    async def _deliver(self, item: T) -> int:
        """Try, try again with growing pauses, give up; the time (ns) when that was done."""
        policy, handler = self._policy, self.handler
        attempts = policy.attempts if self.breaker.allows() else 0
        error = BREAKER_IS_OPEN
        for attempt in range(attempts):
            if attempt:
                await self._sleep(pause_after(attempt, policy.backoff, policy.max_cooldown))
            started = self._ticks()
            try:
                answer = handler(item if self._argument is None else self._argument(item))
                if answer is not None and inspect.isawaitable(answer):
                    if policy.timeout is not None:
                        answer = answer_within(answer, policy.timeout)
                    await answer
            except (Exception, asyncio.CancelledError) as raised:  # a handler's bug is its own
                self.figures.failures += 1
                try:
                    error = failure(raised)
                except asyncio.CancelledError:
                    self._keep(item)
                    raise
            else:
                return self._delivered(started)
        await self._failed(item, error, attempts)
        return self._ticks()

    def _delivered(self, started: int) -> int:
        now = self._ticks()
        figures, took = self.figures, now - started
        figures.handled += 1
        figures.busy_ns += took
        figures.max_ns = max(figures.max_ns, took)
        if self.breaker.failures:
            was_open = self.breaker.state != CLOSED
            self.breaker.succeeded()
            if was_open and self._on_close is not None:
                self._on_close()
        return now

    async def _failed(self, item: T, error: str, attempts: int) -> None:
        if attempts and self.breaker.failed() and self._on_open is not None:
            self._on_open(error)
        if self._on_dead is not None:
            self._on_dead(item, error, attempts)
            return
        self._keep(item)
        await self._sleep(max(self.breaker.retry_in(), self._policy.backoff))

    def _keep(self, item: T) -> None:
        if self._on_dead is None:
            self.queue.put_back(item)
