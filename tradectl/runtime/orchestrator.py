"""The orchestrator: starts the components in order, supervises them, and stops them.

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
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from tradectl.bus.components import Component, Quiesces, Terms
from tradectl.bus.core import CORE, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import OrchestratorConfig
from tradectl.domain.errors import NotRunning, StateError
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    LimitBreached,
    Record,
    SettingsChanged,
    SystemEvent,
    SystemEventKind,
    TradingConcluded,
)
from tradectl.domain.resilience import CLOSED, HALF_OPEN, OPEN
from tradectl.domain.states import ComponentStatus, TradingState
from tradectl.domain.text import harmless
from tradectl.runtime.supervisor import Loop, supervise
from tradectl.state.status import halt
from tradectl.storage.latch import HaltSwitch
from tradectl.storage.manager import StateManager
from tradectl.system.trading_system import set_timers

BREAKER_OF_KIND: dict[str, str] = {
    SystemEventKind.BREAKER_OPENED: OPEN,
    SystemEventKind.BREAKER_HALF_OPEN: HALF_OPEN,
    SystemEventKind.BREAKER_STAYED_OPEN: OPEN,
    SystemEventKind.BREAKER_CLOSED: CLOSED,
    SystemEventKind.COMPONENT_LEFT_ALONE: OPEN,
    SystemEventKind.FEED_LOST: OPEN,
    SystemEventKind.FEED_BACK: CLOSED,
    SystemEventKind.HANDLER_FAILED: OPEN,
    SystemEventKind.HANDLER_FAILED_OVER: CLOSED,
    SystemEventKind.PROJECTION_STALLED: HALF_OPEN,
    SystemEventKind.PROJECTION_STALLED_OVER: CLOSED,
}
"""What is told of a component says how its breaker is: its own, or the growing pauses after which it is
tried again."""


class Lifecycle(StrEnum):
    """Of the machine around the account."""

    CREATED = "CREATED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    """it could not be started"""


class SupervisedLoop(NamedTuple):
    """A loop that is restarted when it fails, if `retry`."""

    name: str
    loop: Loop
    retry: bool


class SupervisedBy(NamedTuple):
    """What becomes of loops goes to the list of components, and to the journal, of this bus."""

    bus: EventBus

    def status(self, name: str, status: ComponentStatus, message: str, breaker: str) -> None:
        self.bus.components.supervised(name, status, message, breaker)

    def tell(self, kind: SystemEventKind, name: str, message: str) -> None:
        self.bus.post(
            SystemEvent(
                source_component="orchestrator",
                kind=kind,
                component=name,
                message=harmless(message),
            )
        )


class TradingOrchestrator:
    """Owns the bus and the state manager, and everything that is added to it.

    Built with nothing but a config it is a bus and books in memory, to which adapters may be bound by
    hand. `latch` is the durable halt of a state directory, where there is one.
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
        self.follow(self.config)
        self.state_manager = state or StateManager(self.event_bus)
        self.lifecycle = Lifecycle.CREATED
        self.halted = asyncio.Event()
        """it is HALTED, or a halt by a limit has nothing left to do"""
        self.concluded = asyncio.Event()
        """a halt has nothing left to do"""
        self.settle: Callable[[], Awaitable[None]] | None = None
        """what is waited for, in bounded time, once no more data comes in and before orders stop"""
        self._latch = latch
        self._components = self.event_bus.components
        self._managed: list[tuple[str, Component]] = []
        self._started: list[tuple[str, Component]] = []
        self._loops: list[SupervisedLoop] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, config: OrchestratorConfig) -> None:
        """Restarts, the end and the terms of components are by this one from here on; its timers are of
        the core."""
        self.config = config
        self.event_bus.terms = Terms(config.enable_paper_trading, config.max_concurrent_orders)

    # --- components ----------------------------------------------------------------------------------

    def register_component(self, name: str) -> None:
        """Make `name` known to the status and to the monitor. Registering is a first sign of life; from
        then on it has to report, or to be heard of by the monitor's `heartbeat`, every two minutes."""
        self._components.heartbeat(name)

    def update_component_status(self, name: str, status: str, message: str = "") -> None:
        """A component's own report. `FAILED` and `RESTARTING` count as errors, and alert.

        Raises UsageError for a status that is not a ComponentStatus.
        """
        parsed = ComponentStatus.parse(status)
        self._components.report(name, parsed, message)
        if parsed.is_failure:
            self.event_bus.post(
                SystemEvent(
                    source_component="orchestrator",
                    kind=SystemEventKind.COMPONENT_FAILED,
                    component=name,
                    message=message,
                )
            )

    def add(self, name: str, component: Component) -> None:
        """Start `component` with the system, after those added before, and stop it with it."""
        self._components.expect(name, in_loop=True)
        self._managed.append((name, component))

    def add_loop(self, name: str, loop: Loop, *, retry: bool = True) -> None:
        """Run `loop` once everything is started, supervised: restarted when it fails, if `retry`."""
        self._components.expect(name, in_loop=True)
        self._loops.append(SupervisedLoop(name, loop, retry))

    async def join(self, name: str, component: Component, *, after: str) -> None:
        """Start `component` in what runs; it stops as if it had been started after that one."""
        await component.start()
        names = [started for started, _ in self._started]
        self._started.insert(names.index(after) + 1, (name, component))
        self._components.expect(name, in_loop=True)
        self._components.started(name)

    def has(self, name: str) -> bool:
        """Something is started under that name."""
        return any(started == name for started, _ in self._started)

    async def leave(self, name: str) -> None:
        """Stop what is started under that name; the others run on."""
        for found in [each for each in self._started if each[0] == name]:
            self._started.remove(found)
            await found[1].stop()
            self._components.stopped(name)

    async def finished(self, name: str) -> None:
        """Wait for the end of a loop. Raises what ended it, if something did."""
        await asyncio.shield(self._tasks[name])

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bus, state, then the components in order; does nothing when already started. What was started
        is stopped again if one fails."""
        if self.lifecycle in (Lifecycle.STARTING, Lifecycle.RUNNING):
            return
        self.lifecycle = Lifecycle.STARTING
        try:
            await self.event_bus.start()
            await self.state_manager.start()
            for name, component in self._managed:
                await component.start()
                self._started.append((name, component))
                self._components.started(name)
        except BaseException:  # half a system must not stay behind, whatever stopped its start
            self.lifecycle = Lifecycle.FAILED
            await self._stop_all()
            raise
        self.event_bus.attach(LimitBreached, self._latch_a_halt, Stage.PORTFOLIO)
        self.event_bus.attach(TradingConcluded, self._latch_a_halt, Stage.PORTFOLIO)
        watched = (LimitBreached, CommandReceived, TradingConcluded)
        self.event_bus.observe(watched, self._watch_for_halt, name="halt")
        self.event_bus.observe([SystemEvent], self._count_failure, name="errors", records=False)
        set_timers(self.event_bus, self.config)
        for each in self._loops:
            self._tasks[each.name] = asyncio.ensure_future(self._supervise(each))
        self.lifecycle = Lifecycle.RUNNING

    async def _supervise(self, supervised: SupervisedLoop) -> None:
        def most() -> int:
            may = supervised.retry and self.config.enable_auto_recovery
            return self.config.max_restarts if may else 0

        by, clock = SupervisedBy(self.event_bus), self.event_bus.clock
        await supervise(supervised.name, supervised.loop, by, clock=clock, most=most)

    async def stop(self) -> None:
        """Loops first, then what is queued, then the components in reverse; bounded in time."""
        if self.lifecycle in (Lifecycle.STOPPED, Lifecycle.STOPPING):
            return
        self.lifecycle = Lifecycle.STOPPING
        await self._stop_all()
        self.lifecycle = Lifecycle.STOPPED

    async def _stop_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for name in self._tasks:
            self._components.stopped(name)
        if self.settle is not None:
            await self.settle()
        ending, self._started = self._started[::-1], []
        for _, component in ending:
            if isinstance(component, Quiesces):
                await component.quiesce()
        await self.event_bus.stop(self.config.shutdown_timeout_seconds)
        self.event_bus.detach(self._latch_a_halt)
        for name, component in ending:
            await component.stop()
            self._components.stopped(name)
        await self.state_manager.stop()

    # --- trading -------------------------------------------------------------------------------------

    async def pause(self, reason: str = "by command", *, by: str = "") -> None:
        """No new entries; what reduces a position goes on. Returns once that holds."""
        await self._command(
            CommandReceived(command=Command.PAUSE, reason=harmless(reason), source_component=by)
        )

    async def resume(self, *, by: str = "") -> None:
        """Undo a pause. A halt stays: only clear-halt ends it."""
        await self._command(CommandReceived(command=Command.RESUME, source_component=by))

    async def emergency_stop(
        self,
        reason: str = "emergency stop",
        *,
        flatten: bool = False,
        drop_protection: bool = False,
        by: str = "",
    ) -> None:
        """Latch, then cancel every working order but protective stops, which go with `drop_protection`;
        with `flatten`, close every position."""
        if self._latch is not None:
            state = TradingState.FLATTENING if flatten else TradingState.HALTED
            with contextlib.suppress(
                StateError
            ):  # halted by the record of it, and the observer says so
                self._latch.set(reason, state, by_operator=True)
        await self._command(
            EmergencyStopReceived(
                reason=harmless(reason),
                flatten=flatten,
                drop_protection=drop_protection,
                source_component=by,
            )
        )

    async def cancel_all(self, reason: str) -> None:
        """Cancel every working order but protective stops."""
        await self._command(CommandReceived(command=Command.CANCEL_ALL, reason=harmless(reason)))

    async def order_by_hand(self, command: CommandReceived) -> None:
        """An order, a cancel, a close by an operator. Returns once what became of it in its step is
        written down. Raises NotRunning after the end."""
        await self._command(command)

    async def configure(self, change: SettingsChanged) -> None:
        """Settings are others from its record on. Returns once that is written down. Raises NotRunning
        after the end."""
        await self._command(change)

    async def _command(self, command: CommandReceived) -> None:
        """Returns once it is written down. Before the start a command waits for it, as any input does.
        Raises NotRunning after the end, and what broke the bus."""
        if self.event_bus.running:
            self.event_bus.post(command)
            try:
                await self.event_bus.written()
            finally:
                with contextlib.suppress(StateError):
                    self._note_halt()
        elif self.lifecycle is Lifecycle.CREATED:
            self.event_bus.post(command)
        else:
            raise NotRunning("it has ended, and takes no commands any more")

    def _latch_a_halt(self, _: LimitBreached | TradingConcluded, _record: Record) -> None:
        """In the step itself: killed right after it, a restart must not trade on.

        A latch that cannot be set must not change the step; the observer tries again, and fails aloud.
        """
        with contextlib.suppress(StateError):
            self._set_latch()

    def _set_latch(self) -> None:
        account = self.state_manager.books.account
        if account.trading_state.is_halt and self._latch is not None:
            self._latch.set(account.trading_state_reason, account.trading_state)

    def _count_failure(self, event: SystemEvent) -> None:
        """A handler or a strategy failed in a step: its component goes on, with one error more."""
        if event.kind is SystemEventKind.COMPONENT_FAILED and event.source_component == CORE:
            self._components.count_error(event.component, event.message)
        elif event.kind is SystemEventKind.STRATEGY_FAILED:
            self._components.count_error(event.source_component, event.message)
        if event.kind in BREAKER_OF_KIND:
            breaker = BREAKER_OF_KIND[event.kind]
            self._components.breaker_is(event.component, breaker, event.message)

    def _watch_for_halt(self, record: Record) -> None:
        if isinstance(record.event, TradingConcluded):
            self.concluded.set()
        self._note_halt()

    def _note_halt(self) -> None:
        """A halt of the account, whoever caused it, is latched: a restart must not trade on."""
        is_halted = self.state_manager.books.trading_state is TradingState.HALTED
        if is_halted or self.concluded.is_set():
            self.halted.set()
        self._set_latch()

    # --- questions -----------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The lifecycle, or while that is RUNNING, what the account does."""
        mode = self.state_manager.books.trading_state
        return mode.value if self.lifecycle is Lifecycle.RUNNING else self.lifecycle.value

    def get_system_status(self) -> dict[str, Any]:
        """`state`, `components`, `halt`, and the bus figures."""
        return {
            "state": self.state,
            "components": msgspec.to_builtins(self.event_bus.components.rows()),
            "halt": msgspec.to_builtins(halt(self.state_manager.books)),
            "bus": self.event_bus.get_metrics(),
        }
