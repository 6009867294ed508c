"""Keeping a component's loop alive: restart with growing pauses, and give up after some.

    closed --(it fails)--> open --(pause)--> half open --(it runs for a while)--> closed
                             ^--(it fails: the pause doubles)--'    `--(too often)--> given up

Each step is told, so that the journal has it. A component that ran well for long has its failures
forgiven, so that one fault a day never adds up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from tradectl.bus.clock import Clock
from tradectl.domain.errors import TradectlError
from tradectl.domain.events import SystemEventKind
from tradectl.domain.resilience import CLOSED, HALF_OPEN, OPEN, pause_after
from tradectl.domain.states import ComponentStatus
from tradectl.domain.text import counted, described

Loop = Callable[[], Awaitable[None]]

FORGIVEN_AFTER_S = 60.0
STEADY_AFTER_S = 10.0
"""A restarted loop that runs for so long has recovered."""


class Supervision(Protocol):
    """Who hears of a loop: what it is now, with its breaker, and what is to be written down."""

    def status(self, name: str, status: ComponentStatus, message: str, breaker: str) -> None: ...
    def tell(self, kind: SystemEventKind, name: str, message: str) -> None: ...


async def supervise(
    name: str, loop: Loop, by: Supervision, *, clock: Clock, most: Callable[[], int]
) -> None:
    """Run `loop` to its end; `by` hears of every change, and it is restarted `most()` times.

    A TradectlError is final: it is meant for the user, and trying again would not help.
    Raises the last error when the component is given up.
    """
    failures = 0
    by.status(name, ComponentStatus.RUNNING, "", CLOSED)
    while True:
        started = clock.monotonic()
        try:
            async with _trial(name, by, clock, failures):
                await loop()
        except TradectlError as error:
            by.status(name, ComponentStatus.FAILED, str(error), OPEN)
            by.tell(SystemEventKind.COMPONENT_FAILED, name, str(error))
            raise
        except Exception as error:  # whatever it is, the component gets its restarts
            message = described(error)
            if clock.monotonic() - started > FORGIVEN_AFTER_S:
                failures = 0
            failures += 1
            restarts = most()
            if failures > restarts:
                message = f"{message} (given up after {counted(failures, 'failure')})"
                by.status(name, ComponentStatus.FAILED, message, OPEN)
                by.tell(SystemEventKind.COMPONENT_GIVEN_UP, name, message)
                raise
            pause = pause_after(failures)
            by.status(name, ComponentStatus.RESTARTING, message, OPEN)
            again = f"restart {failures} of {restarts} in {pause:g} s"
            by.tell(SystemEventKind.COMPONENT_FAILED, name, f"{message}; {again}")
            await clock.sleep(pause)
            by.status(name, ComponentStatus.RUNNING, message, HALF_OPEN)
            by.tell(SystemEventKind.COMPONENT_RESTARTED, name, f"restart {failures}")
        else:
            by.status(name, ComponentStatus.STOPPED, "", CLOSED)
            return


@contextlib.asynccontextmanager
async def _trial(name: str, by: Supervision, clock: Clock, failures: int) -> AsyncIterator[None]:
    """Of a loop that failed before: where it runs on for a while, it has recovered."""
    if not failures:
        yield
        return

    async def wait() -> None:
        await clock.sleep(STEADY_AFTER_S)
        by.status(name, ComponentStatus.RUNNING, "", CLOSED)
        by.tell(SystemEventKind.COMPONENT_RECOVERED, name, "it runs again")

    trial = asyncio.ensure_future(wait())
    try:
        yield
    finally:
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)


__all__ = ["STEADY_AFTER_S", "Loop", "Supervision", "supervise"]
