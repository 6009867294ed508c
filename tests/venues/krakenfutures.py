"""Kraken's futures: an order's fate is a word in an answer that says success, over or not.

Quoted in USD. Stops are listed with all other orders and keep their id. What is over is told of for five
seconds, by the order's id or ours; fills are told of all symbols, the last hundred before a time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.acts import Act, Held
from tests.venues.asked import Asked, newest, plain, said_of
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.income import Income
from tradectl.testkit.orders import STOPS, Fill, Order
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "krakenfutures", "createOrder", "cancelOrder", "fetchOrder", "fetchMyTrades", "fetchBalance",
    "fetchMarkets", "fetchOrderBook", "fetchTrades", "fetchTickers",
) | cases(
    "krakenfutures", fetchOpenOrders="open order",
    fetchPositions="open positions, regression test for #29710 (must not silently return [] when "
    "openPositions is present)",
    fetchLedger="fetch ledger: cash legs parsed, position-size legs (asset == contract) filtered out",
)  # fmt: skip
START = "/derivatives/api/v3"
KNOWN_MS = 5000
PAGE = 100
OF_AN_ORDER = "order"
WORDS = {
    Wrong.FUNDS: Said("insufficientAvailableFunds", OF_AN_ORDER),
    Wrong.DUPLICATE: Said("clientOrderIdAlreadyExist", OF_AN_ORDER),
    Wrong.POST_ONLY: Said("postWouldExecute", OF_AN_ORDER),
    Wrong.AT_ONCE: Said("invalidPrice", OF_AN_ORDER),
    Wrong.REDUCE_ONLY: Said("wouldNotReducePosition", OF_AN_ORDER),
    Wrong.RULES: Said("invalidSize", OF_AN_ORDER),
    Wrong.NOT_FOUND: Said("notFound", OF_AN_ORDER),
    Wrong.OVER: Said("notFound", OF_AN_ORDER),
    Wrong.SYMBOL: Said("contractNotFound", "", 404),
    Wrong.CLOSED: Said("marketSuspended", OF_AN_ORDER),
    Wrong.HEDGE: Said("marketInactive", OF_AN_ORDER),  # there is no such mode
    Wrong.TOO_OFTEN: Said("apiLimitExceeded", "", 429),
    Wrong.BANNED: Said("apiLimitExceeded", "", 429),
    Wrong.UNAVAILABLE: Said("unavailable", "", 503),
    Wrong.TIMEOUT: Said("unknownError", ""),
    Wrong.CLOCK: Said("nonceBelowThreshold", ""),
    Wrong.KEY: Said("authenticationError", ""),
    Wrong.SIGNATURE: Said("authenticationError", ""),
}
STATUS = {
    "NEW": "ENTERED_BOOK",
    "PARTIALLY_FILLED": "ENTERED_BOOK",
    "FILLED": "FULLY_EXECUTED",
    "REJECTED": "REJECTED",
}


def iso(ms: int) -> str:
    text = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def said(asked: Asked, **more: Any) -> Any:
    return {"result": "success", "serverTime": iso(asked.now_ms), **more}


def refusal(word: Said, act: Act) -> Any:
    if word.text != OF_AN_ORDER:
        return {"result": "error", "error": word.code, "serverTime": "2026-11-29T00:00:00.000Z"}
    name = "cancelStatus" if act is acts.CANCEL else "sendStatus"
    return {"result": "success", name: {"status": word.code, "orderEvents": []}}


def contract(rules: Rules) -> str:
    return f"PF_{rules.base.replace('BTC', 'XBT')}USD"


# --- what is asked --------------------------------------------------------------------------------


def placing(asked: Asked) -> Params:
    query = asked.query
    word, price = query["orderType"], query.get("limitPrice", "")
    kind = {"mkt": "MARKET", "stp": "STOP" if price else "STOP_MARKET"}.get(word, "LIMIT")
    return {
        "symbol": asked.symbol(query["symbol"]), "side": query["side"].upper(), "type": kind,
        "quantity": asked.coins(query["size"]), "price": price,
        "stopPrice": query.get("stopPrice", ""),
        "timeInForce": {"ioc": "IOC", "post": "GTX", "mkt": "", "stp": ""}.get(word, "GTC"),
        "newClientOrderId": query.get("cliOrdId", ""),
        "reduceOnly": query.get("reduceOnly", "").lower(),
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    query = asked.query
    ours = query.get("cliOrdId") or query.get("cliOrdIds") or ""
    order_id = query.get("order_id") or query.get("orderIds") or ""
    return {
        "symbol": asked.symbol_of(ours, order_id),
        "orderId": order_id,
        "origClientOrderId": ours,
    }


def before(asked: Asked) -> Params:
    told = asked.query.get("lastFillTime")
    if not told:
        return {}
    return {"endTime": str(int(datetime.fromisoformat(told).timestamp() * 1000) - 1)}


# --- what is told ---------------------------------------------------------------------------------


def sent(order: Order, asked: Asked) -> Any:
    events: list[dict[str, Any]]
    if order.type in STOPS:
        events = [{"type": "PLACE", "orderTrigger": trigger_of(order, asked)}]
    elif order.fills:
        prior = order_of(order, asked) | {"filled": 0}
        events = [
            {"type": "EXECUTION", "executionId": str(fill.id), "price": plain(fill.price),
             "amount": asked.size(fill.quantity), "orderPriorEdit": None,
             "orderPriorExecution": prior, "takerReducedQuantity": None}
            for fill in order.fills
        ]  # fmt: skip
    else:
        events = [{"type": "PLACE", "order": order_of(order, asked), "reducedQuantity": None}]
    status = {
        "order_id": str(order.id), "status": "placed", "receivedTime": iso(order.created_ms),
        "orderEvents": events,
    }  # fmt: skip
    return said(asked, sendStatus=status)


def cancelled(order: Order, asked: Asked) -> Any:
    event = {"type": "CANCEL", "uid": str(order.id), "order": order_of(order, asked)}
    status = {"status": "cancelled", "order_id": str(order.id), "orderEvents": [event]}
    return said(asked, cancelStatus=status | {"receivedTime": iso(order.updated_ms)})


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    return {
        "orderId": str(order.id), "cliOrdId": order.client_id or None, "type": kind_of(order),
        "symbol": asked.name(order.symbol), "side": order.side.lower(),
        "quantity": asked.size(order.quantity), "filled": asked.size(order.filled),
        "limitPrice": plain(order.price) if order.price is not None else None,
        "stopPrice": plain(order.stop_price) if order.stop_price else None,
        "reduceOnly": order.reduce_only, "timestamp": iso(order.created_ms),
        "lastUpdateTimestamp": iso(order.updated_ms),
    }  # fmt: skip


def trigger_of(order: Order, asked: Asked) -> dict[str, Any]:
    return {
        "uid": str(order.id), "clientId": order.client_id, "symbol": asked.name(order.symbol),
        "type": "lmt" if order.price is not None else "ioc", "side": order.side.lower(),
        "quantity": asked.size(order.quantity), "triggerPrice": plain(order.stop_price),
        "limitPrice": plain(order.price) if order.price is not None else None,
        "triggerSide": "trigger_below" if order.side == "SELL" else "trigger_above",
        "triggerSignal": "last_price", "reduceOnly": order.reduce_only,
        "timestamp": iso(order.created_ms), "lastUpdateTimestamp": iso(order.updated_ms),
    }  # fmt: skip


def kind_of(order: Order) -> str:
    return "ioc" if order.price is None or order.time_in_force == "IOC" else "lmt"


def open_orders(found: list[Order], asked: Asked) -> Any:
    return said(asked, openOrders=[open_order(order, asked) for order in found])


def open_order(order: Order, asked: Asked) -> dict[str, Any]:
    is_stop = order.type in STOPS
    limit = {} if order.price is None else {"limitPrice": float(order.price)}
    stop = {"stopPrice": plain(order.stop_price), "triggerSignal": "last"} if is_stop else {}
    return {
        "order_id": str(order.id), "cliOrdId": order.client_id, "symbol": asked.name(order.symbol),
        "side": order.side.lower(), "orderType": "stp" if is_stop else "lmt", **limit, **stop,
        "unfilledSize": asked.size(order.remaining), "filledSize": asked.size(order.filled),
        "receivedTime": iso(order.created_ms), "lastUpdateTime": iso(order.updated_ms),
        "status": "partiallyFilled" if order.filled else "untouched",
        "reduceOnly": order.reduce_only,
    }  # fmt: skip


def statuses(found: list[Order], asked: Asked) -> Any:
    known = [o for o in found if o.open or asked.now_ms - o.updated_ms <= KNOWN_MS]
    return said(asked, orders=[status_of(order, asked) for order in known])


def status_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_waiting = order.type in STOPS and not order.working and order.open
    told = order_of(order, asked) | {"type": "TRIGGER_ORDER" if is_waiting else "ORDER"}
    if is_waiting:
        told["priceTriggerOptions"] = {
            "triggerPrice": plain(order.stop_price), "triggerSide": "BELOW",
            "triggerSignal": "LAST_PRICE",
        }  # fmt: skip
    word = "TRIGGER_PLACED" if is_waiting else STATUS.get(order.status, "CANCELLED")
    return {"order": told, "status": word, "updateReason": None, "error": None}


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    return said(asked, fills=[fill_of(*each, asked) for each in newest(pairs, PAGE)])


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    usual = "maker" if fill.maker else "taker"
    kind = said_of(order, usual, "liquidation", "unwindCounterparty")
    return {
        "fill_id": str(fill.id), "order_id": str(order.id), "cliOrdId": order.client_id,
        "symbol": asked.name(order.symbol), "side": order.side.lower(), "fillType": kind,
        "size": asked.size(fill.quantity), "price": plain(fill.price), "fillTime": iso(fill.ms),
    }  # fmt: skip


def accounts(account: Any, asked: Asked) -> Any:
    ledger = account.futures
    used = ledger.position_margin() + ledger.order_margin
    flex = {
        "type": "multiCollateralMarginAccount", "initialMargin": plain(used),
        "currencies": {"USD": {
            "quantity": plain(ledger.wallet), "value": plain(ledger.wallet),
            "collateral": plain(ledger.wallet), "available": plain(ledger.wallet - used),
        }},
        "availableMargin": plain(ledger.wallet - used), "portfolioValue": plain(ledger.wallet),
    }  # fmt: skip
    return said(asked, accounts={"flex": flex})


def positions(found: list[Held], asked: Asked) -> Any:
    return said(asked, openPositions=[position_of(held, asked) for held in found])


def position_of(held: Held, asked: Asked) -> dict[str, Any]:
    rules, position = held.rules, held.position
    return {
        "side": "long" if position.amount > 0 else "short", "symbol": contract(rules),
        "price": plain(position.entry), "fillTime": iso(asked.now_ms),
        "size": asked.size(abs(position.amount)), "unrealizedFunding": "0",
    }  # fmt: skip


LOGGED = {
    "FUNDING_FEE": "funding rate change", "TRANSFER": "cross-exchange transfer",
    "REALIZED_PNL": "futures trade", "COMMISSION": "futures trade",
}  # fmt: skip


def period(asked: Asked) -> Params:
    assert asked.query["sort"] == "asc"
    return {"startTime": asked.query["since"], "endTime": asked.query["before"]}


def account_log(rows: list[Income], asked: Asked) -> Any:
    """Oldest first; a trade has a line of money and one of contracts, a transfer one of each account."""
    lines: list[dict[str, Any]] = []
    for row in rows:
        line = line_of(row, asked)
        lines.append(line)
        if line["info"] == "futures trade":
            uid = {"booking_uid": f"{line['booking_uid']}-2", "asset": line["contract"]}
            lines.append(line | uid | {"old_balance": 0, "new_balance": 3, "fee": None})
        elif line["info"] == "cross-exchange transfer":
            uid = {"booking_uid": f"{line['booking_uid']}-2", "margin_account": "cash"}
            lines.append(line | uid)
    return {"accountUid": "f92fc7de", "logs": lines[: int(asked.query["count"])]}


def line_of(row: Income, asked: Asked) -> dict[str, Any]:
    kind = LOGGED.get(row.kind, "interest payment")
    is_fee, is_profit = row.kind == "COMMISSION", row.kind == "REALIZED_PNL"
    return {
        "asset": "usd", "contract": asked.name(row.symbol).lower() if row.symbol else None,
        "booking_uid": f"{row.tran_id}-{row.kind}", "collateral": None, "date": iso(row.ms),
        "execution": None, "fee": float(-row.amount) if is_fee else 0, "funding_rate": None,
        "id": row.tran_id, "info": kind, "margin_account": "flex", "mark_price": None,
        "new_balance": plain(1000 + row.amount), "old_balance": "1000",
        "realized_funding": plain(row.amount) if row.kind == "FUNDING_FEE" else None,
        "realized_pnl": float(row.amount) if is_profit else None, "trade_price": None,
        "conversion_spread_percentage": None, "liquidation_fee": None, "position_uid": None,
    }  # fmt: skip


# --- what everybody is told -----------------------------------------------------------------------


def instruments(rules: list[Rules], asked: Asked) -> Any:
    return said(asked, instruments=[instrument(each, asked) for each in rules])


def instrument(rules: Rules, asked: Asked) -> dict[str, Any]:
    return {
        "symbol": contract(rules), "type": "flexible_futures", "tickSize": float(rules.tick),
        "contractSize": 1, "tradeable": not asked.is_closed(rules),
        "openingDate": "2022-01-01T00:00:00.000Z",
        "contractValueTradePrecision": -int(Decimal(rules.lot).as_tuple().exponent),
        "base": rules.base, "quote": "USD", "pair": f"{rules.base}:USD", "marginLevels": [],
        "isin": "GB00J62YGL67",
        "postOnly": False, "feeScheduleUid": "7fc4d7c0-464f-4029-a9bb-55856d0c5247",
    }  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    asks, bids = (
        [[float(price), float(size)] for price, size in found.levels(side, 20)]
        for side in ("SELL", "BUY")
    )
    return said(asked, orderBook={"asks": asks, "bids": bids})


def trades(found: list[Any], asked: Asked) -> Any:
    rows = [
        {"uid": str(t.id), "timestamp": t.ms, "event": {"Execution": {"execution": {
            "uid": str(t.id), "timestamp": str(t.ms), "price": plain(t.price),
            "quantity": plain(t.quantity), "limitFilled": True, "usdValue": "1", "makerOrder": {},
            "takerOrder": {"tradeable": asked.path.split("/")[-2],
                           "direction": "Sell" if t.buyer_is_maker else "Buy"},
        }}}}
        for t in found[::-1]
    ]  # fmt: skip
    return {"elements": rows, "len": len(rows)}


def of_symbol(asked: Asked) -> Params:
    name = asked.query.get("symbol") or asked.path.split("/")[-2]
    return {"symbol": asked.symbol(name)}


def tickers(rules: list[Rules], asked: Asked) -> Any:
    rows = [
        {"symbol": contract(r), "last": float(asked.engine.last[r.symbol]), "tag": "perpetual"}
        for r in rules
    ]
    return said(asked, tickers=rows)


ROUTES = {
    ("GET", f"{START}/instruments"): Route(acts.MARKETS, instruments),
    ("GET", f"{START}/orderbook"): Route(acts.BOOK, book, of_symbol),
    ("GET", f"{START}/tickers"): Route(acts.TICKERS, tickers),
    ("GET", "/api/history/v3/market/*/executions"): Route(acts.TRADES, trades, of_symbol),
    ("POST", f"{START}/sendorder"): Route(acts.PLACE, sent, placing),
    ("POST", f"{START}/cancelorder"): Route(acts.CANCEL, cancelled, naming),
    ("GET", f"{START}/orders/status"): Route(acts.LOOK, statuses, naming),
    ("POST", f"{START}/orders/status"): Route(acts.LOOK, statuses, naming),
    ("GET", f"{START}/openorders"): Route(acts.OPEN, open_orders),
    ("GET", f"{START}/fills"): Route(acts.FILLS, fills, before),
    ("GET", f"{START}/accounts"): Route(acts.ACCOUNT, accounts),
    ("GET", "/api/history/v3/account-log"): Route(acts.INCOME, account_log, period),
    ("GET", f"{START}/openpositions"): Route(acts.POSITIONS, positions),
}

DIALECTS = {
    "perpetual": Dialect(
        exchange_id="krakenfutures",
        cannot={
            "equity": "the worth of positions is told of the account, and not of a currency",
            "fees": "they are worked out from the usual rates",
            "hedge mode": "there is none",
        },
        kind="perpetual",
        name=contract,
        routes=ROUTES,
        words=WORDS,
        refusal=refusal,
        shapes=SHAPES,
        allows=1000.0,
        unified="BTC/USD:USD",
        money="USD",
        credentials=("key-of-nobody", "c2VjcmV0LW9mLW5vYm9keQ==", ""),
    )
}
