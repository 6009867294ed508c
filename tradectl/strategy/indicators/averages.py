"""Moving averages: where the price is, when its noise is left out."""

from __future__ import annotations

from tradectl.domain.statistics import window
from tradectl.strategy.indicators.indicator import Indicator
from tradectl.strategy.indicators.moving_moments import MovingMoments


class Sma(Indicator[float]):
    """Simple moving average: the mean of the last n (TA-Lib's SMA)."""

    __slots__ = ("_moments",)

    def __init__(self, n: int) -> None:
        self._moments = MovingMoments(n)
        super().__init__(n)

    def update(self, x: float) -> float | None:
        if self._moments.update(x):
            self.value = self._moments.mean
        return self.value


class Wma(Indicator[float]):
    """Weighted moving average of the last n: weights 1, 2, ..., n, the newest's n (TA-Lib's WMA)."""

    __slots__ = ("_moments",)

    def __init__(self, n: int) -> None:
        self._moments = MovingMoments(n)
        super().__init__(n)

    def update(self, x: float) -> float | None:
        if self._moments.update(x):
            self.value = self._moments.weighted_mean
        return self.value


class _Exponential(Indicator[float]):
    """value' = value + alpha (x - value), begun at the mean of the first n."""

    __slots__ = ("_alpha", "_count", "_n", "_sum")

    def __init__(self, n: int, alpha: float, warm_up: int) -> None:
        self._n = n
        self._alpha = alpha
        self._count = 0
        self._sum = 0.0
        super().__init__(n, warm_up)

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


class Ema(_Exponential):
    """Exponential moving average, alpha = 2 / (n + 1), begun at the mean of the first n (TA-Lib)."""

    __slots__ = ()

    def __init__(self, n: int) -> None:
        super().__init__(window(n), 2.0 / (n + 1), 5 * n)


class Wilder(_Exponential):
    """Wilder's smoothing, alpha = 1 / n, begun at the mean of the first n (New Concepts in Technical
    Trading Systems, 1978). Charting programs call it RMA or SMMA.
    """

    __slots__ = ()

    def __init__(self, n: int) -> None:
        super().__init__(window(n), 1.0 / n, 10 * n)
