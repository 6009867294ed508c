"""Weights as the solution of a quadratic program, with every constraint in it.

minimum variance   min w'S w / 2            all that is allotted is held
maximum Sharpe     min y'S y / 2, m'y = 1   w = y / k: the constraints of w, times k, are those of y
Kelly              max m'w - w'S w / 2      what is left is cash
nearest            min |w - v|^2            weights v that some other rule gave, made to fit
"""

from __future__ import annotations

import clarabel
import numpy as np
from scipy import sparse

from tradectl.domain.errors import AllocationFailed
from tradectl.portfolio.allocation.constraints import Constraints
from tradectl.portfolio.allocation.estimates import Array

TOLERANCE = 1e-12
GOOD_ENOUGH = ("Solved", "AlmostSolved")


def minimum_variance(covariance: Array, within: Constraints) -> Array:
    bound, most, total = within.rows()
    found = _solved(
        _on_weights(covariance / _scale(covariance), len(total)),
        np.zeros(len(total)),
        (bound, most),
        (total[None, :], np.array([_most_allotted(within)])),
    )
    return found[: within.size]


def maximum_sharpe(means: Array, covariance: Array, within: Constraints) -> Array:
    """Of excess returns over nothing. Where nothing that may be held is expected to gain: cash."""
    if not (means > 0).any():
        return np.zeros(within.size)
    bound, most, total = within.rows()
    count, n = len(total), within.size
    risk, gain = _on_weights(covariance / _scale(covariance), count + 1), np.zeros(count + 1)
    gain[:n] = means / np.abs(means).max()
    # the last variable is k: A w <= b is A y <= b k
    homogeneous = np.hstack([bound, -most[:, None]])
    positive = np.zeros((1, count + 1))
    positive[0, count] = -1.0
    whole: Array = np.append(total, -_most_allotted(within))
    try:
        found = _solved(
            risk,
            np.zeros(count + 1),
            (np.vstack([homogeneous, positive]), np.zeros(len(most) + 1)),
            (np.vstack([gain, whole]), np.array([1.0, 0.0])),
        )
    except AllocationFailed:  # no weights have a mean above zero
        return np.zeros(n)
    return found[:n] / found[count]


def kelly(means: Array, covariance: Array, within: Constraints) -> Array:
    """The bet that grows fastest, as far as growth is the mean less half the variance. Without a mean
    above zero: cash."""
    if not (means > 0).any():
        return np.zeros(within.size)
    bound, most, total = within.rows()
    gain = np.zeros(len(total))
    gain[: within.size] = -means
    scale = _scale(covariance)
    found = _solved(_on_weights(covariance / scale, len(total)), gain / scale, (bound, most), None)
    return found[: within.size]


def nearest(weights: Array, within: Constraints) -> Array:
    """The weights that keep to the constraints and differ least from these."""
    if within.kept_by(weights):
        return weights
    bound, most, total = within.rows()
    linear = np.zeros(len(total))
    linear[: within.size] = -weights
    every: tuple[Array, Array] | None = None
    if within.turnover is None:  # else the sum goes as far as it may
        sum_of_all = min(_most_allotted(within), float(weights.sum()))
        every = total[None, :], np.array([sum_of_all])
    found = _solved(_on_weights(np.eye(within.size), len(total)), linear, (bound, most), every)
    return found[: within.size]


def _most_allotted(within: Constraints) -> float:
    """As much as the constraints let all symbols have: `allotted`, or less where caps are in the way."""
    if within.turnover is None and not within.groups and within.net is None:
        gross = within.allotted if within.gross is None else within.gross
        return min(within.allotted, gross, within.cap * within.size)
    bound, most, total = within.rows()
    count = len(total)
    found = _solved(np.zeros((count, count)), -total, (bound, most), None)
    # a hair less than what a solver finds to be the most is certainly there
    return float(total @ found) * (1 - TOLERANCE)


def _scale(covariance: Array) -> float:
    return float(np.diag(covariance).mean())


def _on_weights(quadratic: Array, count: int) -> Array:
    """The same for all variables: helpers cost nothing."""
    whole = np.zeros((count, count))
    size = min(len(quadratic), count)
    whole[:size, :size] = quadratic
    return whole


def _solved(
    quadratic: Array,
    linear: Array,
    at_most: tuple[Array, Array],
    equal: tuple[Array, Array] | None,
) -> Array:
    """The x of the smallest x'Q x / 2 + q'x with A x <= b and E x = e. Raises AllocationFailed."""
    rows, limits, cones = [], [], []
    if equal is not None:
        rows.append(equal[0])
        limits.append(equal[1])
        cones.append(clarabel.ZeroConeT(len(equal[1])))
    rows.append(at_most[0])
    limits.append(at_most[1])
    cones.append(clarabel.NonnegativeConeT(len(at_most[1])))
    options = clarabel.DefaultSettings()
    options.verbose = False
    options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = TOLERANCE
    solution = clarabel.DefaultSolver(
        sparse.csc_matrix(np.triu(quadratic)),
        linear,
        sparse.csc_matrix(np.vstack(rows)),
        np.concatenate(limits),
        cones,
        options,
    ).solve()
    if str(solution.status) not in GOOD_ENOUGH:
        raise AllocationFailed(
            f"no weights keep to all constraints (solver: {solution.status}): expected wider ones "
            "in [allocation], or a larger portfolio.max_weight"
        )
    return np.array(solution.x)


__all__ = ["kelly", "maximum_sharpe", "minimum_variance", "nearest"]
