"""The tasks of a real exchange: what is under way, which an end waits for, and what goes on beside.

One that fails has a fault of ours: trading on without it would be blind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Work = Coroutine[Any, Any, None]


class Tasks:
    """`failed` hears of what broke a task."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._under_way: set[asyncio.Task[None]] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._ending = False

    def go(self, work: Work) -> None:
        """Something on its way to the venue or back."""
        self._keep(work, self._under_way)

    def beside(self, work: Work) -> None:
        """Something that goes on until the end."""
        self._keep(work, self._beside)

    async def end(self, drain_s: float) -> None:
        """Let what is under way come to its end for `drain_s` seconds, then cancel everything."""
        self._ending = True
        if self._under_way:
            await asyncio.wait([*self._under_way], timeout=drain_s)
        tasks = [*self._beside, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, work: Work, among: set[asyncio.Task[None]]) -> None:
        task = asyncio.ensure_future(work)
        among.add(task)
        task.add_done_callback(lambda done: self._ended(done, among))

    def _ended(self, task: asyncio.Task[None], among: set[asyncio.Task[None]]) -> None:
        among.discard(task)
        if task.cancelled() or self._ending:
            return
        error = task.exception()
        if error is not None:
            self._failed(error)


__all__ = ["Tasks"]
