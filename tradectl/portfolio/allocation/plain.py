"""Weights that need no more than the standard library: equal, and by the inverse of volatility.

A weight above its cap is cut, and what is cut goes to the others in proportion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from tradectl.portfolio.allocation_settings import AllocationSettings

QUIETEST = 1e-6


Name = TypeVar("Name")


def shared(calm: Mapping[Name, float], allotted: float, cap: float) -> dict[Name, float]:
    """`allotted` in proportion to these numbers, none of more than `cap`; a zero gets nothing."""
    weights = dict.fromkeys(calm, 0.0)
    calm = {name: own for name, own in calm.items() if own > 0}
    left, open_ones = min(allotted, cap * len(calm)), dict(calm)
    while open_ones:
        total = sum(open_ones.values())
        above = [name for name, own in open_ones.items() if left * own / total > cap]
        if not above:
            return weights | {name: left * own / total for name, own in open_ones.items()}
        for name in above:
            weights[name] = cap
            left -= cap
            del open_ones[name]
    return weights


def calm_of(returns: Sequence[float], settings: AllocationSettings) -> float:
    """1 / volatility: that of a sample, or where newer returns count more, by those."""
    count = len(returns)
    ages = range(count - 1, -1, -1)
    exponential = settings.covariance == "exponential"
    weights = [0.5 ** (age / settings.half_life) if exponential else 1.0 for age in ages]
    total = math.fsum(weights)
    mean = math.fsum(w * r for w, r in zip(weights, returns, strict=True)) / total
    squares = math.fsum(w * (r - mean) ** 2 for w, r in zip(weights, returns, strict=True))
    variance = squares / (total if exponential else total - 1)
    return 1 / max(math.sqrt(variance), QUIETEST)


__all__ = ["calm_of", "shared"]
