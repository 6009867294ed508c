"""The exchange's word on orders and fills, through ccxt's real parsers, into ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.ccxt_markets import QUIRKS, client, markets
from tests.fixtures.rows import each_row
from tradectl.domain.events import Liquidity
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus, OrderType, client_order_id
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, InvalidResponse
from tradectl.exchange.ccxt_venue.report_parser import ReportParser, Triggered
from tradectl.exchange.ccxt_venue.tables import table_of

SPOT, PERPETUAL = client(), client("perpetual")
MARKETS = markets()

ORDER = {  # recorded
    "clientOrderId": "eliteOrder", "cummulativeQuoteQty": "0.0", "executedQty": "0.0",
    "icebergQty": "0.0", "isWorking": True, "orderId": 1337, "origQty": "1.0", "price": "0.1",
    "side": "BUY", "status": "NEW", "stopPrice": "0.0", "symbol": "BTCUSDT",
    "time": 1499827319559, "timeInForce": "GTC", "type": "LIMIT", "updateTime": 1499827319560,
}  # fmt: skip
CANCELED = {  # recorded
    "symbol": "LTCBTC", "orderId": 28, "origClientOrderId": "myOrder1",
    "clientOrderId": "cancelMyOrder1", "transactTime": 1507725176595, "price": "1.00000000",
    "origQty": "10.00000000", "executedQty": "8.00000000", "cummulativeQuoteQty": "8.00000000",
    "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "SELL",
}  # fmt: skip
FILLED = {
    "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
    "transactTime": 1507725176595, "price": "0.00000000", "origQty": "10.00000000",
    "executedQty": "10.00000000", "cummulativeQuoteQty": "39997.00000000", "status": "FILLED",
    "timeInForce": "GTC", "type": "MARKET", "side": "SELL",
    "fills": [
        {"price": "4000.00000000", "qty": "1.00000000", "commission": "4.00000000",
         "commissionAsset": "USDT", "tradeId": 56},
        {"price": "3999.66666667", "qty": "9.00000000", "commission": "0.03000000",
         "commissionAsset": "BNB", "tradeId": 57},
    ],
}  # fmt: skip
ALGO = {
    "algoId": 3358, "clientAlgoId": "cid", "algoType": "CONDITIONAL", "orderType": "STOP",
    "symbol": "BTCUSDT", "side": "BUY", "positionSide": "BOTH", "timeInForce": "GTC",
    "quantity": "0.002", "algoStatus": "NEW", "triggerPrice": "100000.00", "price": "102000.00",
    "closePosition": False, "reduceOnly": False, "createTime": 1763458576201,
    "updateTime": 1763458576201, "triggerTime": 0,
}  # fmt: skip


def reader() -> ReportParser:
    return ReportParser(MARKETS, QUIRKS)


def parsed(raw: dict[str, Any], **changed: Any) -> Any:
    return SPOT.parse_order(raw | changed)


def test_an_open_order() -> None:
    order = reader().order(parsed(ORDER), market=MARKETS["BTCUSDT"], client_order_id="eliteOrder")
    assert (order.symbol, order.venue_order_id, order.client_order_id) == (
        "BTCUSDT", "1337", "eliteOrder",
    )  # fmt: skip
    assert (order.side, order.status, order.type) == (
        Side.BUY, OrderStatus.ACCEPTED, OrderType.LIMIT,
    )  # fmt: skip
    assert [order.quantity, order.filled, order.price] == [1, 0, Decimal("0.1")]
    assert order.stop_price is None
    assert order.ts == 1499827319560 * 1_000_000


def test_a_cancelled_order_keeps_its_fill_and_our_id_not_that_of_the_cancel() -> None:
    order = reader().order(parsed(CANCELED), client_order_id="myOrder1")
    assert (order.symbol, order.client_order_id) == ("LTCBTC", "myOrder1")
    assert order.status is OrderStatus.CANCELED
    assert [order.quantity, order.filled] == [10, 8]


@each_row(
    ("exchange", "info", "reason"),
    [
        ("binance", {"r": "NONE"}, ""),
        ("bybit", {"cancelType": "CancelByUser", "rejectReason": "EC_PerCancelRequest"}, ""),
        ("bybit", {"cancelType": "CancelBySettle"}, "CancelBySettle"),
        ("okx", {"cancelSource": "1"}, ""),
        ("okx", {"cancelSource": ""}, ""),
        ("okx", {"cancelSource": "0"}, "cancelSource 0"),
        ("gate", {"finish_as": "cancelled"}, ""),
        ("gate", {"finish_as": "stp"}, "stp"),
        ("hyperliquid", {"status": "canceled"}, ""),
        ("hyperliquid", {"status": "marginCanceled"}, "marginCanceled"),
        ("kraken", {"cancelType": "CancelBySettle"}, ""),
    ],
)
def test_an_exchange_that_cancels_by_itself_says_why_and_of_a_cancel_by_hand_nothing_is_said(
    exchange: str, info: dict[str, str], reason: str
) -> None:
    raw = parsed(CANCELED) | {"info": info}
    order = ReportParser(MARKETS, table_of(exchange).quirks).order(raw)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, reason)


def test_a_filled_order_names_its_fills() -> None:
    order = reader().order(parsed(FILLED))
    assert (order.status, order.type, order.price) == (OrderStatus.FILLED, OrderType.MARKET, None)
    first, second = order.fills
    assert (first.trade_id, first.fee_currency, first.side) == ("56", "USDT", Side.SELL)
    assert [first.quantity, first.price, first.fee] == [1, 4000, 4]
    assert (second.price, second.fee_currency) == (Decimal("3999.66666667"), "BNB")
    assert first.client_order_id == order.client_order_id
    assert first.ts == order.ts > 0


@each_row(
    ("status", "executed", "becomes"),
    [
        ("NEW", "0", OrderStatus.ACCEPTED),
        ("PARTIALLY_FILLED", "0.5", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", "1.0", OrderStatus.FILLED),
        ("FILLED", "0.5", OrderStatus.CANCELED),
        ("CANCELED", "0.5", OrderStatus.CANCELED),
        ("PENDING_CANCEL", "0", OrderStatus.ACCEPTED),
        ("EXPIRED", "0", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderStatus.EXPIRED),
        ("REJECTED", "0", OrderStatus.REJECTED),
    ],
)
def test_statuses(status: str, executed: str, becomes: OrderStatus) -> None:
    order = reader().order(parsed(ORDER, status=status, executedQty=executed))
    assert order.status is becomes
    assert order.filled == Decimal(executed)


@pytest.mark.parametrize(
    ("kind", "stop", "becomes"),
    [
        ("STOP_LOSS", "9", OrderType.STOP_MARKET),
        ("STOP_LOSS_LIMIT", "9", OrderType.STOP_LIMIT),
        ("LIMIT_MAKER", "0", OrderType.LIMIT),
    ],
)
def test_types(kind: str, stop: str, becomes: OrderType) -> None:
    order = reader().order(parsed(ORDER, type=kind, stopPrice=stop))
    assert order.type is becomes
    assert order.stop_price == (Decimal(9) if becomes.is_stop else None)


@each_row(
    "changed",
    [
        {"orderId": None},
        {"status": None},
        {"status": "SOMETHING_NEW"},
        {"origQty": "NaN"},
        {"origQty": "Infinity"},
        {"origQty": "-1"},
        {"origQty": "0"},
        {"origQty": "1e400"},
        {"executedQty": "-0.5"},
        {"executedQty": "1.5"},
        {"executedQty": "nan"},
        {"side": "NEITHER"},
        {"price": "1" * 5000},
        {"symbol": "LTCBTC"},
        {"symbol": "NOSUCH"},
        {"clientOrderId": "another"},
    ],
)
def test_what_is_no_answer(changed: dict[str, Any]) -> None:
    """Some of it ccxt's own parser falls over, which is the same to a caller."""
    with pytest.raises(ValueError, match=r"."):
        reader().order(
            parsed(ORDER, **changed), market=MARKETS["BTCUSDT"], client_order_id="eliteOrder"
        )


@each_row("raw", [{}, None, "", [], "<html>", 5])
def test_emptiness_is_no_answer(raw: Any) -> None:
    with pytest.raises(InvalidResponse):
        reader().order(raw)
    with pytest.raises(InvalidResponse):
        reader().order(SPOT.safe_order({"info": raw}))


def futures() -> ReportParser:
    return ReportParser(markets("perpetual"), QUIRKS)


def test_a_stop_of_the_book_of_stops() -> None:
    order = futures().order(PERPETUAL.parse_order(ALGO), client_order_id="cid")
    assert (order.venue_order_id, order.client_order_id) == ("stop:3358", "cid")
    assert (order.status, order.type) == (OrderStatus.ACCEPTED, OrderType.STOP_LIMIT)
    assert [order.price, order.stop_price] == [102000, 100000]


def test_a_triggered_stop_is_not_a_filled_order() -> None:
    reports = futures()
    raw = PERPETUAL.parse_order(ALGO | {"algoStatus": "FINISHED", "actualOrderId": "77"})
    assert raw["status"] == "closed"
    with pytest.raises(Triggered):
        reports.order(raw, client_order_id="cid")
    assert reports.became(raw) == "77"
    child = PERPETUAL.parse_order(
        ORDER | {"orderId": 77, "clientOrderId": "made_by_them", "positionSide": "BOTH"}
    )
    assert reports.order(child).client_order_id == "cid"


def test_a_triggered_stop_in_the_user_stream_is_not_a_filled_order() -> None:
    reports = futures()
    raw = PERPETUAL.parse_ws_order(
        {
            "caid": "cid", "aid": 2148719, "at": "CONDITIONAL", "o": "STOP", "s": "BTCUSDT",
            "S": "SELL", "ps": "BOTH", "f": "GTC", "q": "0.01", "X": "TRIGGERED", "ai": "99",
            "ap": "0", "aq": "0", "tp": "750", "p": "750", "cp": False, "R": True, "T": 1,
        }
    )  # fmt: skip
    assert raw["filled"] == "0.01"  # ccxt's guess
    with pytest.raises(Triggered):
        reports.order(raw)
    assert reports.became(raw) == "99"


def test_an_order_that_closes_all_has_no_quantity_and_is_still_shown() -> None:
    raw = ORDER | {"origQty": "0", "closePosition": True, "positionSide": "BOTH"}
    assert futures().order(PERPETUAL.parse_order(raw)).quantity == 0


def test_an_order_of_another_kind_of_market_is_not_ours() -> None:
    with pytest.raises(ForeignMarket):
        futures().order(PERPETUAL.parse_order(ORDER | {"symbol": "BTCUSDT_260626"}))


TRADE = {
    "symbol": "BTCUSDT", "id": 28457, "orderId": 100234, "price": "4.00000100",
    "qty": "12.00000000", "commission": "10.10000000", "commissionAsset": "BNB",
    "time": 1499865549590, "isBuyer": True, "isMaker": True,
}  # fmt: skip


def test_a_fill() -> None:
    reports = reader()
    reports.remember(("BTCUSDT", "100234"), "ours")
    fill = reports.fill(SPOT.parse_trade(TRADE))
    assert (fill.symbol, fill.trade_id, fill.venue_order_id) == ("BTCUSDT", "28457", "100234")
    assert fill.side is Side.BUY
    assert [fill.quantity, fill.price] == [12, Decimal("4.000001")]
    assert (fill.fee, fill.fee_currency) == (Decimal("10.1"), "BNB")
    assert (fill.liquidity, fill.client_order_id) == (Liquidity.MAKER, "ours")
    assert fill.ts == 1499865549590 * 1_000_000


@each_row(
    "changed",
    [
        {"id": None},
        {"orderId": None},
        {"price": "0"},
        {"price": "NaN"},
        {"qty": "-12"},
        {"commission": "nan"},
        {"symbol": "NOSUCH"},
    ],
)
def test_what_is_no_fill(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        reader().fill(SPOT.parse_trade(TRADE | changed))


def test_a_rebate_is_a_fee_below_zero() -> None:
    assert reader().fill(SPOT.parse_trade(TRADE | {"commission": "-0.5"})).fee == Decimal("-0.5")


def test_the_user_stream_names_our_order() -> None:
    raw = SPOT.parse_ws_trade(
        {
            "e": "executionReport", "E": 1611063861489, "s": "BTCUSDT", "c": "ours", "S": "BUY",
            "o": "MARKET", "f": "GTC", "q": "2.0", "p": "0", "x": "TRADE", "X": "PARTIALLY_FILLED",
            "r": "NONE", "i": 1296882607, "l": "0.332", "z": "0.332", "L": "46.866", "n": "0.000332",
            "N": "BTC", "T": 1611063861488, "t": 109747654, "m": False, "Z": "15.559", "Y": "15.559",
        }
    )  # fmt: skip
    fill = reader().fill(raw)
    assert (fill.trade_id, fill.client_order_id) == ("109747654", "ours")
    assert (fill.quantity, fill.price, fill.fee) == (
        Decimal("0.332"), Decimal("46.866"), Decimal("0.000332"),
    )  # fmt: skip


def test_an_id_that_the_exchange_gives_again_is_that_of_the_order_that_the_answer_names() -> None:
    reports = reader()
    older, newer = client_order_id("account", "o1"), client_order_id("account", "o2")
    assert reports.order(parsed(ORDER, clientOrderId=older)).client_order_id == older
    asked = reports.order(parsed(ORDER, clientOrderId=newer), client_order_id=newer)
    assert asked.client_order_id == newer
    assert reports.order(parsed(ORDER, clientOrderId=older)).client_order_id == older


def test_orders_of_two_markets_may_have_one_id() -> None:
    reports = reader()
    reports.remember(("BTCUSDT", "100234"), "ours")
    reports.remember(("LTCBTC", "100234"), "theirs")
    assert reports.fill(SPOT.parse_trade(TRADE)).client_order_id == "ours"


def test_only_so_many_ids_are_remembered() -> None:
    reports = reader()
    for number in range(10_050):
        reports.remember(("BTCUSDT", str(number)), f"ours-{number}")
    assert len(reports._ours) == 10_000


def test_texts_of_the_exchange_are_made_harmless() -> None:
    raw = parsed(ORDER, clientOrderId="a\x1b[31mb", status="REJECTED", rejectReason="no\n\u202eno")
    order = reader().order(raw)
    assert order.client_order_id == "a?[31mb"
    assert order.reason == "no ?no"
