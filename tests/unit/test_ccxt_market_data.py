"""Trades, quotes and books: what becomes an event, and what is dropped and counted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.ccxt_markets import client, markets
from tests.fixtures.rows import each_row
from tradectl.domain.money import Side
from tradectl.domain.time import MINUTE
from tradectl.exchange.ccxt_venue.market_data import LEVELS, CrossedBook, MarketData

NOW = 1_700_000_000_000_000_000
MARKET = markets()["BTCUSDT"]
CCXT = client()


def data() -> MarketData:
    return MarketData("binance", lambda: NOW)


TRADE: dict[str, Any] = {
    "id": "7",
    "price": "0.06436200",
    "amount": "0.0158",
    "timestamp": 1679280337591,
}


def test_a_trade_of_the_stream_through_ccxts_parser() -> None:
    raw = CCXT.parse_ws_trade(
        {
            "e": "trade", "E": 1723075200012, "s": "BTCUSDT", "t": 3733462423,
            "p": "55050.01000000", "q": "0.00700000", "T": 1723075200011, "m": True, "M": True,
        },
        CCXT.market("BTC/USDT"),
    )  # fmt: skip
    (event,) = data().trades([raw], MARKET)
    assert (event.symbol, event.trade_id, event.side) == ("BTCUSDT", "3733462423", Side.SELL)
    assert (event.price, event.volume) == (Decimal("55050.01"), Decimal("0.007"))
    assert event.ts == 1723075200011 * 1_000_000
    assert event.source_component == "binance"


@each_row("moment", [None, 0, -5, float("nan"), 1e18, "soon"])
def test_without_a_time_it_is_that_of_its_receipt(moment: Any) -> None:
    (event,) = data().trades([TRADE | {"timestamp": moment}], MARKET)
    assert event.ts == NOW


@each_row(
    "changed",
    [
        {"price": None},
        {"price": "NaN"},
        {"price": "nan"},
        {"price": "Infinity"},
        {"price": "1e400"},
        {"price": "9" * 5000},
        {"price": "0"},
        {"price": "-1"},
        {"price": 10**15},
        {"price": float("inf")},
        {"amount": "0"},
        {"amount": True},
        {"amount": ["1"]},
    ],
)
def test_numbers_that_cannot_be_are_dropped_and_counted(changed: dict[str, Any]) -> None:
    taken = data()
    assert taken.trades([TRADE | changed, TRADE], MARKET) == taken.trades([TRADE], MARKET)
    assert taken.dropped == {"not a number": 1}


def test_what_is_not_a_trade_is_counted_apart() -> None:
    taken = data()
    assert taken.trades([None, 5, "trade"], MARKET) == []
    assert taken.dropped == {"not readable": 3}


QUOTE = {"bid": "99.5", "ask": "100.5", "bidVolume": "2", "askVolume": "3", "timestamp": 1000}


def test_a_quote() -> None:
    event = data().quote(QUOTE, MARKET)
    assert event is not None
    assert [event.bid, event.ask, event.price, event.volume] == [
        Decimal("99.5"), Decimal("100.5"), 100, 0,
    ]  # fmt: skip
    assert [event.bid_size, event.ask_size] == [2, 3]
    assert event.ts == 1_000_000_000


@each_row(
    ("changed", "reason"),
    [
        ({"bid": None}, "not a number"),
        ({"ask": "-1"}, "not a number"),
        ({"bidVolume": "NaN"}, "not a number"),
        ({"bid": "100.5"}, "crossed"),
        ({"bid": "101"}, "crossed"),
    ],
)
def test_a_quote_that_is_none(changed: dict[str, Any], reason: str) -> None:
    taken = data()
    assert taken.quote(QUOTE | changed, MARKET) is None
    assert taken.dropped == {reason: 1}


def book(bids: list[list[float]], asks: list[list[float]]) -> Any:
    made = CCXT.order_book({"bids": bids, "asks": asks, "timestamp": 5, "symbol": "BTC/USDT"})
    return made.limit()


def test_a_book() -> None:
    event = data().book(book([[99.9, 1], [100.1, 2.5]], [[100.3, 0.1], [100.2, 4]]), MARKET)
    assert event is not None
    assert event.bids == ((Decimal("100.1"), Decimal("2.5")), (Decimal("99.9"), Decimal(1)))
    assert event.asks == ((Decimal("100.2"), Decimal(4)), (Decimal("100.3"), Decimal("0.1")))
    assert [event.bid, event.ask_size, event.price] == [Decimal("100.1"), 4, Decimal("100.15")]


def test_of_a_book_only_its_top_is_kept() -> None:
    bids = [[100 - step / 100, 1.0] for step in range(500)]
    event = data().book(book(bids, [[101, 1.0]]), MARKET)
    assert event is not None
    assert len(event.bids) == LEVELS


def test_a_book_with_an_empty_side_is_no_news() -> None:
    assert data().book(book([], [[100, 1.0]]), MARKET) is None


def test_a_crossed_book_is_not_used_any_more() -> None:
    taken = data()
    with pytest.raises(CrossedBook):
        taken.book(book([[100.2, 1.0]], [[100.1, 1.0]]), MARKET)
    assert taken.dropped == {"crossed": 1}


def test_a_book_with_an_absurd_level_is_dropped() -> None:
    taken = data()
    assert taken.book({"bids": [[float("nan"), 1]], "asks": [[1, 1]]}, MARKET) is None
    assert taken.dropped == {"not a number": 1}


def test_candles_that_have_closed_and_have_a_price() -> None:
    opened = NOW // MINUTE * 60_000
    rows = [
        [opened - 120_000, "10", "12", "9", "11", "5"],
        [opened - 60_000, None, None, None, None, "0"],
        [opened, "11", "11", "11", "11", "1"],
    ]
    (bar,) = data().candles(rows, MARKET, MINUTE)
    prices = bar.open, bar.high, bar.low, bar.price, bar.volume
    assert prices == tuple(map(Decimal, (10, 12, 9, 11, 5)))
    assert (bar.ts, bar.interval) == (NOW // MINUTE * MINUTE - MINUTE, MINUTE)
