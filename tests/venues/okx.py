"""OKX, API v5: everything is a list in `data`; an order that fails has its code inside of that list.

Stops are algo orders in a book of their own: what a triggered one became has another id, and names the
algo order that it came of. Fills come newest first, a hundred at most, and go on behind a bill's id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.acts import Held
from tests.venues.asked import Asked, fee_asset, fees_of, plain, said_of
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "okx", "cancelOrder", "fetchOrder", "fetchMyTrades", "fetchPositions", "fetchLedger",
    "fetchMarkets", "fetchOrderBook", "fetchTrades", "fetchTicker",
) | cases(
    "okx", createOrder="type2 & type3 together", fetchBalance="spot balance",
    fetchOpenOrders="fetchOpenOrders trigger with since = 0", fetchAccounts="Fetch accounts",
    fetchTime="Fetch time",
)  # fmt: skip
WORDS = {
    Wrong.FUNDS: Said("51008", "Order failed. Insufficient balance in account."),
    Wrong.DUPLICATE: Said("51016", "Client order ID already exists."),
    Wrong.POST_ONLY: Said("51124", "Post-only order would take"),
    Wrong.AT_ONCE: Said("51280", "SL trigger price must be less than the last price"),
    Wrong.REDUCE_ONLY: Said("51169", "You don't have any positions in this contract to reduce."),
    Wrong.RULES: Said("51121", "Order quantity must be a multiple of the lot size."),
    Wrong.NOT_FOUND: Said("51603", "Order does not exist"),
    Wrong.OVER: Said("51400", "Order cancellation failed as the order does not exist."),
    Wrong.SYMBOL: Said("51001", "Instrument ID does not exist"),
    Wrong.CLOSED: Said("51022", "Contract suspended."),
    Wrong.HEDGE: Said("51000", "Parameter posSide error"),
    Wrong.TOO_OFTEN: Said("50011", "Too Many Requests", 429),
    Wrong.BANNED: Said("50011", "Too Many Requests", 429),
    Wrong.UNAVAILABLE: Said("50001", "Service temporarily unavailable. Try again later", 503),
    Wrong.TIMEOUT: Said("50004", "API endpoint request timeout", 400),
    Wrong.CLOCK: Said("50102", "Timestamp request expired", 401),
    Wrong.KEY: Said("50111", "Invalid OK-ACCESS-KEY", 401),
    Wrong.SIGNATURE: Said("50113", "Invalid Sign", 401),
}
OF_AN_ORDER = frozenset({
    Wrong.FUNDS, Wrong.DUPLICATE, Wrong.POST_ONLY, Wrong.AT_ONCE, Wrong.REDUCE_ONLY, Wrong.RULES,
    Wrong.OVER, Wrong.CLOSED, Wrong.HEDGE, Wrong.SYMBOL,
})  # fmt: skip
STATES = {"NEW": "live", "PARTIALLY_FILLED": "partially_filled", "FILLED": "filled"}
BILLS = {
    "FUNDING_FEE": ("8", "173"), "TRANSFER": ("1", "11"), "REALIZED_PNL": ("2", "4"),
    "COMMISSION": ("2", "4"), "INSURANCE_CLEAR": ("5", "110"),
}  # fmt: skip


def said(data: list[Any]) -> Any:
    return {"code": "0", "data": data, "msg": ""}


def refusal(word: Said, act: acts.Act) -> Any:
    is_of_order = act.method != "GET" and any(WORDS[w] == word for w in OF_AN_ORDER)
    if not is_of_order:
        return {"code": word.code, "data": [], "msg": word.text}
    inner = {
        "clOrdId": "",
        "ordId": "",
        "algoId": "",
        "sCode": word.code,
        "sMsg": word.text,
        "tag": "",
    }
    return {"code": "1", "data": [inner], "msg": "All operations failed"}


def name(rules: Rules) -> str:
    return f"{rules.base}-{rules.quote}" + ("-SWAP" if rules.futures else "")


# --- what is asked --------------------------------------------------------------------------------

KINDS = {"market": "MARKET", "limit": "LIMIT", "post_only": "LIMIT", "ioc": "LIMIT", "fok": "LIMIT"}


def placing(asked: Asked) -> Params:
    order, is_spot = asked.first, asked.dialect.kind == "spot"
    kind, in_force = KINDS[order["ordType"]], "GTC"
    if order["ordType"] == "post_only":
        kind, in_force = ("LIMIT_MAKER", "GTC") if is_spot else ("LIMIT", "GTX")
    elif order["ordType"] in ("ioc", "fok"):
        in_force = order["ordType"].upper()
    by_cost = is_spot and order.get("tgtCcy") == "quote_ccy"
    return {
        "symbol": asked.symbol(order["instId"]), "side": order["side"].upper(), "type": kind,
        "quoteOrderQty" if by_cost else "quantity": asked.coins(order["sz"]),
        "price": order.get("px", ""), "timeInForce": in_force,
        "newClientOrderId": order.get("clOrdId", ""),
        "reduceOnly": "true" if order.get("reduceOnly") in (True, "true") else "",
        "positionSide": _position_side(order),
    }  # fmt: skip


def _position_side(order: Any) -> str:
    side: str = order.get("posSide", "net")
    return "BOTH" if side == "net" else side.upper()


def pos_side(order: Order) -> str:
    return "net" if order.position_side == "BOTH" else order.position_side.lower()


def placing_stop(asked: Asked) -> Params:
    """A conditional order on perpetuals, where alone it may be reduce-only; a trigger order on spot."""
    order, is_spot = asked.first, asked.dialect.kind == "spot"
    price, limit = (
        (order["triggerPx"], order["orderPx"])
        if order["ordType"] == "trigger"
        else (order["slTriggerPx"], order["slOrdPx"])
    )
    is_market = limit == "-1"
    names = ("STOP_LOSS", "STOP_LOSS_LIMIT") if is_spot else ("STOP_MARKET", "STOP")
    reduces = order["ordType"] == "conditional" and order.get("reduceOnly") in (True, "true")
    return {
        "symbol": asked.symbol(order["instId"]), "side": order["side"].upper(),
        "type": names[0] if is_market else names[1], "quantity": asked.coins(order["sz"]),
        "price": "" if is_market else limit, "triggerPrice": price,
        "clientAlgoId": order.get("algoClOrdId", ""), "reduceOnly": "true" if reduces else "",
        "positionSide": _position_side(order),
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    asking = asked.first
    return {
        "symbol": asked.symbol(asking.get("instId")),
        "orderId": asking.get("ordId", ""),
        "origClientOrderId": asking.get("clOrdId", ""),
        "algoId": asking.get("algoId", ""),
        "clientAlgoId": asking.get("algoClOrdId", ""),
        "startTime": asking.get("begin", ""),
        "endTime": asking.get("end", ""),
    }


# --- what is told ---------------------------------------------------------------------------------


def acknowledged(order: Order, _: Asked) -> Any:
    return said([
        {"clOrdId": order.client_id, "ordId": str(order.id), "sCode": "0", "sMsg": "", "tag": ""}
    ])  # fmt: skip


def acknowledged_stop(order: Order, _: Asked) -> Any:
    return said([
        {"algoClOrdId": order.client_id, "algoId": str(order.id), "clOrdId": "", "sCode": "0",
         "sMsg": "", "tag": ""}
    ])  # fmt: skip


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    kind = "market" if order.price is None else "limit"
    if order.time_in_force == "GTX" or order.type == "LIMIT_MAKER":
        kind = "post_only"
    elif order.time_in_force in ("IOC", "FOK"):
        kind = order.time_in_force.lower()
    parent = next((o for o in asked.engine.orders.values() if o.child_id == order.id), None)
    return {
        "instId": asked.name(order.symbol), "instType": _kind(asked), "ordId": str(order.id),
        "clOrdId": "" if order.child else order.client_id, "ordType": kind, "side": order.side.lower(),
        "posSide": pos_side(order), "sz": asked.size(order.quantity),
        "accFillSz": asked.size(order.filled),
        "px": plain(order.price) if order.price else "", "state": STATES.get(order.status, "canceled"),
        "avgPx": plain(order.average) if order.filled else "", "fillPx": "", "fillSz": "0",
        "tdMode": "cash" if asked.dialect.kind == "spot" else "cross", "tradeId": "", "lever": "",
        "category": said_of(order, "normal", "full_liquidation", "adl"), "tag": "", "source": "",
        "algoId": str(parent.id) if parent else "", "algoClOrdId": parent.client_id if parent else "",
        "attachAlgoOrds": [], "slTriggerPx": "", "slOrdPx": "", "tpTriggerPx": "", "tpOrdPx": "",
        "fee": plain(-fees_of(order)), "feeCcy": fee_asset(order), "rebate": "0", "pnl": "0", "ccy": "",
        "reduceOnly": "true" if order.shown_reduce_only else "false", "cancelSource": "", "tgtCcy": "",
        "cTime": str(order.created_ms), "uTime": str(order.updated_ms), "fillTime": "",
    }  # fmt: skip


def stop_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_spot = asked.dialect.kind == "spot"
    limit = plain(order.price) if order.price else "-1"
    stop = plain(order.stop_price)
    state = "live" if order.open else "effective" if order.child_id else "canceled"
    became = str(order.child_id) if order.child_id else ""
    return {
        "instId": asked.name(order.symbol), "instType": _kind(asked), "algoId": str(order.id),
        "algoClOrdId": order.client_id, "clOrdId": "", "ordId": became,
        "ordType": "trigger" if is_spot else "conditional",
        "side": order.side.lower(), "posSide": pos_side(order), "sz": asked.size(order.quantity),
        "state": state,
        "triggerPx": stop if is_spot else "", "ordPx": limit if is_spot else "",
        "slTriggerPx": "" if is_spot else stop, "slOrdPx": "" if is_spot else limit,
        "tpTriggerPx": "", "tpOrdPx": "", "actualPx": "", "actualSz": "0", "actualSide": "", "tag": "",
        "tdMode": "cash" if is_spot else "cross",
        "reduceOnly": "true" if order.shown_reduce_only else "false",
        "cTime": str(order.created_ms), "uTime": str(order.updated_ms), "triggerTime": "", "lever": "",
    }  # fmt: skip


def _kind(asked: Asked) -> str:
    return "SPOT" if asked.dialect.kind == "spot" else "SWAP"


def one(order: Order, asked: Asked) -> Any:
    return said([order_of(order, asked)])


def one_stop(order: Order, asked: Asked) -> Any:
    return said([stop_of(order, asked)])


def pending(orders: list[Order], asked: Asked) -> Any:
    return said(_page([order_of(order, asked) for order in orders[::-1]], asked, "ordId"))


def pending_stops(orders: list[Order], asked: Asked) -> Any:
    wanted = "trigger" if asked.dialect.kind == "spot" else "conditional"
    found = orders[::-1] if wanted in asked.query["ordType"] else []
    return said(_page([stop_of(order, asked) for order in found], asked, "algoId"))


def _page(rows: list[dict[str, Any]], asked: Asked, key: str) -> list[dict[str, Any]]:
    """Newest first, behind the one that is named."""
    after = asked.query.get("after")
    if after:
        rows = [row for row in rows if int(row[key]) < int(after)]
    return rows[: int(asked.query.get("limit", 100))]


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    return said(_page([fill_of(*pair, asked) for pair in pairs[::-1]], asked, "billId"))


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "instId": asked.name(order.symbol), "instType": _kind(asked), "tradeId": str(fill.id),
        "ordId": str(order.id), "clOrdId": "" if order.child else order.client_id,
        "billId": str(fill.id + 5_000), "subType": said_of(order, "1", "104", "125"), "tag": "",
        "fillPx": plain(fill.price), "fillSz": asked.size(fill.quantity), "side": order.side.lower(),
        "posSide": pos_side(order), "execType": "M" if fill.maker else "T", "feeCcy": fill.fee_asset,
        "fee": plain(-fill.fee), "ts": str(fill.ms), "fillTime": str(fill.ms),
    }  # fmt: skip


def balance(account: Any, asked: Asked) -> Any:
    if asked.dialect.kind == "spot":
        ledger = account.spot
        rows = [_coin(a, ledger.total(a), ledger.total(a), ledger.free[a]) for a in ledger.assets()]
    else:
        margin, last = account.futures, asked.engine.last
        profit = margin.profit(last)
        rows = [_coin("USDT", margin.wallet, margin.wallet + profit, margin.available() + profit)]
    return said([{"totalEq": "1", "isoEq": "0", "uTime": str(asked.now_ms), "details": rows}])


def _coin(coin: str, cash: Decimal, equity: Decimal, free: Decimal) -> dict[str, str]:
    return {
        "ccy": coin, "cashBal": plain(cash), "eq": plain(equity), "availEq": plain(free),
        "availBal": plain(free), "frozenBal": plain(equity - free), "upl": plain(equity - cash),
        "isoUpl": "0", "isoEq": "0", "liab": "0",
    }  # fmt: skip


def positions(found: list[Held], asked: Asked) -> Any:
    return said([_position(held, asked) for held in found])


def _position(held: Held, asked: Asked) -> dict[str, str]:
    rules, position, last = held.rules, held.position, asked.engine.last[held.rules.symbol]
    side, amount = "net", position.amount
    if held.side != "BOTH":
        side, amount = held.side.lower(), abs(amount)
    return {
        "instId": name(rules), "instType": "SWAP", "mgnMode": "cross", "posSide": side,
        "pos": asked.size(amount), "avgPx": plain(position.entry), "markPx": plain(last), "lever": "3",
        "upl": plain(position.amount * last - position.cost), "imr": "0", "mmr": "0", "liqPx": "",
        "notionalUsd": plain(abs(position.amount) * last), "uplRatio": "0", "margin": "", "ccy": "USDT",
        "cTime": "1795990000000", "uTime": str(asked.now_ms), "posId": "7", "adl": "1",
    }  # fmt: skip


def config(account: Any, _: Asked) -> Any:
    return said([{"uid": "1", "acctLv": "2", "perm": "read_only,trade",
                  "posMode": "long_short_mode" if account.hedge else "net_mode"}])  # fmt: skip


def bills(rows: list[Any], asked: Asked) -> Any:
    told = [_bill(number, row, asked) for number, row in enumerate(rows, 1)]
    return said(_page(told[::-1], asked, "billId"))


def _bill(number: int, row: Any, asked: Asked) -> dict[str, str]:
    kind, inner = BILLS.get(row.kind, ("7", "9"))
    return {
        "billId": str(row.tran_id * 10 + (row.kind == "COMMISSION")), "type": kind, "subType": inner,
        "balChg": plain(row.amount), "bal": "1", "posBalChg": "0", "posBal": "0", "ccy": row.asset,
        "ts": str(row.ms), "fee": "0", "pnl": "0", "sz": "1", "mgnMode": "cross", "ordId": "",
        "instId": asked.name(row.symbol) if row.symbol else "", "instType": "SWAP", "from": "",
        "to": "", "notes": "",
    }  # fmt: skip


# --- what everybody is told -----------------------------------------------------------------------


def instruments(rules: list[Rules], asked: Asked) -> Any:
    wanted = asked.query["instType"] == _kind(asked)
    return said([_instrument(r, asked) for r in rules] if wanted else [])


def _instrument(r: Rules, asked: Asked) -> dict[str, str]:
    shown = {
        "instId": name(r), "instType": _kind(asked), "lotSz": asked.size(r.lot), "tickSz": plain(r.tick),
        "minSz": asked.size(r.lot), "lever": "100", "listTime": "1573557408000", "expTime": "",
        "state": "suspend" if asked.is_closed(r) else "live", "alias": "", "category": "1",
        "optType": "", "stk": "", "maxLmtSz": asked.size(r.max_quantity),
        "maxMktSz": asked.size(r.max_market_quantity), "instFamily": "", "uly": "",
    }  # fmt: skip
    if not r.futures:
        return shown | {"baseCcy": r.base, "quoteCcy": r.quote, "settleCcy": "", "ctVal": "",
                        "ctMult": "", "ctType": "", "ctValCcy": ""}  # fmt: skip
    return shown | {"baseCcy": "", "quoteCcy": "", "settleCcy": r.quote, "ctType": "linear",
                    "ctVal": plain(asked.dialect.contract), "ctMult": "1", "ctValCcy": r.base,
                    "uly": f"{r.base}-{r.quote}", "instFamily": f"{r.base}-{r.quote}"}  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    sides = {
        key: [[plain(price), asked.size(size), "0", "1"] for price, size in found.levels(side, 20)]
        for key, side in (("bids", "BUY"), ("asks", "SELL"))
    }
    return said([{**sides, "ts": str(asked.now_ms)}])


def trades(found: list[Any], asked: Asked) -> Any:
    return said([
        {"instId": asked.query["instId"], "tradeId": str(t.id), "px": plain(t.price),
         "sz": asked.size(t.quantity), "side": "sell" if t.buyer_is_maker else "buy", "ts": str(t.ms)}
        for t in found[::-1]
    ])  # fmt: skip


def ticker(rules: list[Rules], asked: Asked) -> Any:
    return said([
        {"instId": name(r), "instType": _kind(asked), "last": plain(asked.engine.last[r.symbol]),
         "ts": str(asked.now_ms)}
        for r in rules if asked.query.get("instId") in (None, name(r))
    ])  # fmt: skip


def of_symbol(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.query["instId"])}


ROUTES = {
    ("GET", "/api/v5/public/instruments"): Route(acts.MARKETS, instruments),
    ("GET", "/api/v5/public/time"): Route(acts.TIME, lambda ms, _: said([{"ts": str(ms)}])),
    ("GET", "/api/v5/market/books"): Route(acts.BOOK, book, of_symbol),
    ("GET", "/api/v5/market/trades"): Route(acts.TRADES, trades, of_symbol),
    ("GET", "/api/v5/market/ticker"): Route(acts.TICKERS, ticker),
    ("POST", "/api/v5/trade/batch-orders"): Route(acts.PLACE, acknowledged, placing),
    ("POST", "/api/v5/trade/order-algo"): Route(acts.PLACE_STOP, acknowledged_stop, placing_stop),
    ("POST", "/api/v5/trade/cancel-order"): Route(acts.CANCEL, acknowledged, naming),
    ("POST", "/api/v5/trade/cancel-algos"): Route(acts.CANCEL_STOP, acknowledged_stop, naming),
    ("GET", "/api/v5/trade/order"): Route(acts.FIND, one, naming),
    ("GET", "/api/v5/trade/order-algo"): Route(acts.FIND_STOP, one_stop, naming),
    ("GET", "/api/v5/trade/orders-pending"): Route(acts.OPEN, pending, naming),
    ("GET", "/api/v5/trade/orders-algo-pending"): Route(acts.OPEN_STOPS, pending_stops, naming),
    ("GET", "/api/v5/trade/fills-history"): Route(acts.FILLS, fills, naming),
    ("GET", "/api/v5/account/balance"): Route(acts.ACCOUNT, balance),
    ("GET", "/api/v5/account/positions"): Route(acts.POSITIONS, positions),
    ("GET", "/api/v5/account/config"): Route(acts.MODE, config),
    ("GET", "/api/v5/account/bills"): Route(acts.INCOME, bills, naming),
    ("GET", "/api/v5/account/bills-archive"): Route(acts.INCOME, bills, naming),
}


def signed_at(asked: Asked) -> tuple[int, int] | None:
    """It is turned away half a minute after it was signed."""
    told = asked.headers["OK-ACCESS-TIMESTAMP"].removesuffix("Z")
    return int(datetime.fromisoformat(told).replace(tzinfo=UTC).timestamp() * 1000), 30_000


def _dialect(kind: str, contract: str) -> Dialect:
    return Dialect(
        exchange_id="okx",
        kind=kind,
        name=name,
        routes=ROUTES,
        words=WORDS,
        refusal=refusal,
        shapes=SHAPES,
        elsewhere=frozenset({"isoUpl"}),
        contract=Decimal(contract),
        signed_at=signed_at,
    )


DIALECTS = {"spot": _dialect("spot", "1"), "perpetual": _dialect("perpetual", "0.001")}
