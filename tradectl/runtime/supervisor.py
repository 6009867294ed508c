"""Keeping a component's loop alive: restart with growing pauses, and give up after some.

A component that ran well for a while has its failures forgiven, so that one fault a day never adds up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tradectl.domain.backoff import pause_after
from tradectl.domain.errors import TradectlError
from tradectl.domain.text import harmless

Loop = Callable[[], Awaitable[None]]
Tell = Callable[[str, str, str], None]

FORGIVEN_AFTER_S = 60.0


async def supervise(name: str, loop: Loop, tell: Tell, *, max_restarts: int, retry: bool) -> None:
    """Run `loop` to its end. `tell(name, status, message)` hears of every change.

    An error of our own tree is final: it tells the user something, and trying again would not help.
    Raises the last error when the component is given up.
    """
    failures = 0
    while True:
        started = time.monotonic()
        tell(name, "RUNNING", "")
        try:
            await loop()
        except TradectlError as error:
            tell(name, "FAILED", str(error))
            raise
        except Exception as error:  # whatever it is, the component gets its restarts
            message = harmless(f"{type(error).__name__}: {error}", 200)
            if time.monotonic() - started > FORGIVEN_AFTER_S:
                failures = 0
            failures += 1
            if not retry or failures > max_restarts:
                tell(name, "FAILED", f"{message} (given up after {failures} failures)")
                raise
            tell(name, "RESTARTING", message)
            await asyncio.sleep(pause_after(failures))
        else:
            tell(name, "STOPPED", "")
            return
