"""The components that are watched: by a checker of their own, or by the age of their last heartbeat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from tradectl.bus.clock import Clock
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.monitoring.foreign import CallFailed, bounded
from tradectl.monitoring.health import ComponentHealth, HealthStatus

Checker = Callable[[], Awaitable[ComponentHealth]]


class Watched(Struct):
    """`beat_at` is monotonic seconds, so that a clock that is set cannot age it; `beat_ns` is UTC."""

    checker: Checker | None = None
    beat_at: float | None = None
    beat_ns: int = 0
    checks: int = 0
    errors: int = 0

    @property
    def error_rate_pct(self) -> float:
        return round(100 * self.errors / self.checks, 1) if self.checks else 0.0

    @property
    def last_heartbeat(self) -> datetime | None:
        return None if self.beat_at is None else datetime.fromtimestamp(self.beat_ns / SECOND, UTC)


class Checkup:
    """`heartbeat_timeout` and `check_timeout` are in seconds."""

    def __init__(
        self,
        clock: Clock,
        *,
        heartbeat_timeout: float = 120.0,
        check_timeout: float = 3.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._heartbeat_timeout = heartbeat_timeout
        self._check_timeout = check_timeout
        self._monotonic = monotonic
        self._watched: dict[str, Watched] = {}

    def expect(self, name: str) -> Watched:
        """From now on `name` is among the components, known or not to be well."""
        return self._watched.setdefault(name, Watched())

    def set_checker(self, name: str, checker: Checker) -> None:
        self.expect(name).checker = checker

    def beat(self, name: str) -> None:
        watched = self.expect(name)
        watched.beat_at, watched.beat_ns = self._monotonic(), self._clock.now()

    async def all(self) -> dict[str, ComponentHealth]:
        """Every component's health, by name; checked side by side."""
        names = list(self._watched)
        found = await asyncio.gather(*(self.of(name) for name in names))
        return dict(zip(names, found, strict=True))

    async def of(self, name: str) -> ComponentHealth:
        """The health of one component; never raises, whatever its checker does."""
        watched = self._watched.get(name)
        if watched is None:
            message = f"no component {harmless(name)} has been registered or heard of"
            return ComponentHealth(name, HealthStatus.UNKNOWN, message=message)
        watched.checks += 1
        if watched.checker is not None:
            return await self._ask(name, watched, watched.checker)
        status, message = self._by_heartbeat(watched)
        watched.errors += status is HealthStatus.UNHEALTHY
        return _health(name, status, watched, message)

    async def _ask(self, name: str, watched: Watched, checker: Checker) -> ComponentHealth:
        """The checker's own word; that it fails or says something else is an answer, too."""
        started = time.perf_counter()
        try:
            answer: object = await bounded(checker, self._check_timeout)
        except CallFailed as error:
            problem = f"its check failed: {error}"
        else:
            if isinstance(answer, ComponentHealth):
                return msgspec.structs.replace(answer, message=harmless(answer.message))
            problem = f"its check returned {type(answer).__name__}, not ComponentHealth"
        watched.errors += 1
        took_ms = round((time.perf_counter() - started) * 1000, 1)
        return _health(name, HealthStatus.UNHEALTHY, watched, problem, took_ms)

    def _by_heartbeat(self, watched: Watched) -> tuple[HealthStatus, str]:
        if watched.beat_at is None:
            return HealthStatus.UNKNOWN, "no heartbeat yet"
        age = self._monotonic() - watched.beat_at
        if age > self._heartbeat_timeout:
            return HealthStatus.UNHEALTHY, f"no heartbeat for {age:.1f} s"
        return HealthStatus.HEALTHY, ""


def _health(
    name: str, status: HealthStatus, watched: Watched, message: str, took_ms: float = 0.0
) -> ComponentHealth:
    return ComponentHealth(
        name,
        status,
        watched.last_heartbeat,
        took_ms,
        watched.errors,
        watched.error_rate_pct,
        message,
    )
