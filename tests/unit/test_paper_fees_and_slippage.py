"""What trading costs on paper: slippage, impact, jitter, fees, and settings that cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.paper_exchange import PaperHarness, order, quote, trade
from tests.fixtures.rows import each_row
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import Liquidity
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.fees_and_slippage import FeeModel


@each_row(
    ("text", "chosen", "price"),
    [
        ("buy 1", {"slippage_bps": "0"}, "100"),
        ("buy 1", {"slippage_bps": "1"}, "100.01"),
        ("sell 1", {"slippage_bps": "1"}, "99.99"),
        ("buy 1", {"slippage_bps": "0.01"}, "100.01"),
        ("sell 1", {"slippage_bps": "0.01"}, "99.99"),
        ("buy 6", {"impact_bps": "2"}, "100.06"),
        ("sell 6", {"slippage_bps": "5", "impact_bps": "2"}, "99.89"),
        ("buy 1 @100.02", {"slippage_bps": "50"}, "100.02"),
        ("sell 1 @99.98", {"slippage_bps": "50"}, "99.98"),
        ("sell 9000", {"impact_bps": "5000"}, "0.01"),
    ],
)
def test_a_taker_slips_against_itself_to_the_tick_but_never_beyond_its_limit(
    text: str, chosen: dict[str, Any], price: str
) -> None:
    harness = PaperHarness(trade("100", "2"), **chosen)
    harness.send(order("a", text))
    assert harness.fills[0].price == Decimal(price)


def test_where_no_size_is_known_there_is_no_impact() -> None:
    for market in (trade("100", "0"), quote("100", "100")):
        harness = PaperHarness(market, impact_bps="100")
        assert harness.send(order("a", "buy 5")) == ["fill 5@100 taker"]


def test_jitter_is_within_its_bound_and_comes_from_the_seed() -> None:
    def prices(seed: int) -> list[Decimal]:
        harness = PaperHarness(trade("100", "2"), seed=seed, slippage_jitter_bps="10")
        for n in range(50):
            harness.send(order(f"o{n}", "buy 1"))
        return [fill.price for fill in harness.fills]

    assert prices(1) == prices(1)
    assert prices(1) != prices(2)
    assert all(Decimal(100) <= price <= Decimal("100.1") for price in prices(1))
    assert len(set(prices(1))) > 5


def test_takers_and_makers_pay_their_own_fee_in_the_quote_currency() -> None:
    harness = PaperHarness(trade("100", "2"), maker_fee="0.0002", taker_fee="0.0005")
    harness.send(order("a", "buy 3"))
    harness.send(order("b", "buy 3 @99"))
    harness.see(trade("98", "9"))
    taker, maker = harness.fills
    assert (taker.liquidity, taker.fee) == (Liquidity.TAKER, Decimal("0.15"))
    assert (maker.liquidity, maker.fee) == (Liquidity.MAKER, Decimal("0.0594"))
    assert taker.fee_currency == maker.fee_currency == "USDT"


@each_row(
    ("notional", "fee"),
    [("0.000005", "0"), ("0.000006", "1e-8"), ("0.000015", "2e-8"), ("0.000025", "2e-8")],
)
def test_fees_are_rounded_half_to_even_to_eight_decimals(notional: str, fee: str) -> None:
    fees = FeeModel(PaperSettings(taker_fee=Decimal("0.001")))
    assert fees.fee(Decimal(notional), Liquidity.TAKER) == Decimal(fee)


def test_a_maker_fee_below_zero_is_a_rebate() -> None:
    fees = FeeModel(PaperSettings(maker_fee=Decimal("-0.0001")))
    assert fees.fee(Decimal(1000), Liquidity.MAKER) == Decimal("-0.1")


@each_row(
    ("key", "value"),
    [
        ("taker_fee", "-0.001"),
        ("taker_fee", "1.5"),
        ("maker_fee", "NaN"),
        ("slippage_bps", "-1"),
        ("impact_bps", "Infinity"),
        ("slippage_jitter_bps", "6000"),
        ("latency_ms", "-5"),
        ("quote_max_age_ms", "3600001"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(key: str, value: str) -> None:
    given = {key: int(value) if key.endswith("_ms") else Decimal(value)}
    with pytest.raises(ConfigError, match=rf"^paper\.{key}: expected .* to .*, got {value}$"):
        PaperSettings(**given)  # type: ignore[arg-type]
