"""A circuit breaker: after some failures in a row, stop trying for a while, then try once.

closed --(failures in a row)--> open --(cooldown)--> half open --success--> closed
                                  ^------------------- failure ---'   (cooldown doubles)
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.domain.backoff import pause_after


class CircuitBreaker:
    """`clock` gives seconds; `cooldown` doubles with each failed trial, up to `max_cooldown`."""

    def __init__(
        self,
        max_failures: int = 5,
        cooldown: float = 1.0,
        max_cooldown: float = 30.0,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.failures = 0
        self._max_failures = max_failures
        self._first_cooldown, self._max_cooldown = cooldown, max_cooldown
        self._cooldown, self._trials = cooldown, 1
        self._clock = clock
        self._opened_at: float | None = None

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`."""
        if self._opened_at is None:
            return "closed"
        return "open" if self.retry_in() > 0 else "half_open"

    def allows(self) -> bool:
        return self.state != "open"

    def retry_in(self) -> float:
        """Seconds until the next trial; zero when one is allowed now."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._cooldown - self._clock())

    def succeeded(self) -> None:
        self.failures = 0
        self._opened_at = None
        self._cooldown, self._trials = self._first_cooldown, 1

    def failed(self) -> bool:
        """Count a failure; True when it is the one that opens the breaker."""
        self.failures += 1
        if self._opened_at is not None:
            self._trials += 1
            self._cooldown = pause_after(self._trials, self._first_cooldown, self._max_cooldown)
            self._opened_at = self._clock()
            return False
        if self.failures < self._max_failures:
            return False
        self._opened_at = self._clock()
        return True
