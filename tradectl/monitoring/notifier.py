"""Where alerts go: each notification handler behind a delivery queue of its own.

A handler that fails is tried again, then left alone for longer and longer while its alerts are kept; one
that hangs is given up after a time-out. Neither delays another handler or whoever raised the alert. A
plain function is called in a thread of its own, because it may block.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from tradectl.bus.delivery import Delivery, RetryPolicy
from tradectl.monitoring.alert import Alert

Notify = Callable[[Alert], "Awaitable[None] | None"]

KEPT = 1_000
NOTIFICATIONS = RetryPolicy(attempts=3, backoff=0.1, failures=1, timeout=5.0)
"""After three tries in a row a handler has given up; from then on it is tried every `cooldown`."""


class AlertQueue:
    """The newest 1,000 alerts, oldest first."""

    def __init__(self) -> None:
        self._alerts: deque[Alert] = deque(maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._alerts)

    def put(self, alert: Alert) -> None:
        self._alerts.append(alert)

    def take(self) -> Alert | None:
        return self._alerts.popleft() if self._alerts else None

    def put_back(self, alert: Alert) -> None:
        if len(self._alerts) < KEPT and all(a.id != alert.id for a in self._alerts):
            self._alerts.appendleft(alert)

    def forget(self, alert_id: str) -> None:
        self._alerts = deque((a for a in self._alerts if a.id != alert_id), maxlen=KEPT)


class Notifier:
    """Delivers alerts to `handler`, oldest first.

    `on_dead(notifier, error)` is told once when it has given up, `on_alive(notifier)` when it is back.
    """

    def __init__(
        self,
        name: str,
        handler: Notify,
        policy: RetryPolicy,
        on_dead: Callable[[Notifier, str], None],
        on_alive: Callable[[Notifier], None],
    ) -> None:
        self.name = name
        self._handler = handler
        self._called: Future[Any] | None = None
        self._queue = AlertQueue()
        is_async = any(map(inspect.iscoroutinefunction, (handler, type(handler).__call__)))
        self._delivery: Delivery[Alert] = Delivery(
            handler if is_async else self._in_thread,
            self._queue,
            policy,
            on_open=lambda error: on_dead(self, error),
            on_close=lambda: on_alive(self),
        )

    def put(self, alert: Alert) -> None:
        """Queue `alert`; while the handler is in trouble only the newest of each id is kept."""
        if self._delivery.in_trouble:
            self._queue.forget(alert.id)
        self._delivery.put(alert)

    def start(self) -> None:
        self._delivery.start()

    async def stop(self) -> None:
        """Deliver what waits, in bounded time and not to a handler in trouble, then stop."""
        await self._delivery.drain()
        await self._delivery.stop()

    async def _in_thread(self, alert: Alert) -> None:
        """Call a plain handler. Its thread is a daemon: one that hangs must not outlive us."""
        if self._called is not None and not self._called.done():
            raise RuntimeError("its last call has not come back yet")
        future: Future[Any] = Future()
        self._called = future
        call = (future, self._handler, alert)
        threading.Thread(target=_call, args=call, name=self.name, daemon=True).start()
        answer = await asyncio.wrap_future(future)
        if inspect.isawaitable(answer):
            await answer


def _call(future: Future[Any], handler: Notify, alert: Alert) -> None:
    future.set_running_or_notify_cancel()
    try:
        future.set_result(handler(alert))
    except Exception as error:  # carried over to the delivery, which judges it
        future.set_exception(error)
