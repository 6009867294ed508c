"""What can be had of a market that trades so much and no more, in whole lots."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.paper_exchange import COIN, PaperHarness, bar, opens, order, quote, trade
from tests.profiles import examples
from tradectl.domain.events import OrderFilled

VOLUMES = ("0", "0.0004", "0.001", "0.0125", "1", "3.3333")
SHAPES = ("100 102 98 101", "100 100 100 100", "101 106 95 96", "97 97 94 95")
ORDERS = (
    "buy 2", "sell 1.5", "buy 0.003", "buy 2 @99", "sell 2 @101", "buy 1 @103",
    "buy 3 stop 102", "sell 2 stop 97", "buy 2 @103 stop 101",
)  # fmt: skip

candle = st.tuples(st.sampled_from(SHAPES), st.sampled_from(VOLUMES))
sent = st.lists(st.tuples(st.sampled_from(ORDERS), st.sampled_from(["gtc", "ioc"])), max_size=3)


def had(fills: list[OrderFilled]) -> Decimal:
    return sum((fill.quantity for fill in fills), Decimal(0))


def check(fills: list[OrderFilled], volume: str) -> None:
    assert had(fills) <= Decimal(volume)
    assert all(fill.quantity > 0 and fill.quantity % COIN.lot_size == 0 for fill in fills)


@pytest.mark.parametrize("limit_fill", ["through", "touch"])
@settings(max_examples=examples(16))
@given(market=st.lists(st.tuples(candle, sent, sent), min_size=1, max_size=8))
def test_of_a_candle_no_more_is_had_than_it_traded(
    limit_fill: Literal["through", "touch"],
    market: list[tuple[tuple[str, str], list[tuple[str, str]], list[tuple[str, str]]]],
) -> None:
    """Orders come between candles, and inside them. A stop behind an entry inside a candle that has just
    closed may still be had of that one."""
    paper = PaperHarness(next_event=True, market_fill="bounded", limit_fill=limit_fill)
    number, before, traded = 0, 0, "0"
    for minute, ((shape, volume), between, inside) in enumerate(market, 1):
        for text, tif in between:
            paper.send(order(f"{(number := number + 1)}", text, tif=tif))
        check(paper.fills[before:], traded)
        before, traded = len(paper.fills), volume
        paper.see(opens(shape.split()[0], volume, minute=minute))
        for text, tif in inside:
            paper.send(order(f"{(number := number + 1)}", text, tif=tif))
        paper.see(bar(shape, volume, minute=minute))
        check(paper.fills[before:], volume)


@pytest.mark.parametrize("next_event", [False, True])
@settings(max_examples=examples(16))
@given(market=st.lists(st.tuples(st.sampled_from(["98", "100", "102"]), st.sampled_from(VOLUMES), sent),
                       min_size=1, max_size=10))  # fmt: skip
def test_of_a_trade_no_more_is_had_than_it_traded(
    next_event: bool, market: list[tuple[str, str, list[tuple[str, str]]]]
) -> None:
    """A trade is had of as it comes, and until the next one where orders meet what stands."""
    paper = PaperHarness(next_event=next_event, market_fill="bounded")
    number = 0
    for price, volume, orders in market:
        before = len(paper.fills)
        paper.see(trade(price, volume))
        for text, tif in orders:
            paper.send(order(f"{(number := number + 1)}", text, tif=tif))
        check(paper.fills[before:], volume)


def test_what_is_quoted_is_had_once_while_its_price_stands() -> None:
    """It is quoted again and again, also when only the other side has changed."""
    paper = PaperHarness(quote("98", "101", "5", "5"), market_fill="bounded")
    paper.send(order("1", "buy 4 @100"))
    told = [
        paper.see(quote(bid, ask, "5", size))
        for bid, ask, size in [
            ("98", "100", "1"), ("97", "100", "1"), ("98", "100", "1.5"),
            ("98", "99", "1"), ("98", "100", "9"),
        ]
    ]  # fmt: skip
    assert told == [
        ["part 1@100 maker"],
        [],
        ["part 0.5@100 maker"],
        ["part 1@100 maker"],
        ["fill 1.5@100 maker"],
    ]


def test_what_is_left_under_a_lot_is_not_had() -> None:
    paper = PaperHarness(next_event=True, market_fill="bounded")
    paper.send(order("1", "buy 0.005"))
    told = [
        paper.see(opens("100", volume, minute=n), bar("100 101 99 100", volume, minute=n))
        for n, volume in enumerate(["0.0025", "0.0009", "0.0025", "9"], 1)
    ]
    assert told == [
        ["accepted", "part 0.002@100 taker"],
        [],
        ["part 0.002@100 taker"],
        ["fill 0.001@100 taker"],
    ]


def test_a_quantity_that_fits_whole_is_had_whole() -> None:
    """Whatever the lot: what is left of a position, say."""
    paper = PaperHarness(trade("100", "1"), market_fill="bounded")
    assert paper.send(order("1", "buy 0.0005")) == ["fill 0.0005@100 taker"]


def test_who_stands_behind_gets_what_is_left_and_nobody_after_that() -> None:
    paper = PaperHarness(next_event=True, market_fill="bounded")
    for number, quantity in enumerate(["0.004", "0.004", "5", "0.002"], 1):
        paper.send(order(str(number), f"buy {quantity}"))
    assert paper.see(opens("100", "0.01")) == [
        "fill 0.004@100 taker",
        "fill 0.004@100 taker",
        "accepted",
        "part 0.002@100 taker",
        "accepted",
    ]
    assert paper.see(opens("100", "0.0005", minute=2)) == []
    assert paper.see(opens("100", "6", minute=3)) == [
        "fill 4.998@100 taker",
        "fill 0.002@100 taker",
    ]
