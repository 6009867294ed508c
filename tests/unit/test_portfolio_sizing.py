from __future__ import annotations

from decimal import Decimal
from math import exp, log, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_account import FakeAccount
from tests.fixtures.rows import each_row
from tradectl.domain.errors import ConfigError
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.statistics import EwmVolatility
from tradectl.portfolio.decisions import NO_PRICE, stays
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.sizing import DECAY, ENOUGH, InverseVolatility, sizer_for

D = Decimal


def quantity(nets: dict[str, str], mark: str = "100", cash: str = "10000", **settings: Any) -> D:
    """What is held of the first symbol."""
    sizer = sizer_for(PortfolioSettings(**settings))
    symbol, net = next((symbol, D(net)) for symbol, net in nets.items())
    return sizer.quantity(symbol, net, net, D(mark), wanting(*nets, cash=cash))


def wanting(*symbols: str, cash: str = "10000") -> FakeAccount:
    """An account in which a strategy wants to hold these."""
    account = FakeAccount(cash)
    for symbol in symbols:
        targets = (StrategyTarget("s", D(1), D(1)),)
        account.take([stays(symbol, D(0), D(0), NO_PRICE, targets)])
    return account


@each_row(
    ("settings", "nets", "expected"),
    [
        ({"sizing": "fixed_quantity", "quantity": D("0.5")}, {"A": "1"}, "0.5"),
        ({"sizing": "fixed_quantity", "quantity": D("0.5")}, {"A": "-0.5"}, "-0.25"),
        ({}, {"A": "1"}, "20"),
        ({}, {"A": "-0.5"}, "-10"),
        ({"fraction": D("0.1")}, {"A": "1", "B": "1"}, "10"),
        ({"fraction": D("0.5")}, {"A": "1"}, "30"),
        ({"fraction": D("0.5")}, {"A": "-1"}, "-30"),
        ({"sizing": "equal_weight"}, {"A": "1"}, "30"),
        ({"sizing": "equal_weight"}, {"A": "1", "B": "-1", "C": "1", "D": "1"}, "24.5"),
        ({"sizing": "equal_weight"}, {"A": "-0.5", "B": "1"}, "-24.5"),
        ({"sizing": "equal_weight", "cash_reserve": D(0)}, {"A": "-0.5", "B": "1"}, "-25"),
        ({"sizing": "inverse_volatility"}, {"A": "1", "B": "-1", "C": "1", "D": "1"}, "24.5"),
    ],
)
def test_a_target_becomes_a_quantity(
    settings: dict[str, Any], nets: dict[str, str], expected: str
) -> None:
    assert quantity(nets, **settings) == D(expected)


@each_row("sizing", ["fixed_fraction", "equal_weight", "inverse_volatility"])
@each_row("cash", ["0", "-50"])
def test_without_equity_nothing_is_held(sizing: str, cash: str) -> None:
    assert quantity({"A": "1"}, cash=cash, sizing=sizing) == 0


@given(st.decimals(-1, 1, places=3).filter(bool), st.decimals("0.01", "3", places=2))
def test_a_weight_never_passes_its_cap(target: D, fraction: D) -> None:
    held = quantity({"A": str(target)}, mark="7", fraction=fraction)
    assert abs(held * 7) <= D(3000) + D("1e-20")
    assert (held > 0) == (target > 0)


@pytest.mark.parametrize(("fraction", "parts"), [("0.2", ["12", "-8"]), ("1.5", ["90", "-60"])])
def test_a_strategys_part_is_sized_whatever_the_others_want(
    fraction: str, parts: list[str]
) -> None:
    sizer, account = sizer_for(PortfolioSettings(fraction=D(fraction))), wanting("A")
    sized = [sizer.quantity("A", part, D("0.2"), D(100), account) for part in (D("0.6"), D("-0.4"))]
    assert sized == [D(part) for part in parts]


def test_a_net_that_is_capped_cuts_each_part_alike() -> None:
    sizer, account = sizer_for(PortfolioSettings(fraction=D(1))), wanting("A")
    sized = [sizer.quantity("A", part, D("0.6"), D(100), account) for part in (D("0.4"), D("0.2"))]
    assert sized == [D(20), D(10)]
    assert sizer.largest(D(100), account) == 30


def test_the_calmer_symbol_gets_more() -> None:
    sizer = InverseVolatility(D(1), D(1))
    for i in range(ENOUGH + 1):
        sizer.sample("calm", D(100 + i % 2))
        sizer.sample("wild", D(100 + 3 * (i % 2)))
    account = wanting("calm", "wild")
    calm, wild = (sizer.weight(symbol, account) for symbol in ("calm", "wild"))
    ratio = log(1.03) / log(1.01)
    assert float(calm / wild) == pytest.approx(ratio, rel=1e-6)
    assert calm + wild == pytest.approx(D(1), abs=D("1e-8"))


def test_a_symbol_not_yet_measured_counts_as_average() -> None:
    sizer = InverseVolatility(D(1), D(1))
    for i in range(ENOUGH + 1):
        sizer.sample("one", D(100 + i % 2))
        sizer.sample("other", D(100 + i % 2))
    assert sizer.weight("new", wanting("one", "other", "new")) == D("0.33333333")
    assert sizer.weight("new", wanting("one", "other")) == D("0.33333333")


def test_a_price_that_never_moves_does_not_divide_by_zero() -> None:
    sizer = InverseVolatility(D(1), D(1))
    for _ in range(ENOUGH + 1):
        sizer.sample("still", D(100))
    assert sizer.weight("still", wanting("still")) == 1


def test_volatility_is_none_before_there_is_enough() -> None:
    sizer = InverseVolatility(D(1), D(1))
    for _ in range(ENOUGH):
        sizer.sample("A", D(100))
    assert sizer.volatility("A") is sizer.volatility("never seen") is None
    sizer.sample("A", D(100))
    assert sizer.volatility("A") is not None


def test_volatility_is_a_mean_first_and_then_decays() -> None:
    volatility, mark = EwmVolatility(ENOUGH, DECAY), 100.0
    returns = [0.01 * (-1) ** i * (1 + i % 3) for i in range(ENOUGH + 2)]
    volatility.update(mark)
    for r in returns:
        mark *= exp(r)
        volatility.update(mark)
    variance = sum(r * r for r in returns[:ENOUGH]) / ENOUGH
    for r in returns[ENOUGH:]:
        variance = DECAY * variance + (1 - DECAY) * r * r
    assert volatility.value == pytest.approx(sqrt(variance))


@each_row(
    ("settings", "complaint"),
    [
        ({"sizing": "martingale"}, 'sizing: expected one of "fixed_quantity", "fixed_fraction"'),
        ({"order_type": "twap"}, 'order_type: expected one of "market", "limit"'),
        ({"fraction": D(0)}, "fraction: expected a number above 0"),
        ({"fraction": 0.2}, "fraction: expected a Decimal, a number above 0"),
        ({"fraction": D("NaN")}, "fraction: expected a number above 0 to below 1e15"),
        ({"max_weight": D("-0.1")}, "max_weight: expected a number above 0"),
        ({"cash_reserve": D(1)}, "cash_reserve: expected a number from 0 to below 1"),
        ({"cash_reserve": D("-0.1")}, "cash_reserve: expected a number from 0 to below 1"),
        ({"drift": D("-0.1")}, "drift: expected a number from 0 to"),
        ({"min_trade_notional": D(-1)}, "min_trade_notional: expected a number from 0 to"),
        (
            {"limit_offset_bps": D(10000)},
            "limit_offset_bps: expected a number above -10000 to",
        ),
        ({"sizing": "fixed_quantity"}, "quantity: sizing 'fixed_quantity' needs"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"portfolio\.{complaint}"):
        PortfolioSettings(**settings)
