"""What is done every so often beside all else: at once, and after each pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tradectl.bus.clock import Clock


class Periodic:
    """`act`, which never raises, then a pause of `interval` s, and so on."""

    def __init__(self, act: Callable[[], Awaitable[None]], interval: float, clock: Clock) -> None:
        self._act = act
        self._interval = interval
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

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
        """Another pause from here on, which may be the end of the one that lasts."""
        if interval == self._interval:
            return
        self._interval = interval
        if self._task is not None:
            self._task.cancel()
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            await self._act()
            await self._clock.sleep(self._interval)


__all__ = ["Periodic"]
