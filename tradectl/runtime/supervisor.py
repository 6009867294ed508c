"""Keeping a component's loop alive: restart with growing pauses, and give up after some.

A component that ran well for a while has its failures forgiven, so that one fault a day never adds up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tradectl.bus.clock import Clock
from tradectl.domain.errors import TradectlError
from tradectl.domain.resilience import pause_after
from tradectl.domain.states import ComponentStatus
from tradectl.domain.text import described

Loop = Callable[[], Awaitable[None]]
Report = Callable[[str, ComponentStatus, str], None]

FORGIVEN_AFTER_S = 60.0


async def supervise(
    name: str, loop: Loop, report: Report, *, clock: Clock, max_restarts: int, retry: bool
) -> None:
    """Run `loop` to its end. `report(name, status, message)` gets every change.

    A TradectlError is final: it is meant for the user, and trying again would not help.
    Raises the last error when the component is given up.
    """
    failures = 0
    while True:
        started = clock.monotonic()
        report(name, ComponentStatus.RUNNING, "")
        try:
            await loop()
        except TradectlError as error:
            report(name, ComponentStatus.FAILED, str(error))
            raise
        except Exception as error:  # whatever it is, the component gets its restarts
            message = described(error)
            if clock.monotonic() - started > FORGIVEN_AFTER_S:
                failures = 0
            failures += 1
            if not retry or failures > max_restarts:
                report(
                    name, ComponentStatus.FAILED, f"{message} (given up after {failures} failures)"
                )
                raise
            report(name, ComponentStatus.RESTARTING, message)
            await clock.sleep(pause_after(failures))
        else:
            report(name, ComponentStatus.STOPPED, "")
            return
