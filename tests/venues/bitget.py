"""Bitget, API v2, classic accounts: a `code` of 00000 in what is well, orders acknowledged by their ids.

Lists begin with the newest and go on behind an id. Spot takes market buys by cost.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.acts import Held
from tests.venues.asked import Asked, fee_asset, fees_of, plain
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.orders import Fill, Order, opposite
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "bitget", "createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchMyTrades",
    "fetchBalance", "fetchLedger", "fetchMarkets", "fetchOrderBook", "fetchTrades", "fetchTickers",
    "fetchTime",
) | cases("bitget", fetchPositions="Linear position")  # fmt: skip
WORDS = {
    Wrong.FUNDS: Said("43012", "Insufficient balance", 400),
    Wrong.DUPLICATE: Said("40786", "Duplicate clientOid", 400),
    Wrong.POST_ONLY: Said("45122", "The order would be filled at once", 400),
    Wrong.AT_ONCE: Said("40832", "The trigger price is beyond the price", 400),
    Wrong.REDUCE_ONLY: Said("22002", "No position to close", 400),
    Wrong.RULES: Said("40808", "Parameter verification exception size checkBDScale", 400),
    Wrong.NOT_FOUND: Said("40109", "The data of the order cannot be found", 400),
    Wrong.OVER: Said("43001", "The order does not exist", 400),
    Wrong.SYMBOL: Said("40034", "Parameter does not exist", 400),
    Wrong.CLOSED: Said("45035", "The symbol is not open for trading", 400),
    Wrong.HEDGE: Said(
        "40774", "The order type for unilateral position must also be unilateral", 400
    ),
    Wrong.TOO_OFTEN: Said("429", "Too Many Requests", 429),
    Wrong.BANNED: Said("429", "Too Many Requests", 429),
    Wrong.UNAVAILABLE: Said("40015", "System is abnormal, please try again later", 500),
    Wrong.TIMEOUT: Said("40725", "service return an error", 500),
    Wrong.CLOCK: Said("40008", "Request timestamp expired", 400),
    Wrong.KEY: Said("40006", "Invalid ACCESS_KEY", 400),
    Wrong.SIGNATURE: Said("40009", "sign signature error", 400),
}
STATES = {"NEW": "live", "PARTIALLY_FILLED": "partially_filled", "FILLED": "filled"}


def said(data: Any) -> Any:
    return {"code": "00000", "msg": "success", "requestTime": 1796000000000, "data": data}


def refusal(word: Said, _: Any) -> Any:
    return {"code": word.code, "msg": word.text, "requestTime": 1796000000000, "data": None}


# --- what is asked --------------------------------------------------------------------------------


def placing(asked: Asked) -> Params:
    body, is_spot = asked.body, asked.dialect.kind == "spot"
    in_force = body.get("force", "GTC").upper()
    kind = body["orderType"].upper()
    if in_force == "POST_ONLY":
        kind, in_force = ("LIMIT_MAKER", "GTC") if is_spot else (kind, "GTX")
    by_cost = is_spot and kind == "MARKET" and body["side"] == "buy"
    side, position_side, opens_or_closes = body["side"].upper(), "BOTH", body.get("tradeSide", "")
    if opens_or_closes:  # the side is that of the position
        position_side = "LONG" if side == "BUY" else "SHORT"
        side = side if opens_or_closes == "Open" else opposite(side)
    return {
        "symbol": asked.symbol(body["symbol"]), "side": side, "type": kind,
        "positionSide": position_side,
        "quoteOrderQty" if by_cost else "quantity": body["size"], "price": body.get("price", ""),
        "timeInForce": in_force, "newClientOrderId": body.get("clientOid", ""),
        "reduceOnly": "true" if body.get("reduceOnly") == "YES" else "",
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    asking = asked.first
    return {
        "symbol": asked.symbol(asking.get("symbol")), "orderId": asking.get("orderId", ""),
        "origClientOrderId": asking.get("clientOid", ""), "startTime": asking.get("startTime", ""),
        "endTime": asking.get("endTime", ""),
    }  # fmt: skip


# --- what is told ---------------------------------------------------------------------------------


def acknowledged(order: Order, _: Asked) -> Any:
    return said({"orderId": str(order.id), "clientOid": order.client_id})


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_market = order.price is None
    shown = {
        "symbol": asked.name(order.symbol), "orderId": str(order.id), "clientOid": order.client_id,
        "size": plain(order.quantity), "price": plain(order.price) if order.price else "",
        "orderType": "market" if is_market else "limit", "side": told_side(order),
        "priceAvg": plain(order.average), "baseVolume": plain(order.filled),
        "quoteVolume": plain(order.cost), "force": order.time_in_force.lower(),
        "cTime": str(order.created_ms), "uTime": str(order.updated_ms), "orderSource": "normal",
    }  # fmt: skip
    state = STATES.get(
        order.status, "canceled" if asked.dialect.kind == "perpetual" else "cancelled"
    )
    if asked.dialect.kind == "perpetual":
        return shown | {
            "state": state, "fee": plain(-fees_of(order)), "posSide": pos_side(order),
            "marginCoin": "USDT", "reduceOnly": "YES" if order.shown_reduce_only else "NO",
            "posMode": mode_of(order),
            "marginMode": "crossed", "leverage": "20", "tradeSide": trade_side(order),
        }  # fmt: skip
    fee = {"feeCoinCode": fee_asset(order), "totalFee": plain(-fees_of(order))}
    detail = {"feeDetail": json.dumps({fee_asset(order): fee})} if order.fills else {}
    return shown | {"status": state, **detail}


def told_side(order: Order) -> str:
    """In hedge mode that of the position, whatever is done about it; but not of the exchange's own."""
    if order.position_side == "BOTH" or order.forced:
        return order.side.lower()
    return "buy" if order.position_side == "LONG" else "sell"


def pos_side(order: Order) -> str:
    return "net" if order.position_side == "BOTH" else order.position_side.lower()


def mode_of(order: Order) -> str:
    return "one_way_mode" if order.position_side == "BOTH" else "hedge_mode"


def trade_side(order: Order) -> str:
    """The exchange's own orders name why it traded."""
    if order.position_side != "BOTH" and order.forced:
        why = "dte_sys_adl" if order.client_id.startswith("adl_") else "burst"
        return f"{why}_close_{order.position_side.lower()}"
    if order.position_side != "BOTH":
        return "close" if order.closes else "open"
    side = order.side.lower()
    if order.client_id.startswith("adl_"):
        return f"dte_sys_adl_{side}_in_single_side_mode"
    return f"burst_{side}_single" if order.forced else f"{side}_single"


def one(order: Order, asked: Asked) -> Any:
    shown = order_of(order, asked)
    return said(shown if asked.dialect.kind == "perpetual" else [shown])


def _page(rows: list[dict[str, Any]], asked: Asked, key: str) -> list[dict[str, Any]]:
    """Behind the one that is named."""
    if before := asked.query.get("idLessThan"):
        rows = [row for row in rows if int(row[key]) < int(before)]
    return rows[: int(asked.query.get("limit", 100))]


def _listed(rows: list[dict[str, Any]], asked: Asked, key: str, name: str) -> Any:
    page = _page(rows, asked, key)
    if asked.dialect.kind == "spot":
        return said(page)
    return said({name: page or None, "endId": page[-1][key] if page else None})


def pending(orders: list[Order], asked: Asked) -> Any:
    rows = [order_of(order, asked) for order in orders[::-1]]
    return _listed(rows, asked, "orderId", "entrustedList")


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    return _listed([fill_of(*p, asked) for p in pairs[::-1]], asked, "tradeId", "fillList")


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    fee = {"feeCoin": fill.fee_asset, "totalFee": plain(-fill.fee), "deduction": "no"}
    shown = {
        "symbol": asked.name(order.symbol), "orderId": str(order.id), "tradeId": str(fill.id),
        "side": told_side(order), "tradeScope": "maker" if fill.maker else "taker",
        "cTime": str(fill.ms), "orderType": "limit", "uTime": str(fill.ms),
    }  # fmt: skip
    if asked.dialect.kind == "spot":
        return shown | {"priceAvg": plain(fill.price), "size": plain(fill.quantity),
                        "amount": plain(fill.price * fill.quantity), "feeDetail": fee}  # fmt: skip
    return shown | {"price": plain(fill.price), "baseVolume": plain(fill.quantity),
                    "quoteVolume": plain(fill.price * fill.quantity), "feeDetail": [fee],
                    "posMode": mode_of(order), "profit": plain(fill.realized),
                    "tradeSide": trade_side(order)}  # fmt: skip


def assets(account: Any, _: Asked) -> Any:
    ledger = account.spot
    return said([
        {"coin": a, "available": plain(ledger.free[a]), "frozen": plain(ledger.locked[a]),
         "locked": "0", "limitAvailable": "0", "uTime": "1796000000000"}
        for a in ledger.assets()
    ])  # fmt: skip


def accounts(account: Any, asked: Asked) -> Any:
    return said([margin_account(account, asked)])


def margin_account(account: Any, asked: Asked) -> dict[str, str]:
    ledger, last = account.futures, asked.engine.last
    profit = ledger.profit(last)
    free = plain(ledger.available() + profit)
    return {
        "marginCoin": "USDT", "locked": "0", "available": free, "crossedMaxAvailable": free,
        "isolatedMaxAvailable": free, "maxTransferOut": free, "unrealizedPL": plain(profit),
        "accountEquity": plain(ledger.wallet + profit), "usdtEquity": plain(ledger.wallet + profit),
        "posMode": "hedge_mode" if account.hedge else "one_way_mode",
    }  # fmt: skip


def positions(found: list[Held], asked: Asked) -> Any:
    return said([_position(held, asked) for held in found])


def _position(held: Held, asked: Asked) -> dict[str, str]:
    rules, position, last = held.rules, held.position, asked.engine.last[held.rules.symbol]
    size = plain(abs(position.amount))
    return {
        "symbol": rules.symbol, "marginCoin": "USDT", "total": size, "available": size, "locked": "0",
        "holdSide": "long" if position.amount > 0 else "short", "marginMode": "crossed",
        "posMode": "one_way_mode" if held.side == "BOTH" else "hedge_mode", "leverage": "20",
        "openPriceAvg": plain(position.entry), "markPrice": plain(last), "marginSize": "0",
        "unrealizedPL": plain(position.amount * last - position.cost), "liquidationPrice": "0",
        "keepMarginRate": "0.004", "marginRatio": "0", "achievedProfits": "0", "openDelegateSize": "0",
        "breakEvenPrice": plain(position.entry), "cTime": "1795990000000", "uTime": "1796000000000",
    }  # fmt: skip


BILLS = {
    "FUNDING_FEE": "contract_settle_fee", "TRANSFER": "trans_from_exchange", "REALIZED_PNL": "sell",
    "COMMISSION": "sell",
}  # fmt: skip


def bills(rows: list[Any], asked: Asked) -> Any:
    told = [
        {
            "billId": str(row.tran_id * 10 + (row.kind == "COMMISSION")), "amount": plain(row.amount),
            "businessType": BILLS.get(row.kind, "bonus_issue"), "coin": row.asset, "fee": "0",
            "symbol": asked.name(row.symbol) if row.symbol else "", "cTime": str(row.ms), "balance": "1",
        }
        for row in rows
    ]  # fmt: skip
    page = _page(told[::-1], asked, "billId")
    return said({"bills": page, "endId": page[-1]["billId"] if page else None})


# --- what everybody is told -----------------------------------------------------------------------


def pairs(rules: list[Rules], asked: Asked) -> Any:
    return said([
        {"symbol": r.symbol, "baseCoin": r.base, "quoteCoin": r.quote, "minTradeAmount": "0",
         "maxTradeAmount": "10000000000", "takerFeeRate": "0.001", "makerFeeRate": "0.001",
         "pricePrecision": str(-r.tick.adjusted()), "quantityPrecision": str(-r.lot.adjusted()),
         "quotePrecision": "8", "minTradeUSDT": plain(r.min_notional),
         "status": "offline" if asked.is_closed(r) else "online"}
        for r in rules
    ])  # fmt: skip


def contracts(rules: list[Rules], asked: Asked) -> Any:
    if asked.query["productType"] != "USDT-FUTURES":
        return said([])
    return said([
        {"symbol": r.symbol, "baseCoin": r.base, "quoteCoin": r.quote, "makerFeeRate": "0.0002",
         "supportMarginCoins": ["USDT"], "minTradeNum": plain(r.lot), "takerFeeRate": "0.0005",
         "priceEndStep": plain(r.tick.scaleb(-r.tick.adjusted())), "volumePlace": str(-r.lot.adjusted()),
         "pricePlace": str(-r.tick.adjusted()), "sizeMultiplier": plain(r.lot), "minLever": "1",
         "symbolType": "perpetual", "minTradeUSDT": plain(r.min_notional), "maxLever": "125",
         "symbolStatus": "maintain" if asked.is_closed(r) else "normal", "offTime": "-1",
         "maxOrderQty": plain(r.max_quantity)}
        for r in rules
    ])  # fmt: skip


def book(found: Any, asked: Asked) -> Any:
    sides = {
        key: [[plain(price), plain(size)] for price, size in found.levels(side, 20)]
        for key, side in (("bids", "BUY"), ("asks", "SELL"))
    }
    return said({**sides, "ts": str(asked.now_ms)})


def trades(found: list[Any], asked: Asked) -> Any:
    return said([
        {"symbol": asked.query["symbol"], "tradeId": str(t.id), "price": plain(t.price),
         "size": plain(t.quantity), "side": "sell" if t.buyer_is_maker else "buy", "ts": str(t.ms)}
        for t in found[::-1]
    ])  # fmt: skip


def tickers(rules: list[Rules], asked: Asked) -> Any:
    return said([
        {"symbol": r.symbol, "lastPr": plain(asked.engine.last[r.symbol]), "ts": str(asked.now_ms)}
        for r in rules if asked.query.get("symbol") in (None, r.symbol)
    ])  # fmt: skip


def of_symbol(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.query["symbol"])}


def empty(name: str) -> Any:
    return lambda _found, _asked: said({name: [], "endId": None})


SPOT, MIX = "/api/v2/spot", "/api/v2/mix"
TIME = {
    ("GET", "/api/v2/public/time"): Route(acts.TIME, lambda ms, _: said({"serverTime": str(ms)}))
}
SPOT_ROUTES = TIME | {
    ("GET", f"{SPOT}/public/symbols"): Route(acts.MARKETS, pairs),
    ("GET", "/api/v2/margin/currencies"): Route(acts.CONSTANT, lambda _, __: said([])),
    ("GET", f"{SPOT}/market/orderbook"): Route(acts.BOOK, book, of_symbol),
    ("GET", f"{SPOT}/market/fills-history"): Route(acts.TRADES, trades, of_symbol),
    ("GET", f"{SPOT}/market/tickers"): Route(acts.TICKERS, tickers),
    ("POST", f"{SPOT}/trade/place-order"): Route(acts.PLACE, acknowledged, placing),
    ("POST", f"{SPOT}/trade/cancel-order"): Route(acts.CANCEL, acknowledged, naming),
    ("GET", f"{SPOT}/trade/orderInfo"): Route(acts.FIND, one, naming),
    ("GET", f"{SPOT}/trade/unfilled-orders"): Route(acts.OPEN, pending, naming),
    ("GET", f"{SPOT}/trade/current-plan-order"): Route(acts.NOTHING, empty("orderList")),
    ("GET", f"{SPOT}/trade/fills"): Route(acts.FILLS, fills, naming),
    ("GET", f"{SPOT}/account/assets"): Route(acts.ACCOUNT, assets),
}
MIX_ROUTES = TIME | {
    ("GET", f"{MIX}/market/contracts"): Route(acts.MARKETS, contracts),
    ("GET", f"{MIX}/market/merge-depth"): Route(acts.BOOK, book, of_symbol),
    ("GET", f"{MIX}/market/fills-history"): Route(acts.TRADES, trades, of_symbol),
    ("GET", f"{MIX}/market/ticker"): Route(acts.TICKERS, tickers),
    ("POST", f"{MIX}/order/place-order"): Route(acts.PLACE, acknowledged, placing),
    ("POST", f"{MIX}/order/cancel-order"): Route(acts.CANCEL, acknowledged, naming),
    ("GET", f"{MIX}/order/detail"): Route(acts.FIND, one, naming),
    ("GET", f"{MIX}/order/orders-pending"): Route(acts.OPEN, pending, naming),
    ("GET", f"{MIX}/order/orders-plan-pending"): Route(acts.NOTHING, empty("entrustedList")),
    ("GET", f"{MIX}/order/fills"): Route(acts.FILLS, fills, naming),
    ("GET", f"{MIX}/account/accounts"): Route(acts.ACCOUNT, accounts),
    ("GET", f"{MIX}/account/account"): Route(acts.MODE, lambda a, b: said(margin_account(a, b))),
    ("GET", f"{MIX}/account/bill"): Route(acts.INCOME, bills, naming),
    ("GET", f"{MIX}/position/all-position"): Route(acts.POSITIONS, positions),
}


def signed_at(asked: Asked) -> tuple[int, int] | None:
    """Good for half a minute."""
    return int(asked.headers["ACCESS-TIMESTAMP"]), 30_000


def _dialect(kind: str, routes: Any) -> Dialect:
    return Dialect(
        exchange_id="bitget",
        kind=kind,
        name=lambda rules: rules.symbol,
        routes=routes,
        words=WORDS,
        refusal=refusal,
        shapes=SHAPES,
        contract=Decimal(1),
        signed_at=signed_at,
        cannot={"stops": "ccxt looks up no order of the book of stops"},
    )


DIALECTS = {"spot": _dialect("spot", SPOT_ROUTES), "perpetual": _dialect("perpetual", MIX_ROUTES)}
