"""KuCoin futures: a `code` in every answer, numbers as numbers, funding told market by market."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.playback.facts import COIN_SIZE, Facts, Refused, Row, Traded
from tests.playback.pages import Numbered, after, newest_first, page_of_fills

ORDERS = ("POST", "/api/v1/orders")
CONTRACT = {
    "symbol": "XBTUSDTM", "rootSymbol": "USDT", "type": "FFWCSX", "firstOpenDate": 1585555200000,
    "expireDate": None, "settleDate": None, "baseCurrency": "XBT", "quoteCurrency": "USDT",
    "settleCurrency": "USDT", "maxOrderQty": 1000000, "maxPrice": 1000000.0, "lotSize": 1,
    "tickSize": 0.1, "multiplier": 0.001, "initialMargin": 0.008, "maintainMargin": 0.004,
    "makerFeeRate": 0.0002, "takerFeeRate": 0.0006, "isInverse": False, "isQuanto": False,
    "status": "Open", "maxLeverage": 125, "nextFundingRateTime": 25481884, "marketMaxOrderQty": 20000,
}  # fmt: skip
TYPE = {
    "trade": "RealisedPNL", "transfer_in": "TransferIn", "transfer_out": "TransferOut",
    "liquidation": "RealisedPNL", "odd": "Something",
}  # fmt: skip


def public(path: str, query: Mapping[str, str]) -> Any:
    if path == "/api/v1/contracts/active":
        return _said([CONTRACT])
    if path == "/api/v1/timestamp":
        return _said(1796000000000)
    return None


def private(path: str, query: Mapping[str, str], facts: Facts) -> Any:
    if path in ("/api/v3/margin/symbols", "/api/v1/isolated/symbols"):
        return _said({"items": []} if "margin" in path else [])
    if path == "/api/v1/hf/accounts/opened":
        return _said(True)
    if path == "/api/ua/v1/account/mode":
        return _said({"selfAccountMode": "UNIFIED" if facts.unified else "CLASSIC"})
    if path == "/api/ua/v1/unified/account/balance":
        return _said({"accountType": "UNIFIED", "accounts": [{"currencies": [_currency(facts)]}]})
    if path == "/api/v1/account-overview":
        return _said(_overview(facts))
    if path == "/api/v1/positions":
        return _said([_position(facts)] if facts.coins else [])
    if path == "/api/ua/v1/unified/position/open-list":
        return _said([_unified_position(facts)] if facts.coins else [])
    if path == "/api/v1/fills":
        whole = page_of_fills(facts, query, "startAt", "endAt", 1_000_000)
        number = int(query.get("currentPage", "1"))
        page = whole[(number - 1) * 50 : number * 50]
        return _said({"currentPage": number, "pageSize": 50, "totalNum": len(whole), "totalPage": 1,
                      "items": [_fill(each) for each in page]})  # fmt: skip
    if path.startswith("/api/v1/orders/"):
        found = facts.order(path.rsplit("/", 1)[1])
        return (
            _said(_order(found)) if found else refuse("100001", "error.getOrder.orderNotExist").body
        )
    if path == "/api/v1/funding-history":
        return _page(facts, query, lambda row: row.kind == "funding", _funding)
    if path == "/api/v1/transaction-history":
        return _page(facts, query, lambda row: row.kind != "funding", _moved)
    return None


def refuse(code: str, message: str, status: int = 200) -> Refused:
    return Refused(status, {"code": code, "msg": message})


turn_away = refuse


def _said(data: Any) -> Any:
    return {"code": "200000", "data": data}


def _overview(facts: Facts) -> dict[str, Any]:
    return {
        "accountEquity": float(facts.equity), "unrealisedPNL": float(facts.unrealized),
        "marginBalance": float(facts.wallet), "positionMargin": float(facts.used),
        "orderMargin": 0, "frozenFunds": 0, "currency": "USDT",
        "availableBalance": float(facts.equity - facts.used), "riskRatio": 0.01,
    }  # fmt: skip


def _currency(facts: Facts) -> dict[str, str]:
    return {
        "currency": "USDT", "equity": str(facts.equity), "hold": "0", "liability": "0",
        "balance": str(facts.equity), "available": str(facts.equity - facts.used),
    }  # fmt: skip


def _position(facts: Facts) -> dict[str, Any]:
    both = {"positionSide": "LONG" if facts.coins > 0 else "SHORT"} if facts.hedged else {}
    return {
        "id": "400000000000", "symbol": "XBTUSDTM", "crossMode": True, "isOpen": True,
        "currentQty": int(facts.contracts), "avgEntryPrice": 60000.0, "markPrice": 59600.0,
        "markValue": 596.0, "posInit": float(facts.used), "posMaint": 2.0, "maintMarginReq": 0.004,
        "unrealisedPnl": float(facts.unrealized), "realisedPnl": 0.0, "liquidationPrice": 40000.0,
        "settleCurrency": "USDT", "isInverse": False, "currentTimestamp": 1796000000000,
        "openingTimestamp": 1795990000000, "leverage": 3.0, **({"positionSide": "BOTH"} | both),
    }  # fmt: skip


def _unified_position(facts: Facts) -> dict[str, Any]:
    return {
        "symbol": "XBTUSDTM", "id": "400000000001", "marginMode": "CROSS",
        "size": str(facts.contracts), "entryPrice": "60000", "positionValue": "600",
        "markPrice": "59600", "leverage": "3", "unrealizedPnL": str(facts.unrealized),
        "realizedPnL": "0", "initialMargin": str(facts.used), "mmr": "0.004",
        "maintenanceMargin": "2", "creationTime": 1795990000000000000,
    }  # fmt: skip


def _page(facts: Facts, query: Mapping[str, str], is_asked: Any, tell: Any) -> Any:
    rows: list[Numbered] = [
        (number, row)
        for number, row in newest_first(facts, query, "startAt", "endAt")
        if is_asked(row)
    ]
    rows, limit = after(rows, query.get("offset")), int(query["maxCount"])
    page = [tell(number, row) for number, row in rows[:limit]]
    return _said({"dataList": page, "hasMore": len(rows) > limit})


def _funding(number: int, row: Row) -> dict[str, Any]:
    return {
        "id": number, "symbol": "XBTUSDTM", "timePoint": row.ms, "fundingRate": 0.0001,
        "markPrice": 60000.0, "positionQty": 10, "positionCost": 600.0, "settleCurrency": "USDT",
        "funding": float(row.amount), "marginMode": "CROSS",
    }  # fmt: skip


def _fill(each: Traded) -> dict[str, Any]:
    return {
        "symbol": "XBTUSDTM", "tradeId": str(each.number), "orderId": f"1000{each.number}",
        "side": each.side, "liquidity": "taker", "forceTaker": True, "price": "60000",
        "size": int(Decimal(each.coins) / COIN_SIZE), "value": "600", "feeRate": "0.0006",
        "fixFee": "0", "feeCurrency": "USDT", "stop": "", "fee": "0.3", "orderType": "market",
        "tradeType": each.kind, "createdAt": each.ms, "settleCurrency": "USDT",
        "tradeTime": each.ms * 1_000_000, "displayType": "market",
    }  # fmt: skip


def _order(each: Traded) -> dict[str, Any]:
    size = int(Decimal(each.coins) / COIN_SIZE)
    return {
        "id": f"1000{each.number}", "symbol": "XBTUSDTM", "type": "market", "side": each.side,
        "price": None, "size": size, "value": "600", "dealValue": "600", "dealSize": size, "stp": "",
        "filledSize": size, "filledValue": "600", "stop": "", "timeInForce": "GTC", "clientOid": None,
        "isActive": False, "cancelExist": False, "createdAt": each.ms, "updatedAt": each.ms,
        "endAt": each.ms, "orderTime": each.ms * 1_000_000, "settleCurrency": "USDT", "leverage": "3",
        "status": "done", "reduceOnly": True, "forceHold": False, "postOnly": False, "remark": None,
    }  # fmt: skip


def _moved(number: int, row: Row) -> dict[str, Any]:
    amount = Decimal(row.amount)
    without_sign = abs(amount) if "transfer" in row.kind else amount
    return {
        "time": row.ms, "type": TYPE[row.kind], "amount": float(without_sign),
        "fee": 0.0, "accountEquity": 1.0, "status": "Completed", "offset": number, "currency": "USDT",
        "remark": "XBTUSDTM" if row.kind == "trade" else "",
    }  # fmt: skip
