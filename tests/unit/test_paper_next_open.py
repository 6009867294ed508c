"""Recorded candles: what is decided at a close trades at the next open, and one candle may hold an entry
and its stop."""

from __future__ import annotations

import pytest

from tests.fixtures.paper_exchange import PaperHarness, bar, opens, order, quote, trade
from tests.fixtures.rows import each_row
from tradectl.domain.commands import ApprovedOrder, SubmitOrder
from tradectl.domain.time import SECOND

CANDLE = bar("100 103 99 101", minute=0)


def exchange(market_fill: str = "full", same_bar_stop: str = "worst") -> PaperHarness:
    return PaperHarness(
        CANDLE, next_event=True, market_fill=market_fill, same_bar_stop=same_bar_stop
    )


@each_row(
    ("text", "open_at", "reports"),
    [
        ("buy 2", "102", ["fill 2@102 taker"]),
        ("sell 2", "98", ["fill 2@98 taker"]),
        ("buy 2 @103", "102", ["fill 2@102 taker"]),
        ("buy 2 @101", "102", ["accepted"]),
        ("buy 2 @101", "100.5", ["fill 2@100.5 taker"]),
    ],
)
def test_what_comes_after_a_close_meets_the_next_open(
    text: str, open_at: str, reports: list[str]
) -> None:
    paper = exchange()
    assert paper.send(order("1", text)) == []
    assert paper.see(opens(open_at)) == reports


def test_while_a_candle_is_open_the_market_stands_at_its_open() -> None:
    paper = exchange()
    paper.see(opens("102"))
    assert paper.send(order("1", "buy 2")) == ["fill 2@102 taker"]


def test_what_is_decided_inside_a_candle_waits_for_the_next_open() -> None:
    """By a timer, say: the open is past, and where the candle went is not known before its close."""
    paper = exchange()
    paper.see(opens("102"))
    decided = ApprovedOrder(order("1", "sell 2").order.spec, 5 * SECOND)
    assert paper.send(SubmitOrder(decided)) == []
    assert paper.see(bar("102 105 80 81", minute=1)) == []
    assert paper.see(opens("81", minute=2)) == ["fill 2@81 taker"]


def test_where_opens_are_not_told_the_next_candle_tells_its_own() -> None:
    paper = exchange()
    paper.send(order("1", "buy 2"))
    paper.send(order("2", "buy 2 @98.5"))
    assert paper.see(bar("102 105 98 99", minute=1)) == [
        "fill 2@102 taker",
        "accepted",
        "fill 2@98.5 maker",
    ]


def test_a_trade_meets_the_next_one() -> None:
    paper = PaperHarness(trade("100"), next_event=True)
    assert paper.send(order("1", "buy 2")) == []
    assert paper.see(trade("107")) == ["fill 2@107 taker"]


def test_a_quote_meets_the_next_one() -> None:
    paper = PaperHarness(quote("99", "100"), next_event=True)
    assert paper.send(order("1", "buy 2")) == []
    assert paper.see(quote("101", "102")) == ["fill 2@102 taker"]


def test_what_has_not_met_the_market_yet_can_be_cancelled() -> None:
    paper = exchange()
    paper.send(order("1", "buy 2"))
    assert paper.cancel("1") == ["canceled"]
    assert paper.see(opens("102"), bar("102 103 101 102", minute=1)) == []


def test_a_stop_that_the_market_has_jumped_over_trades_at_the_open() -> None:
    paper = exchange()
    paper.see(opens("101"))
    paper.send(order("1", "buy 2"))
    assert paper.send(order("stop", "sell 2 stop 95", reduce_only=True)) == ["accepted"]
    assert paper.see(bar("101 102 96 97", minute=1)) == []
    assert paper.see(opens("90", minute=2)) == ["triggered", "fill 2@90 taker"]


def test_a_candle_may_hold_the_entry_and_its_stop() -> None:
    paper = exchange()
    paper.send(order("1", "buy 2"))
    assert paper.see(opens("101")) == ["fill 2@101 taker"]
    paper.send(order("stop", "sell 2 stop 95", reduce_only=True))
    assert paper.see(bar("101 110 94 109", minute=1)) == ["triggered", "fill 2@95 taker"]


@pytest.mark.parametrize(
    ("same_bar_stop", "reports"),
    [("worst", ["accepted", "triggered", "fill 2@97 taker"]), ("next", ["accepted"])],
)
def test_inside_a_candle_its_low_is_taken_to_come_after_the_entry(
    same_bar_stop: str, reports: list[str]
) -> None:
    """A stop at 102 buys on the way up, and 97 was traded too: before it, or after it."""
    paper = exchange(same_bar_stop=same_bar_stop)
    paper.see(opens("101"))
    paper.send(order("1", "buy 2 stop 102"))
    assert paper.see(bar("101 104 96 103", minute=1)) == ["triggered", "fill 2@102 taker"]
    assert paper.send(order("stop", "sell 2 stop 97", reduce_only=True)) == reports


def test_a_candle_before_the_entry_sets_off_no_stop() -> None:
    paper = exchange()
    paper.send(order("1", "buy 2 @100"))
    paper.see(opens("101"), bar("101 104 99 103", minute=1))
    assert paper.fills
    paper.see(opens("103", minute=2), bar("103 104 102 103", minute=2))
    assert paper.send(order("stop", "sell 2 stop 99.5", reduce_only=True)) == ["accepted"]


@pytest.mark.parametrize(
    ("candle", "told"),
    [
        ("110 112 109 111", "fill 2@110 maker"),
        ("103 106 102 104", "fill 2@105 maker"),
        ("105 106 102 104", "fill 2@105 maker"),
    ],
)
def test_a_profit_is_taken_at_its_price_or_at_an_open_beyond_it(candle: str, told: str) -> None:
    paper = exchange()
    paper.see(opens("101"))
    paper.send(order("1", "buy 2"))
    paper.send(order("profit", "sell 2 @105", reduce_only=True))
    paper.see(bar("101 104 100 102", minute=1))
    seen = paper.see(opens(candle.split(maxsplit=1)[0], minute=2), bar(candle, minute=2))
    assert seen == [told]


def test_a_loss_comes_before_a_profit() -> None:
    paper = exchange()
    paper.see(opens("101"))
    paper.send(order("1", "buy 2"))
    paper.send(order("profit", "sell 2 @105", reduce_only=True))
    paper.send(order("stop", "sell 2 stop 95", reduce_only=True))
    assert paper.see(bar("101 110 90 100", minute=1)) == ["triggered", "fill 2@95 taker", "expired"]


def test_a_candle_is_had_once_at_its_open_and_inside() -> None:
    paper = exchange(market_fill="bounded")
    paper.send(order("1", "buy 8"))
    paper.send(order("2", "buy 8 @100"))
    assert paper.see(opens("101", "10")) == ["fill 8@101 taker", "accepted"]
    assert paper.see(bar("101 102 98 99", "10", minute=1)) == ["part 2@100 maker"]


def test_in_part_an_order_trades_whole_lots() -> None:
    paper = exchange(market_fill="bounded")
    paper.send(order("1", "buy 2"))
    assert paper.see(opens("101", "0.0125")) == ["accepted", "part 0.012@101 taker"]


@each_row("text", ["buy 2", "buy 2 @200", "buy 2 @98.5", "buy 2 stop 100"])
def test_bounded_there_is_nothing_where_nothing_was_traded(text: str) -> None:
    paper = exchange(market_fill="bounded")
    paper.send(order("1", text))
    for minute in range(1, 4):
        paper.see(opens("101", "0", minute=minute), bar("101 105 95 99", "0", minute=minute))
    assert not paper.fills


def test_bounded_there_is_nothing_in_a_trade_of_nothing() -> None:
    paper = PaperHarness(trade("100", "0"), market_fill="bounded")
    assert paper.send(order("1", "buy 2")) == ["accepted"]
    assert paper.see(trade("100", "0")) == []
    assert paper.see(trade("100", "1")) == ["part 1@100 taker"]


def test_a_stop_that_enters_is_not_judged_by_the_candle_before_it() -> None:
    paper = exchange()
    paper.see(opens("101"))
    paper.send(order("1", "buy 2 stop 102"))
    assert paper.see(bar("101 104 96 103", minute=1)) == ["triggered", "fill 2@102 taker"]
    assert paper.send(order("2", "buy 2 stop 103.5")) == ["accepted"]


def test_as_data_ends_the_last_open_is_traded_on() -> None:
    paper = exchange()
    paper.see(opens("101"), bar("101 104 96 103", minute=1))
    paper.matching.end_of_data()
    assert paper.send(order("1", "buy 2")) == ["fill 2@101 taker"]
