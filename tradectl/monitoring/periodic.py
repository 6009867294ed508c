"""What is done every so often beside all else: at once, and after each pause; where it fails again and
again, after longer ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tradectl.bus.clock import Clock
from tradectl.domain.text import described
from tradectl.monitoring.component_breaker import ComponentBreaker


class Periodic:
    """`act`, then a pause of `interval` s, and so on. It says why it failed, empty where it did not, and
    None where there was nothing to do; the `breaker` leaves it alone for longer after some failures."""

    def __init__(
        self,
        act: Callable[[], Awaitable[str | None]],
        interval: float,
        clock: Clock,
        breaker: ComponentBreaker | None = None,
    ) -> None:
        self._act = act
        self._interval = interval
        self._clock = clock
        self._breaker = breaker
        self._task: asyncio.Task[None] | None = None
        self._rests = False

    async def start(self) -> None:
        """Does nothing when already started."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """What is under way is not waited for."""
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def every(self, interval: float) -> None:
        """Another pause from here on: the one that lasts ends, what is under way goes on."""
        if interval == self._interval:
            return
        self._interval = interval
        if self._task is not None and self._rests:
            self._task.cancel()
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        breaker, self._rests = self._breaker, False
        while True:
            if breaker is None or breaker.allows():
                why = await self._outcome()
                if breaker is not None and why is not None:
                    breaker.heard(why)
            rest = 0.0 if breaker is None else breaker.retry_in
            self._rests = True
            await self._clock.sleep(max(self._interval, rest))
            self._rests = False

    async def _outcome(self) -> str | None:
        try:
            return await self._act()
        except Exception as error:  # it must not end all that come
            return described(error)


__all__ = ["Periodic"]
