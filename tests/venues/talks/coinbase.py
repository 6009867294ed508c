"""Coinbase, Advanced Trade: one connection, each private subscription signed by itself, by a key's secret
or by a token. An order tells what is filled and what is left of it; fills are not pushed."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.venues.asked import Asked, fees_of, plain
from tests.venues.coinbase import STATUS, iso, name_of
from tests.venues.streams import ORDERS, Connection, StreamTalk, Top
from tradectl.testkit.orders import STOPS, Fill, Order
from tradectl.testkit.symbols import Rules


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    channel, names = message["channel"], message["product_ids"]
    if channel == "heartbeats":
        connection.is_kept_open = True
        beat = {"current_time": iso(asked.now_ms), "heartbeat_counter": "1"}
        return [_told("heartbeats", asked, beat)]
    if channel != "user":
        connection.channels.update(f"{channel}:{name}" for name in names)
        return [_told("subscriptions", asked, {"subscriptions": {channel: names}})]
    if _key_of(message) != asked.dialect.credentials[0]:
        return [{"type": "error", "message": "authentication failure"}]
    connection.channels.add("user:")
    resting = [_order(order, asked) for order in asked.engine.orders.values() if order.open]
    return [
        _told("subscriptions", asked, {"subscriptions": {"user": ["u"]}}),
        _told("user", asked, {"type": "snapshot", "orders": resting}),
    ]


def _key_of(message: Any) -> str:
    """Whose key signed it."""
    if "jwt" not in message:
        return str(message["api_key"])
    header = message["jwt"].partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])


def _told(channel: str, asked: Asked, event: Any) -> Any:
    return {
        "channel": channel, "client_id": "", "timestamp": iso(asked.now_ms), "sequence_num": 0,
        "events": [event],
    }  # fmt: skip


def ordered(order: Order, _: Fill | None, asked: Asked) -> Any:
    event = {"type": "update", "orders": [_order(order, asked)]}
    return {"user:": _told("user", asked, event)}


def _order(order: Order, asked: Asked) -> dict[str, Any]:
    kind = "Stop Limit" if order.type in STOPS else "Market" if order.price is None else "Limit"
    return {
        "order_id": name_of(order), "client_order_id": order.client_id, "order_type": kind,
        "cumulative_quantity": plain(order.filled), "leaves_quantity": plain(order.remaining),
        "avg_price": plain(order.average), "total_fees": plain(fees_of(order)),
        "status": STATUS[order.status], "product_id": asked.name(order.symbol),
        "creation_time": iso(order.created_ms), "order_side": order.side,
        "limit_price": plain(order.price), "stop_price": plain(order.stop_price),
        "filled_value": plain(order.cost),
    }  # fmt: skip


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "trade_id": str(trade.id), "product_id": name, "price": plain(trade.price),
        "size": plain(trade.quantity), "side": "SELL" if trade.buyer_is_maker else "BUY",
        "time": iso(trade.ms),
    }  # fmt: skip
    event = {"type": "update", "trades": [row]}
    return {f"market_trades:{name}": _told("market_trades", asked, event)}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "type": "ticker", "product_id": name, "price": plain(asked.engine.last[rules.symbol]),
        "best_bid": plain(bid[0]), "best_bid_quantity": plain(bid[1]), "best_ask": plain(ask[0]),
        "best_ask_quantity": plain(ask[1]), "volume_24_h": "1",
    }  # fmt: skip
    event = {"type": "update", "tickers": [row]}
    return {f"ticker:{name}": _told("ticker", asked, event)}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/coinbase.py: create_ws_auth, parse_ws_order, handle_order, handle_trade, "
    "parse_ws_ticker, handle_subscription_status, handle_heartbeats",
    account=("user:",),
    taken=frozenset({ORDERS}),
)
