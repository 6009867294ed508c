"""KuCoin: a `code` in every answer, 200000 where all is well; spot and futures are two houses.

On spot (the account for high frequency) stops are a book of their own, and open orders are told symbol
by symbol. Futures count contracts; a stop keeps its id, in a list of its own. Fills of spot come newest
first from an id on, those of futures by numbered pages.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.acts import Held
from tests.venues.asked import Asked, fee_asset, fees_of, newest, plain, said_of
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.income import Income
from tradectl.testkit.orders import STOPS, Fill, Order
from tradectl.testkit.symbols import Rules

SPOT_SHAPES = quoted(
    "kucoin", "createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchClosedOrders",
    "fetchBalance", "fetchMarkets", "fetchOrderBook", "fetchTrades", "fetchTime",
) | cases("kucoin", fetchMyTrades="Fetch spot trade")  # fmt: skip
FUTURES_SHAPES = quoted(
    "kucoin", "createOrder", "cancelOrder", "fetchClosedOrders", "fetchBalance", "fetchPositions",
    "fetchFundingHistory", "fetchLedger", "fetchPositionMode", "fetchMarkets", "fetchOrderBook",
    "fetchTrades", "fetchTime",
) | cases(
    "kucoinfutures", fetchOrder="market reduceOnly order", fetchOpenOrders="Fetch open orders",
    fetchMyTrades="fethc swap trade",
)  # fmt: skip
WORDS = {
    Wrong.FUNDS: Said("200004", "Balance insufficient!"),
    Wrong.DUPLICATE: Said("102411", "Duplicate clientOid"),
    Wrong.POST_ONLY: Said("300004", "post only order would match"),
    Wrong.AT_ONCE: Said("300001", "the stop price has been passed"),
    Wrong.REDUCE_ONLY: Said("300009", "No open positions to close."),
    Wrong.RULES: Said("300005", "Order size below the minimum requirement"),
    Wrong.NOT_FOUND: Said("100001", "error.getOrder.orderNotExist"),
    Wrong.OVER: Said("400100", "order_not_exist_or_not_allow_to_cancel"),
    Wrong.SYMBOL: Said("900001", "symbol not exists"),
    Wrong.CLOSED: Said("400200", "Forbidden to place an order"),
    Wrong.HEDGE: Said("330011", "position mode does not match"),
    Wrong.TOO_OFTEN: Said("429000", "Too Many Requests", 429),
    Wrong.BANNED: Said("429000", "Too Many Requests", 429),
    Wrong.UNAVAILABLE: Said("500000", "Internal Server Error", 503),
    Wrong.TIMEOUT: Said("408000", "Network timeout, the order status is unknown"),
    Wrong.CLOCK: Said("400002", "Invalid KC-API-TIMESTAMP"),
    Wrong.KEY: Said("400003", "KC-API-KEY not exists"),
    Wrong.SIGNATURE: Said("400005", "Invalid KC-API-SIGN"),
}
FUTURES_WORDS = WORDS | {
    Wrong.FUNDS: Said("300003", "Balance insufficient. Please deposit first."),
    Wrong.OVER: Said("100004", "error.cancelOrder.orderNotOpen"),
    Wrong.SYMBOL: Said("100001", "symbol not exists"),
}
WINDOW_MS = 5000
DEFAULT_PAGE = 50


def said(data: Any) -> Any:
    return {"code": "200000", "data": data}


def constant(data: Any) -> Any:
    return lambda _found, _asked: said(data)


def refusal(word: Said, _: Any) -> Any:
    return {"code": word.code, "msg": word.text}


def pair(rules: Rules) -> str:
    return f"{rules.base}-{rules.quote}"


def contract(rules: Rules) -> str:
    return f"{rules.base.replace('BTC', 'XBT')}{rules.quote}M"


def is_spot(asked: Asked) -> bool:
    return asked.dialect.kind == "spot"


# --- what is asked --------------------------------------------------------------------------------


def placing(asked: Asked) -> Params:
    body = asked.body
    is_market, is_stop = body["type"] == "market", "stopPrice" in body
    kind, in_force = ("MARKET" if is_market else "LIMIT"), body.get("timeInForce", "GTC")
    if is_stop:
        names = ("STOP_LOSS", "STOP_LOSS_LIMIT") if is_spot(asked) else ("STOP_MARKET", "STOP")
        kind = names[0] if is_market else names[1]
        assert body["stop"] == way(body["side"], asked)
    elif body.get("postOnly"):
        kind, in_force = ("LIMIT_MAKER", "") if is_spot(asked) else (kind, "GTX")
    return {
        "symbol": asked.symbol(body["symbol"]), "side": body["side"].upper(), "type": kind,
        "quantity": asked.coins(body["size"]), "price": body.get("price", ""),
        "stopPrice": body.get("stopPrice", ""), "triggerPrice": body.get("stopPrice", ""),
        "timeInForce": "" if is_market else in_force,
        "newClientOrderId": body["clientOid"], "clientAlgoId": body["clientOid"],
        "reduceOnly": "true" if body.get("reduceOnly") else "",
        "positionSide": body.get("positionSide", "BOTH"),
    }  # fmt: skip


def way(side: str, asked: Asked) -> str:
    """From where the price must come, for an order that protects or follows."""
    ways = ("entry", "loss") if is_spot(asked) else ("up", "down")
    return ways[0] if side == "buy" else ways[1]


def naming(asked: Asked) -> Params:
    by_ours = "client-order" in asked.path
    ours = asked.tail if by_ours else asked.query.get("clientOid", "")
    order_id = "" if ours or not asked.tail.isdigit() else asked.tail
    return {
        "symbol": asked.symbol(asked.query.get("symbol")) or asked.symbol_of(ours, order_id),
        "orderId": order_id, "algoId": order_id,
        "origClientOrderId": ours, "clientAlgoId": ours,
    }  # fmt: skip


def listing(asked: Asked) -> Params:
    query = asked.query
    return {
        "symbol": asked.symbol(query.get("symbol")),
        "startTime": query.get("startAt", ""),
        "endTime": query.get("endAt", ""),
    }


def period(asked: Asked) -> Params:
    return {"startTime": asked.query["startAt"], "endTime": asked.query["endAt"]}


# --- what is told ---------------------------------------------------------------------------------


def acknowledged(order: Order, _: Asked) -> Any:
    return said({"orderId": str(order.id), "clientOid": order.client_id})


def cancelled(order: Order, asked: Asked) -> Any:
    if is_spot(asked) and order.algo:
        return said({"cancelledOrderId": str(order.id), "clientOid": order.client_id})
    if is_spot(asked):
        return said({"clientOid": order.client_id})
    return said({"cancelledOrderIds": [str(order.id)], "clientOid": order.client_id})


def order(found: Order, asked: Asked) -> Any:
    return said(order_of(found, asked))


def stop(found: Order, asked: Asked) -> Any:
    return said([stop_of(found, asked)])


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    return (spot_order if is_spot(asked) else futures_order)(order, asked)


def spot_order(order: Order, asked: Asked) -> dict[str, Any]:
    return {
        "id": str(order.id), "symbol": asked.name(order.symbol), "opType": "DEAL",
        "type": "limit" if order.price is not None else "market", "side": order.side.lower(),
        "price": plain(order.price), "size": plain(order.quantity), "funds": plain(order.cost),
        "dealSize": plain(order.filled), "dealFunds": plain(order.cost),
        "remainSize": plain(order.remaining), "cancelledSize": "0", "fee": plain(fees_of(order)),
        "feeCurrency": fee_asset(order), "stp": None, "timeInForce": order.time_in_force or "GTC",
        "postOnly": order.type == "LIMIT_MAKER", "hidden": False, "clientOid": order.client_id,
        "cancelExist": not order.open and order.status != "FILLED", "active": order.open,
        "createdAt": order.created_ms, "lastUpdatedAt": order.updated_ms, "tradeType": "TRADE",
        "inOrderBook": order.open, "cancelReason": None,
    }  # fmt: skip


def stop_of(order: Order, asked: Asked) -> dict[str, Any]:
    over = "CANCELLED" if order.status == "CANCELED" else "TRIGGERED"
    status = "NEW" if order.open else over
    return {
        "id": str(order.id), "symbol": asked.name(order.symbol), "userId": "u",
        "status": status, "side": order.side.lower(),
        "type": "limit" if order.price is not None else "market", "price": plain(order.price),
        "size": plain(order.quantity), "timeInForce": "GTC", "postOnly": False, "hidden": False,
        "clientOid": order.client_id, "orderTime": order.created_ms, "tradeType": "TRADE",
        "stop": way(order.side.lower(), asked), "stopTriggerTime": None,
        "stopPrice": plain(order.stop_price), "createdAt": order.created_ms,
    }  # fmt: skip


def futures_order(order: Order, asked: Asked) -> dict[str, Any]:
    is_stop = order.type in STOPS
    return {
        "id": str(order.id), "symbol": asked.name(order.symbol), "side": order.side.lower(),
        "type": "limit" if order.price is not None else "market",
        "price": plain(order.price) if order.price is not None else None,
        "size": int(order.quantity / asked.dialect.contract), "value": plain(order.cost),
        "dealValue": plain(order.cost), "dealSize": int(order.filled / asked.dialect.contract),
        "filledSize": int(order.filled / asked.dialect.contract), "filledValue": plain(order.cost),
        "stop": way(order.side.lower(), asked) if is_stop else "",
        "stopPrice": plain(order.stop_price) if is_stop else None, "stopPriceType": "MP",
        "stopTriggered": order.working if is_stop else None, "timeInForce": order.time_in_force,
        "clientOid": order.client_id, "isActive": order.open, "leverage": "1",
        "cancelExist": not order.open and order.status != "FILLED",
        "createdAt": order.created_ms, "updatedAt": order.updated_ms,
        "orderTime": order.created_ms * 1_000_000, "settleCurrency": "USDT",
        "status": "open" if order.open else "done", "reduceOnly": order.shown_reduce_only,
        "positionSide": order.position_side, "postOnly": False, "forceHold": False, "remark": None,
        "tags": None,
    }  # fmt: skip


def active(found: list[Order], asked: Asked) -> Any:
    return said([order_of(o, asked) for o in found])


def active_symbols(found: list[Order], asked: Asked) -> Any:
    return said({"symbols": sorted({asked.name(o.symbol) for o in found})})


def done(found: list[Order], asked: Asked) -> Any:
    return said({"lastId": 0, "items": [order_of(o, asked) for o in found[::-1][:100]]})


def stops(found: list[Order], asked: Asked) -> Any:
    return numbered([stop_of(o, asked) for o in found], asked)


def futures_orders(found: list[Order], asked: Asked) -> Any:
    wanted = [o for o in found if o.open is (asked.query["status"] == "active")]
    plain_ones = [o for o in wanted if not is_waiting(o)]
    return numbered([order_of(o, asked) for o in plain_ones[::-1]], asked)


def futures_stops(found: list[Order], asked: Asked) -> Any:
    return numbered([order_of(o, asked) for o in found[::-1] if is_waiting(o)], asked)


def is_waiting(order: Order) -> bool:
    return order.open and order.type in STOPS and not order.working


def numbered(rows: list[Any], asked: Asked) -> Any:
    number, size = int(asked.query.get("currentPage", 1)), page_size(asked)
    page = rows[(number - 1) * size : number * size]
    return said({"currentPage": number, "pageSize": size, "totalNum": len(rows), "items": page})


def page_size(asked: Asked) -> int:
    return min(int(asked.query.get("pageSize", DEFAULT_PAGE)), 1000)


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    if not is_spot(asked):
        return numbered([futures_fill(o, f, asked) for o, f in pairs[::-1]], asked)
    last = int(asked.query.get("lastId") or 10**15)
    page = newest([p for p in pairs if p[1].id < last], min(int(asked.query.get("limit", 20)), 100))
    rows = [spot_fill(o, f, asked) for o, f in page]
    return said({"items": rows, "lastId": rows[-1]["id"] if rows else 0})


def spot_fill(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "id": fill.id, "symbol": asked.name(order.symbol), "tradeId": fill.id,
        "orderId": str(order.id), "counterOrderId": "1", "side": order.side.lower(),
        "liquidity": "maker" if fill.maker else "taker", "forceTaker": False,
        "price": plain(fill.price), "size": plain(fill.quantity),
        "funds": plain(fill.price * fill.quantity), "fee": plain(fill.fee), "feeRate": "0.001",
        "feeCurrency": fill.fee_asset, "stop": "", "tradeType": "TRADE",
        "tax": "0", "type": "limit", "createdAt": fill.ms,
    }  # fmt: skip


def futures_fill(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "symbol": asked.name(order.symbol), "tradeId": str(fill.id), "orderId": str(order.id),
        "side": order.side.lower(), "liquidity": "maker" if fill.maker else "taker",
        "forceTaker": False, "price": plain(fill.price),
        "size": int(fill.quantity / asked.dialect.contract),
        "value": plain(fill.price * fill.quantity), "feeRate": "0.0005", "fixFee": "0",
        "feeCurrency": "USDT", "stop": "", "fee": plain(fill.fee), "orderType": "limit",
        "tradeType": said_of(order, "trade", "liquidation", "adl"), "createdAt": fill.ms,
        "settleCurrency": "USDT", "tradeTime": fill.ms * 1_000_000,
    }  # fmt: skip


def accounts(account: Any, _: Asked) -> Any:
    ledger = account.spot
    return said([
        {"id": asset, "currency": asset, "type": "trade_hf", "balance": plain(ledger.total(asset)),
         "available": plain(ledger.total(asset) - ledger.locked[asset]),
         "holds": plain(ledger.locked[asset])}
        for asset in ledger.assets()
    ])  # fmt: skip


def overview(account: Any, asked: Asked) -> Any:
    ledger, last = account.futures, asked.engine.last
    profit = ledger.profit(last)
    used = ledger.position_margin() + ledger.order_margin
    return said({
        "accountEquity": plain(ledger.wallet + profit), "unrealisedPNL": plain(profit),
        "marginBalance": plain(ledger.wallet), "positionMargin": plain(used), "orderMargin": "0",
        "frozenFunds": "0", "availableBalance": plain(ledger.wallet + profit - used),
        "currency": "USDT", "riskRatio": "0.01",
    })  # fmt: skip


def positions(found: list[Held], asked: Asked) -> Any:
    return said([position_of(held, asked) for held in found])


def position_of(held: Held, asked: Asked) -> dict[str, Any]:
    rules, position, last = held.rules, held.position, asked.engine.last[held.rules.symbol]
    return {
        "id": "400000000000", "symbol": contract(rules), "crossMode": True, "isOpen": True,
        "currentQty": int(position.amount / asked.dialect.contract),
        "avgEntryPrice": float(position.entry), "markPrice": float(last),
        "markValue": float(position.amount * last), "posInit": 1.0, "posMaint": 1.0,
        "maintMarginReq": 0.004, "unrealisedPnl": float(position.amount * last - position.cost),
        "realisedPnl": 0.0, "liquidationPrice": 40000.0, "settleCurrency": "USDT",
        "isInverse": False, "currentTimestamp": asked.now_ms, "openingTimestamp": asked.now_ms,
        "leverage": 3.0, "positionSide": held.side,
    }  # fmt: skip


MOVED = {"REALIZED_PNL": "RealisedPNL", "COMMISSION": "RealisedPNL"}


def fundings(rows: list[Income], asked: Asked) -> Any:
    wanted = asked.symbol(asked.query["symbol"])
    told = [
        {"id": row.tran_id, "symbol": asked.query["symbol"], "timePoint": row.ms, "fundingRate": 0.0001,
         "markPrice": 60000.0, "positionQty": 10, "positionCost": 600.0, "settleCurrency": "USDT",
         "funding": plain(row.amount), "marginMode": "CROSS"}
        for row in rows if row.kind == "FUNDING_FEE" and row.symbol == wanted
    ]  # fmt: skip
    return listed(told[::-1], "id", asked)


def moved(rows: list[Income], asked: Asked) -> Any:
    """Transfers tell by their name which way they went."""
    told = [movement(row) for row in rows if row.kind != "FUNDING_FEE" or not row.symbol]
    return listed(told[::-1], "offset", asked)


def movement(row: Income) -> dict[str, Any]:
    way = "TransferIn" if row.amount > 0 else "TransferOut"
    kind = MOVED.get(row.kind, way)
    return {
        "time": row.ms, "type": kind, "amount": plain(abs(row.amount) if kind == way else row.amount),
        "fee": 0.0, "accountEquity": 1.0, "status": "Completed", "remark": "", "currency": row.asset,
        "offset": row.tran_id * 10 + (row.kind == "COMMISSION"),
    }  # fmt: skip


def listed(rows: list[dict[str, Any]], key: str, asked: Asked) -> Any:
    """Behind the one that is named."""
    if after := asked.query.get("offset"):
        rows = [row for row in rows if int(row[key]) < int(after)]
    limit = int(asked.query["maxCount"])
    return said({"dataList": rows[:limit], "hasMore": len(rows) > limit})


# --- what everybody is told -----------------------------------------------------------------------


def symbols(rules: list[Rules], asked: Asked) -> Any:
    return said([
        {"symbol": pair(r), "name": pair(r), "baseCurrency": r.base, "quoteCurrency": r.quote,
         "feeCurrency": r.quote, "market": "USDS", "baseMinSize": plain(r.lot),
         "quoteMinSize": plain(r.min_notional), "baseMaxSize": plain(r.max_quantity),
         "quoteMaxSize": "99999999", "baseIncrement": plain(r.lot), "quoteIncrement": "0.000001",
         "priceIncrement": plain(r.tick), "priceLimitRate": "0.1", "isMarginEnabled": False,
         "enableTrading": not asked.is_closed(r), "minFunds": plain(r.min_notional)}
        for r in rules
    ])  # fmt: skip


def contracts(rules: list[Rules], asked: Asked) -> Any:
    size = asked.dialect.contract
    return said([
        {"symbol": contract(r), "rootSymbol": "USDT", "type": "FFWCSX", "expireDate": None,
         "firstOpenDate": 1585555200000, "settleDate": None,
         "baseCurrency": r.base.replace("BTC", "XBT"), "quoteCurrency": r.quote,
         "settleCurrency": r.quote, "maxOrderQty": int(r.max_quantity / size),
         "maxPrice": 1000000.0, "lotSize": int(r.lot / size), "tickSize": float(r.tick),
         "multiplier": float(size),
         "initialMargin": 0.008, "maintainMargin": 0.004, "makerFeeRate": 0.0002,
         "takerFeeRate": 0.0005, "isInverse": False, "isQuanto": False, "maxLeverage": 125,
         "status": "Paused" if asked.is_closed(r) else "Open", "nextFundingRateTime": 25481884}
        for r in rules
    ])  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    spot = is_spot(asked)
    asks, bids = (
        [[plain(price), plain(size) if spot else int(size / asked.dialect.contract)]
         for price, size in found.levels(side, 20)]
        for side in ("SELL", "BUY")
    )  # fmt: skip
    told = {"asks": asks, "bids": bids, "sequence": str(found.update_id)}
    return said(told | ({"time": asked.now_ms} if spot else {"ts": asked.now_ms * 1_000_000}))


def trades(found: list[Any], asked: Asked) -> Any:
    spot = is_spot(asked)
    return said([
        {"sequence": str(t.id), "tradeId": str(t.id), "price": plain(t.price),
         "size": plain(t.quantity) if spot else int(t.quantity / asked.dialect.contract),
         "side": "sell" if t.buyer_is_maker else "buy",
         "time" if spot else "ts": t.ms * 1_000_000}
        for t in found
    ])  # fmt: skip


def of_symbol(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.query["symbol"])}


def signed_at(asked: Asked) -> tuple[int, int] | None:
    return int(asked.headers["KC-API-TIMESTAMP"]), WINDOW_MS


PRIVATE_TOKEN, PUBLIC_TOKEN = "token-of-the-account", "token-of-anybody"


def bullet(token: str) -> Any:
    """What a websocket is opened with."""

    def show(_: Any, asked: Asked) -> Any:
        place = asked.exchange.url.replace("http", "ws", 1) + "/endpoint"
        server = {
            "endpoint": place, "encrypt": False, "protocol": "websocket", "pingInterval": 50_000,
            "pingTimeout": 10_000,
        }  # fmt: skip
        return said({"instanceServers": [server], "token": token})

    return show


COMMON = {
    ("POST", "/api/v1/bullet-private"): Route(acts.NOTHING, bullet(PRIVATE_TOKEN)),
    ("POST", "/api/v1/bullet-public"): Route(acts.CONSTANT, bullet(PUBLIC_TOKEN)),
    ("GET", "/api/v1/timestamp"): Route(acts.TIME, lambda ms, _: said(ms)),
    ("GET", "/api/v3/margin/symbols"): Route(acts.NOTHING, constant({"items": []})),
    ("GET", "/api/v1/isolated/symbols"): Route(acts.NOTHING, constant([])),
    ("GET", "/api/v1/hf/accounts/opened"): Route(acts.NOTHING, constant(True)),
    ("GET", "/api/ua/v1/account/mode"): Route(
        acts.NOTHING, constant({"selfAccountMode": "CLASSIC"})
    ),
}
HF = "/api/v1/hf"
SPOT = COMMON | {
    ("GET", "/api/v2/symbols"): Route(acts.MARKETS, symbols),
    ("GET", "/api/v3/market/orderbook/level2"): Route(acts.BOOK, book, of_symbol),
    ("GET", "/api/v1/market/histories"): Route(acts.TRADES, trades, of_symbol),
    ("POST", f"{HF}/orders"): Route(acts.PLACE, acknowledged, placing),
    ("POST", "/api/v1/stop-order"): Route(acts.PLACE_STOP, acknowledged, placing),
    ("DELETE", f"{HF}/orders/client-order/*"): Route(acts.CANCEL, cancelled, naming),
    ("DELETE", f"{HF}/orders/*"): Route(acts.CANCEL, cancelled, naming),
    ("DELETE", "/api/v1/stop-order/cancelOrderByClientOid"): Route(
        acts.CANCEL_STOP, cancelled, naming
    ),
    ("DELETE", "/api/v1/stop-order/*"): Route(acts.CANCEL_STOP, cancelled, naming),
    ("GET", f"{HF}/orders/active/symbols"): Route(acts.OPEN, active_symbols, lambda _: {}),
    ("GET", f"{HF}/orders/active"): Route(acts.OPEN, active, listing),
    ("GET", f"{HF}/orders/done"): Route(acts.OVER, done, listing),
    ("GET", f"{HF}/orders/client-order/*"): Route(acts.FIND, order, naming),
    ("GET", f"{HF}/orders/*"): Route(acts.FIND, order, naming),
    ("GET", "/api/v1/stop-order/queryOrderByClientOid"): Route(acts.FIND_STOP, stop, naming),
    ("GET", "/api/v1/stop-order"): Route(acts.OPEN_STOPS, stops, listing),
    ("GET", "/api/v1/stop-order/*"): Route(acts.FIND_STOP, stop, naming),
    ("GET", f"{HF}/fills"): Route(acts.FILLS, fills, listing),
    ("GET", "/api/v1/accounts"): Route(acts.ACCOUNT, accounts),
}
FUTURES = COMMON | {
    ("GET", "/api/v1/contracts/active"): Route(acts.MARKETS, contracts),
    ("GET", "/api/v1/level2/snapshot"): Route(acts.BOOK, book, of_symbol),
    ("GET", "/api/v1/trade/history"): Route(acts.TRADES, trades, of_symbol),
    ("POST", "/api/v1/orders"): Route(acts.PLACE, acknowledged, placing),
    ("DELETE", "/api/v1/orders/client-order/*"): Route(acts.CANCEL, cancelled, naming),
    ("DELETE", "/api/v1/orders/*"): Route(acts.CANCEL, cancelled, naming),
    ("GET", "/api/v1/orders/byClientOid"): Route(acts.FIND, order, naming),
    ("GET", "/api/v1/orders/*"): Route(acts.FIND, order, naming),
    ("GET", "/api/v1/orders"): Route(acts.LISTED, futures_orders, listing),
    ("GET", "/api/v1/stopOrders"): Route(acts.OPEN, futures_stops, listing),
    ("GET", "/api/v1/fills"): Route(acts.FILLS, fills, listing),
    ("GET", "/api/v2/position/getPositionMode"): Route(
        acts.MODE, lambda account, _: said({"positionMode": 1 if account.hedge else 0})
    ),
    ("GET", "/api/v1/funding-history"): Route(acts.INCOME, fundings, period),
    ("GET", "/api/v1/transaction-history"): Route(acts.INCOME, moved, period),
    ("GET", "/api/v1/account-overview"): Route(acts.ACCOUNT, overview),
    ("GET", "/api/v1/positions"): Route(acts.POSITIONS, positions),
}


def _dialect(kind: str) -> Dialect:
    of_spot = kind == "spot"
    return Dialect(
        exchange_id="kucoin",
        kind=kind,
        name=pair if of_spot else contract,
        routes=SPOT if of_spot else FUTURES,
        words=WORDS if of_spot else FUTURES_WORDS,
        refusal=refusal,
        shapes=SPOT_SHAPES if of_spot else FUTURES_SHAPES,
        fees_in="quote",
        contract=Decimal(1) if of_spot else Decimal("0.001"),
        signed_at=signed_at,
    )


DIALECTS = {kind: _dialect(kind) for kind in ("spot", "perpetual")}
