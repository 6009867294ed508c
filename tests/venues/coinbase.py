"""Coinbase, Advanced Trade, spot: an order is acknowledged by its id, or refused without success.

How an order trades is a word with a configuration below it; a stop has a limit, a market buy takes money.
Neither a look-up nor a cancel takes our id. Lists have a cursor.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.venues import acts
from tests.venues.acts import Act
from tests.venues.asked import Asked, fees_of, plain
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.orders import STOPS, Fill, Order
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "coinbase", "createOrder", "cancelOrders", "fetchOrder", "fetchOrders", "fetchOpenOrders",
    "fetchMyTrades", "fetchBalance", "fetchMarkets", "fetchOrderBook", "fetchTrades", "fetchTime",
)  # fmt: skip
START = "/api/v3/brokerage"
PAGE = 100
OF_AN_ORDER = "order"
WORDS = {
    Wrong.FUNDS: Said("INSUFFICIENT_FUND", OF_AN_ORDER),
    Wrong.DUPLICATE: Said("DUPLICATE_CLIENT_ORDER_ID", OF_AN_ORDER),
    Wrong.POST_ONLY: Said("INVALID_LIMIT_PRICE_POST_ONLY", OF_AN_ORDER),
    Wrong.AT_ONCE: Said("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", OF_AN_ORDER),
    Wrong.REDUCE_ONLY: Said("UNSUPPORTED_ORDER_CONFIGURATION", OF_AN_ORDER),
    Wrong.RULES: Said("INVALID_SIZE_PRECISION", OF_AN_ORDER),
    Wrong.NOT_FOUND: Said("NOT_FOUND", "order with this orderID was not found", 404),
    Wrong.OVER: Said("UNKNOWN_CANCEL_ORDER", "cancel"),
    Wrong.SYMBOL: Said("INVALID_PRODUCT_ID", OF_AN_ORDER),
    Wrong.CLOSED: Said("ORDER_ENTRY_DISABLED", OF_AN_ORDER),
    Wrong.HEDGE: Said("UNSUPPORTED_ORDER_CONFIGURATION", OF_AN_ORDER),
    Wrong.TOO_OFTEN: Said("rate_limit_exceeded", "too many requests", 429),
    Wrong.BANNED: Said("rate_limit_exceeded", "too many requests", 429),
    Wrong.UNAVAILABLE: Said("internal", "something went wrong", 503),
    Wrong.TIMEOUT: Said("unknown", "context deadline exceeded", 504),
    Wrong.CLOCK: Said("authentication_error", "request timestamp expired", 401),
    Wrong.KEY: Said("Unauthorized", "invalid key", 401),
    Wrong.SIGNATURE: Said("Unauthorized", "invalid signature", 401),
}
STATUS = {
    "NEW": "OPEN",
    "PARTIALLY_FILLED": "OPEN",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
    "EXPIRED_IN_MATCH": "CANCELLED",
    "REJECTED": "FAILED",
}


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def ms_of(text: str) -> str:
    return str(int(datetime.fromisoformat(text).timestamp() * 1000)) if text else ""


def refusal(word: Said, act: Act) -> Any:
    if act is acts.CANCEL and word.status == 200:
        result = {"success": False, "failure_reason": word.code, "order_id": ""}
        return {"results": [result]}
    if word.status == 200:
        response = {
            "error": word.code, "message": "", "error_details": "",
            "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
        }  # fmt: skip
        return {"success": False, "order_id": "", "error_response": response}
    if word.code == "authentication_error":
        return {"errors": [{"id": word.code, "message": word.text}]}
    return {"error": word.code, "error_details": word.text, "message": word.text}


def product(rules: Rules) -> str:
    return f"{rules.base}-{rules.quote}"


# --- what is asked --------------------------------------------------------------------------------


def placing(asked: Asked) -> Params:
    body = asked.body
    ((word, how),) = body["order_configuration"].items()
    kind = {"market_market_ioc": "MARKET", "stop_limit_stop_limit_gtc": "STOP_LOSS_LIMIT"}
    by_cost = "quote_size" in how
    return {
        "symbol": asked.symbol(body["product_id"]), "side": body["side"],
        "type": kind.get(word, "LIMIT_MAKER" if how.get("post_only") else "LIMIT"),
        "quoteOrderQty" if by_cost else "quantity": how.get("quote_size") or how["base_size"],
        "price": how.get("limit_price", ""), "stopPrice": how.get("stop_price", ""),
        "timeInForce": {"sor_limit_ioc": "IOC", "limit_limit_fok": "FOK"}.get(word, "GTC"),
        "newClientOrderId": body["client_order_id"],
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    body = asked.body
    order_id = body["order_ids"][0] if "order_ids" in body else asked.tail
    number, _, symbol = order_id.partition("-")
    return {"symbol": symbol or "BTCUSDT", "orderId": number if symbol else "999999999"}


def name_of(order: Order) -> str:
    """What it is known by, whatever its symbol."""
    return f"{order.id}-{order.symbol}"


def listing(asked: Asked) -> Params:
    query = asked.query
    return {
        "symbol": asked.symbol(query.get("product_id")),
        "startTime": ms_of(query.get("start_date") or query.get("start_sequence_timestamp") or ""),
        "endTime": ms_of(query.get("end_date") or query.get("end_sequence_timestamp") or ""),
    }


# --- what is told ---------------------------------------------------------------------------------


def acknowledged(order: Order, asked: Asked) -> Any:
    response = {
        "order_id": name_of(order), "product_id": asked.name(order.symbol), "side": order.side,
        "client_order_id": order.client_id,
    }  # fmt: skip
    return {
        "success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": name_of(order),
        "success_response": response, "order_configuration": None,
    }  # fmt: skip


def cancelled(order: Order, _: Asked) -> Any:
    reason = "UNKNOWN_CANCEL_FAILURE_REASON"
    return {"results": [{"success": True, "failure_reason": reason, "order_id": name_of(order)}]}


def one(order: Order, asked: Asked) -> Any:
    return {"order": order_of(order, asked)}


def orders(found: list[Order], asked: Asked) -> Any:
    page, cursor = paged(found[::-1], asked)
    told = [order_of(order, asked) for order in page]
    return {"orders": told, "sequence": "0", "has_next": bool(cursor), "cursor": cursor}


def paged(found: list[Any], asked: Asked) -> tuple[list[Any], str]:
    first, limit = int(asked.query.get("cursor") or 0), int(asked.query.get("limit", PAGE))
    last = first + min(limit, PAGE)
    return found[first:last], str(last) if len(found) > last else ""


def configuration(order: Order) -> dict[str, Any]:
    size = {"base_size": plain(order.quantity)}
    if order.type == "MARKET":
        return {"market_market_ioc": size}
    limit = size | {"limit_price": plain(order.price), "post_only": order.type == "LIMIT_MAKER"}
    if order.type in STOPS:
        way = "STOP_DIRECTION_STOP_" + ("DOWN" if order.side == "SELL" else "UP")
        stop = {"stop_price": plain(order.stop_price), "stop_direction": way}
        return {"stop_limit_stop_limit_gtc": limit | stop}
    return {"sor_limit_ioc" if order.time_in_force == "IOC" else "limit_limit_gtc": limit}


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    kind = "STOP_LIMIT" if order.type in STOPS else "MARKET" if order.price is None else "LIMIT"
    return {
        "order_id": name_of(order), "product_id": asked.name(order.symbol), "side": order.side,
        "user_id": "u", "order_configuration": configuration(order), "pending_cancel": False,
        "client_order_id": order.client_id, "status": STATUS[order.status], "order_type": kind,
        "time_in_force": "IMMEDIATE_OR_CANCEL" if order.time_in_force == "IOC"
        else "GOOD_UNTIL_CANCELLED", "created_time": iso(order.created_ms),
        "completion_percentage": "0", "filled_size": plain(order.filled),
        "average_filled_price": plain(order.average), "fee": "",
        "number_of_fills": str(len(order.fills)), "filled_value": plain(order.cost),
        "size_in_quote": False, "total_fees": plain(fees_of(order)), "size_inclusive_of_fees": False,
        "trigger_status": "STOP_PENDING" if kind == "STOP_LIMIT" else "INVALID_ORDER_TYPE",
        "reject_reason": "REJECT_REASON_UNSPECIFIED", "settled": not order.open,
        "product_type": "SPOT", "reject_message": "", "cancel_message": "",
    }  # fmt: skip


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    page, cursor = paged(pairs[::-1], asked)
    return {"fills": [fill_of(order, fill, asked) for order, fill in page], "cursor": cursor}


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "entry_id": f"e{fill.id}", "trade_id": str(fill.id), "order_id": name_of(order),
        "trade_time": iso(fill.ms), "trade_type": "FILL", "price": plain(fill.price),
        "size": plain(fill.quantity), "commission": plain(fill.fee), "side": order.side,
        "product_id": asked.name(order.symbol), "sequence_timestamp": iso(fill.ms),
        "liquidity_indicator": "MAKER" if fill.maker else "TAKER", "size_in_quote": False,
        "user_id": "u",
    }  # fmt: skip


def accounts(account: Any, _: Asked) -> Any:
    ledger = account.spot
    rows = [
        {
            "uuid": asset, "name": f"{asset} Wallet", "currency": asset, "active": True,
            "available_balance": {
                "value": plain(ledger.total(asset) - ledger.locked[asset]), "currency": asset,
            },
            "hold": {"value": plain(ledger.locked[asset]), "currency": asset},
            "type": "ACCOUNT_TYPE_CRYPTO", "ready": True, "default": True,
        }
        for asset in ledger.assets()
    ]  # fmt: skip
    return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}


# --- what everybody is told -----------------------------------------------------------------------


def products(rules: list[Rules], asked: Asked) -> Any:
    if asked.query.get("product_type") == "FUTURE":
        return {"products": []}
    return {"products": [product_of(each, asked) for each in rules], "num_products": len(rules)}


def product_of(rules: Rules, asked: Asked) -> dict[str, Any]:
    is_closed = asked.is_closed(rules)
    return {
        "product_id": product(rules), "price": plain(asked.engine.last[rules.symbol]),
        "base_increment": plain(rules.lot), "quote_increment": plain(rules.tick),
        "price_increment": plain(rules.tick), "base_min_size": plain(rules.lot),
        "base_max_size": plain(rules.max_quantity), "quote_min_size": plain(rules.min_notional),
        "quote_max_size": "50000000", "base_name": rules.base, "quote_name": rules.quote,
        "is_disabled": is_closed, "status": "offline" if is_closed else "online",
        "cancel_only": is_closed, "limit_only": False, "post_only": False,
        "trading_disabled": is_closed, "auction_mode": False, "product_type": "SPOT",
        "quote_currency_id": rules.quote, "base_currency_id": rules.base, "alias": "",
        "alias_to": [], "base_display_symbol": rules.base, "quote_display_symbol": rules.quote,
    }  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    asks, bids = (
        [{"price": plain(price), "size": plain(size)} for price, size in found.levels(side, 20)]
        for side in ("SELL", "BUY")
    )
    told = {"product_id": asked.query["product_id"], "asks": asks, "bids": bids}
    return {"pricebook": told | {"time": iso(asked.now_ms)}}


def trades(found: list[Any], asked: Asked) -> Any:
    name = asked.path.split("/")[-2]
    rows = [
        {"trade_id": str(t.id), "product_id": name, "price": plain(t.price), "time": iso(t.ms),
         "size": plain(t.quantity), "side": "SELL" if t.buyer_is_maker else "BUY", "bid": "", "ask": ""}
        for t in found[::-1]
    ]  # fmt: skip
    return {"trades": rows, "best_bid": "59990", "best_ask": "60010"}


def of_product(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.query.get("product_id") or asked.path.split("/")[-2])}


def signed_at(asked: Asked) -> tuple[int, int] | None:
    return int(asked.headers["CB-ACCESS-TIMESTAMP"]) * 1000, 30_000


ROUTES = {
    ("GET", f"{START}/market/products"): Route(acts.MARKETS, products),
    ("GET", f"{START}/transaction_summary"): Route(acts.NOTHING, lambda _, __: {"fee_tier": {}}),
    ("GET", "/v2/time"): Route(
        acts.TIME, lambda ms, _: {"data": {"epoch": ms // 1000, "iso": iso(ms)}}
    ),
    ("GET", f"{START}/market/product_book"): Route(acts.BOOK, book, of_product),
    ("GET", f"{START}/market/products/*/ticker"): Route(acts.TRADES, trades, of_product),
    ("POST", f"{START}/orders"): Route(acts.PLACE, acknowledged, placing),
    ("POST", f"{START}/orders/batch_cancel"): Route(acts.CANCEL, cancelled, naming),
    ("GET", f"{START}/orders/historical/batch"): Route(acts.LISTED, orders, listing),
    ("GET", f"{START}/orders/historical/batch/OPEN"): Route(acts.OPEN, orders, listing),
    ("GET", f"{START}/orders/historical/fills"): Route(acts.FILLS, fills, listing),
    ("GET", f"{START}/orders/historical/*"): Route(acts.FIND, one, naming),
    ("GET", f"{START}/accounts"): Route(acts.ACCOUNT, accounts),
}


def named(asked: Asked) -> str:
    status = asked.query.get("order_status")
    return f"{asked.path}/{status}" if status else asked.path


DIALECTS = {
    "spot": Dialect(
        exchange_id="coinbase",
        kind="spot",
        name=product,
        routes=ROUTES,
        words=WORDS,
        refusal=refusal,
        shapes=SHAPES,
        fees_in="quote",
        signed_at=signed_at,
        named=named,
        credentials=("key-of-nobody", "secret-of-nobody", ""),
        cannot={"stops at the market": "a stop has a limit: it goes out with one 2% below"},
    )
}
