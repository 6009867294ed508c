"""How well a component is: by a checker, by the status it reported, or by the age of its heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from tradectl.bus.clock import ComputerClock
from tradectl.bus.components import ComponentRegistry, ComponentState
from tradectl.bus.guarded_call import CallFailed, guarded_call
from tradectl.domain.states import ComponentStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.monitoring.component_breaker import PROTECTING, ComponentBreaker


class HealthStatus(StrEnum):
    """From good to bad; not to know is worse than to know that all is well."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    """it works, not all of it or not well"""
    UNHEALTHY = "unhealthy"
    """it does not work"""
    CRITICAL = "critical"
    """it does not work, and what trades cannot do without it"""


class ComponentHealth(Struct, frozen=True):
    """`last_heartbeat` is None before the first, and taken for UTC where it names no time zone, as
    `datetime.now()` does not: write `datetime.now(UTC)`. `error_rate_pct` is 0 to 100."""

    component_name: str
    status: HealthStatus
    last_heartbeat: datetime | None = None
    response_time_ms: float = 0.0
    error_count: int = 0
    error_rate_pct: float = 0.0
    message: str = ""

    def __post_init__(self) -> None:
        moment = self.last_heartbeat
        if moment is not None and moment.tzinfo is None:
            force_setattr(self, "last_heartbeat", moment.replace(tzinfo=UTC))


Checker = Callable[[], Awaitable[ComponentHealth]]

HEALTH_OF_STATUS = {
    ComponentStatus.FAILED: HealthStatus.UNHEALTHY,
    ComponentStatus.RESTARTING: HealthStatus.DEGRADED,
    ComponentStatus.DEGRADED: HealthStatus.DEGRADED,
    ComponentStatus.STOPPED: HealthStatus.HEALTHY,
}
"""In any other status a component is as well as its heartbeat is fresh."""


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The worst of them; UNKNOWN of none."""
    order = list(HealthStatus)
    return max(statuses, key=order.index, default=HealthStatus.UNKNOWN)


class CheckCount(Struct):
    """How often a component was checked, and how often that failed or it had missed its heartbeat."""

    checks: int = 0
    errors: int = 0

    @property
    def error_rate_pct(self) -> float:
        return round(100 * self.errors / self.checks, 1) if self.checks else 0.0


class HealthChecks:
    """The health of each of `components`, and of what else has a checker. Times are in seconds. With
    `breaker_of` a checker that fails, or takes too long, some times in a row is left alone for a while.
    """

    def __init__(
        self,
        components: ComponentRegistry,
        *,
        heartbeat_timeout: float = 120.0,
        check_timeout: float = 3.0,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        breaker_of: Callable[[str], ComponentBreaker] | None = None,
    ) -> None:
        self._components = components
        self._heartbeat_timeout = heartbeat_timeout
        self._check_timeout = check_timeout
        self._monotonic = monotonic
        self._checkers: dict[str, Checker] = {}
        self._breaker_of = breaker_of
        self._breakers: dict[str, ComponentBreaker] = {}
        self._counts: dict[str, CheckCount] = {}

    def set_checker(self, name: str, checker: Checker) -> None:
        self._checkers[name] = checker
        if self._breaker_of is not None and name not in PROTECTING:
            self._breakers[name] = self._breaker_of(name)

    async def all(self) -> dict[str, ComponentHealth]:
        """Every component's health, by name; checked side by side."""
        names = list(dict.fromkeys([*self._components.all(), *self._checkers]))
        found = await asyncio.gather(*(self.of(name) for name in names))
        return dict(zip(names, found, strict=True))

    async def of(self, name: str) -> ComponentHealth:
        """The health of one component; never raises, whatever its checker does."""
        component = self._components.get(name)
        checker = self._checkers.get(name)
        if component is None and checker is None:
            message = f"no component {harmless(name)} has been registered or heard of"
            return ComponentHealth(name, HealthStatus.UNKNOWN, message=message)
        component = component or ComponentState()
        count = self._counts.setdefault(name, CheckCount())
        breaker = self._breakers.get(name)
        if breaker is not None and not breaker.allows():
            why = f"its check is left alone for {breaker.retry_in:.0f} s more: {breaker.why}"
            return _health(name, HealthStatus.UNHEALTHY, component, count, why)
        count.checks += 1
        if checker is not None:
            return await self._run_checker(name, component, count, checker)
        status, message = self._by_status(component)
        if not component.status.is_failure:  # failures that it reported itself are in its own count
            count.errors += status is HealthStatus.UNHEALTHY
        return _health(name, status, component, count, message)

    async def _run_checker(
        self, name: str, component: ComponentState, count: CheckCount, checker: Checker
    ) -> ComponentHealth:
        """The checker's answer; that it fails or returns something else is one, too."""
        started = self._monotonic()
        try:
            answer: object = await guarded_call(checker, self._check_timeout)
        except CallFailed as error:
            problem = f"its check failed: {error}"
        else:
            if isinstance(answer, ComponentHealth):
                self._heard(name, "")
                return msgspec.structs.replace(answer, message=harmless(answer.message))
            problem = f"its check returned {type(answer).__name__}, not ComponentHealth"
        count.errors += 1
        self._heard(name, problem)
        took_ms = round((self._monotonic() - started) * 1000, 1)
        return _health(name, HealthStatus.UNHEALTHY, component, count, problem, took_ms)

    def _heard(self, name: str, problem: str) -> None:
        if name in self._breakers:
            self._breakers[name].heard(problem)

    def _by_status(self, component: ComponentState) -> tuple[HealthStatus, str]:
        by_status = HEALTH_OF_STATUS.get(component.status)
        if by_status is not None:
            return by_status, component.message or component.status.lower()
        age = self._components.age(component)
        if age is None:
            return HealthStatus.UNKNOWN, "no heartbeat yet"
        if age > self._heartbeat_timeout:
            return HealthStatus.UNHEALTHY, f"no heartbeat for {age:.1f} s"
        return HealthStatus.HEALTHY, component.message


def _health(
    name: str,
    status: HealthStatus,
    component: ComponentState,
    count: CheckCount,
    message: str,
    took_ms: float = 0.0,
) -> ComponentHealth:
    beat = component.last_heartbeat
    return ComponentHealth(
        name,
        status,
        None if beat is None else datetime.fromtimestamp(beat / SECOND, UTC),
        took_ms,
        component.error_count + count.errors,
        count.error_rate_pct,
        message,
    )
