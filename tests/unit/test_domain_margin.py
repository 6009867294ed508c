"""Margin and liquidation prices: published figures, and that each price is where the margin ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.perpetuals import BTC, D, perpetual
from tests.fixtures.rows import each_row
from tradectl.domain.instruments import Instrument, MarginMode, MarginTier
from tradectl.domain.margin import (
    HeldPerpetual,
    MarginAccount,
    initial,
    liquidation_price,
    maintenance,
)
from tradectl.domain.positions import Position

TIERS = (MarginTier(D(50_000), D("0.005")), MarginTier(D(600_000), D("0.01")))


@pytest.mark.parametrize(
    ("quantity", "entry", "rate", "deduction", "collateral", "expected"),
    [
        ("3683.979", "1456.84", "0.1", "135365", "1535443.01 -71200.81144 -56354.57", "1153.26"),
        ("109.488", "32481.98", "0.025", "16300", "1535443.01 -356512.508 -448192.89", "26316.89"),
    ],
)
def test_the_two_liquidation_prices_of_binance_s_own_example(
    quantity: str, entry: str, rate: str, deduction: str, collateral: str, expected: str
) -> None:
    """One cross account of two long positions: wallet, less the other's maintenance margin, plus the
    other's profit."""
    tier = MarginTier(D(deduction) / D(rate), D(rate))
    instrument = perpetual(BTC, maintenance_margin=D(0), margin_tiers=(tier,))
    position = Position(BTC, D(quantity), D(quantity) * D(entry))
    price = liquidation_price(position, instrument, sum(map(D, collateral.split()), D(0)))
    assert price is not None
    assert round(price, 2) == D(expected)


@each_row(
    ("notional", "margin"),
    [("0", "0"), ("50000", "200"), ("50001", "200.005"), ("600000", "2950"), ("700000", "3950")],
)
def test_tiers_meet_where_they_join(notional: str, margin: str) -> None:
    """The maintenance amounts of Binance's table are 50 and 3,050 for these brackets."""
    assert maintenance(perpetual(BTC, margin_tiers=TIERS), D(notional)) == D(margin)


def test_opening_takes_the_notional_divided_by_the_leverage() -> None:
    assert initial(perpetual(BTC, "20"), D(1_000)) == 50
    assert initial(perpetual(BTC, "3"), D(1)) == D("0.3333333333")


@given(
    size=st.decimals("0.001", "5000", places=3),
    is_long=st.booleans(),
    entry=st.decimals("0.01", "100000", places=2),
    share=st.decimals("0.01", "1.5", places=3),
    tiers=st.sampled_from([(), TIERS]),
)
def test_at_its_liquidation_price_the_margin_is_what_must_be_there(
    size: Decimal, is_long: bool, entry: Decimal, share: Decimal, tiers: Any
) -> None:
    instrument = perpetual(BTC, margin_tiers=tiers)
    position = Position(BTC, size if is_long else -size, (size if is_long else -size) * entry)
    collateral = size * entry * share
    price = liquidation_price(position, instrument, collateral)
    account = MarginAccount(collateral)
    account.put(HeldPerpetual.at(position, instrument, entry))
    if price is None:
        assert is_long
        assert account.survives(BTC, D("0.01"))
        return
    there = collateral + position.unrealized(price)
    assert abs(there - maintenance(instrument, size * price)) < D("1e-12") * max(collateral, D(1))
    better, worse = (D("1.0001"), D("0.9999")) if is_long else (D("0.9999"), D("1.0001"))
    assert account.survives(BTC, price * better)
    assert not account.survives(BTC, price * worse)


def test_an_isolated_position_stands_on_its_own_initial_margin() -> None:
    alone = perpetual("A", "10", margin=MarginMode.ISOLATED, maintenance_margin=D(0))
    account = MarginAccount(D(1_000))
    account.put(HeldPerpetual.at(Position("A", D(10), D(1_000)), alone, D(100)))
    account.put(HeldPerpetual.at(Position(BTC, D(1), D(100)), perpetual(BTC), D(100)))
    assert account.liquidation_price("A") == 90
    assert account.set_aside == 100
    assert account.behind(account.held[BTC]) == 900
    account.cash = D(60)  # spent since: it cannot stand on more than there is
    assert account.liquidation_price("A") == 94


def test_sums_forget_what_is_closed() -> None:
    account = MarginAccount(D(1_000))
    markets: list[Instrument] = [
        perpetual(BTC, "3"), perpetual("A", "7", margin=MarginMode.ISOLATED),
    ]  # fmt: skip
    for instrument in markets:
        position = Position(instrument.symbol, D("0.333"), D("33.3"))
        account.put(HeldPerpetual.at(position, instrument, D("101.01")))
    assert account.free() < 1_000
    for instrument in markets:
        account.put(HeldPerpetual.at(Position(instrument.symbol), instrument, D(99)))
    assert account.held == {}
    assert account.free() == 1_000
    assert account.set_aside == 0
