"""Time is handed in.

The bus asks its clock once per input; nothing in the core asks any other. With live feeds that is the
wall clock; with recorded data time is where the data is, so that a day can pass in a second, and twice
in the same way.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Nanoseconds since 1970 UTC; never goes back. `live` clocks move by themselves."""

    live: bool

    def now(self) -> int: ...

    def stamp(self, ts: int) -> int:
        """The moment of an input that says it happened at `ts` (0: it does not say)."""
        ...


class WallClock:
    """The computer's clock, held still while the computer's goes back."""

    live = True

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last, time.time_ns())
        return self._last

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
