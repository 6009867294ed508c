"""Time is handed in.

The bus asks its clock once per input; nothing in the core asks any other. With live feeds that is the
wall clock; with recorded data time is where the data is, so that a day can pass in a second, and twice
in the same way. Everything else that needs a time (a deadline, a duration, the name of a run) is handed
a clock, too: this module is the only one that reads the computer's.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

_COUNTS_ON = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
COUNTS_ON = functools.partial(time.clock_gettime, _COUNTS_ON)
"""Seconds, while the computer sleeps, too: what was known before a sleep is as old as it is."""
COUNTS_ON_NS = functools.partial(time.clock_gettime_ns, _COUNTS_ON)

SET = 1_000_000_000
"""A clock that is so far from where it should be was set, and did not merely run fast or slow."""
BELIEVED_AFTER = 600_000_000_000
"""Where no exchange says which clock is right; so long it is known that data came in time by ours."""
WORDS = 5
"""So many messages of an exchange in a row say the same."""
LATEST = 10_000_000_000
"""What an exchange dates comes later than that by no more, where the clock is right: what does says
nothing of a clock."""
EARLIEST = SET // 2
"""And before that by no more, as its own clock may be ahead."""
WAITS = 10
"""Every tenth moment, while it is ahead of the computer's clock by less than that."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""


class Clock(Protocol):
    """`now` is that of the market, `wall`, `monotonic`, `ticks` and `sleep` are the computer's."""

    live: bool
    """moves by itself"""
    moved: int
    """how far (ns) the computer's clock is ahead (+) or behind, and is not followed yet"""

    def now(self) -> int:
        """Nanoseconds since 1970 UTC; never goes back."""
        ...

    def stamp(self, ts: int) -> int:
        """The moment of an input that says it happened at `ts` (0: it does not say)."""
        ...

    def heard(self, ts: int) -> None:
        """An exchange dated `ts` (0: it does not say) what has just come from it."""
        ...

    def wall(self) -> int:
        """Nanoseconds since 1970 UTC, that of the computer even where data has another time."""
        ...

    def monotonic(self) -> float:
        """Seconds, for deadlines and ages; where they begin means nothing."""
        ...

    def ticks(self) -> int:
        """Nanoseconds, for durations; where they begin means nothing."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class ComputerClock:
    """What the computer's own clock says. Its functions stand in for a clock where only one is needed:
    `monotonic: Callable[[], float] = ComputerClock.monotonic`."""

    moved = 0
    wall = staticmethod(time.time_ns)
    monotonic = staticmethod(COUNTS_ON)
    ticks = staticmethod(time.perf_counter_ns)
    processor = staticmethod(time.process_time)
    """Seconds of a processor that this process has had."""

    def heard(self, ts: int) -> None:
        """What nobody can set needs no word of an exchange."""

    @staticmethod
    async def sleep(seconds: float) -> None:
        import asyncio  # takes long to load, and whoever only asks for the time needs none

        await asyncio.sleep(seconds)


class WallClock(ComputerClock):
    """The computer's clock, while it is right; `wall_ns` and `monotonic_ns` give nanoseconds.

    One that is set, by a second or more, is not believed at once, and time goes on at its own pace: a
    clock that jumps a day ahead and comes back makes nothing a day old, and dates nothing tomorrow. Where
    there is an exchange (`by_exchange`) what it dates its data tells which of the two is right: the one
    by which that comes later than it was dated, and less late. That the computer's was wrong before is
    followed ahead at once. Without one, or where it dates nothing, it is believed once it has stood for
    ten minutes, and time then goes twice as fast until it is there. Time never goes back: where the
    computer's clock is believed and behind it goes half as fast until that has come up. Only before it is
    anyone's it may be set (`begin`).
    """

    live = True

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = COUNTS_ON_NS,
        *,
        by_exchange: bool = False,
    ) -> None:
        self.moved = 0
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._by_exchange = by_exchange
        self._last, self._last_tick = wall_ns(), monotonic_ns()
        self._moved_at, self._words, self._is_dated = 0, 0, False
        self._known, self._known_at = LATEST, self._last_tick

    def now(self) -> int:
        wall, tick = self._wall_ns(), self._monotonic_ns()
        passed = tick - self._last_tick
        now = self._last + passed
        apart = wall - now
        if 0 <= apart < SET:
            now, self.moved = wall, 0
        elif -SET < apart < 0:
            now, self.moved = now - min(-apart, passed // WAITS), 0
        else:
            now += self._followed(apart, passed, tick)
            self.moved = wall - now
        self._last, self._last_tick = now, tick
        return now

    def wall(self) -> int:
        """The same: one that was set dates nothing of ours."""
        return self.now()

    def begin(self, off: int) -> None:
        """The exchange says that the computer's clock is ahead by `off` (ns; below zero: behind)."""
        self.now()
        self._last, self.moved = self._last - off, off
        self._moved_at, self._is_dated = self._last_tick, True

    def heard(self, ts: int) -> None:
        if not ts:
            return
        late = self.now() - ts
        by_ours, by_computer = _unlikely(late), _unlikely(late + self.moved)
        if by_ours <= self._known or self._last_tick - self._known_at > BELIEVED_AFTER:
            self._known, self._known_at = by_ours, self._last_tick
        if min(by_ours, by_computer) < LATEST:
            self._is_dated = True
            self._words = self._words + 1 if self.moved and by_computer < self._known else 0

    def _followed(self, apart: int, passed: int, tick: int) -> int:
        """How much of `apart` time goes now, `passed` after it went last."""
        if abs(apart - self.moved) >= SET:
            self._moved_at, self._words = tick, 0
        if self._by_exchange and self._is_dated:
            if self._words < WORDS:
                return 0
            return apart if apart > 0 else max(apart, -(passed // 2))
        if tick - self._moved_at < BELIEVED_AFTER:
            return 0
        return min(apart, passed) if apart > 0 else max(apart, -(passed // 2))

    def stamp(self, ts: int) -> int:
        return self.now()


def _unlikely(late: int) -> int:
    """The more so, the later something comes; nothing comes before it is sent."""
    return min(abs(late), LATEST) if late > -EARLIEST else LATEST


class DataClock(ComputerClock):
    """Stands where the data is."""

    live = False

    def __init__(self, start: int = 0) -> None:
        self._now = start
        self.wall = WallClock().now

    def now(self) -> int:
        return self._now

    def stamp(self, ts: int) -> int:
        if ts > self._now:  # noqa: PLR1730 - once a tick, and twice as fast as max()
            self._now = ts
        return self._now
