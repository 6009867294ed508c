"""Bybit, API v5: a `retCode` in every answer, all of them with a status of 200, and a cursor for more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.playback.facts import Facts, Refused, Row, Traded
from tests.playback.pages import newest_first, page_of_fills

ORDERS = ("POST", "/v5/order/create")
LINEAR = {
    "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
    "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000", "deliveryTime": "0",
    "deliveryFeeRate": "", "priceScale": "2", "unifiedMarginTrade": True, "fundingInterval": 480,
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001",
                      "postOnlyMaxOrderQty": "1190.000", "maxMktOrderQty": "119.000",
                      "minNotionalValue": "5"},
}  # fmt: skip
TYPE = {
    "funding": "SETTLEMENT", "trade": "TRADE", "transfer_in": "TRANSFER_IN",
    "transfer_out": "TRANSFER_OUT", "interest": "INTEREST", "rebate": "FEE_REFUND",
    "liquidation": "LIQUIDATION", "odd": "CURRENCY_BUY",
}  # fmt: skip

EXEC = {"trade": "Trade", "liquidation": "BustTrade", "adl": "AdlTrade"}


def public(path: str, query: Mapping[str, str]) -> Any:
    if path == "/v5/market/instruments-info":
        is_all = query["category"] == "linear" and "status" not in query
        return _said({"category": "linear", "list": [LINEAR] if is_all else [],
                      "nextPageCursor": ""})  # fmt: skip
    if path == "/v5/market/time":
        return _said({"timeSecond": "1796000000", "timeNano": "1796000000000000000"})
    return None


def private(path: str, query: Mapping[str, str], facts: Facts) -> Any:
    if path == "/v5/user/query-api":
        return _said({"id": "1", "readOnly": 0, "unified": 0, "uta": 1, "permissions": {}})
    if path == "/v5/account/info":
        return _said({"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"})
    if path == "/v5/account/wallet-balance":
        account = {
            "accountType": "UNIFIED",
            "totalEquity": str(facts.equity),
            "coin": [_coin(facts)],
        }
        return _said({"list": [account]})
    if path == "/v5/position/list":
        return _said({"category": "linear", "nextPageCursor": "",
                      "list": [_position(facts)] if facts.coins else []})  # fmt: skip
    if path == "/v5/execution/list":
        listed = [each for each in facts.traded if EXEC[each.kind] == query["execType"]]
        kept = replace(facts, traded=listed)
        first, limit = int(query.get("cursor") or 0), int(query.get("limit", "50"))
        whole = page_of_fills(kept, query, "startTime", "endTime", 1_000_000)
        more = str(first + limit) if len(whole) > first + limit else ""
        return _said({"category": "linear", "nextPageCursor": more,
                      "list": [_execution(each) for each in whole[first : first + limit]]})  # fmt: skip
    if path == "/v5/order/realtime":
        found = facts.order(query["orderId"])
        known = [_order(found)] if found else []
        return _said({"category": "linear", "nextPageCursor": "", "list": known})
    if path == "/v5/account/transaction-log":
        first, limit = int(query.get("cursor", "0")), int(query["limit"])
        rows = newest_first(facts, query, "startTime", "endTime")
        more = str(first + limit) if len(rows) > first + limit else ""
        logged = [_logged(number, row) for number, row in rows[first : first + limit]]
        return _said({"nextPageCursor": more, "list": logged})
    return None


def refuse(code: str, message: str, status: int = 200) -> Refused:
    body = {"retCode": int(code), "retMsg": message, "result": {}, "retExtInfo": {}, "time": 1}
    return Refused(status, body)


turn_away = refuse


def _said(result: Any) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1796000000000}


def _coin(facts: Facts) -> dict[str, str]:
    return {
        "coin": "USDT", "walletBalance": str(facts.wallet), "equity": str(facts.equity),
        "unrealisedPnl": str(facts.unrealized), "totalPositionIM": str(facts.used),
        "totalOrderIM": "0", "locked": "0", "availableToWithdraw": "", "borrowAmount": "0",
        "accruedInterest": "0", "usdValue": str(facts.equity), "cumRealisedPnl": "0", "bonus": "0",
    }  # fmt: skip


def _position(facts: Facts) -> dict[str, Any]:
    is_long = facts.coins > 0
    return {
        "symbol": "BTCUSDT", "side": "Buy" if is_long else "Sell", "size": str(abs(facts.coins)),
        "positionIdx": (1 if is_long else 2) if facts.hedged else 0, "avgPrice": "60000",
        "positionValue": "600", "unrealisedPnl": str(facts.unrealized), "leverage": "3",
        "markPrice": "59600", "liqPrice": "", "positionIM": str(facts.used), "positionMM": "2",
        "tradeMode": 0, "positionStatus": "Normal", "createdTime": "1795990000000",
        "updatedTime": "1796000000000", "positionBalance": "0", "riskId": 1, "autoAddMargin": 0,
    }  # fmt: skip


def _execution(each: Traded) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": f"1000{each.number}", "orderLinkId": "",
        "execId": str(each.number), "execType": EXEC[each.kind], "side": each.side.capitalize(),
        "execQty": each.coins, "execPrice": "60000", "execValue": "600", "execFee": "0.3",
        "feeCurrency": "", "feeRate": "0.0005", "orderType": "Market", "orderQty": each.coins,
        "orderPrice": "0", "leavesQty": "0", "isMaker": False, "execTime": str(each.ms),
        "stopOrderType": "", "closedSize": each.coins, "seq": each.number,
    }  # fmt: skip


def _order(each: Traded) -> dict[str, Any]:
    made = {"trade": "CreateByUser", "liquidation": "CreateByLiq", "adl": "CreateByAdl_PassThrough"}
    return {
        "symbol": "BTCUSDT", "orderId": f"1000{each.number}", "orderLinkId": "", "price": "0",
        "side": each.side.capitalize(), "qty": each.coins, "cumExecQty": each.coins,
        "cumExecValue": "600", "avgPrice": "60000", "orderStatus": "Filled", "orderType": "Market",
        "leavesQty": "0", "leavesValue": "0", "cumExecFee": "0.3", "timeInForce": "IOC",
        "createType": made[each.kind], "reduceOnly": True, "stopOrderType": "", "triggerPrice": "",
        "createdTime": str(each.ms), "updatedTime": str(each.ms), "positionIdx": 0,
        "cancelType": "UNKNOWN", "rejectReason": "EC_NoError",
    }  # fmt: skip


def _logged(number: int, row: Row) -> dict[str, str]:
    is_funding = row.kind == "funding"
    return {
        "id": f"u_{number}", "symbol": "" if "transfer" in row.kind else "BTCUSDT",
        "category": "linear", "side": "Buy", "transactionTime": str(row.ms),
        "type": TYPE[row.kind], "qty": "0.01", "size": "0.01", "currency": "USDT",
        "tradePrice": "60000", "funding": row.amount if is_funding else "", "fee": "0",
        "cashFlow": "0" if is_funding else row.amount, "change": row.amount, "cashBalance": "1",
        "feeRate": "0.0001", "bonusChange": "", "tradeId": str(number), "orderId": "", "orderLinkId": "",
    }  # fmt: skip
