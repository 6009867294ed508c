"""Weights from risk alone, without a view on returns; they add up to 1.

inverse volatility         1 / v, over its sum: right where nothing moves together
risk parity                each symbol brings its budget of the portfolio's variance
hierarchical risk parity   the money is halved down a tree of what moves together
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tradectl.domain.errors import AllocationFailed
from tradectl.portfolio.allocation.clusters import leaves
from tradectl.portfolio.allocation.estimates import Array

MOST_STEPS = 200
CLOSE_ENOUGH = 1e-12
NO_PARITY = "risk parity: symbols hedge each other fully, so that no weights bring a risk to share"


def inverse_volatility(covariance: Array) -> Array:
    calm = 1 / np.sqrt(np.diag(covariance))
    return calm / calm.sum()


def risk_parity(covariance: Array, budgets: Array) -> Array:
    """The w with w_i (S w)_i / w'S w = b_i: the minimum of x'S x / 2 - sum(b_i log x_i), scaled, by
    Newton's steps. Spinu, "An algorithm for computing risk parity weights" (2013). Budgets are above
    zero and add up to 1."""
    deviations = np.sqrt(np.diag(covariance))
    risks = covariance / np.outer(deviations, deviations)
    weights = np.sqrt(budgets)  # of symbols that move equally much
    for _ in range(MOST_STEPS):
        slope = risks @ weights - budgets / weights
        if np.abs(slope * weights).max() < CLOSE_ENOUGH:
            weights = weights / deviations
            return weights / weights.sum()
        try:
            step = np.linalg.solve(risks + np.diag(budgets / weights**2), slope)
        except np.linalg.LinAlgError as error:
            raise AllocationFailed(NO_PARITY) from error
        # the decrement says how far a whole step can be trusted
        squared = float(slope @ step)
        if not squared >= 0:
            raise AllocationFailed(NO_PARITY)
        decrement = squared**0.5
        size = 1.0 if decrement < 0.25 else 1 / (1 + decrement / np.sqrt(budgets.min()))
        while ((weights - size * step) <= 0).any():
            size /= 2
        weights = weights - size * step
    raise AllocationFailed(NO_PARITY)


def hierarchical_risk_parity(
    covariance: Array, risk: Literal["variance", "deviation"] = "variance"
) -> Array:
    """Halves of the ordered symbols get money by the inverse of their risk, and so on within each half;
    a half's risk is that of its symbols by the inverse of theirs. Lopez de Prado, "Building diversified
    portfolios that outperform out of sample", Journal of Portfolio Management 42 (2016)."""
    ordered = leaves(covariance) if len(covariance) > 1 else [0]
    weights = np.ones(len(covariance))
    parts = [ordered]
    while parts:
        part = parts.pop()
        if len(part) < 2:
            continue
        left, right = part[: len(part) // 2], part[len(part) // 2 :]
        risky = [_risk_of(covariance[np.ix_(half, half)], risk) for half in (left, right)]
        share = 1 - risky[0] / sum(risky)
        weights[left] *= share
        weights[right] *= 1 - share
        parts += [left, right]
    return weights


def _risk_of(covariance: Array, risk: Literal["variance", "deviation"]) -> float:
    """Of symbols that are held by the inverse of their own risk."""
    own = np.diag(covariance) if risk == "variance" else np.sqrt(np.diag(covariance))
    held = (1 / own) / (1 / own).sum()
    variance = float(held @ covariance @ held)
    return variance if risk == "variance" else variance**0.5


__all__ = ["hierarchical_risk_parity", "inverse_volatility", "risk_parity"]
