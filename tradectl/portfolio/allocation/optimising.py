"""The methods that look at all symbols together: from returns to weights that keep to the
constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from tradectl.domain.errors import AllocationFailed
from tradectl.portfolio.allocation.clusters import alike
from tradectl.portfolio.allocation.constraints import Constraints, Group
from tradectl.portfolio.allocation.estimates import Array, moments
from tradectl.portfolio.allocation.plain import shared
from tradectl.portfolio.allocation.programs import (
    kelly,
    maximum_sharpe,
    minimum_variance,
    nearest,
)
from tradectl.portfolio.allocation.risk_weights import (
    hierarchical_risk_parity,
    inverse_volatility,
    risk_parity,
)
from tradectl.portfolio.allocation_settings import AllocationSettings

LEAST_WAY = 1e-12


def optimised(
    settings: AllocationSettings,
    symbols: Sequence[str],
    returns: Sequence[Sequence[float]],
    sides: Sequence[int],
    held: Sequence[float],
    cap: float,
    allotted: float,
    own: Sequence[float] | None = None,
) -> list[float]:
    """The weights of the symbols, on their sides, from the returns of each; or `own` ones, as far as the
    constraints let them. Raises AllocationFailed."""
    signs = np.array(sides, dtype=float)
    if own is not None and settings.max_correlation is None:  # no number of the history counts
        means, covariance = np.zeros(len(symbols)), np.eye(len(symbols))
    else:
        means, covariance = moments(np.array(returns).T * signs, settings)
    within = _constraints(settings, symbols, signs, np.array(held), covariance, cap, allotted)
    try:
        weights = _weights(settings, symbols, means, covariance, within, own)
    except AllocationFailed:
        if within.turnover is None:
            raise
        free = replace(within, turnover=None)
        weights = _toward(_weights(settings, symbols, means, covariance, free, own), within)
    return [float(weight) for weight in weights]


def _toward(weights: Array, within: Constraints) -> Array:
    """What is held is so far from what may be held that one turnover does not lead there: a part of the
    way, and the next time another one."""
    way = weights - within.held
    part = min(1.0, (within.turnover or 0.0) / max(float(np.abs(way).sum()), LEAST_WAY))
    there = within.held + part * way
    return np.maximum(there, 0.0) if within.long_only else there


def _weights(
    settings: AllocationSettings,
    symbols: Sequence[str],
    means: Array,
    covariance: Array,
    within: Constraints,
    own: Sequence[float] | None,
) -> Array:
    if own is not None:
        return nearest(np.array(own), within)
    match settings.method:
        case "minimum_variance":
            return minimum_variance(covariance, within)
        case "maximum_sharpe":
            return nearest(maximum_sharpe(means, covariance, within), within)
        case "kelly":
            part = float(settings.kelly_fraction)
            return nearest(part * kelly(means, covariance, within), within)
        case "equal_weight":
            free = np.full(within.size, 1 / within.size)
        case "inverse_volatility":
            free = inverse_volatility(covariance)
        case "risk_parity":
            free = _budgeted(settings, symbols, covariance)
        case "hierarchical_risk_parity":
            free = hierarchical_risk_parity(covariance)
    capped = shared(dict(enumerate(map(float, free))), within.allotted, within.cap)
    return nearest(np.array([capped[place] for place in range(within.size)]), within)


def _budgeted(settings: AllocationSettings, symbols: Sequence[str], covariance: Array) -> Array:
    """By risk parity of those symbols that have a budget."""
    budgets = np.array([float(settings.budgets.get(symbol, 1)) for symbol in symbols])
    free, open_ones = np.zeros(len(symbols)), budgets > 0
    if open_ones.any():
        part = budgets[open_ones] / budgets.sum()
        free[open_ones] = risk_parity(covariance[np.ix_(open_ones, open_ones)], part)
    return free


def _constraints(
    settings: AllocationSettings,
    symbols: Sequence[str],
    sides: Array,
    held: Array,
    covariance: Array,
    cap: float,
    allotted: float,
) -> Constraints:
    groups = [
        Group(
            [n for n, symbol in enumerate(symbols) if settings.groups.get(symbol) == name],
            float(most),
        )
        for name, most in settings.group_caps.items()
    ]
    if settings.max_correlation is not None:
        together = alike(covariance, float(settings.max_correlation))
        groups += [Group(members, cap) for members in together]
    return Constraints(
        sides=sides,
        held=held,
        cap=cap,
        allotted=allotted,
        long_only=settings.long_only,
        gross=_number(settings.gross),
        net=_number(settings.net),
        turnover=_number(settings.turnover),
        groups=[group for group in groups if group.members],
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


__all__ = ["optimised"]
