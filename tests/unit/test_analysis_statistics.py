"""Statistics come out as others published them, in their conventions, and say nothing where there is
nothing to say."""

from __future__ import annotations

import math

import pytest

from tests.fixtures.rows import each_row
from tradectl.analysis.statistics import (
    annual_return,
    cagr,
    calmar,
    deflated_sharpe,
    deviation,
    drawdowns,
    expected_best_sharpe,
    growth,
    kelly,
    max_drawdown,
    moment,
    omega,
    profit_factor,
    rolling_sharpe,
    sharpe,
    sortino,
    sqn,
    volatility,
)

MIXED = [0.01, 0.1, -0.04, 0.02, 0.03, 0.02, 0.01, -0.1]
"""empyrical's `mixed_returns`, without the day before the first that has no return."""
JESSE = [0.02, -0.01, 0.03, -0.02, 0.01]


def worth(returns: list[float]) -> list[float]:
    """What 1 becomes by them."""
    return [math.prod(1 + each for each in returns[:n]) for n in range(len(returns) + 1)]


def test_mixed_returns_of_empyrical() -> None:
    assert sharpe(MIXED, 252) == pytest.approx(1.7238613961706866, rel=1e-12)
    assert sortino(MIXED, 252) == pytest.approx(2.605531251673693, rel=1e-12)
    assert volatility(MIXED, 252) == pytest.approx(0.9136465399704637, rel=1e-12)
    drawdown = max_drawdown(worth(MIXED))
    assert drawdown == pytest.approx(0.1, rel=1e-12)
    year = annual_return(MIXED, 252, days=len(MIXED) + 1)
    assert year == pytest.approx(1.9135925373194231, rel=1e-12)
    assert calmar(year, drawdown) == pytest.approx(19.135925373194233, rel=1e-12)


def test_daily_returns_of_jesse() -> None:
    assert sharpe(JESSE) == pytest.approx(5.527941708708922, rel=1e-12)
    assert sortino(JESSE) == pytest.approx(11.462983904725679, rel=1e-12)
    year = cagr(1, 1 + growth(JESSE), days=4)
    assert year == pytest.approx(13.17681588701674, rel=1e-12)
    assert calmar(year, max_drawdown(worth(JESSE))) == pytest.approx(658.8407943508364, rel=1e-12)
    assert omega(JESSE) == pytest.approx(2, rel=1e-12)


def test_the_example_of_the_deflated_sharpe_ratio() -> None:
    """Bailey and Lopez de Prado (2014): the best of 100 trials, whose yearly Sharpe ratios have a
    variance of 1/2, has one of 2.5 in five years of 250 days, skewness -3, kurtosis 10."""
    spread = math.sqrt(0.5 / 250)
    assert expected_best_sharpe(100, spread) == pytest.approx(0.1132, abs=5e-5)
    sure = deflated_sharpe(2.5 / math.sqrt(250), 100, spread, 1250, skewness=-3, kurtosis=10)
    assert sure == pytest.approx(0.9004, abs=5e-5)


def test_moments_are_those_of_numbers_worked_out_by_hand() -> None:
    """0 three times and 4: mean 1, variance 3."""
    assert moment([0, 0, 0, 4], 3) == pytest.approx((27 - 3) / 4 / 3**1.5)
    assert moment([0, 0, 0, 4], 4) == pytest.approx((81 + 3) / 4 / 9)
    assert moment([1.0, 1.0], 3) is moment([], 4) is None


def test_each_time_below_a_peak() -> None:
    assert drawdowns([10, 9, 10, 12, 6, 9]) == [(0, 2, pytest.approx(0.1)), (3, 5, 0.5)]
    assert drawdowns([1, 2, 3]) == []
    assert drawdowns([]) == []


@each_row(
    "nothing",
    [
        sharpe([]), sharpe([0.01]), sharpe([0.01, 0.01, 0.01]),
        sortino([]), sortino([-0.01]), sortino([0.01, 0.02]),
        deviation([1.0]), cagr(0, 1, 10), cagr(1, 0, 10), cagr(1, 2, 0.5), cagr(1, 1e300, 1),
        annual_return([]), annual_return([-1.0]), calmar(0.1, 0.0), sqn([]), sqn([1.0]),
        profit_factor([1.0]), kelly([1.0, 2.0]), kelly([]), omega([0.1]),
    ],
)  # fmt: skip
def test_there_is_no_answer(nothing: float | None) -> None:
    assert nothing is None


def test_a_window_rolls_over_the_returns() -> None:
    assert rolling_sharpe(JESSE, 4) == [sharpe(JESSE[:4]), sharpe(JESSE[1:])]
    assert rolling_sharpe(JESSE, 6) == []
