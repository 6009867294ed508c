"""A heartbeat for somebody outside: an address is asked for every so often while all is well.

Whoever watches it at the other end raises the alarm when it stays away: because the process is gone, the
machine, the network, the loop stands still, or a component is not well. Its requests are made in threads,
one at a time; that it does not get through is told once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from tradectl.bus.clock import Clock
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import described
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.component_breaker import ComponentBreaker
from tradectl.monitoring.periodic import Periodic
from tradectl.notification.address import redaction_of, shown
from tradectl.notification.channel import ChannelFailed
from tradectl.notification.webhook import ask

HEARTBEAT_FAILED = "heartbeat_failed"
TIMEOUT_S = 10.0


class Heartbeat:
    """Every `interval` s to `url`; `troubles` are the names of what is not well."""

    name = "heartbeat"

    def __init__(
        self,
        url: str,
        interval: float,
        troubles: Callable[[], Sequence[str]],
        alerts: AlertManager,
        clock: Clock,
        breaker: ComponentBreaker | None = None,
    ) -> None:
        self._url = url
        self._troubles = troubles
        self._alerts = alerts
        self._hidden = redaction_of(url)
        self._asking: Future[None] | None = None
        self._pace = Periodic(self._beat, interval, clock, breaker)
        self.start, self.stop, self.every = self._pace.start, self._pace.stop, self._pace.every

    async def _beat(self) -> str | None:
        if self._troubles():
            return None
        if self._asking is not None and not self._asking.done():
            return self._failed("its last request has not come back yet")
        future: Future[None] = Future()
        self._asking = future
        threading.Thread(target=self._ask, args=(future,), name=self.name, daemon=True).start()
        try:
            async with asyncio.timeout(2 * TIMEOUT_S):  # `wait_for` may lose that it is to stop
                await asyncio.wrap_future(future)
        except TimeoutError:
            return self._failed("no answer in time")
        except ChannelFailed as error:
            return self._failed(str(error))
        except Exception as error:  # of a thread: it must not end the next beats
            return self._failed(self._hidden.clean(described(error)))
        self._alerts.resolve_type(HEARTBEAT_FAILED, self.name)
        return ""

    def _failed(self, why: str) -> str:
        """Told once: while it lasts the alert is open, and the other end knows."""
        if any(alert.type == HEARTBEAT_FAILED for alert in self._alerts.get_active_alerts()):
            return why
        told = f"the heartbeat to {shown(self._url)} fails: {why}"
        self._alerts.raise_alert(HEARTBEAT_FAILED, told, AlertSeverity.WARNING, self.name)
        return why

    def _ask(self, future: Future[None]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            ask(self._url, TIMEOUT_S, self._hidden.clean)
        except Exception as error:  # carried over to the loop, which judges it
            future.set_exception(error)
        else:
            future.set_result(None)


__all__ = ["Heartbeat"]
