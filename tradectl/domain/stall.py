"""Noticing that this process, or its event loop, stood still: suspended, swapped out, or blocked.

Whoever wants to know beats regularly. When the last beat is too long ago nothing can have run since, and
what the process knows is as old as that.
"""

from __future__ import annotations

from collections.abc import Callable


class StallDetector:
    """`limit` is the longest time between two beats (s) that is no stall; `monotonic` gives seconds.
    Reading it is safe from another thread."""

    def __init__(self, limit: float, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self.last_beat = monotonic()

    def stalled_for(self) -> float:
        """Seconds since the last beat where that is too long, else 0."""
        silence = self._monotonic() - self.last_beat
        return silence if silence > self._limit else 0.0

    def beat(self) -> float:
        """A sign of life; how long there had been none, as `stalled_for` has it."""
        stalled = self.stalled_for()
        self.last_beat = self._monotonic()
        return stalled


__all__ = ["StallDetector"]
