"""Bybit, API v5: every answer is 200 with a `retCode`, orders are acknowledged by their ids alone.

Coins and perpetuals share one account. A stop is an order like any other, of the same id before and after
it was triggered; on spot it is asked for by a filter. Fills come newest first, a page of 50 and a cursor.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.acts import Held
from tests.venues.asked import Asked, fees_of, plain, said_of
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.orders import STOPS, ZERO, Fill, Order
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "bybit", "createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchClosedOrders",
    "fetchMyTrades", "fetchBalance", "fetchLedger", "fetchMarkets", "fetchOrderBook", "fetchTrades",
    "fetchTickers", "fetchTime",
) | cases(
    "bybit", fetchPositions="Fetch linear position",
    createMarketBuyOrderWithCost="order with cost, using a decimal amount",
)  # fmt: skip
WORDS = {
    Wrong.FUNDS: Said("170131", "Insufficient balance."),
    Wrong.DUPLICATE: Said("170141", "Duplicate clientOrderId."),
    Wrong.POST_ONLY: Said("170218", "The LIMIT-MAKER order is rejected due to invalid price."),
    Wrong.AT_ONCE: Said("110093", "expect Falling, but trigger_price >= current"),
    Wrong.REDUCE_ONLY: Said("110017", "current position is zero, cannot fix reduce-only order qty"),
    Wrong.RULES: Said("170134", "Order price has too many decimals."),
    Wrong.NOT_FOUND: Said("110001", "order not exists or too late to cancel"),
    Wrong.OVER: Said("110001", "order not exists or too late to cancel"),
    Wrong.SYMBOL: Said("10001", "params error: symbol invalid"),
    Wrong.CLOSED: Said("110074", "This contract is not live"),
    Wrong.HEDGE: Said("10001", "position idx not match position mode"),
    Wrong.TOO_OFTEN: Said("10006", "Too many visits. Exceeded the API Rate Limit."),
    Wrong.BANNED: Said("10009", "The IP has been banned."),
    Wrong.UNAVAILABLE: Said("10016", "Internal server error."),
    Wrong.TIMEOUT: Said("10000", "Server Timeout"),
    Wrong.CLOCK: Said(
        "10002", "invalid request, please check your server timestamp or recv_window"
    ),
    Wrong.KEY: Said("10003", "API key is invalid."),
    Wrong.SIGNATURE: Said("10004", "Error sign, please check your signature generation algorithm."),
}
LINEAR_WORDS = WORDS | {
    Wrong.FUNDS: Said("110007", "ab not enough for new order"),
    Wrong.DUPLICATE: Said("110072", "OrderLinkedID is duplicate"),
}
STATUS = {
    "NEW": "New",
    "PARTIALLY_FILLED": "PartiallyFilled",
    "FILLED": "Filled",
    "CANCELED": "Cancelled",
    "EXPIRED": "Cancelled",
    "EXPIRED_IN_MATCH": "Cancelled",
    "REJECTED": "Rejected",
}
TYPES = {
    "FUNDING_FEE": "SETTLEMENT", "TRANSFER": "TRANSFER_IN", "REALIZED_PNL": "TRADE",
    "COMMISSION": "TRADE", "INSURANCE_CLEAR": "BONUS",
}  # fmt: skip


def said(result: Any) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1796000000000}


def listed(rows: list[Any], category: str) -> Any:
    return said({"category": category, "nextPageCursor": "", "list": rows})


def refusal(word: Said, _: Any) -> Any:
    return {
        "retCode": int(word.code),
        "retMsg": word.text,
        "result": {},
        "retExtInfo": {},
        "time": 1,
    }


# --- what is asked --------------------------------------------------------------------------------


SIDES = ("BOTH", "LONG", "SHORT")
"""By what it calls `positionIdx`."""


def placing(asked: Asked) -> Params:
    body, is_spot = asked.body, asked.dialect.kind == "spot"
    is_market = body["orderType"] == "Market"
    is_stop = "triggerPrice" in body
    kind = "MARKET" if is_market else "LIMIT"
    if is_stop and is_spot:
        kind = "STOP_LOSS" if is_market else "STOP_LOSS_LIMIT"
    elif is_stop:
        kind = "STOP_MARKET" if is_market else "STOP"
    in_force = body.get("timeInForce", "GTC")
    if in_force == "PostOnly":
        kind, in_force = ("LIMIT_MAKER", "GTC") if is_spot else (kind, "GTX")
    by_cost = (
        is_spot and is_market and body["side"] == "Buy" and body.get("marketUnit") != "baseCoin"
    )
    return {
        "symbol": asked.symbol(body["symbol"]), "side": body["side"].upper(), "type": kind,
        "quoteOrderQty" if by_cost else "quantity": str(body["qty"]), "price": body.get("price", ""),
        "stopPrice": body.get("triggerPrice", ""), "timeInForce": in_force,
        "newClientOrderId": body.get("orderLinkId", ""),
        "reduceOnly": "true" if body.get("reduceOnly") else "",
        "positionSide": SIDES[int(body.get("positionIdx", 0))],
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    asking = asked.first
    return {
        "symbol": asked.symbol(asking.get("symbol")),
        "orderId": asking.get("orderId", ""),
        "origClientOrderId": asking.get("orderLinkId", ""),
        "startTime": asking.get("startTime", ""),
        "endTime": asking.get("endTime", ""),
    }


# --- what is told ---------------------------------------------------------------------------------


def acknowledged(order: Order, _: Asked) -> Any:
    return said({"orderId": str(order.id), "orderLinkId": order.client_id})


def orders(found: list[Order], asked: Asked) -> Any:
    wanted = asked.query.get("orderFilter", "")
    if asked.dialect.kind == "spot":  # without a filter it tells of plain orders alone
        found = [o for o in found if is_waiting(o) == (wanted == "StopOrder")]
    elif wanted == "StopOrder":
        found = [o for o in found if o.type in STOPS]
    return page_of([order_of(order, asked) for order in found], asked, 20)


def is_waiting(order: Order) -> bool:
    return order.type in STOPS and not order.working


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    status = STATUS[order.status]
    if order.open and is_waiting(order):
        status = "Untriggered"
    if status == "Cancelled" and order.filled and asked.dialect.kind == "spot":
        status = "PartiallyFilledCanceled"
    is_market = order.price is None
    shown = {
        "symbol": asked.name(order.symbol), "orderId": str(order.id), "orderLinkId": order.client_id,
        "side": order.side.capitalize(), "orderType": "Market" if is_market else "Limit",
        "price": plain(order.price), "qty": plain(order.quantity), "orderStatus": status,
        "cumExecQty": plain(order.filled), "cumExecValue": plain(order.cost),
        "leavesQty": plain(order.remaining if order.open else ZERO),
        "avgPrice": plain(order.average) if order.filled else "", "cumExecFee": plain(fees_of(order)),
        "timeInForce": order.time_in_force, "triggerPrice": plain(order.stop_price),
        "triggerDirection": 0, "stopOrderType": "Stop" if order.type in STOPS else "",
        "createType": said_of(order, "CreateByUser", "CreateByLiq", "CreateByAdl_PassThrough"),
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError", "positionIdx": SIDES.index(order.position_side),
        "reduceOnly": order.shown_reduce_only,
        "createdTime": str(order.created_ms), "updatedTime": str(order.updated_ms),
        "marketUnit": "baseCoin" if asked.dialect.kind == "spot" else "",
        "blockTradeId": "", "isLeverage": "", "closeOnTrigger": False, "leavesValue": "0",
        "takeProfit": "", "stopLoss": "", "smpType": "None", "orderIv": "",
    }  # fmt: skip
    return shown if asked.dialect.kind == "spot" else shown | {"tpslMode": ""}


def exec_type(order: Order) -> str:
    return said_of(order, "Trade", "BustTrade", "AdlTrade")


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    wanted = asked.query.get("execType", "Trade")
    pairs = [(order, fill) for order, fill in pairs if exec_type(order) == wanted]
    return page_of([fill_of(*pair, asked) for pair in pairs[::-1]], asked, 50)


def page_of(rows: list[Any], asked: Asked, usual: int) -> Any:
    first, limit = int(asked.query.get("cursor") or 0), int(asked.query.get("limit", usual))
    told = listed(rows[first : first + limit], asked.query["category"])
    told["result"]["nextPageCursor"] = str(first + limit) if len(rows) > first + limit else ""
    return told


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "symbol": asked.name(order.symbol), "orderId": str(order.id), "orderLinkId": order.client_id,
        "side": order.side.capitalize(), "execId": str(fill.id), "execQty": plain(fill.quantity),
        "execPrice": plain(fill.price), "execValue": plain(fill.quantity * fill.price),
        "execFee": plain(fill.fee), "feeCurrency": fill.fee_asset, "feeRate": "0.001",
        "execType": exec_type(order), "execTime": str(fill.ms),
        "isMaker": fill.maker, "orderType": "Limit", "orderQty": plain(order.quantity),
        "orderPrice": plain(order.price), "leavesQty": "0", "stopOrderType": "UNKNOWN", "seq": 1,
        "feeCoin": fill.fee_asset,
    }  # fmt: skip


def wallet(account: Any, asked: Asked) -> Any:
    is_spot = asked.dialect.kind == "spot"
    coins = _spot_coins(account) if is_spot else [_margin_coin(account, asked)]
    return said({"list": [{"accountType": "UNIFIED", "totalEquity": "1", "coin": coins}]})


def _spot_coins(account: Any) -> list[dict[str, str]]:
    ledger = account.spot
    return [
        _coin(asset, ledger.total(asset), ledger.total(asset), ledger.locked[asset], ZERO)
        for asset in ledger.assets()
    ]


def _margin_coin(account: Any, asked: Asked) -> dict[str, str]:
    ledger = account.futures
    last = asked.engine.last
    profit = ledger.profit(last)
    used = ledger.position_margin() + ledger.order_margin
    return _coin("USDT", ledger.wallet, ledger.wallet + profit, ZERO, used)


def _coin(
    coin: str, held: Decimal, equity: Decimal, locked: Decimal, used: Decimal
) -> dict[str, str]:
    return {
        "coin": coin, "walletBalance": plain(held), "equity": plain(equity), "locked": plain(locked),
        "totalPositionIM": plain(used), "totalOrderIM": "0", "unrealisedPnl": plain(equity - held),
        "availableToWithdraw": "", "borrowAmount": "0", "accruedInterest": "0",
        "usdValue": plain(equity), "cumRealisedPnl": "0", "bonus": "0",
    }  # fmt: skip


def positions(found: list[Held], asked: Asked) -> Any:
    return listed([position_of(held, asked) for held in found], "linear")


def position_of(held: Held, asked: Asked) -> dict[str, Any]:
    rules, position = held.rules, held.position
    last, is_long = asked.engine.last[rules.symbol], position.amount > 0
    return {
        "symbol": asked.name(rules.symbol), "side": "Buy" if is_long else "Sell",
        "size": plain(abs(position.amount)), "avgPrice": plain(position.entry),
        "positionIdx": SIDES.index(held.side),
        "positionValue": plain(abs(position.cost)), "markPrice": plain(last), "leverage": "20",
        "unrealisedPnl": plain(position.amount * last - position.cost), "liqPrice": "",
        "positionIM": "0", "positionMM": "0", "tradeMode": 0, "positionStatus": "Normal",
        "createdTime": "1795990000000", "updatedTime": str(asked.now_ms), "riskId": 1,
    }  # fmt: skip


def log(rows: list[Any], asked: Asked) -> Any:
    first, limit = int(asked.query.get("cursor") or 0), int(asked.query["limit"])
    page = rows[::-1][first : first + limit]
    more = str(first + limit) if len(rows) > first + limit else ""
    return said({"nextPageCursor": more, "list": [_logged(row, asked) for row in page]})


def _logged(row: Any, asked: Asked) -> dict[str, str]:
    return {
        "id": f"{row.kind}_{row.tran_id}", "symbol": asked.name(row.symbol) if row.symbol else "",
        "category": "linear", "transactionTime": str(row.ms), "type": TYPES.get(row.kind, "FEE_REFUND"),
        "currency": row.asset, "change": plain(row.amount), "cashFlow": plain(row.amount),
        "funding": "", "fee": "0", "cashBalance": "1", "side": "None", "qty": "0", "size": "0",
    }  # fmt: skip


# --- what everybody is told -----------------------------------------------------------------------


def instruments(rules: list[Rules], asked: Asked) -> Any:
    category = asked.query["category"]
    if (
        category != ("spot" if asked.dialect.kind == "spot" else "linear")
        or "status" in asked.query
    ):
        return listed([], category)
    make = _coin_pair if category == "spot" else _contract
    return listed([make(r, "Closed" if asked.is_closed(r) else "Trading") for r in rules], category)


def _coin_pair(rules: Rules, status: str) -> dict[str, Any]:
    return {
        "symbol": rules.symbol, "baseCoin": rules.base, "quoteCoin": rules.quote, "innovation": "0",
        "status": status, "marginTrading": "none", "priceFilter": {"tickSize": plain(rules.tick)},
        "lotSizeFilter": {
            "basePrecision": plain(rules.lot), "quotePrecision": "0.00000001",
            "minOrderQty": plain(rules.lot), "maxOrderQty": plain(rules.max_quantity),
            "minOrderAmt": plain(rules.min_notional), "maxOrderAmt": "9000000",
        },
    }  # fmt: skip


def _contract(rules: Rules, status: str) -> dict[str, Any]:
    return {
        "symbol": rules.symbol, "contractType": "LinearPerpetual", "status": status,
        "baseCoin": rules.base, "quoteCoin": rules.quote, "settleCoin": rules.quote,
        "launchTime": "1585526400000", "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": plain(rules.tick), "maxPrice": plain(rules.max_price),
                        "tickSize": plain(rules.tick)},
        "lotSizeFilter": {
            "maxOrderQty": plain(rules.max_quantity), "minOrderQty": plain(rules.lot),
            "qtyStep": plain(rules.lot),
            "minNotionalValue": plain(rules.min_notional),
            "postOnlyMaxOrderQty": plain(rules.max_quantity),
        },
        "unifiedMarginTrade": True, "fundingInterval": 480,
    }  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    sides = ({k: [[plain(p), plain(q)] for p, q in found.levels(side, 20)]}
             for k, side in (("b", "BUY"), ("a", "SELL")))  # fmt: skip
    bids, asks = sides
    return said(
        {"s": asked.query["symbol"], **bids, **asks, "ts": asked.now_ms, "u": found.update_id}
    )


def trades(found: list[Any], asked: Asked) -> Any:
    rows = [
        {"execId": str(t.id), "symbol": asked.query["symbol"], "price": plain(t.price),
         "size": plain(t.quantity), "side": "Sell" if t.buyer_is_maker else "Buy", "time": str(t.ms)}
        for t in found[::-1]
    ]  # fmt: skip
    return listed(rows, asked.query["category"])


def tickers(rules: list[Rules], asked: Asked) -> Any:
    rows = [
        {"symbol": r.symbol, "lastPrice": plain(asked.engine.last[r.symbol])}
        for r in rules
        if asked.query.get("symbol") in (None, r.symbol)
    ]
    return listed(rows, asked.query["category"])


def of_symbol(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.query["symbol"])}


def constant(answer: Any) -> Any:
    return lambda _found, _asked: said(answer)


ROUTES = {
    ("GET", "/v5/market/instruments-info"): Route(acts.MARKETS, instruments),
    ("GET", "/v5/market/time"): Route(
        acts.TIME, lambda ms, _: said({"timeSecond": str(ms // 1000)}) | {"time": ms}
    ),
    ("GET", "/v5/market/orderbook"): Route(acts.BOOK, book, of_symbol),
    ("GET", "/v5/market/recent-trade"): Route(acts.TRADES, trades, of_symbol),
    ("GET", "/v5/market/tickers"): Route(acts.TICKERS, tickers),
    ("GET", "/v5/user/query-api"): Route(
        acts.NOTHING, constant({"id": "1", "readOnly": 0, "unified": 0, "uta": 1, "permissions": {}})
    ),
    ("GET", "/v5/account/info"): Route(
        acts.NOTHING, constant({"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"})
    ),
    ("POST", "/v5/order/create"): Route(acts.PLACE, acknowledged, placing),
    ("POST", "/v5/order/cancel"): Route(acts.CANCEL, acknowledged, naming),
    ("GET", "/v5/order/realtime"): Route(acts.LOOK, orders, naming),
    ("GET", "/v5/order/history"): Route(acts.OVER, orders, naming),
    ("GET", "/v5/execution/list"): Route(acts.FILLS, fills, naming),
    ("GET", "/v5/account/wallet-balance"): Route(acts.ACCOUNT, wallet),
    ("GET", "/v5/position/list"): Route(acts.POSITIONS, positions, naming),
    ("GET", "/v5/account/transaction-log"): Route(acts.INCOME, log, naming),
}  # fmt: skip


def signed_at(asked: Asked) -> tuple[int, int] | None:
    headers = asked.headers
    return int(headers["X-BAPI-TIMESTAMP"]), int(headers["X-BAPI-RECV-WINDOW"])


def _dialect(kind: str, words: dict[Wrong, Said]) -> Dialect:
    return Dialect(
        exchange_id="bybit",
        kind=kind,
        name=lambda rules: rules.symbol,
        routes=ROUTES,
        words=words,
        refusal=refusal,
        shapes=SHAPES,
        signed_at=signed_at,
    )


DIALECTS = {"spot": _dialect("spot", WORDS), "perpetual": _dialect("perpetual", LINEAR_WORDS)}
