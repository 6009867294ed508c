"""OKX, API v5: everything is a list in `data`; an order that fails has its code inside of that list.

Positions of all kinds are told together, those in dated futures, which nobody here trades, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.playback.facts import COIN_SIZE, Facts, Refused, Row, Traded
from tests.playback.pages import after, newest_first, page_of_fills

ORDERS = ("POST", "/api/v5/trade/batch-orders")
SWAP = {
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "instFamily": "BTC-USDT", "uly": "BTC-USDT",
    "baseCcy": "", "quoteCcy": "", "settleCcy": "USDT", "ctType": "linear", "ctVal": "0.001",
    "ctMult": "1", "ctValCcy": "BTC", "lotSz": "1", "minSz": "1", "tickSz": "0.1", "lever": "100",
    "listTime": "1573557408000", "expTime": "", "state": "live", "maxMktSz": "20000",
    "maxLmtSz": "1000000", "alias": "", "category": "1", "optType": "", "stk": "",
}  # fmt: skip
BILL = {
    "funding": ("8", "173"), "trade": ("2", "4"), "transfer_in": ("1", "11"),
    "transfer_out": ("1", "12"), "interest": ("7", "9"), "insurance": ("5", "109"),
    "liquidation": ("5", "100"), "odd": ("27", "236"),
}  # fmt: skip


def public(path: str, query: Mapping[str, str]) -> Any:
    if path == "/api/v5/public/instruments":
        return _said([SWAP] if query["instType"] == "SWAP" else [])
    return _said([{"ts": "1796000000000"}]) if path == "/api/v5/public/time" else None


def private(path: str, query: Mapping[str, str], facts: Facts) -> Any:
    if path == "/api/v5/account/balance":
        return _said([{"totalEq": str(facts.equity), "uTime": "1796000000000", "isoEq": "0",
                       "details": [_balance(facts)]}])  # fmt: skip
    if path == "/api/v5/account/positions":
        dated = _position(facts) | {"instId": "BTC-USDT-270326", "instType": "FUTURES"}
        return _said([dated, _position(facts)] if facts.coins else [])
    if path == "/api/v5/trade/fills-history":
        whole = page_of_fills(facts, query, "begin", "end", 1_000_000)
        after_bill = int(query.get("after") or 10**9)
        return _said([_fill(each) for each in whole if each.number < after_bill][:20])
    if path == "/api/v5/trade/order":
        found = facts.order(query.get("ordId", ""))
        return _said([_order(found)]) if found else refuse("51603", "Order does not exist").body
    if path == "/api/v5/trade/order-algo":
        return turn_away("51603", "Order does not exist").body
    if path in ("/api/v5/account/bills", "/api/v5/account/bills-archive"):
        rows = after(newest_first(facts, query, "begin", "end"), query.get("after"))
        return _said([_bill(number, row) for number, row in rows[: int(query["limit"])]])
    return None


def refuse(code: str, message: str, status: int = 200) -> Refused:
    """An order that was refused."""
    inner = {"clOrdId": "", "ordId": "", "sCode": code, "sMsg": message, "tag": ""}
    return Refused(status, {"code": "1", "data": [inner], "msg": "All operations failed"})


def turn_away(code: str, message: str, status: int = 200) -> Refused:
    """A request that was."""
    return Refused(status, {"code": code, "data": [], "msg": message})


def _said(data: list[Any]) -> Any:
    return {"code": "0", "data": data, "msg": ""}


def _balance(facts: Facts) -> dict[str, str]:
    isolated_profit = facts.unrealized if facts.isolated else 0
    free = facts.equity - facts.used - facts.isolated - isolated_profit
    return {
        "ccy": "USDT", "cashBal": str(facts.wallet - facts.isolated), "eq": str(facts.equity),
        "availEq": str(free), "availBal": str(free), "frozenBal": str(facts.equity - free),
        "upl": str(facts.unrealized), "isoUpl": str(isolated_profit),
        "isoEq": str(facts.isolated + isolated_profit), "liab": "0", "uTime": "1796000000000",
    }  # fmt: skip


def _position(facts: Facts) -> dict[str, str]:
    side = "net"
    if facts.hedged:
        side = "long" if facts.coins > 0 else "short"
    contracts = abs(facts.contracts) if facts.hedged else facts.contracts
    return {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "mgnMode": "cross", "posSide": side,
        "pos": str(contracts), "avgPx": "60000", "upl": str(facts.unrealized), "lever": "3",
        "imr": str(facts.used), "mmr": "2", "notionalUsd": "600", "markPx": "59600", "liqPx": "",
        "uplRatio": "-0.1", "cTime": "1795990000000", "uTime": "1796000000000", "posId": "7",
        "margin": "", "ccy": "USDT", "adl": "1",
    }  # fmt: skip


def _fill(each: Traded) -> dict[str, str]:
    kinds = {"trade": "1", "liquidation": "104", "adl": "125"}
    return {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "tradeId": str(each.number), "clOrdId": "",
        "ordId": f"1000{each.number}", "billId": str(each.number), "subType": kinds[each.kind],
        "fillPx": "60000",
        "fillSz": str(Decimal(each.coins) / COIN_SIZE), "side": each.side, "posSide": "net",
        "execType": "T", "feeCcy": "USDT", "fee": "-0.3", "ts": str(each.ms), "tag": "",
    }  # fmt: skip


def _order(each: Traded) -> dict[str, str]:
    category = {"trade": "normal", "liquidation": "full_liquidation", "adl": "adl"}[each.kind]
    size = str(Decimal(each.coins) / COIN_SIZE)
    return {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ordId": f"1000{each.number}", "clOrdId": "",
        "ordType": "market", "side": each.side, "posSide": "net", "sz": size, "accFillSz": size,
        "avgPx": "60000", "fillPx": "60000", "px": "", "state": "filled", "category": category,
        "fee": "-0.3", "feeCcy": "USDT", "cTime": str(each.ms), "uTime": str(each.ms), "lever": "3",
        "reduceOnly": "true", "tdMode": "cross", "ccy": "", "pnl": "0", "source": "", "tag": "",
    }  # fmt: skip


def _bill(number: int, row: Row) -> dict[str, str]:
    kind, inner = BILL[row.kind]
    return {
        "billId": str(number), "type": kind, "subType": inner, "balChg": row.amount, "bal": "1",
        "posBalChg": "0", "posBal": "0", "ccy": "USDT", "ts": str(row.ms), "fee": "0", "pnl": "0",
        "instId": "" if "transfer" in row.kind else "BTC-USDT-SWAP", "instType": "SWAP", "sz": "1",
        "mgnMode": "cross", "ordId": "", "from": "", "to": "", "notes": "",
    }  # fmt: skip
