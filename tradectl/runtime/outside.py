"""Who watches a run from outside of its loop: Prometheus, systemd, whoever hears the heartbeat.

And what is done when the loop stands still. The watchdog's thread calls for it, in which nothing of the
run may be touched: it sets the latch through a file of its own, as another process would, and leaves to
the loop what only that can do, for the moment when it turns again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tradectl.config.settings import Settings
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import described
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.component_breaker import ComponentBreaker
from tradectl.monitoring.monitor import SystemMonitor
from tradectl.monitoring.service_manager import service_manager_of
from tradectl.notification.address import address_of, refuse_address
from tradectl.runtime.session import Session
from tradectl.storage.directory import StateDir

if TYPE_CHECKING:
    from tradectl.monitoring.stall_report import StallReport
    from tradectl.notification.dispatcher import Dispatcher
    from tradectl.runtime.run_log import RunLog

LONGEST_REST = 8
"""So many times as long as usual, what fails is not asked."""
HEARTBEAT_VARIABLE = "TRADECTL_HEARTBEAT_URL"

Follow = Callable[[Settings], object]
EmergencyStop = Callable[[str], Coroutine[Any, Any, object]]


class Stalls:
    """Of a run in `state_dir`: reported, and where they last too long ended by `emergency_stop(reason)`
    in the loop."""

    def __init__(
        self, report: StallReport, state_dir: StateDir, emergency_stop: EmergencyStop
    ) -> None:
        self.report = report
        self._state_dir = state_dir
        self._emergency_stop = emergency_stop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_latched = True

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def stop(self, silence: float) -> None:
        """In the watchdog's thread. Raises what kept the latch from being set, to be called again then;
        the rest is done the first time."""
        reason = f"the event loop has stood still for {silence:.1f} s"
        is_first, self._is_latched = self._is_latched, False
        try:
            StateDir(self._state_dir.path).latch.set(reason)
            self._is_latched = True
        except Exception as error:
            if is_first:
                self._tell(f"{reason}: NO EMERGENCY STOP COULD BE LATCHED: {described(error)}")
            raise
        else:
            self._tell(f"{reason}: the emergency stop is latched")
        finally:
            if is_first and self._loop is not None:
                asyncio.run_coroutine_threadsafe(self._emergency_stop(reason), self._loop)

    def _tell(self, words: str) -> None:
        self.report.tell(words, AlertSeverity.CRITICAL)


def stalls_of(
    state_dir: StateDir, run_id: str, dispatcher: Dispatcher | None, emergency_stop: EmergencyStop
) -> Stalls:
    """To be made in the thread of the loop."""
    from tradectl.monitoring.stall_report import StallReport  # not for recorded data

    tell = dispatcher.put if dispatcher is not None else None
    return Stalls(StallReport(state_dir.path, run_id, tell), state_dir, emergency_stop)


def heartbeat_url(settings: Settings, environ: Mapping[str, str] | None) -> str:
    """Empty for none. Raises ConfigError for what is no address."""
    variables = os.environ if environ is None else environ
    written = settings.monitoring.heartbeat_url
    url = address_of(HEARTBEAT_VARIABLE, "heartbeat.url", written, variables)
    if url:
        refuse_address(
            url, HEARTBEAT_VARIABLE if variables.get(HEARTBEAT_VARIABLE) else "heartbeat"
        )
    return url


def watchers_outside(
    session: Session,
    monitor: SystemMonitor,
    alerts: AlertManager,
    dispatcher: Dispatcher | None,
    url: str,
    log: RunLog | None,
    follow: Callable[[Follow], object],
) -> Iterator[tuple[str, Any]]:
    """What is started last, by its name: the run has begun by then. `url` has the heartbeat's address.
    `follow` is given what each of them makes of other settings. Raises UsageError for a port that is
    taken."""
    bus, settings = session.bus, session.settings.monitoring

    def troubles() -> list[str]:
        return (["journal"] if bus.failure is not None else []) + monitor.unwell()

    def breaker(name: str, interval: float) -> ComponentBreaker:
        first, longest = 2 * interval, LONGEST_REST * interval
        return ComponentBreaker(
            name, bus.post, bus.clock.monotonic, first_pause=first, longest_pause=longest
        )

    if settings.metrics_port:
        from tradectl.monitoring.metrics_server import (
            MetricsServer,  # what serves takes long to load
        )
        from tradectl.runtime.run_metrics import RunMetrics

        money = settings.metrics_money
        figures = RunMetrics(session, monitor, alerts, dispatcher, troubles, log=log, money=money)
        folder, journal = session.state_dir.path, session.journal_path
        server = MetricsServer(settings.metrics_port, figures, folder, journal)
        follow(lambda s: figures.show_money(s.monitoring.metrics_money))
        yield server.name, server
    if url:
        from tradectl.monitoring.heartbeat import Heartbeat

        beat = Heartbeat(
            url,
            settings.heartbeat_seconds,
            troubles,
            alerts,
            bus.clock,
            breaker(Heartbeat.name, settings.heartbeat_seconds),
        )
        follow(lambda s: beat.every(s.monitoring.heartbeat_seconds))
        yield beat.name, beat
    if settings.time_server:
        from tradectl.monitoring.utc_clock import UtcClock

        every = settings.time_server_seconds
        utc = UtcClock(
            settings.time_server,
            every,
            monitor.utc_is,
            alerts,
            bus.clock,
            breaker(UtcClock.name, every),
        )
        follow(lambda s: utc.every(s.monitoring.time_server_seconds))
        yield utc.name, utc
    service = service_manager_of(os.environ, lambda: session.orchestrator.state, bus.clock)
    if service is not None:
        yield service.name, service


__all__ = ["Stalls", "heartbeat_url", "watchers_outside"]
