"""A curve of any length in a bounded number of points: two neighbours become one where there are more.

Each point stands for the same number of values, but for the last. What becomes of two (the extremes of
both, the last value) is for who keeps the curve to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

P = TypeVar("P")


class Downsampled(Generic[P]):
    """At most `most` points and the newest; `join` makes one of two neighbours."""

    def __init__(self, most: int, join: Callable[[P, P], P]) -> None:
        self._most, self._join = max(most, 2), join
        self._each = 1
        self._points: list[P] = []
        self._newest: P | None = None
        self._in_newest = 0

    def add(self, point: P) -> None:
        if self._newest is None:
            self._newest, self._in_newest = point, 1
        else:
            self._newest, self._in_newest = self._join(self._newest, point), self._in_newest + 1
        if self._in_newest < self._each:
            return
        self._points.append(self._newest)
        self._newest = None
        if len(self._points) >= self._most:
            self._points = halved(self._points, self._join)
            self._each *= 2

    def all(self) -> list[P]:
        return self._points + ([self._newest] if self._newest is not None else [])


def halved(points: list[P], join: Callable[[P, P], P]) -> list[P]:
    """Each two neighbours joined; an odd last one stays as it is."""
    pairs = zip(points[::2], points[1::2], strict=False)
    return [join(*pair) for pair in pairs] + (points[-1:] if len(points) % 2 else [])


__all__ = ["Downsampled", "halved"]
