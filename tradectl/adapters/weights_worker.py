"""Who works weights out, outside of the core: what is asked goes in, an input comes back.

Live it is done in a thread, so that a solver never holds up a tick. Recorded data has no time to lose
between two of its events: there it is done at once, and every run of the same data is the same.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from tradectl.bus.event_bus import EventBus
from tradectl.domain.allocation import Allocator, ComputeWeights
from tradectl.domain.errors import TradectlError
from tradectl.domain.events import WeightsComputed
from tradectl.domain.text import harmless
from tradectl.strategy import containment


class WeightsWorker:
    """Answers by posting to `bus`."""

    name = "allocation"

    def __init__(self, bus: EventBus, allocator: Allocator) -> None:
        self._bus = bus
        self._allocator = allocator
        self._tasks: set[asyncio.Task[None]] = set()

    def bind(self) -> None:
        self._bus.compute_by(self._compute)

    def _compute(self, command: ComputeWeights) -> None:
        if not (self._bus.clock.live and self._bus.running):
            self._bus.post(answer_to(command, self._allocator))
            return
        if self._tasks:  # one that never comes back is not called beside itself
            self._bus.post(_failed(command, "those asked for before are still being worked out"))
            return
        task = asyncio.ensure_future(self._compute_in_thread(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _compute_in_thread(self, command: ComputeWeights) -> None:
        # of its own: the loop waits for none of others as it ends, and nothing of it is left behind
        thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)
        try:
            work = asyncio.get_running_loop().run_in_executor
            answer = await work(thread, answer_to, command, self._allocator)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
        self._bus.post(answer)


def answer_to(command: ComputeWeights, allocator: Allocator) -> WeightsComputed:
    """Weights, or why there are none: whatever happens, there is an answer. Raises Interrupted."""
    try:
        weights = allocator(command.targets, command.history)
    except TradectlError as error:
        return _failed(command, str(error))
    except (
        BaseException
    ) as error:  # numbers that a library cannot work with: the weights of before stay
        return _failed(command, containment.failure(error))
    return WeightsComputed(
        source_component=WeightsWorker.name, request=command.request, weights=weights
    )


def _failed(command: ComputeWeights, why: str) -> WeightsComputed:
    return WeightsComputed(
        source_component=WeightsWorker.name, request=command.request, failure=harmless(why, 300)
    )


__all__ = ["WeightsWorker", "answer_to"]
