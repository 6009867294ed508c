"""What a live clock needs beside its time: somebody who calls when the next scheduled input is due.

Recorded time comes to such inputs by itself, with the first event that lies after them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradectl.bus.clock import Clock
from tradectl.bus.scheduler import NEVER, Scheduler
from tradectl.domain.events import Event
from tradectl.domain.time import SECOND


class Alarm:
    """From `start` to `stop` each input of the `scheduler` is posted once it is due; on recorded data
    nothing is done."""

    def __init__(self, scheduler: Scheduler, clock: Clock, post: Callable[[Event], None]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._post = post
        self._on = False
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._on = self._clock.live
        self.set()

    def stop(self) -> None:
        self._on = False
        self._cancel()

    def set(self) -> None:
        """To the next input, which may be another one now."""
        if not self._on:
            return
        self._cancel()
        if self._scheduler.next_due != NEVER:
            delay = max(0, self._scheduler.next_due - self._clock.now()) / SECOND
            self._handle = asyncio.get_running_loop().call_later(delay, self._post_due)

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _post_due(self) -> None:
        now = self._clock.now()
        while self._scheduler.next_due <= now:
            self._post(self._scheduler.pop()[1])
        self.set()


__all__ = ["Alarm"]
