from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl import strategy
from tradectl.domain.errors import UsageError
from tradectl.strategy import indicators
from tradectl.strategy.indicators import (
    Adx,
    Atr,
    Bollinger,
    Donchian,
    Ema,
    EwmVolatility,
    Keltner,
    LinearRegression,
    Macd,
    Obv,
    Rsi,
    Sma,
    Stochastic,
    Supertrend,
    Volatility,
    Vwap,
    Wilder,
    Wma,
    ZScore,
)

PRICES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=80)
WINDOWS = st.integers(1, 12)
BARS = st.lists(
    st.tuples(st.floats(1, 1e4), st.floats(1, 1e4), st.floats(0, 1)).map(
        lambda x: (max(x[:2]), min(x[:2]), min(x[:2]) + x[2] * (max(x[:2]) - min(x[:2])))
    ),
    min_size=1,
    max_size=60,
)
"""High, low, close."""


def walk(n: int, seed: int = 7) -> list[float]:
    rng = random.Random(seed)
    prices = [100.0]
    for _ in range(n - 1):
        prices.append(prices[-1] * math.exp(rng.gauss(0, 0.01)))
    return prices


def assert_equals_reference(ours: list[float | None], theirs: list[float]) -> None:
    assert [x is None for x in ours] == [math.isnan(y) for y in theirs]
    pairs = [(x, y) for x, y in zip(ours, theirs, strict=True) if x is not None]
    assert all(abs(x - y) <= 1e-9 * max(1.0, abs(y)) for x, y in pairs)


@each_row("n", [2, 3, 10, 30, 200])
def test_ema_equals_ta_lib(n: int) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    prices = walk(1_000)
    ema = Ema(n)
    assert_equals_reference(
        [ema.update(p) for p in prices], list(talib.EMA(numpy.array(prices), n))
    )


@each_row("n", [2, 3, 14, 50])
def test_rsi_equals_ta_lib(n: int) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    prices = walk(1_000)
    rsi = Rsi(n)
    assert_equals_reference(
        [rsi.update(p) for p in prices], list(talib.RSI(numpy.array(prices), n))
    )


@each_row("n", [2, 5, 20, 55])
def test_donchian_equals_ta_lib(n: int) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    highs, lows = walk(500, seed=1), [p * 0.99 for p in walk(500, seed=2)]
    channel = Donchian(n)
    values = [channel.update(h, low) for h, low in zip(highs, lows, strict=True)]
    tops = [v and v[0] for v in values]
    bottoms = [v and v[1] for v in values]
    assert_equals_reference(tops, list(talib.MAX(numpy.array(highs), n)))
    assert_equals_reference(bottoms, list(talib.MIN(numpy.array(lows), n)))


@given(PRICES, WINDOWS)
def test_an_ema_is_ready_after_n_and_stays_between_the_extremes(
    prices: list[float], n: int
) -> None:
    ema = Ema(n)
    for count, price in enumerate(prices, start=1):
        value = ema.update(price)
        assert ema.ready == (count >= n)
        assert value == ema.value
        if value is not None:
            seen = prices[:count]
            assert min(seen) * (1 - 1e-9) <= value <= max(seen) * (1 + 1e-9)


@given(PRICES, WINDOWS)
def test_an_rsi_needs_n_changes_and_stays_between_0_and_100(prices: list[float], n: int) -> None:
    rsi = Rsi(n)
    for count, price in enumerate(prices, start=1):
        value = rsi.update(price)
        assert rsi.ready == (count > n)
        assert value is None or 0.0 <= value <= 100.0


@given(PRICES, WINDOWS)
def test_donchian_is_the_maximum_and_minimum_of_the_window(prices: list[float], n: int) -> None:
    channel = Donchian(n)
    for count, price in enumerate(prices, start=1):
        value = channel.update(price, price / 2)
        window = prices[max(0, count - n) : count]
        assert channel.ready == (count >= n)
        assert value == ((max(window), min(window) / 2) if count >= n else None)


def test_donchian_remembers_no_more_than_its_window() -> None:
    channel = Donchian(10)
    for price in range(10_000):
        channel.update(float(price), -float(price))
        channel.update(float(-price), float(price))
    assert len(channel._highs) <= 10
    assert len(channel._lows) <= 10


@pytest.mark.parametrize(("prices", "expected"), [([5.0] * 9, 50.0), (range(1, 9), 100.0)])
def test_an_rsi_of_a_market_that_never_moved_is_neutral(
    prices: list[float], expected: float
) -> None:
    rsi = Rsi(3)
    for price in prices:
        rsi.update(float(price))
    assert rsi.value == expected


def test_volatility_of_a_random_walk_is_near_its_standard_deviation() -> None:
    volatility = EwmVolatility(200)
    values = [volatility.update(p) for p in walk(5_000)]
    assert values[200] is not None
    assert values[199] is None
    assert statistics.fmean(v for v in values if v is not None) == pytest.approx(0.01, rel=0.1)


@each_row("indicator", [Ema, Rsi, Donchian, EwmVolatility])
def test_a_window_below_one_is_refused(indicator: type) -> None:
    with pytest.raises(UsageError, match="at least 1, got 0"):
        indicator(0)


# --- each equals a plain recomputation of its window ---------------------------------------------------


def plain_slope(xs: list[float]) -> float:
    middle, mean = (len(xs) - 1) / 2, statistics.fmean(xs)
    along = math.fsum((i - middle) * (x - mean) for i, x in enumerate(xs))
    return along / math.fsum((i - middle) ** 2 for i in range(len(xs)))


def plain_wma(xs: list[float]) -> float:
    return math.fsum(i * x for i, x in enumerate(xs, start=1)) / (len(xs) * (len(xs) + 1) / 2)


def plain_volatility(xs: list[float]) -> float:
    return statistics.stdev([math.log(b / a) for a, b in pairwise(xs)])


# made of n; what it says of its window, with an error that is a share of the window's greatest price;
# how much longer than n the window is
PLAIN: dict[str, tuple[Any, Callable[[list[float]], float], int]] = {
    "sma": (Sma, statistics.fmean, 0),
    "wma": (Wma, plain_wma, 0),
    "deviation": (lambda n: Half(Bollinger(n, 1.0)), statistics.pstdev, 0),
    "slope": (lambda n: Slope(LinearRegression(n)), plain_slope, 0),
    "volatility": (Volatility, plain_volatility, 1),
}


class Half:
    """Half the height of the bands."""

    def __init__(self, bands: Bollinger) -> None:
        self._bands, self.needs = bands, bands.needs

    def update(self, x: float) -> float | None:
        value = self._bands.update(x)
        return None if value is None else (value.upper - value.lower) / 2


class Slope:
    def __init__(self, line: LinearRegression) -> None:
        self._line, self.needs = line, line.needs

    def update(self, x: float) -> float | None:
        value = self._line.update(x)
        return None if value is None else value.slope


@pytest.mark.parametrize("name", PLAIN)
@given(prices=PRICES, n=st.integers(2, 12))
def test_it_equals_a_plain_recomputation_of_its_window(
    name: str, prices: list[float], n: int
) -> None:
    make, plain, more = PLAIN[name]
    indicator = make(n)
    assert indicator.needs == n + more
    for count, price in enumerate(prices, start=1):
        value = indicator.update(price)
        assert (value is None) == (count < indicator.needs)
        if value is not None:
            window = prices[count - n - more : count]
            scale = 1.0 if name == "volatility" else max(window)
            assert abs(value - plain(window)) <= 1e-12 * scale


@example([0.010000000000000002, 0.01], 2)
@given(PRICES, st.integers(2, 12))
def test_a_z_score_times_the_deviation_is_the_distance_from_the_mean(
    prices: list[float], n: int
) -> None:
    score = ZScore(n)
    for count, price in enumerate(prices, start=1):
        value = score.update(price)
        if value is not None:
            window = prices[count - n : count]
            distance = price - statistics.fmean(window)
            assert abs(value * statistics.pstdev(window) - distance) <= 1e-9 * max(window)
            assert abs(value) <= math.sqrt(n - 1) * (1 + 1e-9)


@given(BARS, st.integers(2, 8))
def test_a_stochastic_is_the_place_in_the_range_of_its_window(
    bars: list[tuple[float, float, float]], n: int
) -> None:
    stochastic = Stochastic(n, 1, 1)
    for count, (high, low, close) in enumerate(bars, start=1):
        value = stochastic.update(high, low, close)
        assert (value is None) == (count < stochastic.needs)
        if value is not None:
            window = bars[count - n : count]
            bottom = min(bar[1] for bar in window)
            width = max(bar[0] for bar in window) - bottom
            assert value.k == value.d
            assert value.k == pytest.approx((close - bottom) / width * 100 if width else 50)


@given(BARS, WINDOWS)
def test_an_adx_has_shares_of_a_hundred(bars: list[tuple[float, float, float]], n: int) -> None:
    adx = Adx(n + 1)
    for count, bar in enumerate(bars, start=1):
        value = adx.update(*bar)
        assert (value is None) == (count < adx.needs)
        assert value is None or all(0 <= share <= 100 * (1 + 1e-9) for share in value)


@given(BARS, WINDOWS)
def test_a_supertrend_line_never_goes_back_and_turns_at_a_close_beyond_it(
    bars: list[tuple[float, float, float]], n: int
) -> None:
    trend = Supertrend(n, 1.0)
    before, is_beyond = None, False
    for bar in bars:
        value = trend.update(*bar)
        if value is None:
            continue
        was_beyond, is_beyond = is_beyond, (bar[2] - value.line) * value.side < 0
        # the first trend is down, whatever the price does, and its line begins anew after a close above
        assert before is None or not is_beyond
        if before is not None and value.side == before.side and not was_beyond:
            assert (value.line - before.line) * value.side >= 0
        before = value


# --- numbers that go wrong elsewhere -------------------------------------------------------------------

FLAT: dict[str, tuple[Any, tuple[float, ...], object]] = {
    "sma": (Sma(7), (0.1,), 0.1),
    "wma": (Wma(7), (0.1,), 0.1),
    "bollinger": (Bollinger(7), (0.1,), (0.1, 0.1, 0.1)),
    "z-score": (ZScore(7), (0.1,), 0.0),
    "regression": (LinearRegression(7), (0.1,), (0.0, 0.1, 0.1)),
    "volatility": (Volatility(7), (0.1,), 0.0),
    "macd": (Macd(2, 4, 2), (0.5,), (0.0, 0.0, 0.0)),
    "stochastic": (Stochastic(7), (0.1, 0.1, 0.1), (50.0, 50.0)),
    "adx": (Adx(7), (0.1, 0.1, 0.1), (0.0, 0.0, 0.0)),
    "atr": (Atr(7), (0.1, 0.1, 0.1), 0.0),
    "keltner": (Keltner(7, 2.0, Sma), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "supertrend": (Supertrend(7), (0.1, 0.1, 0.1), (0.1, -1)),
    "vwap": (Vwap(), (0.5, 2.0, 0), 0.5),
}


@each_row("name", FLAT)
def test_where_the_price_stands_still_it_is_exact(name: str) -> None:
    indicator, observation, expected = FLAT[name]
    for _ in range(100):
        indicator.update(*observation)
    assert indicator.value == expected


@each_row("make", [Sma, Wma, Bollinger, LinearRegression])
def test_an_enormous_price_leaves_nothing_behind(make: Any) -> None:
    shaken, calm = make(9), make(9)
    for price in [1e15, 1e-9, *walk(5)]:
        shaken.update(price)
    for price in walk(9, seed=3):
        shaken.update(price)
        calm.update(price)
    assert shaken.value == pytest.approx(calm.value, rel=1e-13, abs=1e-13)


def test_a_mean_of_a_million_does_not_drift() -> None:
    mean = Sma(3)
    rng = random.Random(5)
    for _ in range(100_000):
        mean.update(rng.random() * 1e9)
    for price in (0.1, 0.2, 0.3):
        mean.update(price)
    assert mean.value == pytest.approx(0.2, rel=1e-15)


def test_a_window_remembers_no_more_than_twice_its_length() -> None:
    mean = Sma(10)
    most = 0
    for price in range(1_000):
        mean.update(float(price))
        most = max(most, len(mean._moments._older) + len(mean._moments._newer))
    assert most <= 10


def test_volumes_add_up_exactly_however_different() -> None:
    obv = Obv()
    for close, volume in [(1, 1e16), (2, 1.0), (3, 1.0), (2, 1e16)]:
        obv.update(close, volume)
    assert obv.value == 2.0


def test_a_vwap_begins_anew_with_its_session() -> None:
    hour = 3600 * 10**9
    vwap = Vwap("1h", every="15m")
    assert vwap.warm_up == 4
    assert vwap.update(10.0, 0.0, 0) is None  # nothing was traded yet
    assert vwap.update(10.0, 1.0, 1) == 10.0
    assert vwap.update(20.0, 3.0, hour - 1) == 17.5
    assert vwap.update(30.0, 0.0, hour) == 17.5
    assert vwap.update(30.0, 2.0, hour + 1) == 30.0


@each_row(
    "make",
    [lambda: Wma(7), lambda: Wilder(7), Macd, lambda: Volatility(7), lambda: ZScore(7)],
)
def test_once_warm_it_no_longer_matters_where_it_began(make: Any) -> None:
    long_lived, new = make(), make()
    prices = walk(600)
    for price in prices:
        long_lived.update(price)
    for price in prices[-new.warm_up :]:
        new.update(price)
    assert new.value == pytest.approx(long_lived.value, rel=1e-3, abs=1e-3)


@each_row("make", [Atr, Keltner, Adx, Stochastic])
def test_once_warm_it_no_longer_matters_with_which_bar_it_began(make: Any) -> None:
    long_lived, new = make(), make()
    bars = [(price * 1.01, price * 0.99, price) for price in walk(600)]
    for bar in bars:
        long_lived.update(*bar)
    for bar in bars[-new.warm_up :]:
        new.update(*bar)
    assert new.value == pytest.approx(long_lived.value, rel=1e-3)


@each_row(
    "make",
    [lambda: ZScore(1), lambda: Volatility(1), lambda: LinearRegression(1), lambda: Adx(1),
     lambda: Macd(5, 4), lambda: Bollinger(5, 0.0), lambda: Keltner(5, -1.0),
     lambda: Supertrend(5, math.nan), lambda: Vwap("7h")],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(UsageError):
        make()


@each_row("name", indicators.__all__)
def test_each_is_there_for_strategies(name: str) -> None:
    assert getattr(strategy, name) is getattr(indicators, name)
    assert "update" in dir(getattr(indicators, name))


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    assert not hasattr(strategy, "Nothing")
    assert not hasattr(indicators, "Nothing")


@given(PRICES)
def test_a_macd_is_the_difference_of_averages_that_are_ready_together(prices: list[float]) -> None:
    macd, slow, fast, signal = Macd(3, 6, 2), Ema(6), Ema(3), Ema(2)
    for count, price in enumerate(prices):
        value = macd.update(price)
        behind = slow.update(price)
        ahead = fast.update(price) if count >= 3 else None
        if behind is None or ahead is None:
            assert value is None
            continue
        average = signal.update(ahead - behind)
        line = ahead - behind
        assert value == (None if average is None else (line, average, line - average))


def test_a_supertrend_does_not_turn_at_a_close_on_its_line() -> None:
    trend = Supertrend(1, 1.0)
    assert [trend.update(p, p, p) for p in (10.0, 20.0, 10.0, 9.0)] == [
        (10.0, -1), (10.0, 1), (10.0, 1), (10.0, -1),
    ]  # fmt: skip


@each_row(
    ("indicator", "needs", "warm_up"),
    [
        (Sma(20), 20, 20),
        (Wilder(20), 20, 200),
        (Macd(), 34, 175),
        (Stochastic(14, 3, 3), 18, 18),
        (Adx(14), 28, 182),
        (Atr(14), 15, 141),
        (Keltner(20), 20, 100),
        (Keltner(20, average=Sma), 20, 20),
        (Supertrend(10), 10, 100),
        (Volatility(20), 21, 21),
        (EwmVolatility(10), 11, 56),
        (Vwap("1d", every="5m"), 1, 288),
        (Vwap("1h", every="1d"), 1, 1),
    ],
    ids=lambda x: type(x).__name__,
)
def test_how_many_it_needs_to_a_value_and_until_it_is_warm(
    indicator: Any, needs: int, warm_up: int
) -> None:
    assert (indicator.needs, indicator.warm_up) == (needs, warm_up)


def test_a_small_volume_is_not_lost_beside_an_enormous_one() -> None:
    obv = Obv()
    for close, volume in [(1, 1.0), (2, 1e16), (1, 1e16)]:
        obv.update(close, volume)
    assert obv.value == 1.0


def test_what_comes_late_belongs_to_the_session_that_goes_on() -> None:
    vwap = Vwap("1h")
    vwap.update(30.0, 1.0, 3600 * 10**9)
    assert vwap.update(10.0, 1.0, 0) == 20.0


def test_volatility_of_a_year_of_days() -> None:
    daily, yearly = Volatility(5), Volatility(5, periods=365)
    for price in walk(10):
        daily.update(price)
        yearly.update(price)
    assert daily.value is not None
    assert yearly.value == pytest.approx(daily.value * math.sqrt(365))
