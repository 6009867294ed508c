"""The indicators on real candles equal what others say: TA-Lib, and the values in LEAN's test data.

LEAN's files (QuantConnect, Apache-2.0, `Tests/TestData`), cut to the columns that are compared, are in
`tests/data/lean`; TA-Lib is the extra `reference`.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tradectl.strategy.indicators import (
    Adx,
    Atr,
    Bollinger,
    Donchian,
    Ema,
    Keltner,
    LinearRegression,
    Macd,
    Obv,
    Rsi,
    Sma,
    Stochastic,
    Supertrend,
    Volatility,
    Wma,
    ZScore,
)
from tradectl.strategy.indicators.ranges import true_range

DATA = Path(__file__).parents[1] / "data"
Columns = dict[str, list[float]]


def rows(name: str) -> tuple[list[str], list[list[float]]]:
    with gzip.open(DATA / name, "rt") as file:
        head, *lines = csv.reader(file)
    return head, [[float(cell) if cell else math.nan for cell in line] for line in lines]


@pytest.fixture(scope="module", params=["goog_daily", "btcusdt_candles"])
def candles(request: pytest.FixtureRequest) -> Columns:
    with gzip.open(DATA / f"{request.param}.csv.gz", "rt") as file:
        lines = list(csv.DictReader(file))
    return {
        name: [float(line[name]) for line in lines] for name in ("high", "low", "close", "volume")
    }


def said(indicator: Any, *columns: Iterable[float]) -> list[tuple[float, ...] | None]:
    """Each value as a tuple."""
    values = [indicator.update(*row) for row in zip(*columns, strict=True)]
    return [v if v is None or isinstance(v, tuple) else (v,) for v in values]


def furthest(ours: Sequence[tuple[float, ...] | None], theirs: Sequence[Sequence[float]]) -> float:
    """The greatest difference where both have a value, relative above 1."""
    worst = 0.0
    for our, their in zip(ours, theirs, strict=True):
        for a, b in zip(our or (), their, strict=bool(our)):
            if not math.isnan(b):
                worst = max(worst, abs(a - b) / max(1.0, abs(b)))
    return worst


def first(values: Iterable[tuple[float, ...] | None]) -> int:
    return next(i for i, v in enumerate(values) if v is not None and not math.isnan(v[0]))


# --- TA-Lib ------------------------------------------------------------------------------------------

CLOSE, RANGE = ("close",), ("high", "low", "close")


def _zscore(talib: Any, close: Any, n: int) -> Any:
    return (close - talib.SMA(close, n)) / talib.STDDEV(close, n)


def _regression(talib: Any, close: Any, n: int) -> Any:
    return (
        talib.LINEARREG_SLOPE(close, n),
        talib.LINEARREG_INTERCEPT(close, n),
        talib.LINEARREG(close, n),
    )


def _volatility(talib: Any, close: Any, n: int) -> Any:
    """TA-Lib's deviation is the population's, and its log return is ln of a ratio of its own making."""
    returns = talib.LN(close)
    returns[1:] -= returns[:-1].copy()
    returns[0] = math.nan
    return talib.STDDEV(returns, n) * math.sqrt(n / (n - 1))


TA_LIB: dict[str, tuple[Any, tuple[str, ...], Callable[..., Any]]] = {
    "sma": (lambda: Sma(30), CLOSE, lambda t, c: t.SMA(c, 30)),
    "sma of one": (lambda: Sma(1), CLOSE, lambda t, c: c),
    "ema": (lambda: Ema(30), CLOSE, lambda t, c: t.EMA(c, 30)),
    "wma": (lambda: Wma(30), CLOSE, lambda t, c: t.WMA(c, 30)),
    "rsi": (lambda: Rsi(14), CLOSE, lambda t, c: t.RSI(c, 14)),
    "macd": (Macd, CLOSE, lambda t, c: t.MACD(c, 12, 26, 9)),
    "macd 5 8 3": (lambda: Macd(5, 8, 3), CLOSE, lambda t, c: t.MACD(c, 5, 8, 3)),
    "bollinger": (Bollinger, CLOSE, lambda t, c: t.BBANDS(c, 20, 2, 2)),
    "atr": (Atr, RANGE, lambda t, *x: t.ATR(*x, 14)),
    "adx": (Adx, RANGE, lambda t, *x: (t.ADX(*x, 14), t.PLUS_DI(*x, 14), t.MINUS_DI(*x, 14))),
    "adx 5": (lambda: Adx(5), RANGE, lambda t, *x: (t.ADX(*x, 5), t.PLUS_DI(*x, 5), t.MINUS_DI(*x, 5))),
    "donchian": (lambda: Donchian(20), RANGE[:2], lambda t, h, low: (t.MAX(h, 20), t.MIN(low, 20))),
    "stochastic": (Stochastic, RANGE, lambda t, *x: t.STOCH(*x, 14, 3, 0, 3, 0)),
    "obv": (Obv, ("close", "volume"), lambda t, c, v: t.OBV(c, v)),
    "z-score": (lambda: ZScore(20), CLOSE, lambda t, c: _zscore(t, c, 20)),
    "regression": (lambda: LinearRegression(20), CLOSE, lambda t, c: _regression(t, c, 20)),
    "volatility": (lambda: Volatility(20), CLOSE, lambda t, c: _volatility(t, c, 20)),
}  # fmt: skip


@pytest.mark.parametrize("name", TA_LIB)
def test_equals_ta_lib(candles: Columns, name: str) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    make, columns, reference = TA_LIB[name]
    indicator = make()
    ours = said(indicator, *(candles[column] for column in columns))
    found = reference(talib, *(numpy.array(candles[column]) for column in columns))
    theirs = list(zip(*(found if isinstance(found, tuple) else (found,)), strict=True))
    assert first(ours) == first(theirs) == indicator.needs - 1
    assert furthest(ours, theirs) < 1e-9


def test_keltner_with_emas_is_made_of_ta_libs(candles: Columns) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    high, low, close = (numpy.array(candles[name]) for name in RANGE)
    ranges = talib.TRANGE(high, low, close)
    ranges[0] = high[0] - low[0]
    middle, away = talib.EMA(talib.TYPPRICE(high, low, close), 20), talib.EMA(ranges, 20)
    theirs = list(zip(middle + 2 * away, middle, middle - 2 * away, strict=True))
    assert furthest(said(Keltner(), high, low, close), theirs) < 1e-9


# --- LEAN --------------------------------------------------------------------------------------------


class AverageRange(Sma):
    """A simple mean of true ranges, as LEAN's file has it."""

    __slots__ = ("_close",)

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self._close: float | None = None

    def update(self, high: float, low: float, close: float) -> float | None:  # type: ignore[override]  # of a bar
        before, self._close = self._close, close
        return None if before is None else super().update(true_range(high, low, before))


# made by, how many columns it takes, the difference that the file's rounding allows
LEAN: dict[str, tuple[Any, int, float]] = {
    "ema": (lambda: Ema(14), 1, 1e-12),
    "atr": (lambda: AverageRange(14), 3, 1e-5),
    "keltner": (lambda: Keltner(20, 1.5, Sma), 3, 1e-4),
    "macd": (Macd, 1, 1e-5),
    "supertrend": (Supertrend, 3, 1e-7),
}


@pytest.mark.parametrize("name", LEAN)
def test_equals_leans_data(name: str) -> None:
    make, taken, rounding = LEAN[name]
    _, lines = rows(f"lean/{name}.csv.gz")
    indicator = make()
    ours = said(indicator, *zip(*(line[:taken] for line in lines), strict=True))
    if name == "supertrend":  # the file has the line only, and 0 before
        ours = [value and value[:1] for value in ours]
        lines = [line if line[3] else [*line[:3], math.nan] for line in lines]
    theirs = [line[taken:] for line in lines]
    assert furthest(ours, theirs) < rounding
    assert sum(not math.isnan(their[0]) for their in theirs) >= 69


def test_donchian_equals_leans_data() -> None:
    _, lines = rows("lean/donchian.csv.gz")
    channel = Donchian(50)
    for count, (high, low, _, top, bottom, mean) in enumerate(lines, start=1):
        value = channel.update(high, low)
        assert (value is None) == (count < channel.needs)
        if value is not None:
            assert value == (top, bottom)
            assert value.middle == pytest.approx(mean, abs=1e-9)


def test_adx_comes_to_leans_data() -> None:
    """LEAN's first sums are of n movements and ours, as TA-Lib's, of n - 1: it no longer matters once
    the averages are warm. The file has four digits."""
    _, lines = rows("lean/adx.csv.gz")
    adx = Adx(14)
    warm = said(adx, *zip(*(line[:3] for line in lines), strict=True))[adx.warm_up :]
    theirs = [line[3:] for line in lines][adx.warm_up :]
    differences = [
        abs(a - b)
        for x, y in zip(warm, theirs, strict=True)
        for a, b in zip(x or (), y, strict=True)
    ]
    assert len(differences) > 900
    assert max(differences) < 1e-3
