"""When to try again what was refused: each time later, by the time of events.

A stop that an exchange will not take, a closing order that is turned away: asked for again at once it
would go on for ever, and not asked for at all the position stays as it is.
"""

from __future__ import annotations

from tradectl.domain.resilience import pause_after
from tradectl.domain.time import SECOND

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
FORGIVEN_AFTER = 120 * SECOND


class RetryTimes:
    """Failures by symbol, and when the next try is due; times in ns. What did not fail for two minutes
    begins anew."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._due: dict[str, int] = {}

    def is_due(self, symbol: str, at: int) -> bool:
        return at >= self._due.get(symbol, 0)

    def due(self, symbol: str) -> int | None:
        """When the next try is; None where nothing failed."""
        return self._due.get(symbol)

    def failed(self, symbol: str, at: int, free: int = 0) -> float:
        """It failed at `at`; the seconds to wait: none after so many first failures as are `free`."""
        if at - self._last.get(symbol, at) > FORGIVEN_AFTER:
            self._failures.pop(symbol, None)
        failures = self._failures[symbol] = self._failures.get(symbol, 0) + 1
        self._last[symbol] = at
        counted = failures - free
        pause = pause_after(counted, FIRST_PAUSE_S, LONGEST_PAUSE_S) if counted > 0 else 0.0
        self._due[symbol] = at + int(pause * SECOND)
        return pause

    def forget(self, symbol: str) -> None:
        """It is tried at once again."""
        for kept in (self._failures, self._last, self._due):
            kept.pop(symbol, None)

    def clear(self) -> None:
        """Everything is tried at once again."""
        for kept in (self._failures, self._last, self._due):
            kept.clear()


__all__ = ["RetryTimes"]
