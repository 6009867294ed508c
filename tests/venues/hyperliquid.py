"""Hyperliquid: one address is told everybody's affairs, and one does what a wallet signed.

What is asked is a type in the body. Orders have our id as a number of 128 bits; a market order is an
immediate one with a limit. Its money is USDC, and coins on spot are wrapped ones (UBTC). Fills are told
of all coins, two thousand at most, the oldest first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.venues import acts
from tests.venues.acts import Act
from tests.venues.asked import Asked, oldest, plain
from tests.venues.dialect import Dialect, Params, Route
from tests.venues.shapes import cases, quoted
from tests.venues.wrong import Said, Wrong
from tradectl.exchange.ccxt_venue.client_ids import HexClientIds
from tradectl.testkit.exchange_acts import ADL
from tradectl.testkit.income import Income
from tradectl.testkit.orders import STOPS, ZERO, Fill, Order
from tradectl.testkit.symbols import Rules

SHAPES = quoted(
    "hyperliquid", "cancelOrder", "fetchFundingHistory", "fetchLedger", "fetchMarkets", "fetchOrderBook",
    "fetchTrades", "fetchTime",
) | cases(
    "hyperliquid", createOrder="create order", fetchOrder="fetch postOnly order",
    fetchOrders="ensure orders are dedup when hl returns 2 orders with same id",
    fetchOpenOrders="trigger open order", fetchMyTrades="trades with builderFee",
    fetchPositions="short position", fetchBalance="swap balance",
    fetchWithdrawals="user withdrawals",
)  # fmt: skip
WALLET, SIGNER = "0x" + "a1" * 20, "0x" + "b2" * 32
PAGE = 2000
IDS = HexClientIds()
OF_AN_ORDER = "order"
WORDS = {
    Wrong.FUNDS: Said("Insufficient margin to place order. asset=0", OF_AN_ORDER),
    Wrong.DUPLICATE: Said("Duplicate cloid.", OF_AN_ORDER),
    Wrong.POST_ONLY: Said(
        "Post only order would have immediately matched, bbo was 59990@60010.", OF_AN_ORDER
    ),
    Wrong.AT_ONCE: Said("Invalid TP/SL price. asset=0", OF_AN_ORDER),
    Wrong.REDUCE_ONLY: Said("Reduce only order would increase position. asset=0", OF_AN_ORDER),
    Wrong.RULES: Said("Order must have minimum value of $10. asset=0", OF_AN_ORDER),
    Wrong.NOT_FOUND: Said("unknownOid", "status"),
    Wrong.OVER: Said("Order was never placed, already canceled, or filled. asset=0", OF_AN_ORDER),
    Wrong.SYMBOL: Said("Order has invalid asset.", "err"),
    Wrong.CLOSED: Said("Trading is halted. asset=0", OF_AN_ORDER),
    Wrong.HEDGE: Said("Trading is halted. asset=0", OF_AN_ORDER),  # there is no such mode
    Wrong.TOO_OFTEN: Said(
        "Too many cumulative requests sent (37986 > 10436) for cumulative volume traded $437.92.",
        "err",
        429,
    ),
    Wrong.BANNED: Said("Too many cumulative requests sent (9 > 8)", "err", 429),
    Wrong.UNAVAILABLE: Said("Internal error", "err", 503),
    Wrong.TIMEOUT: Said("Internal error", "err", 504),
    Wrong.CLOCK: Said("Invalid nonce: too old", "err"),
    Wrong.KEY: Said(f"User or API Wallet {WALLET} does not exist.", "err"),
    Wrong.SIGNATURE: Said(f"User or API Wallet {WALLET} does not exist.", "err"),
}
STATUS = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "canceled",
    "EXPIRED_IN_MATCH": "selfTradeCanceled",
    "REJECTED": "rejected",
}


def named(asked: Asked) -> str:
    """What is asked, as a path."""
    asking = asked.body.get("action") or asked.body
    return f"{asked.path}/{asking['type']}"


def refusal(word: Said, act: Act) -> Any:
    if word.text == "status":
        return {"status": word.code}
    if word.text == OF_AN_ORDER:
        return done("cancel" if act is acts.CANCEL else "order", {"error": word.code})
    return {"status": "err", "response": word.code}


def done(kind: str, status: Any) -> Any:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": [status]}}}


def coin(rules: Rules) -> str:
    return rules.base


def pair(rules: Rules) -> str:
    return f"@{rules.base}"


def listed_rules(asked: Asked) -> list[Rules]:
    return list(asked.engine.rules.values())


def is_spot(asked: Asked) -> bool:
    return asked.dialect.kind == "spot"


# --- what is asked --------------------------------------------------------------------------------


def symbol_of(asset: int, asked: Asked) -> str:
    return listed_rules(asked)[asset % 10_000].symbol


def placing(asked: Asked) -> Params:
    (order,) = asked.body["action"]["orders"]
    way = order["t"]
    trigger, tif = way.get("trigger"), way.get("limit", {}).get("tif", "")
    kind, price = "LIMIT", order["p"]
    in_force = {"Ioc": "IOC", "Alo": "GTX"}.get(tif, "GTC")
    if trigger is not None:
        stops = ("STOP_LOSS", "STOP_LOSS_LIMIT") if is_spot(asked) else ("STOP_MARKET", "STOP")
        kind = stops[0] if trigger["isMarket"] else stops[1]
        price = "" if trigger["isMarket"] else price
    elif is_spot(asked) and tif == "Alo":
        kind, in_force = "LIMIT_MAKER", ""
    return {
        "symbol": symbol_of(order["a"], asked), "side": "BUY" if order["b"] else "SELL",
        "type": kind, "quantity": order["s"], "price": price,
        "stopPrice": trigger["triggerPx"] if trigger else "",
        "timeInForce": "" if kind in ("STOP_MARKET", "STOP_LOSS") else in_force,
        "newClientOrderId": IDS.ours(order.get("c", "")),
        "reduceOnly": "true" if order["r"] and not is_spot(asked) else "",
    }  # fmt: skip


def cancelling(asked: Asked) -> Params:
    (which,) = asked.body["action"]["cancels"]
    asset = which.get("asset", which.get("a"))
    return {
        "symbol": symbol_of(asset, asked), "orderId": str(which["o"] // 10) if "o" in which else "",
        "origClientOrderId": IDS.ours(which.get("cloid", "")),
    }  # fmt: skip


def naming(asked: Asked) -> Params:
    oid = str(asked.body["oid"])
    by_ours = oid.startswith("0x")
    ours = IDS.ours(oid) if by_ours else ""
    return {
        "symbol": asked.symbol_of(ours) if by_ours else symbol_of(int(oid) % 10, asked),
        "orderId": "" if by_ours else str(int(oid) // 10), "origClientOrderId": ours,
    }  # fmt: skip


def number_of(order: Order, asked: Asked) -> int:
    """What it is known by, whatever its symbol."""
    symbols = [rules.symbol for rules in listed_rules(asked)]
    return order.id * 10 + symbols.index(order.symbol)


def between(asked: Asked) -> Params:
    body = asked.body
    return {"startTime": str(body.get("startTime", "")), "endTime": str(body.get("endTime", ""))}


def of_coin(asked: Asked) -> Params:
    return {"symbol": asked.symbol(asked.body["coin"])}


# --- what is told ---------------------------------------------------------------------------------


def placed(order: Order, asked: Asked) -> Any:
    if order.open or not order.filled:
        return done(
            "order",
            {"resting": {"oid": number_of(order, asked), "cloid": IDS.theirs(order.client_id)}},
        )
    filled = {
        "totalSz": plain(order.filled),
        "avgPx": plain(order.average),
        "oid": number_of(order, asked),
    }
    return done("order", {"filled": filled})


def cancelled(_: Order, __: Asked) -> Any:
    return done("cancel", "success")


def status(found: list[Order], asked: Asked) -> Any:
    if not found:
        return {"status": "unknownOid"}
    return {"status": "order", "order": with_status(found[0], asked)}


def with_status(order: Order, asked: Asked) -> dict[str, Any]:
    return {
        "order": order_of(order, asked), "status": STATUS[order.status],
        "statusTimestamp": order.updated_ms,
    }  # fmt: skip


def open_orders(found: list[Order], asked: Asked) -> Any:
    return [order_of(order, asked) for order in found]


def history(found: list[Order], asked: Asked) -> Any:
    return [with_status(order, asked) for order in found[::-1][:PAGE]]


def order_of(order: Order, asked: Asked) -> dict[str, Any]:
    is_stop = order.type in STOPS
    kind = "Limit"
    if is_stop:
        kind = "Stop Market" if order.price is None else "Stop Limit"
    return {
        "coin": asked.name(order.symbol), "side": "B" if order.side == "BUY" else "A",
        "limitPx": plain(order.price or order.stop_price), "sz": plain(order.remaining),
        "oid": number_of(order, asked), "timestamp": order.created_ms, "origSz": plain(order.quantity),
        "triggerCondition": "Price below 59000" if is_stop else "N/A", "isTrigger": is_stop,
        "triggerPx": plain(order.stop_price) if is_stop else "0.0", "children": [],
        "isPositionTpsl": False, "reduceOnly": order.reduce_only, "orderType": kind,
        "tif": "Ioc" if order.time_in_force == "IOC" else "Gtc",
        "cloid": IDS.theirs(order.client_id),
    }  # fmt: skip


def fills(pairs: list[tuple[Order, Fill]], asked: Asked) -> Any:
    return [fill_of(order, fill, asked) for order, fill in oldest(pairs, PAGE)]


def direction(order: Order) -> str:
    if not order.forced:
        return "Open Long"
    if order.client_id.startswith(ADL):
        return "Auto-Deleveraging"
    side = "Long" if order.side == "SELL" else "Short"
    return f"Close {side}" if order.id % 2 else f"Liquidated Cross {side}"  # at the market, or not


def fill_of(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    told: dict[str, Any] = {
        "coin": asked.name(order.symbol), "px": plain(fill.price), "sz": plain(fill.quantity),
        "side": "B" if order.side == "BUY" else "A", "time": fill.ms, "startPosition": "0",
        "dir": direction(order), "closedPnl": "0", "hash": "0x0", "oid": number_of(order, asked),
        "crossed": not fill.maker, "fee": plain(fill.fee), "tid": fill.id, "builderFee": None,
        "feeToken": token(fill.fee_asset), "cloid": IDS.theirs(order.client_id),
    }  # fmt: skip
    if order.forced and not order.client_id.startswith(ADL):
        told["liquidation"] = {"liquidatedUser": WALLET, "markPx": "1", "method": "market"}
    return told


def token(asset: str) -> str:
    return "USDC" if asset in ("USDT", "") else f"U{asset}"


def coins(account: Any, _: Asked) -> Any:
    ledger = account.spot
    return {"balances": [
        {"coin": token(asset), "token": 0, "total": plain(ledger.total(asset)),
         "hold": plain(ledger.locked[asset]), "entryNtl": "0.0"}
        for asset in ledger.assets()
    ]}  # fmt: skip


def margin(account: Any, asked: Asked) -> Any:
    ledger, last = account.futures, asked.engine.last
    held = {s: p for s, p in ledger.positions.items() if p.amount}
    rows = [position_of(s, p, last[s], asked) for s, p in held.items()]
    profit = sum((p.amount * last[s] - p.cost for s, p in held.items()), ZERO)
    used = ledger.position_margin() + ledger.order_margin
    summary = {
        "accountValue": plain(ledger.wallet + profit), "totalMarginUsed": plain(used),
        "totalNtlPos": "0", "totalRawUsd": plain(ledger.wallet),
    }  # fmt: skip
    return {
        "assetPositions": rows, "marginSummary": summary, "crossMarginSummary": summary,
        "crossMaintenanceMarginUsed": "0", "withdrawable": plain(ledger.wallet + profit - used),
        "time": asked.now_ms,
    }  # fmt: skip


def position_of(symbol: str, position: Any, last: Decimal, asked: Asked) -> dict[str, Any]:
    told = {
        "coin": asked.name(symbol), "szi": plain(position.amount), "entryPx": plain(position.entry),
        "positionValue": plain(abs(position.amount) * last), "returnOnEquity": "0.0",
        "unrealizedPnl": plain(position.amount * last - position.cost), "marginUsed": "1",
        "leverage": {"type": "cross", "value": 20}, "liquidationPx": None, "maxLeverage": 40,
        "cumFunding": {"allTime": "0", "sinceOpen": "0", "sinceChange": "0"},
    }  # fmt: skip
    return {"type": "oneWay", "position": told}


OTHER_WALLET = "0x" + "c3" * 20
MOST_LINES = 500


def fundings(rows: list[Income], asked: Asked) -> Any:
    told = [row for row in rows if row.kind == "FUNDING_FEE"]
    return [
        ledger_line(row, "funding", coin=asked.name(row.symbol or "BTCUSDT"), usdc=plain(row.amount),
                    szi="1", fundingRate="0.0001", nSamples=None) | {"hash": "0x" + "0" * 64}
        for row in told
    ][:MOST_LINES]  # fmt: skip


def moved(rows: list[Income], _: Asked) -> Any:
    """What it does not pay itself somebody sent, or was sent."""
    told = [r for r in rows if r.kind not in ("FUNDING_FEE", "REALIZED_PNL", "COMMISSION")]
    return [movement(row) for row in told][:MOST_LINES]


def movement(row: Income) -> dict[str, Any]:
    usdc = plain(abs(row.amount))
    if row.kind == "TRANSFER":
        return ledger_line(row, "accountClassTransfer", usdc=usdc, toPerp=row.amount > 0)
    ends = (OTHER_WALLET, WALLET) if row.amount > 0 else (WALLET, OTHER_WALLET)
    return ledger_line(
        row, "internalTransfer", usdc=usdc, user=ends[0], destination=ends[1], fee="0"
    )


def ledger_line(row: Income, kind: str, **delta: Any) -> dict[str, Any]:
    return {"time": row.ms, "hash": f"0x{row.tran_id:064x}", "delta": {"type": kind, **delta}}


# --- what everybody is told -----------------------------------------------------------------------


def decimals(step: Decimal) -> int:
    return max(-int(step.normalize().as_tuple().exponent), 0)


def contracts(rules: list[Rules], asked: Asked) -> Any:
    universe = [
        {"name": r.base, "szDecimals": decimals(r.lot), "maxLeverage": 40,
         **({"isDelisted": True} if asked.is_closed(r) else {})}
        for r in rules
    ]  # fmt: skip
    return [{"universe": universe}, [prices(r, asked) for r in rules]]


def prices(rules: Rules, asked: Asked) -> dict[str, str]:
    last = plain(asked.engine.last[rules.symbol])
    return {"markPx": last, "midPx": last, "oraclePx": last, "prevDayPx": last, "funding": "0"}


def pairs(rules: list[Rules], asked: Asked) -> Any:
    bases = [{"name": f"U{r.base}", "szDecimals": decimals(r.lot)} for r in rules]
    tokens = [{"name": "USDC", "szDecimals": 8}, *bases]
    universe = [
        {"tokens": [index + 1, 0], "name": pair(r), "index": index, "isCanonical": True}
        for index, r in enumerate(rules)
    ]
    return [{"tokens": tokens, "universe": universe}, [prices(r, asked) for r in rules]]


def book(found: Any, asked: Asked) -> Any:
    levels = [
        [{"px": plain(price), "sz": plain(size), "n": 1} for price, size in found.levels(side, 20)]
        for side in ("BUY", "SELL")
    ]
    return {"coin": asked.body["coin"], "time": asked.now_ms, "levels": levels}


def trades(found: list[Any], asked: Asked) -> Any:
    return [
        {"coin": asked.body["coin"], "side": "A" if t.buyer_is_maker else "B", "px": plain(t.price),
         "sz": plain(t.quantity), "time": t.ms, "hash": "0x0", "tid": t.id, "users": []}
        for t in found[::-1]
    ]  # fmt: skip


ROUTES = {
    ("POST", "/info/exchangeStatus"): Route(
        acts.TIME, lambda ms, _: {"specialStatuses": None, "time": str(ms)}
    ),
    ("POST", "/info/metaAndAssetCtxs"): Route(acts.MARKETS, contracts),
    ("POST", "/info/spotMetaAndAssetCtxs"): Route(acts.MARKETS, pairs),
    ("POST", "/info/l2Book"): Route(acts.BOOK, book, of_coin),
    ("POST", "/info/recentTrades"): Route(acts.TRADES, trades, of_coin),
    ("POST", "/info/userAbstraction"): Route(acts.NOTHING, lambda _, __: "disabled"),
    ("POST", "/info/orderStatus"): Route(acts.LOOK, status, naming),
    ("POST", "/info/frontendOpenOrders"): Route(acts.OPEN, open_orders),
    ("POST", "/info/historicalOrders"): Route(acts.LISTED, history),
    ("POST", "/info/userFills"): Route(acts.FILLS, fills),
    ("POST", "/info/userFillsByTime"): Route(acts.FILLS, fills, between),
    ("POST", "/info/clearinghouseState"): Route(acts.ACCOUNT, margin),
    ("POST", "/info/userFunding"): Route(acts.INCOME, fundings, between),
    ("POST", "/info/userNonFundingLedgerUpdates"): Route(acts.INCOME, moved, between),
    ("POST", "/info/spotClearinghouseState"): Route(acts.ACCOUNT, coins),
    ("POST", "/exchange/order"): Route(acts.PLACE, placed, placing),
    ("POST", "/exchange/cancel"): Route(acts.CANCEL, cancelled, cancelling),
    ("POST", "/exchange/cancelByCloid"): Route(acts.CANCEL, cancelled, cancelling),
}


def knows(asked: Asked) -> bool:
    return asked.body.get("user") == WALLET or "signature" in asked.body


def _dialect(kind: str, name: Any, unified: str) -> Dialect:
    return Dialect(
        exchange_id="hyperliquid",
        cannot={
            "hedge mode": "there is none",
        },
        kind=kind,
        name=name,
        routes=ROUTES,
        words=WORDS,
        refusal=refusal,
        shapes=SHAPES,
        allows=1000.0,
        elsewhere=frozenset({"entryNtl"}),
        fees_in="received",
        unified=unified,
        money="USDC",
        named=named,
        knows=knows,
        credentials=(WALLET, SIGNER, ""),
    )


DIALECTS = {
    "spot": _dialect("spot", pair, "BTC/USDC"),
    "perpetual": _dialect("perpetual", coin, "BTC/USDC:USDC"),
}
