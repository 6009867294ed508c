"""What TA-Lib says of real candles, and the indicator of ours that says the same.

Some of its values are kept in `tests/data/ta_lib.json.gz`, so that they are compared where TA-Lib (the
extra `dev`) is missing, too; `python -m tests.oracles.ta_lib` writes them anew.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tradectl.strategy.indicators import (
    Adx,
    Atr,
    Bollinger,
    Donchian,
    Ema,
    LinearRegression,
    Macd,
    Obv,
    Rsi,
    Sma,
    Stochastic,
    Volatility,
    Wma,
    ZScore,
)  # fmt: skip

DATA = Path(__file__).parents[1] / "data"
KEPT = DATA / "ta_lib.json.gz"
EVERY = 59
"""Each so many candles, and the last."""
MARKETS = ("goog_daily", "btcusdt_candles")

Columns = dict[str, list[float]]
Rows = list[tuple[float, ...]]

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


def candles(market: str) -> Columns:
    with gzip.open(DATA / f"{market}.csv.gz", "rt") as file:
        lines = list(csv.DictReader(file))
    return {
        name: [float(line[name]) for line in lines] for name in ("high", "low", "close", "volume")
    }


def said_by_ta_lib(name: str, columns: Columns) -> Rows:
    """A row for each candle; NaN before the first value."""
    numpy, talib = import_module("numpy"), import_module("talib")
    _, taken, reference = TA_LIB[name]
    found = reference(talib, *(numpy.array(columns[column]) for column in taken))
    return list(zip(*(found if isinstance(found, tuple) else (found,)), strict=True))


def kept() -> dict[str, dict[str, dict[str, list[float]]]]:
    """By market, name and the candle's number."""
    with gzip.open(KEPT, "rt") as file:
        return json.load(file)  # type: ignore[no-any-return]  # as `_keep` wrote it


def _some(name: str, columns: Columns) -> dict[str, list[float]]:
    rows = said_by_ta_lib(name, columns)
    chosen = {i: rows[i] for i in [*range(EVERY - 1, len(rows) - 1, EVERY), len(rows) - 1]}
    return {str(i): [float(x) for x in row] for i, row in chosen.items() if not math.isnan(row[0])}


def _keep() -> None:
    found = {market: {name: _some(name, candles(market)) for name in TA_LIB} for market in MARKETS}
    with KEPT.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        file.write(json.dumps(found, indent=0).encode())


if __name__ == "__main__":
    _keep()
