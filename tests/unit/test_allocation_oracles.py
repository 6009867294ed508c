"""Weights of real prices, as others have published or computed them.

The prices are the 20 stocks that skfolio brings as an example, and PyPortfolioOpt's; the weights kept in
`tests/data/allocation_reference.json` are skfolio 1.12.2's and cvxpy's, each solved to 1e-13.
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_data import real_data
from tradectl.domain.errors import AllocationFailed
from tradectl.portfolio.allocation.clusters import alike
from tradectl.portfolio.allocation.constraints import Constraints, Group
from tradectl.portfolio.allocation.estimates import exponential, sample, shrunk
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

DATA = Path(__file__).parents[1] / "data"
SIZE = 20
PUBLISHED_HRP = (
    0.04948508, 0.03483034, 0.04967809, 0.05488211, 0.02595736, 0.04482042, 0.03332249, 0.08091826,
    0.02840749, 0.04412388, 0.06297933, 0.05717246, 0.05285248, 0.07430329, 0.05499559, 0.07914531,
    0.03391673, 0.0396792, 0.04812428, 0.0504058,
)  # fmt: skip
"""skfolio's test_hrp_default: from 2014 on, by standard deviation."""
PUBLISHED_RISK_PARITY = (
    0.0420088, 0.0321681, 0.0368757, 0.0397691, 0.0397394, 0.0382183, 0.0464549, 0.0676572,
    0.0406381, 0.0639892, 0.055542, 0.0681354, 0.0427415, 0.0597638, 0.0613296, 0.067267,
    0.0314903, 0.0468024, 0.0749026, 0.0445065,
)  # fmt: skip
"""skfolio's test_risk_budgeting_contribution: from 2018-01-03 on."""


def returns_since(day: str) -> Any:
    """Of the days from there on."""
    with gzip.open(DATA / "sp500_prices.csv.gz", "rt") as lines:
        rows = [*csv.reader(lines)][1:]
    prices = np.array([[float(price) for price in row[1:]] for row in rows])
    days = [row[0] for row in rows][1:]
    return (prices[1:] / prices[:-1] - 1)[[each >= day for each in days]]


@pytest.fixture(scope="module")
def returns() -> Any:
    return returns_since("2018-01-03")


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DATA / "allocation_reference.json").read_text())
    return read


def within(**limits: Any) -> Constraints:
    usual: dict[str, Any] = {
        "sides": np.ones(SIZE), "held": np.zeros(SIZE), "cap": 1.0, "allotted": 1.0,
    }  # fmt: skip
    return Constraints(**usual | limits)


def groups() -> list[Group]:
    """The first five, which nothing holds, the next seven up to a half and the rest up to a fifth."""
    return [Group([*range(5, 12)], 0.5), Group([*range(12, 20)], 0.2)]


def test_hierarchical_risk_parity_is_the_published_one() -> None:
    covariance = sample(returns_since("2014-01-01"))
    weights = hierarchical_risk_parity(covariance, "deviation")
    assert weights == pytest.approx(PUBLISHED_HRP, abs=5e-9)


def test_risk_parity_is_the_published_one(returns: Any) -> None:
    weights = risk_parity(sample(returns), np.full(SIZE, 1 / SIZE))
    assert weights == pytest.approx(PUBLISHED_RISK_PARITY, abs=4e-6)


def test_minimum_volatility_is_the_published_one() -> None:
    """PyPortfolioOpt's test_min_volatility: prices that begin at different times, covariances over the
    days that both have, compound annual returns, 2 % without risk."""
    with gzip.open(real_data("oracles/pypfopt_stock_prices.csv.gz"), "rt") as lines:
        rows = [*csv.reader(lines)][1:]
    prices = np.array([[float(price or "nan") for price in row[1:]] for row in rows])
    daily = prices[1:] / prices[:-1] - 1
    there = ~np.isnan(daily)
    covariance = np.empty((SIZE, SIZE))
    for one in range(SIZE):
        for other in range(SIZE):
            both = daily[there[:, one] & there[:, other]][:, [one, other]]
            covariance[one, other] = np.cov(both, rowvar=False)[0, 1] * 252
    grown = np.prod(np.where(there, 1 + daily, 1.0), axis=0) ** (252 / there.sum(axis=0)) - 1
    weights = minimum_variance(covariance, within())
    gain, risk = weights @ grown, (weights @ covariance @ weights) ** 0.5
    assert (gain, risk, (gain - 0.02) / risk) == pytest.approx(
        (0.1505682139948257, 0.15915084514118688, 0.8204054077060994), rel=1e-6
    )


def test_the_shrunk_and_the_exponential_covariance_are_those_of_scikit_learn_and_pandas(
    returns: Any, reference: dict[str, Any]
) -> None:
    assert shrunk(returns)[0] == pytest.approx(reference["shrunk_row"], rel=1e-12)
    assert exponential(returns, 40)[1][0] == pytest.approx(reference["exponential_row"], rel=1e-9)


OPTIMISED: dict[str, Any] = {
    "minimum_variance": lambda m, s: minimum_variance(s, within()),
    "minimum_variance, 10 % each": lambda m, s: minimum_variance(s, within(cap=0.1)),
    "minimum_variance, turnover 0.4": lambda m, s: minimum_variance(
        s, within(held=np.full(SIZE, 1 / SIZE), turnover=0.4)
    ),
    "minimum_variance, hedged to 1.4": lambda m, s: minimum_variance(
        s, within(long_only=False, gross=1.4)
    ),
    "maximum_sharpe": lambda m, s: maximum_sharpe(m, s, within()),
    "maximum_sharpe, 10 % each": lambda m, s: maximum_sharpe(m, s, within(cap=0.1)),
    "maximum_sharpe, groups": lambda m, s: maximum_sharpe(m, s, within(groups=groups())),
    "kelly, 20 % each": lambda m, s: kelly(m, s, within(cap=0.2)),
    "hrp, deviation": lambda m, s: hierarchical_risk_parity(s, "deviation"),
    "hrp, variance": lambda m, s: hierarchical_risk_parity(s),
    "risk parity": lambda m, s: risk_parity(s, np.full(SIZE, 1 / SIZE)),
    "risk budgets": lambda m, s: risk_parity(s, np.arange(1, SIZE + 1) / (SIZE * (SIZE + 1) / 2)),
}


def objective(name: str, weights: Any, means: Any, covariance: Any) -> float:
    """What is made smallest."""
    variance = float(weights @ covariance @ weights)
    if name.startswith("maximum_sharpe"):
        sharpe: float = (weights @ means) / variance**0.5
        return -sharpe
    if name.startswith("kelly"):
        return variance / 2 - float(weights @ means)
    return variance


@pytest.mark.parametrize("name", OPTIMISED)
def test_weights_are_those_of_the_reference(
    name: str, returns: Any, reference: dict[str, Any]
) -> None:
    means, covariance = returns.mean(axis=0), sample(returns)
    weights, expected = OPTIMISED[name](means, covariance), np.array(reference["weights"][name])
    assert weights == pytest.approx(expected, abs=1e-4)
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    if name.startswith(("minimum", "maximum", "kelly")):
        best = objective(name, expected, means, covariance)
        assert objective(name, weights, means, covariance) == pytest.approx(best, rel=1e-8)


def test_each_symbol_brings_its_budget_of_the_risk(returns: Any) -> None:
    covariance, budgets = sample(returns), np.arange(1, SIZE + 1) / (SIZE * (SIZE + 1) / 2)
    weights = risk_parity(covariance, budgets)
    brought = weights * (covariance @ weights)
    assert brought / brought.sum() == pytest.approx(budgets, abs=1e-10)


def test_what_a_rule_gives_is_made_to_fit_with_the_least_change(returns: Any) -> None:
    weights = inverse_volatility(sample(returns))
    fitted = nearest(weights, within(cap=0.06, groups=[Group([0, 1, 2, 3], 0.1)]))
    assert fitted.sum() == pytest.approx(1, abs=1e-9)
    assert fitted.max() <= 0.06 + 1e-9
    assert fitted[:4].sum() <= 0.1 + 1e-9
    assert nearest(weights, within()) is weights


def test_on_both_sides_what_is_long_and_short_may_be_held_within_each_other(returns: Any) -> None:
    sides = np.where(np.arange(SIZE) % 2, -1.0, 1.0)
    weights = minimum_variance(sample(returns * sides), within(sides=sides, net=0.1))
    assert abs(weights @ sides) <= 0.1 + 1e-9
    assert weights.sum() == pytest.approx(1, abs=1e-9)


def test_constraints_that_contradict_each_other_are_told() -> None:
    held = np.zeros(SIZE)
    held[0] = 1.0
    with pytest.raises(AllocationFailed, match="no weights keep to all constraints"):
        minimum_variance(np.eye(SIZE), within(held=held, cap=0.1, turnover=0.1))


def test_nothing_that_is_expected_to_gain_means_cash(returns: Any) -> None:
    losing, covariance = -np.abs(returns.mean(axis=0)), sample(returns)
    for method in (kelly, maximum_sharpe):
        assert not method(losing, covariance, within()).any()


def test_symbols_that_move_together_are_found() -> None:
    """Two of them, and a third one that only one of the two moves with."""
    correlations = np.eye(5)
    for one, other, rho in ((0, 1, 0.9), (1, 2, 0.8), (0, 2, 0.3), (3, 4, 0.5)):
        correlations[one, other] = correlations[other, one] = rho
    assert alike(correlations * 1e-4, 0.7) == [[0, 1, 2]]
    assert alike(correlations * 1e-4, 0.4) == [[0, 1, 2], [3, 4]]
    assert alike(correlations * 1e-4, 0.95) == []
