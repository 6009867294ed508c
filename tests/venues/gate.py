"""Gate, API v4: bare lists and objects, errors by a label, our ids begin with `t-`, times in seconds.

Perpetuals count contracts with the sign of the side, and keep stops in a book of their own, where an
order is known by its own id alone. Spot takes market buys by cost; a stop there does not carry our id.
"""

from __future__ import annotations

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

SPOT_SHAPES = quoted(
    "gate", "createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchBalance",
    "fetchMarkets", "fetchOrderBook", "fetchTrades", "fetchTickers", "fetchTime",
) | cases("gate", fetchMyTrades="Spot trade")  # fmt: skip
PERPETUAL_SHAPES = quoted(
    "gate", "createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchClosedOrders",
    "fetchMyTrades", "fetchBalance", "fetchLedger", "fetchMarkets", "fetchOrderBook", "fetchTrades",
    "fetchTickers", "fetchTime",
) | cases("gate", fetchPositions="Fetch positions")  # fmt: skip
WORDS = {
    Wrong.FUNDS: Said("BALANCE_NOT_ENOUGH", "Not enough balance", 400),
    Wrong.DUPLICATE: Said("REPEATED_CREATION", "Duplicate client order id", 400),
    Wrong.POST_ONLY: Said("POC_FILL_IMMEDIATELY", "Order would match and take immediately", 400),
    Wrong.AT_ONCE: Said("AUTO_TRIGGER_PRICE_GREATE_LAST", "trigger.price must < last_price", 400),
    Wrong.REDUCE_ONLY: Said("POSITION_EMPTY", "there is no position to reduce", 400),
    Wrong.RULES: Said("INVALID_PARAM_VALUE", "Your order size is too small", 400),
    Wrong.NOT_FOUND: Said("ORDER_NOT_FOUND", "Order not found", 404),
    Wrong.OVER: Said("ORDER_FINISHED", "Order has been finished", 400),
    Wrong.SYMBOL: Said("INVALID_CURRENCY_PAIR", "Invalid currency pair", 400),
    Wrong.CLOSED: Said("CONTRACT_IN_DELISTING", "contract is in delisting", 400),
    Wrong.HEDGE: Said("POSITION_DUAL_MODE", "operate in dual mode", 400),
    Wrong.TOO_OFTEN: Said("TOO_MANY_REQUESTS", "Request rate limit exceeded", 429),
    Wrong.BANNED: Said("TOO_MANY_REQUESTS", "Request rate limit exceeded", 429),
    Wrong.UNAVAILABLE: Said("INTERNAL", "Internal server error", 500),
    Wrong.TIMEOUT: Said("SERVER_ERROR", "Server error", 500),
    Wrong.CLOCK: Said("REQUEST_EXPIRED", "gap between request Timestamp and server time", 403),
    Wrong.KEY: Said("INVALID_KEY", "Invalid key provided", 401),
    Wrong.SIGNATURE: Said("INVALID_SIGNATURE", "Signature mismatch", 401),
}
ENDS = {"NEW": "open", "PARTIALLY_FILLED": "open", "FILLED": "filled", "CANCELED": "cancelled"}
BOOKED = {
    "FUNDING_FEE": "fund", "TRANSFER": "dnw", "REALIZED_PNL": "pnl", "COMMISSION": "fee",
    "API_REBATE": "refr",
}  # fmt: skip


def refusal(word: Said, _: Any) -> Any:
    return {"label": word.code, "message": word.text}


def name(rules: Rules) -> str:
    return f"{rules.base}_{rules.quote}"


def ours(text: str) -> str:
    return text.removeprefix("t-")


def theirs(order: Order) -> str:
    return f"t-{order.client_id}" if not order.foreign else "web"


# --- what is asked --------------------------------------------------------------------------------


def placing_spot(asked: Asked) -> Params:
    body = asked.body
    by_cost = body["type"] == "market" and body["side"] == "buy"
    in_force = body.get("time_in_force", "gtc").upper()
    return {
        "symbol": asked.symbol(body["currency_pair"]), "side": body["side"].upper(),
        "type": "LIMIT_MAKER" if in_force == "POC" else body["type"].upper(),
        "quoteOrderQty" if by_cost else "quantity": body["amount"], "price": body.get("price", ""),
        "timeInForce": "GTC" if in_force == "POC" else in_force,
        "newClientOrderId": ours(body.get("text", "")),
    }  # fmt: skip


def placing(asked: Asked) -> Params:
    body = asked.body
    size, in_force = Decimal(str(body["size"])), body.get("tif", "gtc").upper()
    is_market = body["price"] == "0"
    return {
        "symbol": asked.symbol(body["contract"]), "side": "BUY" if size > 0 else "SELL",
        "type": "MARKET" if is_market else "LIMIT", "quantity": asked.coins(abs(size)),
        "price": "" if is_market else body["price"], "timeInForce": _in_force(in_force, is_market),
        "newClientOrderId": ours(body.get("text", "")),
        "reduceOnly": "true" if body.get("reduce_only") else "",
        "positionSide": _position_side(asked, size, reduces=bool(body.get("reduce_only"))),
    }  # fmt: skip


def _in_force(word: str, is_market: bool) -> str:
    if is_market:
        return "GTC"
    return "GTX" if word == "POC" else word


def _position_side(asked: Asked, size: Decimal, *, reduces: bool) -> str:
    """An order names none: reduce-only it closes the other side, else it opens its own."""
    if not asked.account.hedge:
        return "BOTH"
    return "LONG" if (size > 0) is not reduces else "SHORT"


def placing_stop(asked: Asked) -> Params:
    initial, trigger = asked.body["initial"], asked.body["trigger"]
    size, is_market = Decimal(str(initial["size"])), initial["price"] == "0"
    return {
        "symbol": asked.symbol(initial["contract"]), "side": "BUY" if size > 0 else "SELL",
        "type": "STOP_MARKET" if is_market else "STOP", "quantity": asked.coins(abs(size)),
        "price": "" if is_market else initial["price"], "triggerPrice": trigger["price"],
        "clientAlgoId": ours(initial.get("text", "")),
        "reduceOnly": "true" if initial.get("reduce_only") else "",
        "positionSide": _position_side(asked, size, reduces=bool(initial.get("reduce_only"))),
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    """By either name, in the path."""
    named = asked.tail if asked.tail.isdigit() or asked.tail.startswith("t-") else ""
    query = asked.query
    return {
        "symbol": asked.symbol(query.get("currency_pair") or query.get("contract")),
        "orderId": named if named.isdigit() else query.get("order_id", ""),
        "origClientOrderId": "" if named.isdigit() else ours(named),
        "algoId": named, "startTime": _ms(query.get("from")), "endTime": _ms(query.get("to"), 999),
    }  # fmt: skip


def _ms(seconds: str | None, more: int = 0) -> str:
    return str(int(seconds) * 1000 + more) if seconds else ""


# --- spot -----------------------------------------------------------------------------------------


def spot_order(order: Order, asked: Asked) -> dict[str, Any]:
    return {
        "id": str(order.id), "text": theirs(order), "currency_pair": asked.name(order.symbol),
        "create_time": str(order.created_ms // 1000), "update_time": str(order.updated_ms // 1000),
        "create_time_ms": order.created_ms, "update_time_ms": order.updated_ms,
        "status": {"open": "open", "filled": "closed"}.get(_end(order), "cancelled"),
        "type": "market" if order.price is None else "limit", "account": "spot",
        "side": order.side.lower(), "amount": plain(order.quantity), "price": plain(order.price),
        "time_in_force": order.time_in_force.lower(), "iceberg": "0", "left": plain(order.remaining),
        "filled_amount": plain(order.filled), "filled_total": plain(order.cost),
        "avg_deal_price": plain(order.average), "fee": plain(fees_of(order)),
        "fee_currency": fee_asset(order), "point_fee": "0", "gt_fee": "0", "rebated_fee": "0",
        "rebated_fee_currency": "USDT", "finish_as": _end(order), "stp_act": "-",
    }  # fmt: skip


def _end(order: Order) -> str:
    if order.status == "EXPIRED":
        return "ioc" if order.time_in_force == "IOC" else "cancelled"
    return ENDS.get(order.status, "cancelled")


def spot_open(orders: list[Order], asked: Asked) -> Any:
    """By pair, each with as many as a page has."""
    limit, page = int(asked.query.get("limit", 100)), int(asked.query.get("page", 1))
    pairs: dict[str, list[Any]] = {}
    for order in orders[::-1]:
        pairs.setdefault(asked.name(order.symbol), []).append(spot_order(order, asked))
    return [
        {
            "currency_pair": pair,
            "total": len(rows),
            "orders": rows[(page - 1) * limit : page * limit],
        }
        for pair, rows in pairs.items()
    ]


def spot_fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    limit, page = int(asked.query.get("limit", 100)), int(asked.query.get("page", 1))
    return [spot_fill(*pair, asked) for pair in pairs[::-1][(page - 1) * limit : page * limit]]


def spot_fill(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "id": str(fill.id), "create_time": str(fill.ms // 1000), "create_time_ms": f"{fill.ms}.000",
        "currency_pair": asked.name(order.symbol), "side": order.side.lower(), "text": theirs(order),
        "role": "maker" if fill.maker else "taker", "amount": plain(fill.quantity), "gt_fee": "0",
        "price": plain(fill.price), "order_id": str(order.id), "fee": plain(fill.fee),
        "fee_currency": fill.fee_asset, "point_fee": "0", "amend_text": "-",
    }  # fmt: skip


def spot_accounts(account: Any, _: Asked) -> Any:
    ledger = account.spot
    return [
        {"currency": a, "available": plain(ledger.free[a]), "locked": plain(ledger.locked[a])}
        for a in ledger.assets()
    ]


def pairs(rules: list[Rules], asked: Asked) -> Any:
    return [
        {
            "id": name(r), "base": r.base, "quote": r.quote, "fee": "0.2", "buy_start": 0,
            "min_base_amount": plain(r.lot), "min_quote_amount": plain(r.min_notional),
            "amount_precision": -int(r.lot.adjusted()), "precision": -int(r.tick.adjusted()),
            "trade_status": "untradable" if asked.is_closed(r) else "tradable", "sell_start": 0,
        }
        for r in rules
    ]  # fmt: skip


# --- perpetuals -----------------------------------------------------------------------------------


def signed(order: Order, quantity: Decimal, asked: Asked) -> int:
    return int(asked.size(quantity)) * (1 if order.side == "BUY" else -1)


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_market = order.price is None
    shown = {
        "id": order.id, "contract": asked.name(order.symbol), "text": theirs(order),
        "size": signed(order, order.quantity, asked), "left": signed(order, order.remaining, asked),
        "price": "0" if is_market else plain(order.price), "fill_price": plain(order.average),
        "tif": "ioc" if is_market else {"GTX": "poc"}.get(order.time_in_force, "gtc"), "iceberg": 0,
        "is_reduce_only": order.reduce_only, "is_close": False,
        "is_liq": said_of(order, "", "yes", "") == "yes",
        "create_time": order.created_ms / 1000, "mkfr": "0", "tkfr": "0.0005", "refu": 0,
        "status": "open" if order.open else "finished",
    }  # fmt: skip
    if order.open:
        return shown
    finish = said_of(order, _end(order), "liquidated", "auto_deleveraged")
    return shown | {"finish_time": order.updated_ms / 1000, "finish_as": finish}


def stop_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_market = order.price is None
    shown = {
        "id": order.id, "user": 1, "status": "open" if order.open else "finished", "reason": "",
        "trigger": {"strategy_type": 0, "price_type": 0, "price": plain(order.stop_price),
                    "rule": 1 if order.side == "BUY" else 2, "expiration": 0},
        "initial": {"contract": asked.name(order.symbol), "text": theirs(order), "iceberg": 0,
                    "size": signed(order, order.quantity, asked), "tif": "ioc" if is_market else "gtc",
                    "price": "0" if is_market else plain(order.price), "is_close": False,
                    "is_reduce_only": order.reduce_only, "auto_size": ""},
        "trade_id": order.child_id, "me_order_id": 0, "create_time": order.created_ms / 1000,
        "finish_time": order.updated_ms / 1000, "is_stop_order": False, "order_type": "",
    }  # fmt: skip
    if order.open:
        return shown
    return shown | {"finish_as": "succeeded" if order.child_id else "cancelled"}


def page_of(rows: list[Any], asked: Asked) -> list[Any]:
    first = int(asked.query.get("offset", 0))
    return rows[first : first + int(asked.query.get("limit", 100))]


def listed(orders: list[Order], asked: Asked) -> Any:
    is_open = asked.query["status"] == "open"
    found = [order for order in orders[::-1] if order.open is is_open]
    return page_of([order_of(order, asked) for order in found], asked)


def listed_stops(orders: list[Order], asked: Asked) -> Any:
    is_open = asked.query["status"] == "open"
    found = [order for order in orders[::-1] if order.open is is_open]
    return page_of([stop_of(order, asked) for order in found], asked)


def fills(found: list[tuple[Order, Fill]], asked: Asked) -> Any:
    return page_of([fill_of(*pair, asked) for pair in found[::-1]], asked)


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "trade_id": str(fill.id), "create_time": fill.ms / 1000, "contract": asked.name(order.symbol),
        "order_id": str(order.id), "size": signed(order, fill.quantity, asked),
        "price": plain(fill.price), "role": "maker" if fill.maker else "taker", "text": theirs(order),
        "fee": plain(fill.fee), "point_fee": "0",
    }  # fmt: skip


def account(found: Any, asked: Asked) -> Any:
    ledger, last = found.futures, asked.engine.last
    profit = ledger.profit(last)
    return {
        "user": 1, "currency": "USDT", "total": plain(ledger.wallet), "bonus": "0", "point": "0",
        "unrealised_pnl": plain(profit), "position_margin": plain(ledger.position_margin()),
        "order_margin": plain(ledger.order_margin), "available": plain(ledger.available() + profit),
        "in_dual_mode": found.hedge, "enable_credit": False,
    }  # fmt: skip


def positions(found: list[Held], asked: Asked) -> Any:
    return [_position(held, asked) for held in found]


def _position(held: Held, asked: Asked) -> dict[str, Any]:
    rules, position, last = held.rules, held.position, asked.engine.last[held.rules.symbol]
    mode = "single" if held.side == "BOTH" else f"dual_{held.side.lower()}"
    return {
        "user": 1, "contract": name(rules), "size": int(asked.size(position.amount)), "leverage": "0",
        "cross_leverage_limit": "20", "value": plain(abs(position.amount) * last), "margin": "0",
        "entry_price": plain(position.entry), "mark_price": plain(last), "liq_price": "0", "mode": mode,
        "unrealised_pnl": plain(position.amount * last - position.cost), "realised_pnl": "0",
        "maintenance_rate": "0.004", "open_time": 1795990000, "update_time": asked.now_ms // 1000,
        "initial_margin": "0", "maintenance_margin": "0",
    }  # fmt: skip


def booked(rows: list[Any], asked: Asked) -> Any:
    """Each with the balance after it, whatever time is asked for."""
    balance, after = Decimal(100_000), {}
    for row in asked.account.futures.income.rows:
        balance += row.amount
        after[id(row)] = balance
    told = [
        {
            "time": row.ms / 1000, "change": plain(row.amount), "balance": plain(after[id(row)]),
            "type": BOOKED.get(row.kind, "refr"), "trade_id": "", "text": "",
            "contract": asked.name(row.symbol) if row.symbol else "",
        }
        for row in rows
    ]  # fmt: skip
    return page_of(told[::-1], asked)


def contracts(rules: list[Rules], asked: Asked) -> Any:
    return [
        {
            "name": name(r), "type": "direct", "quanto_multiplier": plain(asked.dialect.contract),
            "order_price_round": plain(r.tick), "mark_price_round": "0.01", "order_price_deviate": "0.5",
            "order_size_min": 1, "order_size_max": int(asked.size(r.max_quantity)), "leverage_min": "1",
            "market_order_size_max": asked.size(r.max_market_quantity), "leverage_max": "100",
            "mark_price": plain(asked.engine.last[r.symbol]), "maintenance_rate": "0.004",
            "maker_fee_rate": "0.0002", "taker_fee_rate": "0.0005", "enable_decimal": False,
            "status": "delisting" if asked.is_closed(r) else "trading", "in_delisting": False,
            "last_price": plain(asked.engine.last[r.symbol]), "funding_rate": "0.0001",
            "create_time": 1573557408, "launch_time": 1573557408,
        }
        for r in rules
    ]  # fmt: skip


# --- what everybody is told -----------------------------------------------------------------------


def book(found: Any, asked: Asked) -> Any:
    is_spot = asked.dialect.kind == "spot"
    sides: dict[str, Any] = {}
    for key, side in (("bids", "BUY"), ("asks", "SELL")):
        levels = found.levels(side, 20)
        sides[key] = (
            [[plain(price), plain(size)] for price, size in levels]
            if is_spot
            else [{"p": plain(price), "s": int(asked.size(size))} for price, size in levels]
        )
    now = asked.now_ms if is_spot else asked.now_ms / 1000
    return {**sides, "current": now, "update": now, "id": found.update_id}


def trades(found: list[Any], asked: Asked) -> Any:
    if asked.dialect.kind == "spot":
        return [
            {"id": str(t.id), "create_time": str(t.ms // 1000), "create_time_ms": f"{t.ms}.000",
             "currency_pair": asked.query["currency_pair"], "price": plain(t.price),
             "side": "sell" if t.buyer_is_maker else "buy", "amount": plain(t.quantity)}
            for t in found[::-1]
        ]  # fmt: skip
    return [
        {"id": t.id, "create_time": t.ms / 1000, "create_time_ms": t.ms / 1000,
         "contract": asked.query["contract"], "price": plain(t.price),
         "size": int(asked.size(t.quantity)) * (-1 if t.buyer_is_maker else 1)}
        for t in found[::-1]
    ]  # fmt: skip


def tickers(rules: list[Rules], asked: Asked) -> Any:
    key = "currency_pair" if asked.dialect.kind == "spot" else "contract"
    return [
        {key: name(r), "last": plain(asked.engine.last[r.symbol])}
        for r in rules
        if asked.query.get(key) in (None, name(r))
    ]


def of_symbol(asked: Asked) -> Params:
    named = asked.query.get("currency_pair") or asked.query.get("contract")
    return {"symbol": asked.symbol(named)}


def detail(_: Any, __: Asked) -> Any:
    return {"user_id": 1, "ip_whitelist": [], "currency_pairs": [], "key": {"mode": 1}, "tier": 0}


SPOT, PERPETUAL = "/api/v4/spot", "/api/v4/futures/usdt"
SHARED = {
    ("GET", "/api/v4/account/detail"): Route(acts.NOTHING, detail),
    ("GET", f"{SPOT}/time"): Route(acts.TIME, lambda ms, _: {"server_time": ms}),
}
ROUTES = SHARED | {
    ("GET", f"{SPOT}/currency_pairs"): Route(acts.MARKETS, pairs),
    ("GET", "/api/v4/margin/currency_pairs"): Route(acts.CONSTANT, lambda _, __: []),
    ("GET", f"{SPOT}/order_book"): Route(acts.BOOK, book, of_symbol),
    ("GET", f"{SPOT}/trades"): Route(acts.TRADES, trades, of_symbol),
    ("GET", f"{SPOT}/tickers"): Route(acts.TICKERS, tickers),
    ("POST", f"{SPOT}/orders"): Route(acts.PLACE, spot_order, placing_spot),
    ("GET", f"{SPOT}/orders/*"): Route(acts.FIND, spot_order, naming),
    ("DELETE", f"{SPOT}/orders/*"): Route(acts.CANCEL, spot_order, naming),
    ("GET", f"{SPOT}/open_orders"): Route(acts.OPEN, spot_open),
    ("GET", f"{SPOT}/price_orders"): Route(acts.NOTHING, lambda _, __: []),
    ("GET", f"{SPOT}/my_trades"): Route(acts.FILLS, spot_fills, naming),
    ("GET", f"{SPOT}/accounts"): Route(acts.ACCOUNT, spot_accounts),
}
PERPETUAL_ROUTES = SHARED | {
    ("GET", f"{PERPETUAL}/contracts"): Route(acts.MARKETS, contracts),
    ("GET", "/api/v4/futures/btc/contracts"): Route(acts.CONSTANT, lambda _, __: []),
    ("GET", f"{PERPETUAL}/order_book"): Route(acts.BOOK, book, of_symbol),
    ("GET", f"{PERPETUAL}/trades"): Route(acts.TRADES, trades, of_symbol),
    ("GET", f"{PERPETUAL}/tickers"): Route(acts.TICKERS, tickers),
    ("POST", f"{PERPETUAL}/orders"): Route(acts.PLACE, order_of, placing),
    ("GET", f"{PERPETUAL}/orders/*"): Route(acts.FIND, order_of, naming),
    ("DELETE", f"{PERPETUAL}/orders/*"): Route(acts.CANCEL, order_of, naming),
    ("GET", f"{PERPETUAL}/orders"): Route(acts.LISTED, listed, naming),
    ("POST", f"{PERPETUAL}/price_orders"): Route(
        acts.PLACE_STOP, lambda order, _: {"id": order.id}, placing_stop
    ),
    ("GET", f"{PERPETUAL}/price_orders/*"): Route(acts.FIND_STOP, stop_of, naming),
    ("DELETE", f"{PERPETUAL}/price_orders/*"): Route(acts.CANCEL_STOP, stop_of, naming),
    ("GET", f"{PERPETUAL}/price_orders"): Route(acts.LISTED_STOPS, listed_stops, naming),
    ("GET", f"{PERPETUAL}/my_trades_timerange"): Route(acts.FILLS, fills, naming),
    ("GET", f"{PERPETUAL}/accounts"): Route(acts.ACCOUNT, account),
    ("GET", f"{PERPETUAL}/positions"): Route(acts.POSITIONS, positions),
    ("GET", f"{PERPETUAL}/account_book"): Route(acts.INCOME, booked, naming),
}


def signed_at(asked: Asked) -> tuple[int, int] | None:
    """In whole seconds, and good for a minute."""
    return int(asked.headers["Timestamp"]) * 1000, 60_000


def _dialect(kind: str, routes: Any, contract: str) -> Dialect:
    return Dialect(
        exchange_id="gate",
        kind=kind,
        name=name,
        routes=routes,
        words=WORDS,
        refusal=refusal,
        shapes=SPOT_SHAPES if kind == "spot" else PERPETUAL_SHAPES,
        contract=Decimal(contract),
        signed_at=signed_at,
        any_contracts=kind == "perpetual",
        cannot={"stops": "a stop on spot does not carry our id"} if kind == "spot" else {},
    )


DIALECTS = {
    "spot": _dialect("spot", ROUTES, "1"),
    "perpetual": _dialect("perpetual", PERPETUAL_ROUTES, "0.001"),
}
