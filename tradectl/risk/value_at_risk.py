"""What a day may cost, by what days have brought: value at risk, in four ways.

Each takes the profits and losses of n days and says the loss that a day does not exceed with a
probability of 95 %: a positive number, below zero where even a bad day brings a profit.

    historical       the 5th percentile of the days, linear between two of them (type 7 of Hyndman and
                     Fan, "Sample Quantiles in Statistical Packages", American Statistician, 1996)
    parametric       -(mean + z sd), z = -1.6449 of the normal distribution, sd with n - 1
                     (RiskMetrics Technical Document, J.P. Morgan, 1996, with the mean kept)
    Cornish-Fisher   the same with z moved by skewness and excess kurtosis (Zangari, RiskMetrics Monitor,
                     1996); refused where it is not monotone: there a rarer loss would count as smaller
                     (Maillard, "A User's Guide to the Cornish Fisher Expansion", 2012)
    expected shortfall   the mean of the lowest int(0.05 (n - 1)) + 1 days: the cost of the days beyond

Statistics: floats, for people to look at. No order depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

CONFIDENCE = 0.95
TAIL = 0.05
Z = NormalDist().inv_cdf(TAIL)


def historical(days: Sequence[float]) -> float:
    return -percentile(days, TAIL)


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the two values beside it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def expected_shortfall(days: Sequence[float]) -> float:
    lowest = int(TAIL * (len(days) - 1)) + 1
    return -math.fsum(sorted(days)[:lowest]) / lowest


def parametric(days: Sequence[float], z: float = Z) -> float:
    mean = math.fsum(days) / len(days)
    variance = math.fsum((day - mean) ** 2 for day in days) / (len(days) - 1)
    return -(mean + z * math.sqrt(variance))


def moments(days: Sequence[float]) -> tuple[float, float]:
    """Skewness and excess kurtosis of the days themselves: m3 / m2^1.5, m4 / m2^2 - 3. Without any
    movement both are 0."""
    mean = math.fsum(days) / len(days)
    m2, m3, m4 = (math.fsum((day - mean) ** k for day in days) / len(days) for k in (2, 3, 4))
    if m2 == 0:
        return 0.0, 0.0
    return m3 / m2**1.5, m4 / m2**2 - 3


def is_monotone(skewness: float, kurtosis: float) -> bool:
    """The expansion grows with z everywhere: its derivative, a parabola a z^2 + b z + c, has no zero."""
    a = kurtosis / 8 - skewness**2 / 6
    b = skewness / 3
    c = 1 - kurtosis / 8 + 5 * skewness**2 / 36
    if a == 0:
        return b == 0 and c > 0
    return a > 0 and b * b <= 4 * a * c


def cornish_fisher(days: Sequence[float]) -> float | None:
    """None where the expansion is not monotone."""
    s, k = moments(days)
    if not is_monotone(s, k):
        return None
    moved = Z + (Z**2 - 1) * s / 6 + (Z**3 - 3 * Z) * k / 24 - (2 * Z**3 - 5 * Z) * s**2 / 36
    return parametric(days, moved)


__all__ = [
    "CONFIDENCE",
    "cornish_fisher",
    "expected_shortfall",
    "historical",
    "is_monotone",
    "moments",
    "parametric",
    "percentile",
]
