"""Statistics of a window: how unusual the price is, where it is heading, how much it moves."""

from __future__ import annotations

import math
from typing import NamedTuple

from tradectl.strategy.indicators.indicator import Indicator
from tradectl.strategy.indicators.moving_moments import MovingMoments


class ZScore(Indicator[float]):
    """How many standard deviations (over n, the population's) the last of n observations is above their
    mean: (x - mean) / deviation. Where nothing moved it is 0, and nowhere is it beyond the root of n - 1
    (Samuelson, How deviant can you be?, 1968): where prices differ by their last digit, rounding is."""

    __slots__ = ("_moments", "_most")

    def __init__(self, n: int) -> None:
        self._moments = MovingMoments(n, least=2)
        self._most = math.sqrt(n - 1)
        super().__init__(n)

    def update(self, x: float) -> float | None:
        moments = self._moments
        if moments.update(x):
            deviation = moments.deviation
            score = (x - moments.mean) / deviation if deviation else 0.0
            self.value = max(-self._most, min(score, self._most))
        return self.value


class Line(NamedTuple):
    """`slope` is the price per observation, `intercept` the line at the oldest of the window, and `value`
    at the newest."""

    slope: float
    intercept: float
    value: float


class LinearRegression(Indicator[Line]):
    """The straight line through the last n with the least squares (Gauss and Legendre; TA-Lib's
    LINEARREG_SLOPE, LINEARREG_INTERCEPT and LINEARREG)."""

    __slots__ = ("_half", "_moments")

    def __init__(self, n: int) -> None:
        self._moments = MovingMoments(n, least=2)
        self._half = (n - 1) / 2
        super().__init__(n)

    def update(self, x: float) -> Line | None:
        moments = self._moments
        if moments.update(x):
            slope, mean = moments.slope, moments.mean
            rise = slope * self._half
            self.value = Line(slope, mean - rise, mean + rise)
        return self.value


class Volatility(Indicator[float]):
    """Standard deviation of the last n log returns, ln(price / the one before), over n - 1, the sample's;
    times the root of `periods`, as 365 for a year of days (Hull, Options, Futures, and Other Derivatives,
    on historical volatility). Prices are positive.
    """

    __slots__ = ("_factor", "_last", "_returns")

    def __init__(self, n: int, periods: float = 1.0) -> None:
        self._returns = MovingMoments(n, least=2)
        self._factor = periods / (n - 1)
        self._last: float | None = None
        super().__init__(n + 1)

    def update(self, price: float) -> float | None:
        last, self._last = self._last, price
        if last is not None and self._returns.update(math.log(price / last)):
            self.value = math.sqrt(self._returns.squares * self._factor)
        return self.value
