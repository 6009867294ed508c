"""How long to wait before the next try: doubling pauses, up to a longest one.

Everything that tries again waits by this: connections, questions, deliveries, restarts, a breaker's
cooldown. Where a success makes the pauses small again, whoever tries begins a new series.
"""

from __future__ import annotations

from collections.abc import Iterator

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


__all__ = ["FIRST_PAUSE_S", "LONGEST_PAUSE_S", "pause_after", "pauses"]
