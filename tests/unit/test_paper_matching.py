"""The paper exchange's matching, order type by order type, as tables of words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.paper_exchange import SYMBOL, PaperHarness, bar, order, quote, trade
from tests.fixtures.rows import each_row
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.orders import OrderStatus

LAST_IS_100 = trade("100", "2")
QUOTED = quote("99", "101", "3", "2")

# --- arriving ------------------------------------------------------------------------------------


@each_row(
    ("text", "tif", "told"),
    [
        ("buy 5", "gtc", ["fill 5@100 taker"]),
        ("buy 5", "ioc", ["fill 5@100 taker"]),
        ("sell 5", "fok", ["fill 5@100 taker"]),
        ("buy 5 @101", "gtc", ["fill 5@100 taker"]),
        ("buy 5 @100", "ioc", ["fill 5@100 taker"]),
        ("sell 5 @99", "fok", ["fill 5@100 taker"]),
        ("buy 5 @99", "gtc", ["accepted"]),
        ("buy 5 @99", "ioc", ["expired"]),
        ("sell 5 @101", "fok", ["expired"]),
        ("buy 5 stop 101", "gtc", ["accepted"]),
        ("buy 5 stop 100", "gtc", ["accepted", "triggered", "fill 5@100 taker"]),
        ("sell 5 stop 101", "ioc", ["accepted", "triggered", "fill 5@100 taker"]),
        ("buy 5 @99 stop 98", "gtc", ["accepted", "triggered"]),
        ("buy 5 @99 stop 98", "ioc", ["accepted", "triggered", "expired"]),
        ("sell 5 @99 stop 101", "fok", ["accepted", "triggered", "fill 5@100 taker"]),
        ("sell 5 @99 stop 98", "fok", ["accepted"]),
    ],
)
def test_an_order_meets_the_last_trade(text: str, tif: str, told: list[str]) -> None:
    assert PaperHarness(LAST_IS_100).send(order("a", text, tif=tif)) == told


@each_row(
    ("text", "tif", "told"),
    [
        ("buy 5", "gtc", ["accepted", "part 2@100 taker"]),
        ("buy 5", "ioc", ["part 2@100 taker", "expired"]),
        ("buy 5", "fok", ["expired"]),
        ("buy 2", "fok", ["fill 2@100 taker"]),
        ("sell 5 @99", "gtc", ["accepted", "part 2@100 taker"]),
        ("sell 5 @99", "ioc", ["part 2@100 taker", "expired"]),
        ("sell 5 @99", "fok", ["expired"]),
        ("buy 5 stop 99", "gtc", ["accepted", "triggered", "part 2@100 taker"]),
    ],
)
def test_a_bounded_taker_gets_no_more_than_was_traded(text: str, tif: str, told: list[str]) -> None:
    harness = PaperHarness(LAST_IS_100, market_fill="bounded")
    assert harness.send(order("a", text, tif=tif)) == told


@each_row(
    ("text", "told"),
    [
        ("buy 5", ["fill 5@101 taker"]),
        ("sell 5", ["fill 5@99 taker"]),
        ("buy 5 @102", ["fill 5@101 taker"]),
        ("buy 5 @101", ["fill 5@101 taker"]),
        ("buy 5 @100", ["accepted"]),
        ("sell 5 @99", ["fill 5@99 taker"]),
        ("buy 5 stop 100", ["accepted", "triggered", "fill 5@101 taker"]),
        ("buy 5 stop 101", ["accepted"]),
    ],
)
def test_a_fresh_quote_goes_before_the_last_trade(text: str, told: list[str]) -> None:
    assert PaperHarness(LAST_IS_100, QUOTED).send(order("a", text)) == told


def test_a_quote_is_not_traded_on_once_it_is_older_than_the_last_trade_by_too_much() -> None:
    for late_ms, told in ((50, "fill 1@101 taker"), (51, "fill 1@100 taker")):
        harness = PaperHarness(QUOTED, quote_max_age_ms=50)
        harness.see(LAST_IS_100, after_ms=late_ms)
        assert harness.send(order("a", "buy 1")) == [told]


def test_a_trade_may_bring_its_own_quote() -> None:
    assert PaperHarness(trade("100", "2", "99", "101")).send(order("a", "buy 1")) == [
        "fill 1@101 taker"
    ]


def test_quotes_alone_are_a_market() -> None:
    harness = PaperHarness(QUOTED)
    assert harness.send(order("a", "buy 5")) == ["fill 5@101 taker"]
    assert harness.send(order("b", "buy 1 stop 102")) == ["accepted"]
    assert harness.see(quote("100", "103")) == ["triggered", "fill 1@103 taker"]


@each_row(
    ("text", "tif", "told"),
    [
        ("buy 1", "gtc", ["rejected"]),
        ("buy 1 @100", "gtc", ["accepted"]),
        ("buy 1 @100", "ioc", ["expired"]),
        ("buy 1 stop 100", "gtc", ["accepted"]),
    ],
)
def test_before_the_first_price_a_market_order_is_rejected_and_others_wait(
    text: str, tif: str, told: list[str]
) -> None:
    assert PaperHarness().send(order("a", text, tif=tif)) == told


@each_row(
    ("text", "told"),
    [
        ("buy 1 @99", ["accepted"]),
        ("buy 1 @100", ["rejected"]),
        ("sell 1 @99", ["rejected"]),
        ("buy 1", ["rejected"]),
        ("buy 1 @101 stop 99", ["accepted", "triggered", "rejected"]),
    ],
)
def test_a_post_only_order_that_would_take_is_rejected(text: str, told: list[str]) -> None:
    harness = PaperHarness(LAST_IS_100)
    assert harness.send(order("a", text, post_only=True)) == told
    if told[-1] == "rejected":
        assert harness.reports[-1].reason.startswith("post-only") is True


@each_row(
    ("text", "reason"),
    [
        ("buy 0", "the quantity must be above zero, not 0"),
        ("buy 1 @0", "a limit order needs a price above zero, not 0"),
        ("buy 1 @-3 stop 100", "a stop_limit order needs a price above zero, not -3"),
        ("buy 1 stop 0", "a stop_market order needs a stop price above zero, not 0"),
    ],
)
def test_an_impossible_order_is_rejected_with_the_reason(text: str, reason: str) -> None:
    harness = PaperHarness(LAST_IS_100)
    assert harness.send(order("a", text)) == ["rejected"]
    assert harness.reports[-1].reason == reason


def test_an_unknown_symbol_is_rejected() -> None:
    harness = PaperHarness(LAST_IS_100)
    assert harness.send(order("a", "buy 1", symbol="NOSUCH")) == ["rejected"]
    assert harness.reports[-1].reason == "unknown symbol NOSUCH"


# --- resting -------------------------------------------------------------------------------------


@each_row("limit_fill", ["through", "touch"])
@each_row(
    ("text", "event", "through", "touch"),
    [
        ("buy 3 @99", trade("99.01", "9"), [], []),
        ("buy 3 @99", trade("99", "9"), [], ["fill 3@99 maker"]),
        ("buy 3 @99", trade("98.99", "9"), ["fill 3@99 maker"], ["fill 3@99 maker"]),
        ("buy 3 @99", trade("98", "2"), ["part 2@99 maker"], ["part 2@99 maker"]),
        ("sell 3 @101", trade("100.99", "9"), [], []),
        ("sell 3 @101", trade("101", "2"), [], ["part 2@101 maker"]),
        ("sell 3 @101", trade("102", "9"), ["fill 3@101 maker"], ["fill 3@101 maker"]),
        ("buy 3 @99", quote("98", "99.5"), [], []),
        ("buy 3 @99", quote("98", "99", "5", "2"), ["part 2@99 maker"], ["part 2@99 maker"]),
        ("buy 3 @99", quote("97", "98"), ["fill 3@99 maker"], ["fill 3@99 maker"]),
        ("sell 3 @101", quote("101", "102", "1"), ["part 1@101 maker"], ["part 1@101 maker"]),
        ("buy 3 @99", trade("100", "9", "98", "99"), ["fill 3@99 maker"], ["fill 3@99 maker"]),
        ("buy 3 @99", bar("100 101 99 100"), [], ["fill 3@99 maker"]),
        ("buy 3 @99", bar("100 101 98 100"), ["fill 3@99 maker"], ["fill 3@99 maker"]),
        ("buy 3 @99", bar("98 101 97 100"), ["fill 3@98 maker"], ["fill 3@98 maker"]),
        ("buy 3 @99", bar("100 101 98 100", "2"), ["part 2@99 maker"], ["part 2@99 maker"]),
        ("sell 3 @101", bar("100 102 99 100"), ["fill 3@101 maker"], ["fill 3@101 maker"]),
        ("sell 3 @101", bar("103 104 99 100"), ["fill 3@103 maker"], ["fill 3@103 maker"]),
    ],
)
def test_a_resting_limit_trades_when_the_market_comes(
    limit_fill: str, text: str, event: MarketDataEvent, through: list[str], touch: list[str]
) -> None:
    harness = PaperHarness(LAST_IS_100, limit_fill=limit_fill)
    assert harness.send(order("a", text)) == ["accepted"]
    assert harness.see(event) == (touch if limit_fill == "touch" else through)


def test_one_trade_is_shared_by_price_and_then_by_time() -> None:
    harness = PaperHarness(LAST_IS_100)
    for order_id, text in (("low", "buy 2 @98"), ("first", "buy 2 @99"), ("second", "buy 2 @99")):
        harness.send(order(order_id, text))
    harness.see(trade("97", "5"))
    assert [(f.order_id, f.quantity) for f in harness.fills] == [
        ("first", Decimal(2)),
        ("second", Decimal(2)),
        ("low", Decimal(1)),
    ]


def test_a_limit_order_goes_on_over_several_trades() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("a", "sell 3 @101"))
    told = harness.see(trade("102", "1"), trade("100", "9"), trade("103", "1"), trade("102", "9"))
    assert told == ["part 1@101 maker", "part 1@101 maker", "fill 1@101 maker"]
    assert [f.trade_id for f in harness.fills] == ["a.1", "a.2", "a.3"]


def test_a_bounded_market_order_goes_on_with_the_next_events() -> None:
    harness = PaperHarness(LAST_IS_100, market_fill="bounded")
    assert harness.send(order("a", "buy 5")) == ["accepted", "part 2@100 taker"]
    assert harness.see(trade("101", "1"), trade("99", "7")) == [
        "part 1@101 taker",
        "fill 2@99 taker",
    ]


def test_a_quote_taken_once_is_not_taken_twice_though_trades_come_between() -> None:
    harness = PaperHarness(QUOTED, market_fill="bounded")
    assert harness.send(order("a", "buy 2")) == ["fill 2@101 taker"]
    harness.send(order("rest", "buy 1 @99"))
    assert harness.see(trade("98", "1")) == ["fill 1@99 maker"]
    assert harness.send(order("b", "buy 1", tif="ioc")) == ["expired"]
    assert harness.send(order("c", "sell 3")) == ["fill 3@99 taker"], "the bid is another quantity"


# --- stops ---------------------------------------------------------------------------------------


@each_row(
    ("text", "event", "told"),
    [
        ("buy 3 stop 102", trade("101.99"), []),
        ("buy 3 stop 102", trade("102"), ["triggered", "fill 3@102 taker"]),
        ("buy 3 stop 102", trade("105"), ["triggered", "fill 3@105 taker"]),
        ("sell 3 stop 98", trade("97"), ["triggered", "fill 3@97 taker"]),
        ("sell 3 stop 98", quote("90", "91"), []),
        ("buy 3 @103 stop 102", trade("102.5"), ["triggered", "fill 3@102.5 taker"]),
        ("buy 3 @103 stop 102", trade("104"), ["triggered"]),
        ("buy 3 stop 102", bar("100 101.9 99 100"), []),
        ("buy 3 stop 102", bar("100 104 99 100"), ["triggered", "fill 3@102 taker"]),
        ("buy 3 stop 102", bar("103 104 99 100"), ["triggered", "fill 3@103 taker"]),
        ("sell 3 stop 98", bar("100 104 97 99"), ["triggered", "fill 3@98 taker"]),
        ("sell 3 stop 98", bar("96 104 95 99"), ["triggered", "fill 3@96 taker"]),
        ("sell 3 @97 stop 98", bar("100 101 90 91"), ["triggered", "fill 3@98 taker"]),
        ("sell 3 @97 stop 98", bar("96 101 90 91"), ["triggered"]),
    ],
)
def test_a_stop_is_triggered_by_trades_and_bars(
    text: str, event: MarketDataEvent, told: list[str]
) -> None:
    harness = PaperHarness(LAST_IS_100)
    assert harness.send(order("a", text)) == ["accepted"]
    assert harness.see(event) == told


@pytest.mark.parametrize(
    ("side", "far", "near", "jump"), [("sell", "95", "98", "94"), ("buy", "105", "102", "106")]
)
def test_stops_are_triggered_in_the_order_in_which_the_market_reaches_them(
    side: str, far: str, near: str, jump: str
) -> None:
    harness = PaperHarness(LAST_IS_100, market_fill="bounded")
    for order_id, stop in (("far", far), ("near", near), ("near too", near)):
        harness.send(order(order_id, f"{side} 2 stop {stop}"))
    harness.see(trade(jump, "5"))
    assert [(f.order_id, f.quantity) for f in harness.fills] == [
        ("near", Decimal(2)),
        ("near too", Decimal(2)),
        ("far", Decimal(1)),
    ]


def test_a_triggered_stop_limit_rests_and_trades_from_the_next_event_on() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("a", "sell 3 @97 stop 98"))
    assert harness.see(bar("96 99 90 91")) == ["triggered"], "the high of 99 may have come first"
    assert harness.see(bar("91 99 90 98")) == ["fill 3@97 maker"]


def test_a_stop_in_a_bar_looks_at_the_last_price_only_when_it_arrives() -> None:
    harness = PaperHarness(bar("100 110 90 100"))
    assert harness.send(order("a", "buy 1 stop 105")) == ["accepted"]
    assert harness.send(order("b", "sell 1 stop 95")) == ["accepted"]


# --- reduce-only ---------------------------------------------------------------------------------


@each_row("text", ["buy 1", "buy 1 @99", "sell 1 @101", "sell 1 stop 90"])
def test_reduce_only_without_a_position_is_rejected(text: str) -> None:
    assert PaperHarness(LAST_IS_100).send(order("a", text, reduce_only=True)) == ["rejected"]


def test_reduce_only_that_would_increase_is_rejected() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("in", "sell 2"))
    assert harness.send(order("a", "sell 1", reduce_only=True)) == ["rejected"]
    assert harness.reports[-1].reason == "reduce-only would increase the position of -2"


def test_reduce_only_is_cut_to_the_position() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("in", "buy 2"))
    told = harness.send(order("out", "sell 5", reduce_only=True))
    assert told == ["accepted", "part 2@100 taker", "expired"]
    assert harness.status["out"] is OrderStatus.EXPIRED


def test_resting_reduce_only_orders_never_close_more_than_there_is() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("in", "buy 3"))
    harness.send(order("profit", "sell 3 @101", reduce_only=True))
    harness.send(order("loss", "sell 3 stop 98", reduce_only=True))
    harness.send(order("some", "sell 1"))
    assert harness.see(trade("102", "9")) == ["part 2@101 maker", "expired", "expired"]
    assert harness.see(trade("90", "9")) == []


def test_a_position_restored_is_one_to_reduce() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.matching.restore_positions({SYMBOL: Decimal(-2)})
    assert harness.send(order("out", "buy 2", reduce_only=True)) == ["fill 2@100 taker"]


# --- cancelling, and sending twice ---------------------------------------------------------------


@pytest.mark.parametrize("text", ["buy 1 @99", "sell 1 @101", "buy 1 stop 105"])
def test_a_cancelled_order_does_not_trade(text: str) -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("a", text))
    assert harness.cancel("a") == ["canceled"]
    assert harness.see(trade("50", "9"), trade("150", "9")) == []
    assert harness.cancel("a") == ["cancel_rejected"]


def test_what_was_filled_before_a_cancel_stays_filled() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("a", "buy 3 @99"))
    assert harness.see(trade("98", "1")) == ["part 1@99 maker"]
    assert harness.cancel("a") == ["canceled"]


def test_cancelling_what_is_unknown_or_finished_is_refused() -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("a", "buy 1"))
    assert harness.cancel("a") == ["cancel_rejected"]
    assert harness.cancel("never sent") == ["cancel_rejected"]


@each_row("first", ["buy 2", "buy 2 @99", "buy 2 @0", "buy 2 stop 105"])
def test_a_second_order_of_the_same_id_does_nothing(first: str) -> None:
    harness = PaperHarness(LAST_IS_100)
    harness.send(order("a", first))
    before = harness.status["a"]
    assert harness.send(order("a", "buy 2")) == []
    assert harness.status["a"] is before
    assert harness.matching.duplicates == 1


def test_every_order_let_in_gets_the_next_number() -> None:
    harness = PaperHarness(LAST_IS_100)
    for order_id, text in (("a", "buy 1"), ("b", "buy 0"), ("c", "buy 1 @90")):
        harness.send(order(order_id, text))
    numbers = [r.venue_order_id for r in harness.reports]
    assert numbers == ["P1", "", "P2"]
