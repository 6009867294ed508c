"""Funding: who holds a perpetual at the moment pays -rate x quantity x mark."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.perpetuals import ALONE, BTC, COIN, ETH, MINUTE, D, PerpetualMarket
from tests.fixtures.rows import each_row
from tradectl.domain.events import FundingPaid
from tradectl.domain.time import HOUR
from tradectl.exchange.paper.funding_rates import NEVER, FundingRate, FundingRates
from tradectl.state.consistency import problems_of

RATE = D("0.0001")
EIGHT = FundingRates(RATE, 8 * HOUR)
DUE = 8 * HOUR


def market(rates: FundingRates = EIGHT, minutes_before: int = 3) -> PerpetualMarket:
    """So many minutes before the first moment."""
    return PerpetualMarket(rates=rates, now=DUE - minutes_before * MINUTE)


def payments(of: PerpetualMarket) -> list[Decimal]:
    return [event.payment for event in of.events if isinstance(event, FundingPaid)]


@each_row(
    ("order", "rate", "payment"),
    [
        ("buy 2", "0.0001", "-0.02"),
        ("sell 2", "0.0001", "0.02"),
        ("buy 2", "-0.0003", "0.06"),
        ("sell 2", "-0.0003", "-0.06"),
    ],
)
def test_longs_pay_shorts_a_rate_above_zero(order: str, rate: str, payment: str) -> None:
    held = market(FundingRates(D(rate), 8 * HOUR)).price(BTC, "90").fit(BTC, order)
    held.price(BTC, "100").price(BTC, "110").price(BTC, "120")
    assert payments(held) == [D(payment) * D("1.1")]  # at 110, the mark at the moment itself
    account = held.books.account
    assert account.funding == D(payment) * D("1.1")
    assert account.strategies["s"].funding == account.funding
    profit = held.books.realized() + held.books.unrealized() + account.funding
    assert held.books.profit() == profit
    assert problems_of(account, held.books.instruments) == []


def test_who_is_flat_at_the_moment_pays_nothing() -> None:
    held = market().price(BTC, "100").fit(BTC, "buy 2").price(BTC, "100").fit(BTC, "sell 2")
    held.price(BTC, "100").price(BTC, "100").fit(BTC, "buy 1").price(BTC, "100")
    assert payments(held) == []


def test_what_is_opened_at_the_very_moment_does_not_pay_and_what_is_closed_then_does() -> None:
    opened = market().price(BTC, "100").price(BTC, "100").price(BTC, "100").fit(BTC, "buy 1")
    assert opened.now == DUE
    assert payments(opened.price(BTC, "100")) == []
    closed = market().price(BTC, "100").fit(BTC, "buy 1").price(BTC, "100").price(BTC, "100")
    assert payments(closed.fit(BTC, "sell 1")) == [D("-0.01")]


def test_each_symbol_pays_at_its_own_rate() -> None:
    rates = FundingRates(
        RATE,
        8 * HOUR,
        [FundingRate(ETH, DUE - MINUTE, D("0.001")), FundingRate(ETH, DUE + HOUR, D("0.002"))],
    )
    held = market(rates, 5).price(BTC, "100").price(ETH, "10").fit(BTC, "buy 1").fit(ETH, "sell 1")
    for _ in range(100):
        held.price(BTC, "100").price(ETH, "10")
    assert sorted(payments(held)) == [D("-0.01"), D("0.01"), D("0.02")]


def test_coins_pay_no_funding() -> None:
    held = market().price(COIN, "100").fit(COIN, "buy 2").price(COIN, "100").price(COIN, "100")
    assert payments(held.price(COIN, "100")) == []


def test_a_candle_pays_what_is_left_at_its_close() -> None:
    """It opened before the moment and closed at it: its stop had gone by then."""
    held = market().price(BTC, "100").fit(BTC, "buy 2").fit(BTC, "sell 1 stop 95", reduce_only=True)
    held.candle(BTC, "100 100 90 92", 2 * MINUTE)
    assert held.now == DUE
    assert payments(held) == [D("-0.0092")]


def test_an_entry_inside_the_candle_counts_from_its_open() -> None:
    held = market().price(BTC, "100").fit(BTC, "buy 1 @95").candle(BTC, "100 100 90 92", 2 * MINUTE)
    assert payments(held) == [D("-0.0092")]


def test_a_gap_in_the_data_is_paid_moment_by_moment_at_the_last_mark() -> None:
    held = market().price(BTC, "100").fit(BTC, "buy 1").price(BTC, "110")
    held.now += 20 * HOUR
    held.price(BTC, "200")
    assert payments(held) == [D("-0.011")] * 3
    assert [e.ts for e in held.events if isinstance(e, FundingPaid)] == [DUE, 2 * DUE, 3 * DUE]


@pytest.mark.parametrize("symbol", [BTC, ALONE])
def test_the_mark_is_the_last_price_before_the_moment_however_quiet_the_market_was(
    symbol: str,
) -> None:
    held = market(minutes_before=6).price(symbol, "100").fit(symbol, "buy 1")
    held.price(symbol, "101").price(symbol, "102").price(symbol, "103").price(symbol, "104")
    held.now += MINUTE // 2
    held.price(symbol, "200")
    assert payments(held) == [D("-0.0104")]


def test_a_mark_of_an_earlier_position_is_not_taken_for_the_last() -> None:
    held = market(minutes_before=5).price(BTC, "100").fit(BTC, "buy 1").price(BTC, "110")
    held.fit(BTC, "sell 1").price(BTC, "200").fit(BTC, "buy 1")
    held.now += 20 * HOUR
    held.price(BTC, "300")
    assert payments(held) == [D("-0.02")] * 3


def test_a_restart_across_the_moment_pays_it_once() -> None:
    first = market().price(BTC, "100").fit(BTC, "buy 1").price(BTC, "110")
    again = PerpetualMarket(account=first.books.snapshot(), rates=EIGHT, now=DUE + 9 * HOUR)
    again.price(BTC, "200")
    assert payments(again) == [D("-0.011")] * 2
    third = PerpetualMarket(account=again.books.snapshot(), rates=EIGHT, now=again.now)
    assert payments(third.price(BTC, "200")) == []


def test_what_is_reported_twice_is_booked_once() -> None:
    held = market().price(BTC, "100").fit(BTC, "buy 1").price(BTC, "100").price(BTC, "100")
    (paid,) = (e for e in held.events if isinstance(e, FundingPaid))
    cash = held.books.cash
    held.tell(paid)
    assert held.books.cash == cash
    assert held.books.account.duplicates == 1


def test_what_is_paid_can_be_what_was_missing() -> None:
    """Funding comes out of the collateral, and may liquidate."""
    rates = FundingRates(D("0.5"), 8 * HOUR)
    held = market(rates).price(ALONE, "100").fit(ALONE, "buy 400")
    for _ in range(4):
        held.price(ALONE, "100")
    assert held.books.position(ALONE).quantity == 0
    assert held.books.equity() == 0


def test_moments_are_multiples_of_the_interval_and_a_file_goes_before_the_constant() -> None:
    assert [EIGHT.next_after(BTC, at) for at in (0, DUE - 1, DUE, DUE + 1)] == [
        DUE, DUE, 2 * DUE, 2 * DUE,
    ]  # fmt: skip
    filed = FundingRates(RATE, 8 * HOUR, [FundingRate(BTC, 5, D(1)), FundingRate(BTC, 3, D(2))])
    assert [filed.next_after(BTC, at) for at in (0, 3, 5)] == [3, 5, NEVER]
    assert (filed.at(BTC, 3), filed.at(ETH, DUE)) == (D(2), RATE)
    assert FundingRates().next_after(BTC, 0) == NEVER
