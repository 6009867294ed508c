"""Gate, API v4: bare lists and objects, times in seconds, and errors by a label with a status of 4xx."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.playback.facts import COIN_SIZE, Facts, Refused, Row, Traded
from tests.playback.pages import newest_first, page_of_fills

ORDERS = ("POST", "/api/v4/futures/usdt/orders")
CONTRACT = {
    "name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.001", "in_delisting": False,
    "order_price_round": "0.1", "mark_price_round": "0.01", "order_size_min": 1, "status": "trading",
    "order_size_max": 1000000, "leverage_min": "1", "leverage_max": "100", "mark_price": "59600",
    "maintenance_rate": "0.004", "maker_fee_rate": "-0.0001", "taker_fee_rate": "0.00075",
    "last_price": "59600", "index_price": "59600", "funding_rate": "0.0001", "launch_time": 1573557408,
    "create_time": 1573557408, "market_order_size_max": "20000", "enable_decimal": False,
}  # fmt: skip
TYPE = {
    "funding": "fund", "trade": "pnl", "fee": "fee", "transfer_in": "dnw", "transfer_out": "dnw",
    "rebate": "refr", "liquidation": "pnl", "odd": "bonus_offset",
}  # fmt: skip


def public(path: str, query: Mapping[str, str]) -> Any:
    if path == "/api/v4/futures/usdt/contracts":
        return [CONTRACT]
    if path == "/api/v4/futures/btc/contracts":
        return []
    return {"server_time": 1796000000000} if path == "/api/v4/spot/time" else None


def private(path: str, query: Mapping[str, str], facts: Facts) -> Any:
    if path == "/api/v4/account/detail":
        return {"user_id": 1, "ip_whitelist": [], "key": {"mode": 2 if facts.unified else 1}}
    if path == "/api/v4/futures/usdt/accounts":
        return _account(facts)
    if path == "/api/v4/unified/accounts":
        equity, free = str(facts.equity), str(facts.equity - facts.used)
        return {"user_id": 1, "balances": {"USDT": {"available": free, "equity": equity,
                "freeze": "0", "borrowed": "0", "total_liab": "0"}}, "total": equity}  # fmt: skip
    if path == "/api/v4/futures/usdt/positions":
        return [_position(facts)] if facts.coins else []
    if path == "/api/v4/futures/usdt/my_trades_timerange":
        whole = page_of_fills(facts, query, "from", "to", 1_000_000, 1000)
        first = int(query.get("offset", "0"))
        return [_fill(each) for each in whole[first : first + 100]]
    if path.startswith("/api/v4/futures/usdt/orders/"):
        found = facts.order(path.rsplit("/", 1)[1])
        return _order(found) if found else refuse("ORDER_NOT_FOUND", "no such order").body
    if path in ("/api/v4/futures/usdt/price_orders", "/api/v4/futures/usdt/orders"):
        return []
    if path.startswith("/api/v4/futures/usdt/price_orders/"):
        return refuse("AUTO_ORDER_NOT_FOUND", "no such order").body
    if path == "/api/v4/futures/usdt/account_book":
        first, limit = int(query.get("offset", "0")), int(query["limit"])
        rows = newest_first(facts, query, "from", "to", 1000)
        return [_entry(number, row, facts) for number, row in rows[first : first + limit]]
    return None


def refuse(code: str, message: str, status: int = 400) -> Refused:
    return Refused(status, {"label": code, "message": message})


turn_away = refuse


def _account(facts: Facts) -> dict[str, Any]:
    return {
        "user": 1, "currency": "USDT", "total": str(facts.wallet), "order_margin": "0",
        "unrealised_pnl": str(facts.unrealized), "position_margin": str(facts.used),
        "available": str(facts.equity - facts.used), "point": "0", "bonus": "0",
        "in_dual_mode": facts.hedged, "enable_credit": False,
    }  # fmt: skip


def _position(facts: Facts) -> dict[str, Any]:
    mode = "single"
    if facts.hedged:
        mode = "dual_long" if facts.coins > 0 else "dual_short"
    return {
        "user": 1, "contract": "BTC_USDT", "size": int(facts.contracts), "leverage": "0",
        "cross_leverage_limit": "3", "value": "596", "margin": str(facts.used), "mode": mode,
        "entry_price": "60000", "mark_price": "59600", "liq_price": "40000",
        "unrealised_pnl": str(facts.unrealized), "realised_pnl": "0", "maintenance_rate": "0.004",
        "open_time": 1795990000, "update_time": 1796000000, "initial_margin": str(facts.used),
        "maintenance_margin": "2",
    }  # fmt: skip


def _signed(each: Traded) -> int:
    size = int(Decimal(each.coins) / COIN_SIZE)
    return size if each.side == "buy" else -size


def _fill(each: Traded) -> dict[str, Any]:
    return {
        "trade_id": str(each.number), "create_time": each.ms / 1000, "contract": "BTC_USDT",
        "order_id": f"1000{each.number}", "size": _signed(each), "close_size": 0, "price": "60000",
        "role": "taker", "text": "web", "fee": "0.3", "point_fee": "0",
    }  # fmt: skip


def _order(each: Traded) -> dict[str, Any]:
    ends = {"trade": "filled", "liquidation": "liquidated", "adl": "auto_deleveraged"}
    return {
        "id": int(f"1000{each.number}"), "contract": "BTC_USDT", "size": _signed(each), "left": 0,
        "price": "0", "fill_price": "60000", "tif": "ioc", "text": "web", "status": "finished",
        "finish_as": ends[each.kind], "is_liq": each.kind == "liquidation", "is_close": True,
        "is_reduce_only": True, "create_time": each.ms / 1000, "finish_time": each.ms / 1000,
        "tkfr": "0.0005", "mkfr": "0", "refu": 0, "iceberg": 0,
    }  # fmt: skip


def _entry(number: int, row: Row, facts: Facts) -> dict[str, Any]:
    balance = 1000 + sum((Decimal(other.amount) for other in facts.rows[:number]), Decimal(0))
    is_of_market = "transfer" not in row.kind
    return {
        "time": row.ms / 1000, "change": row.amount, "balance": str(balance),
        "type": TYPE[row.kind], "text": f"BTC_USDT:{number}" if is_of_market else "",
        "contract": "BTC_USDT" if is_of_market else "", "trade_id": "",
    }  # fmt: skip
