"""The indicators on real candles equal what others say: TA-Lib, and the values in LEAN's test data.

LEAN's files (QuantConnect, Apache-2.0, `Tests/TestData`), cut to the columns that are compared, are in
`tests/data/lean`; what TA-Lib says is in `tests/oracles/ta_lib.py`.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.fixtures.rows import each_row
from tests.oracles.ta_lib import DATA, MARKETS, TA_LIB, Columns, candles, kept, said_by_ta_lib
from tradectl.strategy.indicators import (
    Adx,
    Donchian,
    Ema,
    Keltner,
    Macd,
    Sma,
    Supertrend,
)
from tradectl.strategy.indicators.ranges import true_range


def rows(name: str) -> tuple[list[str], list[list[float]]]:
    with gzip.open(DATA / name, "rt") as file:
        head, *lines = csv.reader(file)
    return head, [[float(cell) if cell else math.nan for cell in line] for line in lines]


def said(indicator: Any, *columns: Iterable[float]) -> list[tuple[float, ...] | None]:
    """Each value as a tuple."""
    values = [indicator.update(*row) for row in zip(*columns, strict=True)]
    return [v if v is None or isinstance(v, tuple) else (v,) for v in values]


def furthest(
    values: Sequence[tuple[float, ...] | None], theirs: Sequence[Sequence[float]]
) -> float:
    """The greatest difference where both have a value, relative above 1."""
    worst = 0.0
    for our, their in zip(values, theirs, strict=True):
        for a, b in zip(our or (), their, strict=bool(our)):
            if not math.isnan(b):
                worst = max(worst, abs(a - b) / max(1.0, abs(b)))
    return worst


def first(values: Iterable[tuple[float, ...] | None]) -> int:
    return next(i for i, v in enumerate(values) if v is not None and not math.isnan(v[0]))


# --- TA-Lib ------------------------------------------------------------------------------------------

RANGE = ("high", "low", "close")


def ours(name: str, columns: Columns) -> list[tuple[float, ...] | None]:
    make, taken, _ = TA_LIB[name]
    return said(make(), *(columns[column] for column in taken))


@each_row("market", MARKETS)
@each_row("name", TA_LIB)
def test_equals_ta_lib(market: str, name: str) -> None:
    pytest.importorskip("talib")
    columns = candles(market)
    values, theirs = ours(name, columns), said_by_ta_lib(name, columns)
    assert first(values) == first(theirs) == TA_LIB[name][0]().needs - 1
    assert furthest(values, theirs) < 1e-9


@each_row("market", MARKETS)
@each_row("name", TA_LIB)
def test_equals_what_ta_lib_said(market: str, name: str) -> None:
    columns, theirs = candles(market), kept()[market][name]
    values = ours(name, columns)
    assert len(theirs) >= 5
    assert furthest([values[int(i)] for i in theirs], list(theirs.values())) < 1e-9


@pytest.mark.parametrize("market", MARKETS)
def test_keltner_with_emas_is_made_of_ta_libs(market: str) -> None:
    talib = pytest.importorskip("talib")
    numpy = pytest.importorskip("numpy")
    columns = candles(market)
    high, low, close = (numpy.array(columns[name]) for name in RANGE)
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


@each_row("name", LEAN)
def test_equals_leans_data(name: str) -> None:
    make, taken, rounding = LEAN[name]
    _, lines = rows(f"lean/{name}.csv.gz")
    indicator = make()
    values = said(indicator, *zip(*(line[:taken] for line in lines), strict=True))
    if name == "supertrend":  # the file has the line only, and 0 before
        values = [value and value[:1] for value in values]
        lines = [line if line[3] else [*line[:3], math.nan] for line in lines]
    theirs = [line[taken:] for line in lines]
    assert furthest(values, theirs) < rounding
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
