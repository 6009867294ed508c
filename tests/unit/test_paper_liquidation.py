"""Perpetuals on paper that lose what stands behind them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.perpetuals import ALONE, BTC, COIN, ETH, D, PerpetualMarket, perpetual
from tests.fixtures.rows import each_row
from tradectl.domain.events import OrderCanceled, OrderFilled, OrderRejected, PositionLiquidated
from tradectl.domain.instruments import Instruments, MarginMode
from tradectl.domain.money import ZERO, Side
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.paper.perpetuals import NOT_FREE
from tradectl.state.consistency import problems_of


def liquidations(market: PerpetualMarket) -> list[PositionLiquidated]:
    return [e for e in market.events if isinstance(e, PositionLiquidated)]


def only(market: PerpetualMarket) -> PositionLiquidated:
    (event,) = liquidations(market)
    return event


def long_of(size: str = "100", cash: str = "1000") -> PerpetualMarket:
    """10x long at 100: liquidated at (10,000 - 1,000) / (100 x 0.996) = 90.36."""
    return PerpetualMarket(cash).price(BTC, "100").fit(BTC, f"buy {size}")


LIQUIDATION = D("90.36")


def test_a_long_is_liquidated_at_its_price_inside_a_candle() -> None:
    market = long_of().candle(BTC, "100 101 80 105")
    event = only(market)
    assert (event.price, event.quantity, event.side) == (LIQUIDATION, D(100), Side.SELL)
    assert event.fee == 36  # 1.25 % of 9,036 would be 112.95, and this is all that was left
    assert event.insurance == 0
    assert market.books.equity() == 0
    assert market.books.max_drawdown() == 1


def test_a_short_is_liquidated_at_the_high() -> None:
    market = PerpetualMarket("1000").price(BTC, "100").fit(BTC, "sell 100")
    market.candle(BTC, "100 109.56 99 100")
    assert liquidations(market) == []
    market.candle(BTC, "100 110 99 100")
    assert only(market).price == D("109.57")  # 11,000 / (100 x 1.004), to the tick against us
    assert market.books.equity() == 0


def test_a_candle_that_ends_above_does_not_save_what_its_low_has_reached() -> None:
    assert long_of().candle(BTC, "100 120 90.40 100").books.position(BTC).quantity == 100
    assert only(long_of().candle(BTC, "100 120 90.30 119")).price == LIQUIDATION


@pytest.mark.parametrize("gap", ["price", "candle"])
def test_a_gap_is_paid_by_the_insurance(gap: str) -> None:
    market = long_of()
    if gap == "price":
        market.price(BTC, "70")
    else:
        market.candle(BTC, "70 75 65 75")
    event = only(market)
    assert (event.price, event.fee, event.insurance) == (D(70), ZERO, D(2_000))
    assert market.books.account.insurance == 2_000
    assert market.books.realized() == -3_000
    assert market.books.equity() == 0
    assert problems_of(market.books.account, market.books.instruments) == []


@each_row(
    ("stop", "candle", "sold_at"),
    [
        ("95", "100 101 80 85", "95"),  # nearer: it fills first
        ("95", "93 94 80 85", "93"),  # the market opened beyond it
        ("90.36", "100 101 80 85", ""),
        ("85", "100 101 80 85", ""),  # further away: the position is gone by then
    ],
)
def test_a_nearer_stop_goes_first(stop: str, candle: str, sold_at: str) -> None:
    market = long_of().fit(BTC, f"sell 100 stop {stop}", reduce_only=True).candle(BTC, candle)
    fills = [e for e in market.events if isinstance(e, OrderFilled)]
    if sold_at:
        assert liquidations(market) == []
        assert fills[-1].price == D(sold_at)
        assert market.books.equity() == 1_000 - 100 * (100 - D(sold_at))
    else:
        assert only(market).price == LIQUIDATION
        assert len(fills) == 1
        assert list(market.books.working_orders()) == []


def test_a_take_profit_in_the_same_candle_is_not_assumed_to_have_come_first() -> None:
    market = long_of().fit(BTC, "sell 100 @105", reduce_only=True).candle(BTC, "100 110 80 108")
    assert only(market).price == LIQUIDATION


def test_a_stop_for_a_part_leaves_the_rest_to_be_liquidated_further_away() -> None:
    market = long_of().fit(BTC, "sell 60 stop 92", reduce_only=True)
    market.candle(BTC, "100 101 91 91")
    assert liquidations(market) == []
    market.candle(BTC, "91 91 70 75")
    event = only(market)  # 1,000 - 480 of loss, on 40 at 100: (4,000 - 520) / (40 x 0.996)
    assert (event.quantity, event.price) == (D(40), D("87.34"))


def test_an_entry_inside_the_candle_that_ruins_it() -> None:
    market = PerpetualMarket("1000").price(BTC, "100").fit(BTC, "buy 100 @95")
    market.candle(BTC, "100 101 80 99")
    assert only(market).price == D("85.34")  # (9,500 - 1,000) / 99.6
    assert market.books.equity() == 0


def test_cross_positions_are_lost_together_at_their_marks() -> None:
    market = PerpetualMarket("1000").price(BTC, "100").price(ETH, "50").price(ALONE, "10")
    market.fit(BTC, "buy 45").fit(ETH, "sell 60").fit(ALONE, "buy 20")
    market.price(ETH, "55")  # 300 lost there
    market.fit(ETH, "buy 1 @54").fit(ALONE, "buy 1 @9")
    market.price(BTC, "90").candle(BTC, "90 91 80 90")
    first, second = liquidations(market)
    assert (first.symbol, second.symbol, second.price) == (BTC, ETH, D(55))
    assert market.books.position(ALONE).quantity == 20  # isolated: none of its business
    assert market.books.cash == 40  # which is what it has set aside
    cancelled = {e.symbol: e.by_exchange for e in market.events if isinstance(e, OrderCanceled)}
    assert cancelled == {ETH: True}
    assert [o.spec.symbol for o in market.books.working_orders()] == [ALONE]


def test_an_isolated_position_loses_its_margin_and_no_more() -> None:
    market = PerpetualMarket("1000").price(ALONE, "100").fit(ALONE, "buy 10").price(ALONE, "50")
    event = only(market)
    assert (event.margin, event.insurance) == (MarginMode.ISOLATED, D(300))
    assert market.books.equity() == 800


def test_coins_are_no_collateral_and_are_not_sold() -> None:
    market = PerpetualMarket("1000").price(COIN, "10").price(BTC, "100").fit(COIN, "buy 50")
    market.fit(BTC, "buy 50").price(COIN, "1000").candle(BTC, "100 100 80 80")
    assert only(market).price == D("90.36")  # 500 of cash, whatever the coins are worth
    assert market.books.position(COIN).quantity == 50
    assert market.books.cash == 0


def test_cash_that_stands_behind_perpetuals_does_not_buy_coins() -> None:
    market = PerpetualMarket("1000").price(COIN, "10").price(BTC, "100").fit(BTC, "buy 50")
    denied = market.order(COIN, "buy 60")
    assert denied is not None
    assert denied.code == "MARGIN"
    market.fit(COIN, "buy 49")


def test_what_the_exchange_cancels_for_want_of_money_was_not_cancelled_by_hand() -> None:
    market = PerpetualMarket("1000").price(COIN, "10").price(BTC, "100").fit(COIN, "buy 50 @9")
    market.fit(BTC, "buy 40").price(BTC, "90").price(COIN, "9.5")
    (cancelled,) = [e for e in market.events if isinstance(e, OrderCanceled)]
    assert (cancelled.reason, cancelled.by_exchange) == (NOT_FREE, True)
    known = market.books.refusal(COIN, exits=False)
    assert known is not None
    assert known.cause is RefusalCause.NOT_FILLED


@each_row(
    ("symbol", "words", "code"),
    [
        (BTC, "buy 101", "MARGIN"),
        (BTC, "sell 101", "MARGIN"),
        (BTC, "buy 100", ""),
        (ETH, "buy 400", "MARGIN"),
    ],
)
def test_what_the_collateral_cannot_open_is_denied(symbol: str, words: str, code: str) -> None:
    market = PerpetualMarket("1000").price(BTC, "100").price(ETH, "50.01")
    denied = market.order(symbol, words)
    assert (denied.code if denied else "") == code


def test_working_orders_take_margin_too() -> None:
    market = PerpetualMarket("1000").price(BTC, "100").price(ETH, "50").fit(BTC, "buy 60 @99")
    assert market.order(BTC, "buy 41 @98") is not None
    assert market.order(ETH, "buy 161 @49") is not None
    market.fit(ETH, "buy 160 @49")


def test_an_order_under_way_when_the_account_was_lost_opens_nothing() -> None:
    market = long_of()
    market.late, market.obeys = True, False
    market.price(BTC, "80")
    market.order(BTC, "buy 1")
    market.hear()
    assert [e.reason for e in market.events if isinstance(e, OrderRejected)] == [
        "the account was liquidated"
    ]


def test_a_stop_that_filled_is_known_before_its_report_is_heard() -> None:
    """With a latency the books still hold what the exchange has sold."""
    market = long_of().fit(BTC, "sell 100 stop 95", reduce_only=True)
    market.late = True
    market.price(BTC, "95").price(BTC, "85").price(BTC, "80")
    assert liquidations(market) == []
    market.hear()
    assert market.books.equity() == 500


def test_money_from_outside_counts_at_once() -> None:
    market = long_of()
    market.books.account.cash += 500
    market.candle(BTC, "100 100 88 89")
    assert liquidations(market) == []


def test_after_a_restart_it_goes_on() -> None:
    before = long_of()
    account = before.books.snapshot()
    after = PerpetualMarket(account=account, now=before.now).price(BTC, "95").price(BTC, "90.30")
    assert only(after).price == D("90.30")


def test_a_price_below_the_tick_is_no_reason_to_pay_a_tick() -> None:
    tiny = perpetual(BTC)
    market = PerpetualMarket("1000", Instruments([tiny], known=True))
    market.price(BTC, "0.02").fit(BTC, "buy 500000").candle(BTC, "0.02 0.02 0.01 0.01")
    price = only(market).price
    assert D("0.01807") < price < D("0.01808")
    assert market.books.equity() >= ZERO


def test_spot_alone_is_never_liquidated() -> None:
    market = PerpetualMarket("1000").price(COIN, "10").fit(COIN, "buy 99").price(COIN, "0.01")
    assert liquidations(market) == []
    assert market.books.equity() == Decimal("10.99")
