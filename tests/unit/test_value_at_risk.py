"""Value at risk: its conventions, and the same figures from elsewhere."""

from __future__ import annotations

import csv
import gzip
import math
from itertools import product
from random import Random

import numpy as np
import pytest
import scipy

from tests.fixtures.rows import each_row
from tests.real_data import real_data
from tradectl.risk import value_at_risk as var

SPY = "oracles/lean_spy_valueatrisk.csv.gz"
LOWEST = {"VaR_99": 0.01, "VaR_95": 0.05, "VaR_90": 0.10}
LEAN_DAYS = 252


def days(seed: int, count: int = 365) -> list[float]:
    random = Random(seed)
    return [random.gauss(0.001, 0.03) + min(random.gauss(0, 1), 0) * 0.01 for _ in range(count)]


@each_row("seed", [0, 1, 4, 19])
def test_it_is_what_numpy_and_scipy_say(seed: int) -> None:
    found = days(seed, 2 + seed * 37)
    array = np.array(found)
    assert var.historical(found) == pytest.approx(-np.percentile(array, 5), rel=1e-12)
    normal = -scipy.stats.norm.ppf(0.05, array.mean(), array.std(ddof=1))
    assert var.parametric(found) == pytest.approx(normal, rel=1e-12)
    tail = np.sort(array)[: int(0.05 * (len(array) - 1)) + 1]
    assert var.expected_shortfall(found) == pytest.approx(-tail.mean(), rel=1e-12)
    s, k = var.moments(found)
    assert s == pytest.approx(scipy.stats.skew(array), rel=1e-9, abs=1e-12)
    assert k == pytest.approx(scipy.stats.kurtosis(array), rel=1e-9, abs=1e-12)


@each_row("seed", range(20))
def test_cornish_fisher_is_the_expansion_where_that_grows_everywhere(seed: int) -> None:
    found = days(seed)
    array = np.array(found)
    s, k = scipy.stats.skew(array), scipy.stats.kurtosis(array)
    z = np.linspace(-12, 12, 4001)
    moved = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    if not var.is_monotone(s, k):
        assert var.cornish_fisher(found) is None
        return
    assert (np.diff(moved) > 0).all()
    at = np.interp(scipy.stats.norm.ppf(0.05), z, moved)
    wanted = -(array.mean() + at * array.std(ddof=1))
    assert var.cornish_fisher(found) == pytest.approx(wanted, rel=1e-5)


def test_where_it_is_refused_some_rarer_loss_would_count_as_smaller() -> None:
    z = np.linspace(-60, 60, 12_001)
    for s, k in product(np.linspace(-1.5, 1.5, 13), np.linspace(-1, 12, 14)):
        slope = 1 + z * s / 3 + (3 * z**2 - 3) * k / 24 - (6 * z**2 - 5) * s**2 / 36
        assert var.is_monotone(s, k) == bool((slope > -1e-9).all()), (s, k)


@each_row(
    ("found", "historical", "shortfall"),
    [
        ([-0.02, 0.01], 0.0185, 0.02),
        ([0.01] * 30, -0.01, -0.01),
        ([-0.5, *[0.0] * 20], 0.0, 0.25),
        ([n / 100 for n in range(-10, 11)], 0.09, 0.095),
    ],
    ids=["two days", "always up", "one crash", "evenly"],
)
def test_by_hand(found: list[float], historical: float, shortfall: float) -> None:
    assert var.historical(found) == pytest.approx(historical)
    assert var.expected_shortfall(found) == pytest.approx(shortfall)


def test_days_that_do_not_move_have_no_moments() -> None:
    assert var.moments([0.01] * 5) == (0.0, 0.0)
    assert var.parametric([0.01] * 5) == pytest.approx(-0.01)
    assert var.cornish_fisher([0.01] * 5) == pytest.approx(-0.01)


def test_value_at_risk_is_lean_s_column_for_spy() -> None:
    """Its column is the return at the quantile, ours a loss: the sign is turned. Each day is compared in
    one of the columns, in turn."""
    compared, returns = 0, list[float]()
    quantiles = [(column, scipy.stats.norm.ppf(lowest)) for column, lowest in LOWEST.items()]
    with gzip.open(real_data(SPY), "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["returns"]:
                continue
            returns.append(float(row["returns"]))
            column, z = quantiles[len(returns) % len(quantiles)]
            if row[column] and len(returns) > 1:
                ours = var.parametric(returns[-LEAN_DAYS:], z)
                assert abs(-ours - float(row[column])) <= 1e-9, (column, len(returns))
                compared += 1
    assert compared > 1000


def test_our_quantile_is_that_of_the_normal_distribution() -> None:
    assert math.isclose(var.Z, scipy.stats.norm.ppf(0.05), rel_tol=1e-12)
