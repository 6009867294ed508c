"""How well an exchange answers: what became of each request that left, and how long it took.

An answer is whatever the exchange itself said, a refusal too; a gateway in front of it that says that
nobody is there, a page for people, silence and a connection that was not to be had are none.
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.documents.run import CallFigures
from tradectl.domain.statistics import Histogram

Heard = Callable[[str, bool], object]
"""What became of a request: why there was no answer, empty where there was one; and whether it was to
change something."""


def nobody(_why: str, _write: bool) -> None:
    """Nobody listens."""


class CallHealth:
    """Of one exchange, since the start of the run. `heard` is one who is told of each request's end."""

    def __init__(self) -> None:
        self.heard: Heard = nobody
        self._answered = self._failed = 0
        self._last_error = ""
        self._took = Histogram()

    def answered(self, seconds: float, *, write: bool = False) -> None:
        self._answered += 1
        self._took.observe(max(seconds, 0.0))
        self.heard("", write)

    def failed(self, why: str, *, write: bool = False) -> None:
        self._failed += 1
        self._last_error = why
        self.heard(why, write)

    def figures(self) -> CallFigures:
        """As `status --json` has them."""
        calls = self._answered + self._failed
        return CallFigures(
            answered=self._answered,
            failed=self._failed,
            error_pct=round(100 * self._failed / calls, 2) if calls else 0.0,
            last_error=self._last_error,
            p50_ms=round(self._took.percentile(0.5) * 1000, 1),
            p99_ms=round(self._took.percentile(0.99) * 1000, 1),
            max_ms=round(self._took.max * 1000, 1),
        )


__all__ = ["CallHealth", "Heard"]
