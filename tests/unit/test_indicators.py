from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.domain.errors import UsageError
from tradectl.strategy.indicators import Donchian, Ema, EwmVolatility, Rsi

PRICES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=80)
WINDOWS = st.integers(1, 12)


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


@pytest.mark.parametrize("n", [2, 3, 10, 30, 200])
def test_ema_equals_ta_lib(n: int) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    prices = walk(1_000)
    ema = Ema(n)
    assert_equals_reference(
        [ema.update(p) for p in prices], list(talib.EMA(numpy.array(prices), n))
    )


@pytest.mark.parametrize("n", [2, 3, 14, 50])
def test_rsi_equals_ta_lib(n: int) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    prices = walk(1_000)
    rsi = Rsi(n)
    assert_equals_reference(
        [rsi.update(p) for p in prices], list(talib.RSI(numpy.array(prices), n))
    )


@pytest.mark.parametrize("n", [2, 5, 20, 55])
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


@pytest.mark.parametrize("indicator", [Ema, Rsi, Donchian, EwmVolatility])
def test_a_window_below_one_is_refused(indicator: type) -> None:
    with pytest.raises(UsageError, match="at least 1, got 0"):
        indicator(0)
