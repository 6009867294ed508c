"""Where alerts go: each handler behind a queue of its own.

A sink that fails is tried again with backoff, then left alone for longer and longer while its alerts
are kept; a sink that hangs is given up after a time-out. Neither delays another sink or whoever raised
the alert. A plain function is called in a thread of its own, because it may block.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from msgspec import Struct

from tradectl.domain.breaker import CircuitBreaker
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.foreign import CallFailed, bounded

Notify = Callable[[Alert], "Awaitable[None] | None"]

KEPT = 1_000


class Patience(Struct, frozen=True):
    """How long a sink is waited for and how often it is tried. Times in seconds.

    After `attempts` failures in a row, `backoff` apart and doubling, it has given up; from then on it
    is tried every `cooldown`, doubling up to `max_cooldown`. At the end `closing` is what it gets to
    take what still waits.
    """

    timeout: float = 5.0
    attempts: int = 3
    backoff: float = 0.1
    cooldown: float = 1.0
    max_cooldown: float = 30.0
    closing: float = 1.0


class Notifier:
    """Delivers alerts to `handler`, oldest first; the newest 1,000 wait while it cannot take them.

    `on_dead(sink, error)` is told once when it has given up, `on_alive(sink)` when it is back.
    """

    def __init__(
        self,
        name: str,
        handler: Notify,
        patience: Patience,
        on_dead: Callable[[Notifier, str], None],
        on_alive: Callable[[Notifier], None],
    ) -> None:
        self.name = name
        self._handler = handler
        self._is_async = any(map(inspect.iscoroutinefunction, (handler, type(handler).__call__)))
        self._patience = patience
        self._on_dead = on_dead
        self._on_alive = on_alive
        self._breaker = CircuitBreaker(patience.attempts, patience.cooldown, patience.max_cooldown)
        self._waiting: deque[Alert] = deque(maxlen=KEPT)
        self._filled, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._called: Future[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, alert: Alert) -> None:
        """Queue `alert`; while the sink is in trouble only the newest word on each is kept."""
        if self._breaker.failures:
            others = [waiting for waiting in self._waiting if waiting.id != alert.id]
            self._waiting = deque(others, maxlen=KEPT)
        self._waiting.append(alert)
        self._idle.clear()
        self._filled.set()

    def start(self) -> None:
        if self._task is not None:
            return
        if self._waiting:
            self._filled.set()
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Deliver what waits, in bounded time and not to a sink in trouble, then stop."""
        if self._task is None:
            return
        if not self._breaker.failures:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience.closing):
                    await self._idle.wait()
        task, self._task = self._task, None
        task.cancel()
        await asyncio.wait([task], timeout=self._patience.closing)

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                alert = self._waiting.popleft()
                try:
                    await self._deliver(alert)
                except asyncio.CancelledError:
                    self._waiting.appendleft(alert)
                    raise
            self._idle.set()

    async def _deliver(self, alert: Alert) -> None:
        """Try until it is delivered."""
        while (error := await self._try(alert)) is not None:
            if self._breaker.failed():
                self._on_dead(self, error)
            await asyncio.sleep(self._retry_in())
        was_dead = self._breaker.state != "closed"
        self._breaker.succeeded()
        if was_dead:
            self._on_alive(self)

    async def _try(self, alert: Alert) -> str | None:
        """None when the handler took the alert, else what went wrong."""
        try:
            await bounded(lambda: self._call(alert), self._patience.timeout)
        except CallFailed as error:
            return str(error)
        return None

    def _retry_in(self) -> float:
        """Seconds until the next trial, after a failed one."""
        if self._breaker.state == "closed":
            return self._patience.backoff * 2.0 ** (self._breaker.failures - 1)
        return self._breaker.retry_in()

    async def _call(self, alert: Alert) -> None:
        answer: Any
        if self._is_async:
            answer = self._handler(alert)
        else:
            answer = await self._in_thread(alert)
        if inspect.isawaitable(answer):
            await answer

    async def _in_thread(self, alert: Alert) -> Any:
        """The plain handler's answer. Its thread is a daemon: one that hangs must not outlive us."""
        if self._called is not None and not self._called.done():
            raise RuntimeError("its last call has not come back yet")
        future: Future[Any] = Future()
        self._called = future
        call = (future, self._handler, alert)
        threading.Thread(target=_settle, args=call, name=self.name, daemon=True).start()
        return await asyncio.wrap_future(future)


def _settle(future: Future[Any], handler: Notify, alert: Alert) -> None:
    future.set_running_or_notify_cancel()
    try:
        future.set_result(handler(alert))
    except Exception as error:  # carried over to the sink's task, which judges it
        future.set_exception(error)
