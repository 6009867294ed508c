"""Tasks: those that live and die together, and those of which one must not take the others with it.

The parts of one stream are useless without each other: `run_together`. The tasks of a live exchange are
not: when one breaks, the dead-man switch is armed further and cancels go on, and trading halts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Work = Coroutine[Any, Any, None]


async def run_together(*parts: Work) -> None:
    """Run all to their end. The first that fails ends the others, and its error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in parts]
            # not left to the end of the group: before 3.13, a failure that it sees only there leaves
            # this task marked as cancelled
            if tasks:
                await asyncio.wait(tasks)
    except BaseExceptionGroup as failed:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # cancelled, and a part failed at its end
            raise asyncio.CancelledError from None
        raise failed.exceptions[0] from None


class BackgroundTasks:
    """What is under way, which an end waits for, and what goes on beside it. `failed` hears of what broke
    a task: a fault of ours, with which trading on would be blind."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._under_way: set[asyncio.Task[None]] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._ending = False

    def start(self, work: Work) -> None:
        """Something on its way to the venue or back."""
        self._keep(work, self._under_way)

    def start_beside(self, work: Work) -> None:
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


__all__ = ["BackgroundTasks", "Work", "run_together"]
