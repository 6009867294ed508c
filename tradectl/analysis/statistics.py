"""Statistics of returns and of trades: plain numbers in, a float out, None where there is no answer.

The conventions, unless an argument says otherwise: returns are simple ones, a day each, measured at UTC
midnight; a year has 365 days, since crypto never closes; the risk-free rate is 0; deviations are those of
a sample (ddof 1). What is said of a year (Sharpe, Sortino, CAGR, volatility, Calmar) is said of a run of
`LEAST_DAYS` at least: a year made of minutes is no figure.

    Sharpe       mean / deviation x sqrt(365)
    Sortino      mean / sqrt(mean(min(r, 0)^2)) x sqrt(365): the downside over all days
    CAGR         (end / start)^(365 / days) - 1
    volatility   deviation x sqrt(365)
    Calmar       CAGR / largest drawdown
    SQN          sqrt(n) x mean / deviation of the trades' results (Van Tharp)

A report has these, the win rate and the profit factor. The others, such as Omega, Kelly or a deflated
Sharpe ratio, are for notebooks, and for tests that compare all with what other programs publish.

Other programs have other conventions, and `year`, `ddof` and `risk_free` (of one period) are theirs: 252
days in empyrical and backtesting.py. backtesting.py compounds: its annual return is `annual_return`, its
volatility `compounded_volatility`, its Sharpe the one by the other. empyrical counts a day without a
return as one of the year: `days` of `annual_return`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

YEAR = 365
"""Days: crypto trades on all of them."""
LEAST_DAYS = 1
EULER = 0.5772156649015329
NORMAL = NormalDist()
LEAST = 1e-15
"""A deviation below this is one of none, and what rounding left of it."""


def mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def variance(values: Sequence[float], ddof: int = 1) -> float | None:
    """The mean square from the mean; of a sample with `ddof` 1."""
    if len(values) <= ddof:
        return None
    middle = math.fsum(values) / len(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - ddof)


def deviation(values: Sequence[float], ddof: int = 1) -> float | None:
    squared = variance(values, ddof)
    return None if squared is None else math.sqrt(squared)


def moment(values: Sequence[float], power: int) -> float | None:
    """The standardised one: skewness (`power` 3), kurtosis (4; 3 of a normal distribution)."""
    middle, spread = mean(values), deviation(values, 0)
    if middle is None or not spread:
        return None
    return math.fsum(((value - middle) / spread) ** power for value in values) / len(values)


# --- of returns ------------------------------------------------------------------------------------


def growth(returns: Iterable[float]) -> float:
    """What they make of 1, less that 1: all of them compounded."""
    return math.prod(1.0 + each for each in returns) - 1.0


def cagr(start: float, end: float, days: float, year: float = YEAR) -> float | None:
    """Compound annual growth: (end / start)^(year / days) - 1."""
    if start <= 0 or end <= 0 or days < LEAST_DAYS:
        return None
    return _minus_one(math.log(end / start) * year / days)


def annual_return(
    returns: Sequence[float], year: float = YEAR, days: float | None = None
) -> float | None:
    """The same of returns: of `days`, or else of one for each."""
    days = len(returns) if days is None else days
    if not returns or not days or any(each <= -1 for each in returns):
        return None
    return _minus_one(math.fsum(math.log1p(each) for each in returns) * year / days)


def _minus_one(exponent: float) -> float | None:
    try:
        return math.expm1(exponent)
    except OverflowError:
        return None


def volatility(returns: Sequence[float], year: float = YEAR, ddof: int = 1) -> float | None:
    """Deviation of a period, times the root of a year's periods."""
    spread = deviation(returns, ddof)
    return None if spread is None else spread * math.sqrt(year)


def compounded_volatility(
    returns: Sequence[float], year: float = YEAR, ddof: int = 1
) -> float | None:
    """Of returns that are compounded over the year: sqrt((var + (1+g)^2)^year - (1+g)^(2 year)), g their
    geometric mean (backtesting.py; Tobin 1965)."""
    spread, each = variance(returns, ddof), annual_return(returns, 1)
    if spread is None or each is None:
        return None
    square = (1 + each) ** 2
    try:
        return math.sqrt((spread + square) ** year - square**year)
    except OverflowError:
        return None


def sharpe(
    returns: Sequence[float], year: float = YEAR, risk_free: float = 0.0, ddof: int = 1
) -> float | None:
    """Mean return by deviation, a year's (Sharpe, 1994). `risk_free` is that of one period."""
    beyond = [each - risk_free for each in returns]
    middle, spread = mean(beyond), deviation(beyond, ddof)
    return _quotient(middle, spread, math.sqrt(year))


def downside(returns: Sequence[float], target: float = 0.0) -> float | None:
    """The root of the mean square of what returns are below the `target`, over all of them."""
    if not returns:
        return None
    below = math.fsum(min(each - target, 0.0) ** 2 for each in returns)
    return math.sqrt(below / len(returns))


def sortino(returns: Sequence[float], year: float = YEAR, target: float = 0.0) -> float | None:
    """Mean return beyond the `target` by the downside, a year's (Sortino and Price, 1994); of two returns
    at least."""
    middle = mean(returns) if len(returns) > 1 else None
    beyond = None if middle is None else middle - target
    return _quotient(beyond, downside(returns, target), math.sqrt(year))


def omega(returns: Sequence[float], target: float = 0.0) -> float | None:
    """What is gained beyond the `target` by what is lost below it (Keating and Shadwick, 2002)."""
    gained = math.fsum(max(each - target, 0.0) for each in returns)
    lost = math.fsum(max(target - each, 0.0) for each in returns)
    return gained / lost if lost else None


def max_drawdown(values: Iterable[float]) -> float:
    """The largest share lost from a peak to a trough after it, 0 to 1 (Magdon-Ismail and Atiya, 2004)."""
    peak, worst = -math.inf, 0.0
    for value in values:
        peak = max(peak, value)
        if peak > 0:
            worst = max(worst, 1.0 - value / peak)
    return worst


def drawdowns(values: Sequence[float]) -> list[tuple[int, int, float]]:
    """Each time below a peak: the numbers of the value that was the peak and of the one that reached it
    again (else the last one there is), and the share lost at most."""
    found: list[tuple[int, int, float]] = []
    top, worst = 0, 0.0
    for n, value in enumerate(values):
        if value < values[top]:
            worst = max(worst, 1.0 - value / values[top])
            continue
        if worst:
            found.append((top, n, worst))
        top, worst = n, 0.0
    if worst:
        found.append((top, len(values) - 1, worst))
    return found


def calmar(annual: float | None, drawdown: float) -> float | None:
    """Annual return by the largest drawdown, both shares (Young, 1991)."""
    return annual / drawdown if annual is not None and drawdown > 0 else None


def beta(returns: Sequence[float], market: Sequence[float]) -> float | None:
    """Covariance with the market's returns of the same periods by their variance."""
    middle, markets = mean(returns), mean(market)
    if middle is None or markets is None or len(returns) != len(market):
        return None
    together = math.fsum(
        (mine - middle) * (its - markets) for mine, its in zip(returns, market, strict=True)
    )
    spread = math.fsum((its - markets) ** 2 for its in market)
    return together / spread if spread else None


def rolling_sharpe(returns: Sequence[float], window: int, year: float = YEAR) -> list[float | None]:
    """Of the last `window` returns, at the end of each from the first whole window on."""
    return [
        sharpe(returns[end - window : end], year) for end in range(window, len(returns) + 1)
    ]  # fmt: skip


# --- of trades -------------------------------------------------------------------------------------


def sqn(results: Sequence[float], ddof: int = 1) -> float | None:
    """System quality number of the results of trades (Tharp, 1998): sqrt(n) x mean / deviation."""
    return _quotient(mean(results), deviation(results, ddof), math.sqrt(len(results)))


def profit_factor(results: Iterable[float]) -> float | None:
    """What the winners won by what the losers lost."""
    results = list(results)
    lost = -math.fsum(each for each in results if each < 0)
    return math.fsum(each for each in results if each > 0) / lost if lost else None


def win_rate(results: Sequence[float]) -> float | None:
    """The share of results above zero, 0 to 1."""
    return sum(each > 0 for each in results) / len(results) if results else None


def kelly(results: Sequence[float]) -> float | None:
    """The share of capital that grows fastest (Kelly, 1956): W - (1 - W) / R, the win rate W and the mean
    win by the mean loss R."""
    won, lost = [r for r in results if r > 0], [-r for r in results if r < 0]
    rate, win, loss = win_rate(results), mean(won), mean(lost)
    return rate - (1 - rate) / (win / loss) if rate is not None and win and loss else None


def geometric_mean(returns: Sequence[float]) -> float | None:
    """Of the trades' returns: that which each would have had to bring for the same growth."""
    if any(each <= -1 for each in returns):
        return 0.0
    return annual_return(returns, 1)


# --- of a Sharpe ratio that was searched for -------------------------------------------------------


def probabilistic_sharpe(
    ratio: float, benchmark: float, periods: int, skewness: float = 0.0, kurtosis: float = 3.0
) -> float | None:
    """How sure it is, 0 to 1, that the Sharpe ratio is above the `benchmark`: both are of one period, not
    a year's (Bailey and Lopez de Prado, "The Sharpe ratio efficient frontier", 2012)."""
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    if periods < 2 or spread <= 0:
        return None
    return NORMAL.cdf((ratio - benchmark) * math.sqrt((periods - 1) / spread))


def expected_best_sharpe(trials: int, spread: float) -> float:
    """The best Sharpe ratio that so many `trials` without any skill are expected to find, whose ratios
    have a deviation of `spread`, of one period both."""
    if trials < 2:
        return 0.0
    first = NORMAL.inv_cdf(1 - 1 / trials)
    second = NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return spread * ((1 - EULER) * first + EULER * second)


def deflated_sharpe(
    ratio: float,
    trials: int,
    spread: float,
    periods: int,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float | None:
    """How sure it is, 0 to 1, that the best of so many `trials` is no luck (Bailey and Lopez de Prado,
    "The deflated Sharpe ratio", 2014). Ratios are of one period."""
    benchmark = expected_best_sharpe(trials, spread)
    return probabilistic_sharpe(ratio, benchmark, periods, skewness, kurtosis)


def _quotient(top: float | None, bottom: float | None, factor: float) -> float | None:
    if top is None or bottom is None or bottom < LEAST:
        return None
    return top / bottom * factor
