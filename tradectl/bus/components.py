"""The component registry: the one list of the components on a bus, whoever started them.

A component registers itself here when it starts, so the orchestrator can show it and the monitor judge
it, and neither needs to know the other. There are two kinds. What runs in the event loop itself
(adapters, the state manager, feeds) is alive as long as the loop turns, and that somebody reads the
list proves that it does. All else is as fresh as its own last report.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from msgspec import Struct

from tradectl.bus.clock import Clock, WallClock
from tradectl.documents.run import ComponentRow
from tradectl.domain.resilience import CLOSED, HALF_OPEN, OPEN
from tradectl.domain.states import ComponentStatus
from tradectl.domain.time import iso


class Component(Protocol):
    """Anything with a beginning and an end: adapters, feeds, watchers."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@runtime_checkable
class Quiesces(Protocol):
    """A component that has something to bring to an end while the bus still runs."""

    async def quiesce(self) -> None: ...


class Terms(Struct, frozen=True):
    """What the system's config lets its components do. `paper_trading` False: without an exchange
    there is no trading at all."""

    paper_trading: bool = True
    max_concurrent_orders: int | None = None


class ComponentState(Struct):
    """What is known of one component. `last_heartbeat` is ns UTC and `heartbeat_at` the same moment in
    monotonic seconds, so that a clock that is set cannot age it; both are None before the first.
    `breaker` is that of what is restarted, or left alone, when it fails; `restarts` how often it was."""

    in_loop: bool = False
    status: ComponentStatus = ComponentStatus.REGISTERED
    message: str = ""
    error_count: int = 0
    last_heartbeat: int | None = None
    heartbeat_at: float | None = None
    breaker: str = CLOSED
    restarts: int = 0

    def row(self) -> ComponentRow:
        """As `status --json` shows it."""
        beat = self.last_heartbeat
        return ComponentRow(
            status=self.status,
            last_heartbeat=None if beat is None else iso(beat),
            error_count=self.error_count,
            message=self.message,
            breaker=self.breaker,
            restarts=self.restarts,
        )


class ComponentRegistry:
    """Components by name. Heartbeats are by the computer's time, even where the data has another."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or WallClock()
        self._components: dict[str, ComponentState] = {}

    def expect(self, name: str, *, in_loop: bool = False) -> ComponentState:
        """Make `name` known, without a heartbeat."""
        component = self._components.setdefault(name, ComponentState())
        component.in_loop |= in_loop
        return component

    def heartbeat(self, name: str) -> ComponentState:
        """`name` is alive."""
        component = self.expect(name)
        component.last_heartbeat = self._clock.now()
        component.heartbeat_at = self._clock.monotonic()
        return component

    def report(self, name: str, status: ComponentStatus, message: str = "") -> None:
        """A component reports its status: a heartbeat as well. A failure counts as an error."""
        component = self.heartbeat(name)
        component.status, component.message = status, message
        component.error_count += status.is_failure

    def supervised(
        self, name: str, status: ComponentStatus, message: str = "", breaker: str = CLOSED
    ) -> None:
        """The status of what is restarted when it fails."""
        self.report(name, status, message)
        component = self._components[name]
        component.restarts += breaker == HALF_OPEN
        component.breaker = breaker

    def breaker_is(self, name: str, breaker: str, message: str) -> None:
        """What the breaker of a component is now, or of something that none stands for: it works again,
        is left alone, or is tried."""
        if name not in self._components:
            self.expect(name, in_loop=True)
        component = self.heartbeat(name)
        component.breaker = breaker
        component.error_count += breaker == OPEN
        if not component.status.is_failure:
            works = breaker == CLOSED
            component.status = ComponentStatus.RUNNING if works else ComponentStatus.DEGRADED
            component.message = "" if works else message

    def count_error(self, name: str, message: str) -> None:
        """What `name` runs failed once and it goes on; names that are not known are left out."""
        component = self._components.get(name)
        if component is not None:
            component.error_count += 1
            component.message = message

    def started(self, name: str) -> None:
        """For what runs in the loop."""
        self.expect(name, in_loop=True)
        self.report(name, ComponentStatus.RUNNING)

    def stopped(self, name: str) -> None:
        """What failed stays failed; the rest has ended as it should."""
        component = self._components.get(name)
        if component is not None and component.status is not ComponentStatus.FAILED:
            component.status = ComponentStatus.STOPPED

    def age(self, component: ComponentState) -> float | None:
        """Seconds since its last heartbeat; None before the first."""
        at = component.heartbeat_at
        return None if at is None else self._clock.monotonic() - at

    def get(self, name: str) -> ComponentState | None:
        self._beat_in_loop(name)
        return self._components.get(name)

    def all(self) -> dict[str, ComponentState]:
        """Every component by name, in the order in which they became known."""
        for name in self._components:
            self._beat_in_loop(name)
        return self._components

    def _beat_in_loop(self, name: str) -> None:
        """What runs in the loop is alive while the loop asks for it."""
        component = self._components.get(name)
        if component is None:
            return
        if component.in_loop and component.status is ComponentStatus.RUNNING:
            self.heartbeat(name)

    def rows(self) -> dict[str, ComponentRow]:
        """All of them, as `status --json` shows them."""
        return {name: component.row() for name, component in self.all().items()}
