"""How much each symbol moves, from its marks at regular moments."""

from __future__ import annotations

from math import log, sqrt

DECAY = 0.94
"""Weight of yesterday's estimate in today's: RiskMetrics' technical document (J.P. Morgan,
1996)."""

ENOUGH = 10
"""Returns needed before an estimate is worth anything."""

QUIETEST = 1e-6
"""No symbol counts as quieter than this per period, or one that never trades would take all."""


class Volatility:
    """Exponentially weighted standard deviation of log returns per period (mean taken as zero):
    v' = 0.94 v + 0.06 r^2. The period is the time between two calls of `sample`."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._variance: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def sample(self, symbol: str, mark: float) -> None:
        last = self._last.get(symbol)
        self._last[symbol] = mark
        if last is None:
            return
        square = log(mark / last) ** 2
        count = self._count.get(symbol, 0)
        self._count[symbol] = count + 1
        before = self._variance.get(symbol, 0.0)
        # a plain mean until there is enough of a past to decay
        keep = DECAY if count >= ENOUGH else count / (count + 1)
        self._variance[symbol] = keep * before + (1 - keep) * square

    def of(self, symbol: str) -> float | None:
        """None before there are enough samples."""
        if self._count.get(symbol, 0) < ENOUGH:
            return None
        return max(sqrt(self._variance[symbol]), QUIETEST)
