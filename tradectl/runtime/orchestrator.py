"""The orchestrator: what is started in which order, what state it is in, and how it all ends.

    CREATED -> STARTING -> RUNNING <-> PAUSED -> STOPPING -> STOPPED
                  |           `----> HALTED ------^
                  `-> FAILED

Whether the account trades (RUNNING, PAUSED, HALTED) is the books' to say, since it must survive a crash
and come out of a replay; the orchestrator adds the life of the machine around them. Components are
started in the order in which they were added and stopped in the reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import OrchestratorConfig
from tradectl.domain.errors import StateError
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    LimitBreached,
    Record,
    SystemEvent,
)
from tradectl.domain.time import SECOND, iso
from tradectl.domain.views import TradingState
from tradectl.monitoring.health import ComponentHealth, HealthStatus
from tradectl.runtime.supervisor import Loop, supervise
from tradectl.state.books import RISK_TIMER
from tradectl.state.latch import HaltSwitch
from tradectl.state.manager import StateManager
from tradectl.state.status import halt
from tradectl.system.component import Component, Quiesces

REBALANCE_TIMER = "rebalance"
HEALTH = {
    "FAILED": HealthStatus.UNHEALTHY,
    "RESTARTING": HealthStatus.DEGRADED,
    "DEGRADED": HealthStatus.DEGRADED,
}
SETTLED = (TradingState.PAUSED, TradingState.HALTED)


class ComponentState(Struct):
    """What is known of one component."""

    status: str = "REGISTERED"
    last_heartbeat: int = 0
    error_count: int = 0
    message: str = ""


class TradingOrchestrator:
    """Owns the bus and the state manager, and everything that is added to it.

    Built with nothing but a config it is a bus and books in memory, to which adapters may be bound by
    hand. `latch` is the emergency stop's durable one, where there is a state directory.
    """

    def __init__(
        self,
        config: OrchestratorConfig | None = None,
        *,
        bus: EventBus | None = None,
        state: StateManager | None = None,
        latch: HaltSwitch | None = None,
    ) -> None:
        self.config = config or OrchestratorConfig()
        self.event_bus = bus or EventBus()
        self.state_manager = state or StateManager(self.event_bus)
        self.lifecycle = "CREATED"
        self.halted = asyncio.Event()
        self._latch = latch
        self._components: dict[str, ComponentState] = {}
        self._managed: list[tuple[str, Component]] = []
        self._loops: list[tuple[str, Loop, bool]] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # --- components ----------------------------------------------------------------------------------

    def register_component(self, name: str) -> None:
        """Make `name` known: it appears in the status, and reports by update_component_status."""
        self._components.setdefault(name, ComponentState())

    def update_component_status(self, name: str, status: str, message: str = "") -> None:
        """A component's word on itself. `FAILED` and `RESTARTING` count as errors."""
        self.register_component(name)
        component = self._components[name]
        component.status, component.message = status, message
        component.last_heartbeat = time.time_ns()  # of the machine, even where data has another
        component.error_count += status in ("FAILED", "RESTARTING")
        if status in ("FAILED", "RESTARTING"):
            self.event_bus.post(
                SystemEvent(
                    source_component="orchestrator",
                    kind="component_failed",
                    component=name,
                    message=message,
                )
            )

    def component_names(self) -> list[str]:
        return list(self._components)

    def beat(self) -> None:
        """Everything that runs has just shown that it does: the loop that calls this got its turn."""
        now = time.time_ns()
        for name, component in self._components.items():
            task = self._tasks.get(name)
            if component.status == "RUNNING" and (task is None or not task.done()):
                component.last_heartbeat = now

    async def health_of(self, name: str) -> ComponentHealth:
        """A component's health by its own word."""
        component = self._components[name]
        health = HEALTH.get(component.status, HealthStatus.HEALTHY)
        beat = component.last_heartbeat
        return ComponentHealth(
            name,
            health,
            last_heartbeat=datetime.fromtimestamp(beat / SECOND, UTC) if beat else None,
            error_count=component.error_count,
            message=component.message,
        )

    def add(self, name: str, component: Component) -> None:
        """Start `component` with the system, after those added before, and stop it with it."""
        self.register_component(name)
        self._managed.append((name, component))

    def add_loop(self, name: str, loop: Loop, *, retry: bool = True) -> None:
        """Run `loop` once everything is started, supervised: restarted when it fails, if `retry`."""
        self.register_component(name)
        self._loops.append((name, loop, retry))

    async def finished(self, name: str) -> None:
        """Wait for the end of a loop. Raises what ended it, if something did."""
        await asyncio.shield(self._tasks[name])

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bus, state, then the components in order. What was started is stopped again if one fails."""
        self.lifecycle = "STARTING"
        try:
            await self.event_bus.start()
            await self.state_manager.start()
            self.update_component_status("bus", "RUNNING")
            self.update_component_status("state", "RUNNING")
            for name, component in self._managed:
                await component.start()
                self.update_component_status(name, "RUNNING")
        except BaseException:  # half a system must not stay behind, whatever stopped its start
            self.lifecycle = "FAILED"
            await self._stop_all()
            raise
        self.event_bus.attach(LimitBreached, self._latch_a_halt, Stage.PORTFOLIO)
        self.event_bus.observe([LimitBreached, CommandReceived], self._watch_for_halt, name="halt")
        self._set_timers()
        for name, loop, retry in self._loops:
            self._tasks[name] = asyncio.ensure_future(self._supervised(name, loop, retry))
        self.lifecycle = "RUNNING"

    def _set_timers(self) -> None:
        every = self.event_bus.every
        every(int(self.config.risk_check_interval_seconds * SECOND), RISK_TIMER)
        every(int(self.config.portfolio_rebalance_interval_seconds * SECOND), REBALANCE_TIMER)

    async def _supervised(self, name: str, loop: Loop, retry: bool) -> None:
        await supervise(
            name,
            loop,
            self.update_component_status,
            max_restarts=self.config.max_restarts,
            retry=retry and self.config.enable_auto_recovery,
        )

    async def stop(self) -> None:
        """Loops first, then what is queued, then the components in reverse; bounded in time."""
        if self.lifecycle in ("STOPPED", "STOPPING"):
            return
        self.lifecycle = "STOPPING"
        await self._stop_all()
        self.lifecycle = "STOPPED"

    async def _stop_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for name in self._tasks:
            self._stopped(name)
        for name, component in reversed(self._managed):
            if self._components[name].status != "REGISTERED" and isinstance(component, Quiesces):
                await component.quiesce()
        await self.event_bus.stop(self.config.shutdown_timeout_seconds)
        self.event_bus.detach(self._latch_a_halt)
        for name, component in reversed(self._managed):
            if self._components[name].status != "REGISTERED":
                await component.stop()
                self._stopped(name)
        self._stopped("bus")
        self._stopped("state")
        await self.state_manager.stop()

    def _stopped(self, name: str) -> None:
        """What failed stays failed; the rest has ended as it should."""
        component = self._components.get(name)
        if component is not None and component.status != "FAILED":
            component.status = "STOPPED"

    # --- trading -------------------------------------------------------------------------------------

    async def pause(self, reason: str = "by command") -> None:
        """No new entries; what reduces a position goes on. Returns once that holds."""
        await self._command(CommandReceived(command=Command.PAUSE, reason=reason))

    async def resume(self) -> None:
        """Undo a pause. A halt stays: only clear-halt ends it."""
        await self._command(CommandReceived(command=Command.RESUME))

    async def emergency_stop(
        self, reason: str = "emergency stop", *, flatten: bool = False
    ) -> None:
        """Latch, then cancel every working order and, with `flatten`, close every position."""
        if self._latch is not None:
            self._latch.set(reason, TradingState.FLATTENING if flatten else TradingState.HALTED)
        await self._command(EmergencyStopReceived(reason=reason, flatten=flatten))

    async def _command(self, command: CommandReceived) -> None:
        self.event_bus.post(command)
        await self.event_bus.dispatched()
        self._note_halt()

    def _latch_a_halt(self, record: Record) -> None:
        """In the step itself: killed right after it, a restart must not trade on.

        A latch that cannot be set must not change the step; whoever watches tries again, and tells.
        """
        event: LimitBreached = record.event  # type: ignore[assignment]
        if event.action == "halt" and self._latch is not None:
            with contextlib.suppress(StateError):
                self._latch.set(self.state_manager.books.account.mode_reason)

    def _watch_for_halt(self, _: object) -> None:
        self._note_halt()

    def _note_halt(self) -> None:
        """A halt of the account, whoever caused it, is latched: a restart must not trade on."""
        if self.state_manager.books.mode is not TradingState.HALTED or self.halted.is_set():
            return
        self.halted.set()
        if self._latch is not None:
            self._latch.set(self.state_manager.books.account.mode_reason)

    # --- questions -----------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The lifecycle, or while that is RUNNING, what the account does."""
        mode = self.state_manager.books.mode
        return mode.value if self.lifecycle == "RUNNING" and mode in SETTLED else self.lifecycle

    def get_system_status(self) -> dict[str, Any]:
        """`state`, `components`, `halt`, and the bus figures."""
        return {
            "state": self.state,
            "components": {name: self._describe(name) for name in self._components},
            "halt": halt(self.state_manager.books),
            "bus": self.event_bus.get_metrics(),
        }

    def _describe(self, name: str) -> dict[str, Any]:
        component = self._components[name]
        return {
            "status": component.status,
            "last_heartbeat": iso(component.last_heartbeat) if component.last_heartbeat else None,
            "error_count": component.error_count,
            "message": component.message,
        }
