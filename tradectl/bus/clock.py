"""Time is handed in.

The bus asks its clock once per input; nothing in the core asks any other. With live feeds that is the
wall clock; with recorded data time is where the data is, so that a day can pass in a second, and twice
in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Nanoseconds since 1970 UTC; never goes back. `live` clocks move by themselves."""

    live: bool

    def now(self) -> int: ...

    def stamp(self, ts: int) -> int:
        """The moment of an input that says it happened at `ts` (0: it does not say)."""
        ...


class WallClock:
    """The computer's clock; while that is set back, time goes on from where it was. `wall` and
    `monotonic` give nanoseconds."""

    live = True

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._last = 0
        self._last_tick = 0

    def now(self) -> int:
        wall, tick = self._wall(), self._monotonic()
        if wall < self._last:  # timers must not stand still until the clock has caught up
            wall = self._last + tick - self._last_tick
        self._last, self._last_tick = wall, tick
        return wall

    def stamp(self, ts: int) -> int:
        return self.now()


class DataClock:
    """Stands where the data is."""

    live = False

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def stamp(self, ts: int) -> int:
        if ts > self._now:  # noqa: PLR1730 - once a tick, and twice as fast as max()
            self._now = ts
        return self._now
