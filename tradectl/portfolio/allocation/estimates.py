"""What returns say of the next period: their means, and how they move together.

`returns` are arrays of one row per period (oldest first) and one column per symbol; covariances are of
one period. A sample covariance of many symbols over few periods is mostly noise, which an optimiser
takes for chances: it is shrunk toward what it would be without any structure, or newer returns count
more."""

from __future__ import annotations

from typing import Any

import numpy as np

from tradectl.portfolio.allocation_settings import AllocationSettings

Array = Any
"""A numpy array of floats."""

LEAST_VARIANCE = 1e-12
"""A price that never moved would take everything."""


def moments(returns: Array, settings: AllocationSettings) -> tuple[Array, Array]:
    """The means and the covariance that the settings ask for."""
    match settings.covariance:
        case "sample":
            means, covariance = returns.mean(axis=0), sample(returns)
        case "shrunk":
            means, covariance = returns.mean(axis=0), shrunk(returns)
        case "exponential":
            means, covariance = exponential(returns, settings.half_life)
    quiet = np.diag(covariance) < LEAST_VARIANCE
    return means, covariance + np.diag(np.where(quiet, LEAST_VARIANCE, 0.0))


def sample(returns: Array) -> Array:
    """The unbiased one: divided by one less than the number of periods."""
    return np.atleast_2d(np.cov(returns, rowvar=False))


def shrunk(returns: Array) -> Array:
    """(1 - s) S + s m I, with the sample covariance S (divided by the number of periods), its mean
    variance m, and the s that is nearest to the truth on average: Ledoit and Wolf, "A well-conditioned
    estimator for large-dimensional covariance matrices", Journal of Multivariate Analysis 88 (2004)."""
    count, size = returns.shape
    centred = returns - returns.mean(axis=0)
    covariance = centred.T @ centred / count
    mean = np.trace(covariance) / size
    target = mean * np.eye(size)
    off = float(((covariance - target) ** 2).sum())
    squares = centred**2
    noise = float((squares.T @ squares / count - covariance**2).sum()) / count
    share = min(noise / off, 1.0) if off > 0 else 1.0
    return (1 - share) * covariance + share * target


def exponential(returns: Array, half_life: float) -> tuple[Array, Array]:
    """Means and covariance with a weight that halves every `half_life` periods into the past."""
    ages = np.arange(len(returns))[::-1]
    weights = 0.5 ** (ages / half_life)
    weights /= weights.sum()
    means = weights @ returns
    centred = returns - means
    return means, (centred * weights[:, None]).T @ centred


def correlation(covariance: Array) -> Array:
    deviations = np.sqrt(np.diag(covariance))
    found = covariance / np.outer(deviations, deviations)
    return np.clip((found + found.T) / 2, -1.0, 1.0)


__all__ = ["Array", "correlation", "exponential", "moments", "sample", "shrunk"]
