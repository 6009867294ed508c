from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tests.real_data import real_data
from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.strategy.base import Answer, Signal, Strategy
from tradectl.strategy.builtin.donchian_breakout import DonchianBreakout
from tradectl.strategy.builtin.ema_cross import EmaCross
from tradectl.strategy.builtin.rsi_reversion import RsiReversion


def trade(price: float) -> MarketDataEvent:
    return MarketDataEvent(symbol="X", price=Decimal(str(price)), volume=Decimal(1))


def bar(price: float) -> BarEvent:
    close = Decimal(str(price))
    return BarEvent(
        symbol="X", price=close, volume=Decimal(1), open=close, high=close, low=close, interval=1
    )


def actions(strategy: Strategy, prices: Iterable[float]) -> list[str]:
    """What was said at each price: `buy`, `sell`, `close`, or a dot."""
    strategy.start()
    said = []
    answer: Answer
    for price in prices:
        if isinstance(strategy, EmaCross):
            answer = strategy.on_trade(trade(price))
        else:
            answer = strategy.on_bar(bar(price))
        said.append(answer.action.value if isinstance(answer, Signal) else ".")
    return said


def spelled(strategy: Strategy, prices: Iterable[float]) -> str:
    return " ".join(actions(strategy, prices))


@each_row(
    ("prices", "expected"),
    [
        ([1, 2, 3, 4, 5], ". . . buy ."),  # warm at the fourth, takes the side it finds
        ([5, 4, 3, 2, 1], ". . . sell ."),
        ([5, 5, 5, 5, 5], ". . . . ."),  # no side to be found
        ([1, 2, 3, 4, 1, 1, 9], ". . . buy sell . buy"),
    ],
)
def test_ema_cross_takes_the_side_of_the_fast_average(prices: list[float], expected: str) -> None:
    assert spelled(EmaCross(fast=2, slow=4, band_bps=0), prices) == expected


def test_the_first_side_needs_no_band_and_a_change_of_sides_does() -> None:
    prices = [100, 100, 100, 100.001, 99.999, 99.998, 99.99, 90]
    wide, none = EmaCross(fast=2, slow=4, band_bps=50), EmaCross(fast=2, slow=4, band_bps=0)
    assert spelled(wide, prices) == ". . . buy . . . sell"
    assert spelled(none, prices) == ". . . buy sell . . ."


@given(st.lists(st.floats(1, 1e5), min_size=10, max_size=200))
def test_ema_cross_never_says_the_same_twice_running(prices: list[float]) -> None:
    said = [a for a in actions(EmaCross(fast=2, slow=5), prices) if a != "."]
    assert all(a != b for a, b in pairwise(said))


def test_rsi_reversion_buys_weakness_leaves_at_the_middle_and_sells_strength() -> None:
    down, up = [10, 9, 8, 7, 6], [7, 8, 9, 10]
    said = actions(RsiReversion(period=3), [*down, *up])
    assert [a for a in said if a != "."] == ["buy", "close", "sell"]
    assert said[3] == "buy"


def test_donchian_breakout_follows_and_leaves_on_the_shorter_channel() -> None:
    prices = [5, 6, 5, 7, 8, 8, 7, 6, 4, 3, 5, 6]
    assert spelled(DonchianBreakout(entry=3, exit=2), prices) == (
        ". . . buy . . close sell . . close buy"
    )


@each_row(
    ("cls", "given", "message"),
    [
        (EmaCross, {"fast": 30, "slow": 30}, "fast, 30, must be below slow, 30: lower fast"),
        (EmaCross, {"fast": 0}, "fast: expected a whole number from 1 to 100,000, got 0"),
        (EmaCross, {"band_bps": -1}, "band_bps: expected a number from 0 to 10,000, got -1"),
        (
            RsiReversion,
            {"period": 1},
            "period: expected a whole number from 2 to 10,000, got 1: set period",
        ),
        (RsiReversion, {"oversold": 60}, "oversold < middle < overbought"),
        (DonchianBreakout, {"exit": 30}, "exit, 30, must not be above entry, 20: lower exit"),
        (DonchianBreakout, {"exit": 0}, "exit: expected a whole number from 1 to 10,000, got 0"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    cls: type[Strategy], given: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        cls(**given)


def test_on_recorded_trades_ema_cross_turns_and_turns_again() -> None:
    path = real_data("trades/binance_spot_BTCUSDT_20240808T2354_20240809T0005.csv.gz")
    with gzip.open(path, "rt") as file:
        prices = [float(row["price"]) for row in csv.DictReader(file)]
    said = [a for a in actions(EmaCross(band_bps=0), prices) if a != "."]
    assert len(said) > 10
    assert said[::2] == [said[0]] * len(said[::2])
    assert said[1::2] == [said[1]] * len(said[1::2])
