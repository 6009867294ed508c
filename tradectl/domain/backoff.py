"""How long to wait before the next try."""

from __future__ import annotations

from collections.abc import Iterator

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


def pauses(first: float = FIRST_PAUSE_S) -> Iterator[float]:
    """Seconds, doubling from `first` to LONGEST_PAUSE_S, for ever."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE_S)


__all__ = ["FIRST_PAUSE_S", "LONGEST_PAUSE_S", "pauses"]
