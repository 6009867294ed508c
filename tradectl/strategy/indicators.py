"""Indicators that remember only what they need.

Each takes one observation at a time and costs the same however long it has run. `update` returns the
new value, or None while there are too few observations; `value` keeps it and `ready` says that there
is one. `warm_up` is how many observations it takes until what came before them no longer matters: where
an average remembers for ever, until that has less than a ten-thousandth of the weight. They work in
floats: statistics end here and never become money.
"""

from __future__ import annotations

from collections import deque

from tradectl.domain.statistics import EwmVolatility, window


class Ema:
    """Exponential moving average, alpha = 2 / (n + 1), begun at the mean of the first n (as TA-Lib)."""

    __slots__ = ("_alpha", "_count", "_n", "_sum", "value")

    def __init__(self, n: int) -> None:
        self._n = window(n)
        self._alpha = 2.0 / (n + 1)
        self._count = 0
        self._sum = 0.0
        self.value: float | None = None

    @property
    def ready(self) -> bool:
        return self.value is not None

    @property
    def warm_up(self) -> int:
        return 5 * self._n

    def update(self, x: float) -> float | None:
        value = self.value
        if value is None:
            return self._seed(x)
        self.value = value = value + self._alpha * (x - value)
        return value

    def _seed(self, x: float) -> float | None:
        self._count += 1
        self._sum += x
        if self._count == self._n:
            self.value = self._sum / self._n
        return self.value


class Rsi:
    """Relative strength index, 0 to 100, in Wilder's smoothing (New Concepts, 1978; equals TA-Lib).

    A market that never moved has 50: TA-Lib says 0 there, which would read as oversold.
    """

    __slots__ = ("_count", "_gain", "_last", "_loss", "_n", "value")

    def __init__(self, n: int) -> None:
        self._n = window(n)
        self._count = 0
        self._gain = self._loss = 0.0
        self._last: float | None = None
        self.value: float | None = None

    @property
    def ready(self) -> bool:
        return self.value is not None

    @property
    def warm_up(self) -> int:
        return 10 * self._n + 1

    def update(self, x: float) -> float | None:
        last, self._last = self._last, x
        if last is None:
            return None
        gain, loss = max(x - last, 0.0), max(last - x, 0.0)
        self._count = count = min(self._count + 1, self._n)
        # a plain mean of the first n changes, then Wilder's: 1/n of the new one
        self._gain += (gain - self._gain) / count
        self._loss += (loss - self._loss) / count
        if count == self._n:
            moved = self._gain + self._loss
            self.value = 100.0 * (self._gain / moved) if moved else 50.0
        return self.value


class Donchian:
    """Highest high and lowest low of the last n bars (Donchian's channel): `high` and `low`."""

    __slots__ = ("_count", "_highs", "_lows", "_n", "high", "low")

    def __init__(self, n: int) -> None:
        self._n = window(n)
        self._count = 0
        # (index, value), best first: whoever is older and no better can never be the extreme again
        self._highs: deque[tuple[int, float]] = deque()
        self._lows: deque[tuple[int, float]] = deque()
        self.high: float | None = None
        self.low: float | None = None

    @property
    def ready(self) -> bool:
        return self.high is not None

    @property
    def warm_up(self) -> int:
        return self._n

    @property
    def value(self) -> tuple[float, float] | None:
        return None if self.high is None or self.low is None else (self.high, self.low)

    def update(self, high: float, low: float) -> tuple[float, float] | None:
        highs, lows = self._highs, self._lows
        while highs and highs[-1][1] <= high:
            highs.pop()
        while lows and lows[-1][1] >= low:
            lows.pop()
        highs.append((self._count, high))
        lows.append((self._count, low))
        self._count += 1
        oldest = self._count - self._n
        if oldest < 0:
            return None
        if highs[0][0] < oldest:
            highs.popleft()
        if lows[0][0] < oldest:
            lows.popleft()
        self.high, self.low = highs[0][1], lows[0][1]
        return self.high, self.low


__all__ = ["Donchian", "Ema", "EwmVolatility", "Rsi"]
