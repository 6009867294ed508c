"""Kraken, websocket v2: a token that was asked for stands in the subscription; orders and fills come row
by row on one channel. First it tells the newest fills of before. An order names its symbol only once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.venues.asked import Asked
from tests.venues.kraken import STATUS, TOKEN, TYPES, fill_id, txid
from tests.venues.streams import FILLS, Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    if message["method"] == "ping":
        return [{"method": "pong"}]
    about = message["params"]
    channel = about["channel"]
    named = {"method": "subscribe", "req_id": message["req_id"]}
    if channel != "executions":
        connection.channels.update(f"{channel}:{name}" for name in about["symbol"])
        return [named | {"success": True, "result": {"channel": channel}}]
    if about["token"] != TOKEN:
        return [named | {"success": False, "error": "ESession:Invalid session"}]
    connection.channels.add(channel)
    orders = asked.engine.orders.values()
    before = [_fill(order, fill, asked) for order in orders for fill in order.fills]
    result = {"channel": channel, "snap_trades": True}
    return [named | {"success": True, "result": result}, _executions("snapshot", before)]


def _executions(kind: str, rows: list[Any]) -> Any:
    return {"channel": "executions", "type": kind, "data": rows, "sequence": 8}


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    row = {
        "order_id": txid(order), "order_userref": 0, "timestamp": _when(order.updated_ms),
        "order_status": STATUS[order.status], "cum_qty": float(order.filled),
        "cum_cost": float(order.cost),
    }  # fmt: skip
    if fill is not None:
        rows = [_fill(order, fill, asked)]
        if not order.open:
            rows.append(row | {"exec_type": "filled"})
    elif order.open:
        rows = [
            row | {
                "symbol": name_of(order.symbol, asked), "order_qty": float(order.quantity),
                "time_in_force": order.time_in_force, "exec_type": "pending_new",
                "side": order.side.lower(), "order_type": TYPES[order.type],
                "limit_price_type": "static", "limit_price": float(order.price or 0),
                "stop_price": float(order.stop_price or 0), "fee_ccy_pref": "fciq",
            }
        ]  # fmt: skip
    else:
        why = {"cancel_reason": "User requested", "reason": "User requested"}
        rows = [row | why | {"exec_type": "canceled"}]
    return {"executions": _executions("update", rows)}


def _fill(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    return {
        "order_id": txid(order), "exec_id": fill_id(fill), "exec_type": "trade", "trade_id": fill.id,
        "symbol": name_of(fill.symbol, asked), "side": order.side.lower(),
        "last_qty": float(fill.quantity), "last_price": float(fill.price),
        "liquidity_ind": "m" if fill.maker else "t", "cost": float(fill.price * fill.quantity),
        "order_userref": 0, "order_status": "partially_filled" if order.open else "filled",
        "order_type": TYPES[order.type], "timestamp": _when(fill.ms),
        "fees": [{"asset": fill.fee_asset, "qty": float(fill.fee)}],
    }  # fmt: skip


def name_of(symbol: str, asked: Asked) -> str:
    """As its streams call it."""
    rules = asked.engine.rules[symbol]
    return f"{rules.base}/{rules.quote}"


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name = name_of(rules.symbol, asked)
    row = {
        "symbol": name, "side": "sell" if trade.buyer_is_maker else "buy",
        "price": float(trade.price), "qty": float(trade.quantity), "ord_type": "market",
        "trade_id": trade.id, "timestamp": _when(trade.ms),
    }  # fmt: skip
    return {f"trade:{name}": {"channel": "trade", "type": "update", "data": [row]}}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name, last = name_of(rules.symbol, asked), float(asked.engine.last[rules.symbol])
    row = {
        "symbol": name, "bid": float(bid[0]), "bid_qty": float(bid[1]), "ask": float(ask[0]),
        "ask_qty": float(ask[1]), "last": last,
    }  # fmt: skip
    return {f"ticker:{name}": {"channel": "ticker", "type": "update", "data": [row]}}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/kraken.py: authenticate, handle_my_trades, parse_ws_order, handle_trades, "
    "handle_ticker, handle_error_message",
    account=("executions",),
    taken=frozenset({FILLS}),
)
