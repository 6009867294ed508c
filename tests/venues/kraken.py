"""Kraken, spot: every answer is 200 with a list of errors, an order is acknowledged by its id alone.

Its money has names of its own (XXBT, ZUSD), and so have pairs. Lists of orders take our id. Fills are
told of all pairs, 50 at a time from a number on, newest first, by a name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.asked import Asked, fees_of, plain
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.orders import STOPS, Fill, Order
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "kraken", "cancelOrder", "fetchClosedOrders", "fetchMyTrades", "fetchBalance", "fetchMarkets",
    "fetchOrderBook", "fetchTime",
) | cases(
    "kraken", createOrder="create order", fetchOrder="closed market order",
    fetchOpenOrders="open stop-loss-limit order", fetchTrades="spot trade",
    fetchTicker="public spot ticker",
)  # fmt: skip
WORDS = {
    Wrong.FUNDS: Said("EOrder:Insufficient funds", ""),
    Wrong.DUPLICATE: Said("EOrder:Client order id already in use", ""),
    Wrong.POST_ONLY: Said("EOrder:Post only order", ""),
    Wrong.AT_ONCE: Said("EOrder:Invalid price", ""),
    Wrong.REDUCE_ONLY: Said("EOrder:Reduce only:No position exists", ""),
    Wrong.RULES: Said("EOrder:Order minimum not met", ""),
    Wrong.NOT_FOUND: Said("EOrder:Unknown order", ""),
    Wrong.OVER: Said("EOrder:Unknown order", ""),
    Wrong.SYMBOL: Said("EQuery:Unknown asset pair", ""),
    Wrong.CLOSED: Said("EService:Market in cancel_only mode", ""),
    Wrong.HEDGE: Said("EOrder:Cannot open opposing position", ""),
    Wrong.TOO_OFTEN: Said("EAPI:Rate limit exceeded", "", 429),
    Wrong.BANNED: Said("EGeneral:Temporary lockout", ""),
    Wrong.UNAVAILABLE: Said("EService:Unavailable", ""),
    Wrong.TIMEOUT: Said("EService:Timeout", ""),
    Wrong.CLOCK: Said("EAPI:Invalid nonce", ""),
    Wrong.KEY: Said("EAPI:Invalid key", ""),
    Wrong.SIGNATURE: Said("EAPI:Invalid signature", ""),
}
STATUS = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "closed",
    "CANCELED": "canceled",
    "EXPIRED": "canceled",
    "EXPIRED_IN_MATCH": "canceled",
    "REJECTED": "canceled",
}
ASSETS = {"BTC": "XXBT", "USDT": "USDT", "ETH": "XETH"}
TYPES = {
    "LIMIT": "limit", "LIMIT_MAKER": "limit", "MARKET": "market",
    "STOP_LOSS": "stop-loss", "STOP_LOSS_LIMIT": "stop-loss-limit",
}  # fmt: skip
PAGE = 50


def said(result: Any) -> Any:
    return {"error": [], "result": result}


def refusal(word: Said, _: Any) -> Any:
    return {"error": [word.code]}


def pair(rules: Rules) -> str:
    return f"{rules.base.replace('BTC', 'XBT')}{rules.quote}"


# --- what is asked --------------------------------------------------------------------------------


def placing(asked: Asked) -> Params:
    body = asked.body
    kind = {v: k for k, v in TYPES.items() if k != "LIMIT_MAKER"}[body["ordertype"]]
    if kind == "LIMIT" and "post" in body.get("oflags", ""):
        kind = "LIMIT_MAKER"
    is_stop = kind in STOPS
    price = body.get("price2", "") if is_stop else body.get("price", "")
    by_cost = "viqc" in body.get("oflags", "")
    return {
        "symbol": asked.symbol(body["pair"]), "side": body["type"].upper(), "type": kind,
        "quoteOrderQty" if by_cost else "quantity": body["volume"], "price": price,
        "stopPrice": body["price"] if is_stop else "", "timeInForce": body.get("timeinforce", "GTC"),
        "newClientOrderId": body.get("cl_ord_id", ""),
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    body = asked.body
    ours = body.get("cl_ord_id", "")
    number, _, symbol = body.get("txid", "").partition("-")
    return {
        "symbol": symbol or asked.symbol_of(ours),
        "orderId": number[1:],
        "origClientOrderId": ours,
    }


def listing(asked: Asked) -> Params:
    return {}


def txid(order: Order) -> str:
    """What it is known by, whatever its symbol."""
    return f"O{order.id:05d}-{order.symbol}"


# --- what is told ---------------------------------------------------------------------------------


def acknowledged(order: Order, asked: Asked) -> Any:
    return said({"txid": [txid(order)], "descr": {"order": described(order, asked)}})


def described(order: Order, asked: Asked) -> str:
    what = TYPES[order.type].replace("-limit", "").replace("-", " ")
    price = plain(order.stop_price) if order.type in STOPS else plain(order.price)
    told = f"{order.side.lower()} {plain(order.quantity)} {asked.name(order.symbol)} @ {what}"
    if order.type != "MARKET":
        told += f" {price}"
    return told + (f" -> limit {plain(order.price)}" if order.type == "STOP_LOSS_LIMIT" else "")


def cancelled(_: Order, __: Asked) -> Any:
    return said({"count": 1})


def open_orders(found: list[Order], asked: Asked) -> Any:
    return said({"open": told_of([order for order in found if order.open], asked)})


def closed_orders(found: list[Order], asked: Asked) -> Any:
    return said({"closed": told_of(found[::-1], asked), "count": len(found)})


def order(found: list[Order], asked: Asked) -> Any:
    return said(told_of(found, asked))


def told_of(found: list[Order], asked: Asked) -> dict[str, Any]:
    ours = asked.body.get("cl_ord_id")
    return {txid(o): order_of(o, asked) for o in found if ours in (None, "", o.client_id)}


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_stop = order.type in STOPS
    over = {} if order.open else {"closetm": order.updated_ms / 1000, "reason": "User requested"}
    first = order.stop_price if is_stop else order.price
    return {
        "refid": None, "userref": 0, "cl_ord_id": order.client_id, "status": STATUS[order.status],
        "opentm": order.created_ms / 1000, "starttm": 0, "expiretm": 0,
        "descr": {
            "pair": asked.name(order.symbol), "type": order.side.lower(),
            "ordertype": TYPES[order.type], "price": plain(first),
            "price2": plain(order.price) if is_stop else "0", "leverage": "none", "close": "",
            "order": described(order, asked),
        },
        "vol": plain(order.quantity), "vol_exec": plain(order.filled), "cost": plain(order.cost),
        "fee": plain(fees_of(order)), "price": plain(order.average) if order.filled else "0.00000",
        "stopprice": "0.00000", "limitprice": "0.00000", "misc": "", "oflags": "fciq", **over,
    }  # fmt: skip


def fill_id(fill: Fill) -> str:
    """Each side of a trade has a name of its own, also where both are ours."""
    return f"T{fill.id:09d}-{fill.side}"


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    first = int(asked.body.get("ofs", 0))
    page = pairs[::-1][first : first + PAGE]
    told = {fill_id(fill): fill_of(order, fill, asked) for order, fill in page}
    return said({"trades": told, "count": len(pairs)})


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "ordertxid": txid(order), "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": asked.name(order.symbol), "time": fill.ms / 1000, "type": order.side.lower(),
        "ordertype": "limit", "price": plain(fill.price), "cost": plain(fill.price * fill.quantity),
        "fee": plain(fill.fee), "vol": plain(fill.quantity), "margin": "0.00000", "leverage": "0",
        "misc": "", "trade_id": fill.id, "maker": fill.maker,
    }  # fmt: skip


def balances(account: Any, _: Asked) -> Any:
    ledger = account.spot
    return said({
        ASSETS.get(asset, asset): {
            "balance": plain(ledger.total(asset)), "hold_trade": plain(ledger.locked[asset]),
        }
        for asset in ledger.assets()
    })  # fmt: skip


# --- what everybody is told -----------------------------------------------------------------------


def pairs(rules: list[Rules], asked: Asked) -> Any:
    return said({pair(each): pair_of(each, asked) for each in rules})


def pair_of(rules: Rules, asked: Asked) -> dict[str, Any]:
    def digits(step: Decimal) -> int:
        return max(-int(step.normalize().as_tuple().exponent), 0)

    return {
        "altname": pair(rules), "wsname": f"{rules.base}/{rules.quote}", "aclass_base": "currency",
        "base": ASSETS.get(rules.base, rules.base), "aclass_quote": "currency",
        "quote": ASSETS.get(rules.quote, rules.quote), "lot": "unit",
        "pair_decimals": digits(rules.tick), "lot_decimals": digits(rules.lot), "lot_multiplier": 1,
        "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.1]], "fees_maker": [[0, 0.1]],
        "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
        "ordermin": plain(rules.lot), "costmin": plain(rules.min_notional),
        "status": "cancel_only" if asked.is_closed(rules) else "online",
    }  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    asks, bids = (
        [[plain(price), plain(size), 1] for price, size in found.levels(side, 20)]
        for side in ("SELL", "BUY")
    )
    return said({asked.query["pair"]: {"asks": asks, "bids": bids}})


def trades(found: list[Any], asked: Asked) -> Any:
    rows = [
        [plain(t.price), plain(t.quantity), t.ms / 1000, "s" if t.buyer_is_maker else "b", "l", "", t.id]
        for t in found
    ]  # fmt: skip
    return said({asked.query["pair"]: rows, "last": "0"})


def of_pair(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.query["pair"])}


def ticker(rules: list[Rules], asked: Asked) -> Any:
    last = {pair(r): plain(asked.engine.last[r.symbol]) for r in rules}
    return said({name: {"c": [price, "1"]} for name, price in last.items()})


TOKEN = "token-of-the-account"
"""What a websocket is opened with."""

ROUTES = {
    ("POST", "/0/private/GetWebSocketsToken"): Route(
        acts.NOTHING, lambda _, __: said({"token": TOKEN, "expires": 900})
    ),
    ("GET", "/0/public/AssetPairs"): Route(acts.MARKETS, pairs),
    ("GET", "/0/public/Assets"): Route(acts.CONSTANT, lambda _, __: said({})),
    ("GET", "/0/public/Time"): Route(
        acts.TIME, lambda ms, _: said({"unixtime": ms / 1000, "rfc1123": ""})
    ),
    ("GET", "/0/public/Depth"): Route(acts.BOOK, book, of_pair),
    ("GET", "/0/public/Trades"): Route(acts.TRADES, trades, of_pair),
    ("GET", "/0/public/Ticker"): Route(acts.TICKERS, ticker),
    ("POST", "/0/private/AddOrder"): Route(acts.PLACE, acknowledged, placing),
    ("POST", "/0/private/CancelOrder"): Route(acts.CANCEL, cancelled, naming),
    ("POST", "/0/private/QueryOrders"): Route(acts.LOOK, order, naming),
    ("POST", "/0/private/OpenOrders"): Route(acts.OPEN, open_orders, listing),
    ("POST", "/0/private/ClosedOrders"): Route(acts.OVER, closed_orders, listing),
    ("POST", "/0/private/TradesHistory"): Route(acts.FILLS, fills, listing),
    ("POST", "/0/private/BalanceEx"): Route(acts.ACCOUNT, balances),
}

DIALECTS = {
    "spot": Dialect(
        exchange_id="kraken",
        kind="spot",
        name=pair,
        routes=ROUTES,
        words=WORDS,
        refusal=refusal,
        shapes=SHAPES,
        allows=1000.0,
        fees_in="quote",
        fill_id=fill_id,
        credentials=("key-of-nobody", "c2VjcmV0LW9mLW5vYm9keQ==", ""),
    )
}
