"""Living with what fails: pauses between tries, a circuit breaker, and noticing that one stood still.

Everything that tries again waits by doubling pauses up to a longest one: connections, questions,
deliveries, restarts, a breaker's cooldown. Where a success makes the pauses small again, whoever tries
begins a new series.

A circuit breaker leaves alone what failed some times in a row, and then tries once:

    closed --(failures in a row)--> open --(cooldown)--> half open --success--> closed
                                      ^------------------- failure ---'   (cooldown doubles)

A process, or its event loop, may be suspended, swapped out or blocked. Whoever wants to know beats
regularly: when the last beat is too long ago nothing can have run since, and what the process knows is as
old as that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
MOST_DOUBLINGS = 64


def pause_after(
    failures: int, first: float = FIRST_PAUSE_S, longest: float = LONGEST_PAUSE_S
) -> float:
    """Seconds to wait after so many failures in a row (at least 1): `first`, doubled with each more."""
    return min(first * 2.0 ** min(failures - 1, MOST_DOUBLINGS), longest)


def pauses(first: float = FIRST_PAUSE_S, longest: float = LONGEST_PAUSE_S) -> Iterator[float]:
    """The same as a series without end: the pause after the first failure, the second, ..."""
    pause = min(first, longest)
    while True:
        yield pause
        pause = min(pause * 2, longest)


CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"


class CircuitBreaker:
    """`clock` gives seconds; `cooldown` doubles with each failed trial, up to `max_cooldown`, and with
    each time that it opens again within `forgiven_after` seconds of its closing."""

    def __init__(
        self,
        max_failures: int = 5,
        cooldown: float = 1.0,
        max_cooldown: float = 30.0,
        *,
        forgiven_after: float = 0.0,
        clock: Callable[[], float],
    ) -> None:
        self.failures = 0
        self._max_failures = max_failures
        self._first_cooldown, self._max_cooldown = cooldown, max_cooldown
        self._cooldown, self._trials = cooldown, 1
        self._forgiven_after = forgiven_after
        self._clock = clock
        self._opened_at: float | None = None
        self._closed_at: float | None = None

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`."""
        if self._opened_at is None:
            return CLOSED
        return OPEN if self.retry_in() > 0 else HALF_OPEN

    def allows(self) -> bool:
        return self.state != OPEN

    def retry_in(self) -> float:
        """Seconds until the next trial; zero when one is allowed now."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._cooldown - self._clock())

    def succeeded(self) -> None:
        self.failures = 0
        if self._opened_at is not None:
            self._opened_at, self._closed_at = None, self._clock()

    def failed(self) -> bool:
        """Count a failure; True when it is the one that opens the breaker."""
        self.failures += 1
        is_open = self._opened_at is not None
        if not is_open and self.failures < self._max_failures:
            return False
        now = self._clock()
        is_flapping = self._closed_at is not None and now - self._closed_at < self._forgiven_after
        self._trials = self._trials + 1 if is_open or is_flapping else 1
        self._cooldown = pause_after(self._trials, self._first_cooldown, self._max_cooldown)
        self._opened_at = now
        return not is_open


class StallDetector:
    """`limit` is the longest time between two beats (s) that is no stall; `monotonic` gives seconds.
    Reading it is safe from another thread."""

    def __init__(self, limit: float, monotonic: Callable[[], float]) -> None:
        self.limit = limit
        self._monotonic = monotonic
        self.last_beat = monotonic()

    def stalled_for(self) -> float:
        """Seconds since the last beat where that is too long, else 0."""
        silence = self._monotonic() - self.last_beat
        return silence if silence > self.limit else 0.0

    def beat(self) -> float:
        """A sign of life; how long there had been none, as `stalled_for` has it."""
        stalled = self.stalled_for()
        self.last_beat = self._monotonic()
        return stalled


__all__ = [
    "CLOSED",
    "FIRST_PAUSE_S",
    "HALF_OPEN",
    "LONGEST_PAUSE_S",
    "OPEN",
    "CircuitBreaker",
    "StallDetector",
    "pause_after",
    "pauses",
]
