"""The system monitor: every few seconds it checks all that can fail in silence.

Components without a heartbeat, market data that stopped coming, steps that took too long, a loop that
turns late. What it finds becomes an event on the bus or an alert; it mends nothing itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict, replace

from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.event_bus import EventBus
from tradectl.documents.market import EventLag
from tradectl.documents.run import Resources
from tradectl.domain.events import SystemEvent, SystemEventKind
from tradectl.domain.states import AlertSeverity
from tradectl.domain.time import MILLISECOND, SECOND, iso
from tradectl.feeds.live.event_lag import LagMeter, lags_of
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.component_breaker import ComponentBreaker
from tradectl.monitoring.data_age import DataAge
from tradectl.monitoring.health import (
    Checker,
    ComponentHealth,
    HealthChecks,
    HealthStatus,
    worst,
)
from tradectl.monitoring.resources import ResourceReader
from tradectl.monitoring.thresholds import ThresholdWatch
from tradectl.monitoring.watchdog import Watchdog
from tradectl.notification.threshold_settings import Threshold

if TYPE_CHECKING:
    from tradectl.storage.manager import StateManager

COMPONENT_UNHEALTHY = "component_unhealthy"
SEVERITY_OF_HEALTH = {
    HealthStatus.UNHEALTHY: AlertSeverity.ERROR,
    HealthStatus.CRITICAL: AlertSeverity.CRITICAL,
}

CALM_S = 60.0
PASSED: dict[str, SystemEvent] = {
    SystemEventKind.LOOP_STALLED: SystemEvent(
        source_component="monitor",
        kind=SystemEventKind.LOOP_STALLED_OVER,
        component="loop",
        message=f"it has turned in time for {CALM_S:.0f} s",
    ),
    SystemEventKind.SLOW_STEP: SystemEvent(
        source_component="monitor",
        kind=SystemEventKind.SLOW_STEP_OVER,
        component="core",
        message=f"no step has been slow for {CALM_S:.0f} s",
    ),
}

log = logging.getLogger("tradectl.monitor")


class SystemMonitor:
    """Times are in seconds. `stall_limit` is how long the loop may stand still before the watchdog
    calls `on_stall(seconds)` from its thread, and `on_lasting_stall(seconds)` once it has stood still for
    `lasting_stall`; zero does without a watchdog. What the monitor finds
    goes to `post`, by default the bus, where it is journalled like any other input; `thresholds` are
    held against what `resources` reads; `lags` are those of live data by exchange."""

    name = "monitor"

    def __init__(
        self,
        bus: EventBus,
        state: StateManager,
        alerts: AlertManager | None = None,
        *,
        interval: float = 5.0,
        heartbeat_timeout: float = 120.0,
        check_timeout: float = 3.0,
        stale_after: float = 30.0,
        stall_limit: float = 2.0,
        on_stall: Callable[[float], object] | None = None,
        lasting_stall: float = 0.0,
        on_lasting_stall: Callable[[float], object] | None = None,
        post: Callable[[SystemEvent], object] | None = None,
        resources: ResourceReader | None = None,
        thresholds: ThresholdWatch | None = None,
        lags: Mapping[str, LagMeter] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._bus = bus
        self._alerts = alerts
        self._interval = interval
        self._clock = clock or WallClock()
        self._health = HealthChecks(
            bus.components,
            heartbeat_timeout=heartbeat_timeout,
            check_timeout=check_timeout,
            monotonic=self._clock.monotonic,
            breaker_of=lambda name: ComponentBreaker(name, self._post, self._clock.monotonic),
        )
        self._data = DataAge(state.books, bus.clock, stale_after=stale_after)
        self._post = post or bus.post
        self._passing: dict[str, float] = {}
        """what is over once it has not been again for a while, and when it was last (monotonic s)"""
        self._watchdog = Watchdog(
            self._post_passing,
            limit=stall_limit,
            on_stall=on_stall,
            lasting=lasting_stall,
            on_lasting_stall=on_lasting_stall,
            monotonic=self._clock.monotonic,
        )
        self._has_watchdog = stall_limit > 0
        self._resources = resources or ResourceReader()
        self._thresholds = thresholds
        self.lags = lags or {}
        self._last_resources = Resources()
        self._loop_lag_ms = 0.0
        self._utc_offset_ms: float | None = None
        self._slow_seq = 0
        self._clock_moved = False
        self._alerted: dict[str, AlertSeverity] = {}
        self._task: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin the checks; does nothing when already started."""
        if self._task is not None:
            return
        self._task = asyncio.ensure_future(self._run())
        if self._has_watchdog:
            self._watchdog.start()
        self._bus.components.started(self.name)

    async def stop(self) -> None:
        if self._task is None:
            return
        self._watchdog.stop()
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._bus.components.stopped(self.name)

    def every(self, interval: float) -> None:
        """Check so often (s) from here on."""
        if interval != self._interval:
            self._interval = interval
            if self._task is not None:
                self._task.cancel()
                self._task = asyncio.ensure_future(self._run())

    def stall_limits(self, limit: float, lasting: float) -> None:
        """As those of the watchdog were given, from here on."""
        self._watchdog.limits(limit, lasting)

    def hold_to(self, thresholds: Iterable[Threshold]) -> None:
        """These, from the next check on, where it holds what it reads against any."""
        if self._thresholds is not None:
            self._thresholds.change(thresholds)

    # --- components ----------------------------------------------------------------------------------

    def register_component(self, name: str) -> None:
        """Expect heartbeats of `name`: its health is UNKNOWN until the first."""
        self._bus.components.expect(name)

    def register_component_checker(self, name: str, checker: Checker) -> None:
        """Ask `await checker()` for the health of `name` instead of going by its heartbeats."""
        self._health.set_checker(name, checker)

    def heartbeat(self, name: str) -> None:
        """`name` is alive."""
        self._bus.components.heartbeat(name)

    async def check_component_health(self, name: str) -> ComponentHealth:
        """Never raises: UNKNOWN for a name not heard of, UNHEALTHY for a check that fails or hangs."""
        return await self._health.of(name)

    async def get_system_health(self) -> dict[str, Any]:
        """JSON-ready: `status` (the worst of all), `components` by name, `resources`, `checked_at`.

        Resources: cpu_pct (100 is one core), rss_mb, loop_lag_ms, utc_offset_ms, open_files, threads;
        None where the machine does not say.
        """
        healths = await self._health.all()
        resources = await asyncio.to_thread(self._resources.read)
        return {
            "status": worst(health.status for health in healths.values()),
            "components": {n: msgspec.to_builtins(health) for n, health in healths.items()},
            "resources": asdict(self._with_times(resources)),
            "checked_at": iso(self._clock.now()),
        }

    def resources(self) -> Resources:
        """The figures of the machine as they were last read; empty before the first."""
        return self._with_times(self._last_resources)

    def utc_is(self, offset_ms: float | None) -> None:
        """So far ahead of this machine's clock; None where nobody tells."""
        self._utc_offset_ms = offset_ms

    def _with_times(self, found: Resources) -> Resources:
        lag, offset = self._loop_lag_ms, self._utc_offset_ms
        return replace(found, loop_lag_ms=lag, utc_offset_ms=offset)

    def unwell(self) -> list[str]:
        """The components that were unhealthy or worse when they were last checked."""
        return [*self._alerted]

    def data_age(self) -> dict[str, float]:
        """Seconds since the newest market data, by symbol."""
        return self._data.ages()

    def event_lag(self) -> dict[str, EventLag]:
        """How late live data comes, by exchange."""
        return lags_of(self.lags)

    # --- every interval ------------------------------------------------------------------------------

    async def _run(self) -> None:
        monotonic = self._clock.monotonic
        while True:
            due = monotonic() + self._interval
            await self._clock.sleep(self._interval)
            self._loop_lag_ms = round(max(0.0, monotonic() - due) * 1000, 1)
            try:
                await self._check_all()
            except Exception:  # the next check comes, whatever became of this one
                log.exception("a check of the monitor failed")

    async def _check_all(self) -> None:
        self._last_resources = await asyncio.to_thread(self._resources.read)
        if self._thresholds is not None:
            self._thresholds.look(self.resources(), self._clock.monotonic())
        for event in self._slow_steps():
            self._post_passing(event)
        for event in (*self._data.changes(), *self._clock_moves(), *self._passed()):
            self._post(event)
        for name, health in (await self._health.all()).items():
            self._alert_on(name, health)

    def _alert_on(self, name: str, health: ComponentHealth) -> None:
        """An alert at the moment a component turns unhealthy, its end once it is healthy again."""
        if self._alerts is None:
            return
        severity = SEVERITY_OF_HEALTH.get(health.status)
        if severity is not None and self._alerted.get(name) is not severity:
            self._alerted[name] = severity
            message = health.message or f"its check says that it is {health.status}"
            self._alerts.raise_alert(COMPONENT_UNHEALTHY, message, severity, name)
        elif health.status is HealthStatus.HEALTHY and name in self._alerted:
            del self._alerted[name]
            self._alerts.resolve_type(COMPONENT_UNHEALTHY, name)

    def _post_passing(self, event: SystemEvent) -> None:
        self._passing[event.kind] = self._clock.monotonic()
        self._post(event)

    def _passed(self) -> list[SystemEvent]:
        """The end of what has not been again for a while."""
        now = self._clock.monotonic()
        calm = [kind for kind, at in self._passing.items() if now - at >= CALM_S]
        for kind in calm:
            del self._passing[kind]
        return [PASSED[kind] for kind in calm]

    def _slow_steps(self) -> list[SystemEvent]:
        new = [(seq, ns) for seq, ns in self._bus.step_times.slow if seq > self._slow_seq]
        if new:
            self._slow_seq = new[-1][0]
        return [_slow_step_event(seq, ns) for seq, ns in new]

    def _clock_moves(self) -> list[SystemEvent]:
        """The clock of the run, at the moment it begins to differ from the computer's, and its end."""
        moved = self._bus.clock.moved
        if bool(moved) == self._clock_moved:
            return []
        self._clock_moved = bool(moved)
        return [_clock_event(moved)]


def _clock_event(moved: int) -> SystemEvent:
    if not moved:
        return SystemEvent(
            source_component="monitor",
            kind=SystemEventKind.CLOCK_MOVED_OVER,
            component="clock",
            message="the computer's clock is followed again",
        )
    where = "ahead" if moved > 0 else "behind"
    then = "the run keeps its own time until that is known to be right"
    return SystemEvent(
        source_component="monitor",
        kind=SystemEventKind.CLOCK_MOVED,
        component="clock",
        message=f"the computer's clock is {abs(moved) / SECOND:.1f} s {where}: {then}",
    )


def _slow_step_event(seq: int, ns: int) -> SystemEvent:
    return SystemEvent(
        source_component="monitor",
        kind=SystemEventKind.SLOW_STEP,
        component="core",
        message=f"a step took {ns // MILLISECOND} ms; record {seq} was the last by then",
    )
