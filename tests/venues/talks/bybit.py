"""Bybit, API v5: topics on a public connection of each category and on the private one."""

from __future__ import annotations

from typing import Any

from tests.venues.asked import Asked, plain
from tests.venues.bybit import fill_of, order_of
from tests.venues.streams import Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    named = {key: message[key] for key in ("req_id",) if key in message}
    if message["op"] == "ping":
        return [{"success": True, "ret_msg": "pong", "op": "ping", **named}]
    if message["op"] == "auth":
        connection.knows_key = message["args"][0] == asked.dialect.credentials[0]
        return [{"success": connection.knows_key, "ret_msg": "", "op": "auth", "conn_id": "c"}]
    is_public = connection.path.startswith("/v5/public/")
    if is_public or connection.knows_key:
        connection.channels.update(message["args"])
    return [{"success": True, "ret_msg": "", "op": "subscribe", "conn_id": "c", **named}]


def _pushed(topic: str, rows: list[dict[str, Any]], asked: Asked) -> Any:
    return {"topic": topic, "id": "p", "creationTime": asked.now_ms, "data": rows}


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    category = {"category": asked.dialect.kind.replace("perpetual", "linear")}
    told = {"order": _pushed("order", [order_of(order, asked) | category], asked)}
    if fill is not None:
        row = fill_of(order, fill, asked) | category
        told["execution"] = _pushed("execution", [row], asked)
    return told


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    row = {
        "T": trade.ms, "s": asked.name(rules.symbol), "S": "Sell" if trade.buyer_is_maker else "Buy",
        "v": plain(trade.quantity), "p": plain(trade.price), "i": str(trade.id), "BT": False,
        "L": "PlusTick",
    }  # fmt: skip
    topic = f"publicTrade.{asked.name(rules.symbol)}"
    return {topic: {"topic": topic, "type": "snapshot", "ts": trade.ms, "data": [row]}}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    topic = f"orderbook.1.{asked.name(rules.symbol)}"
    sides = {key: [[plain(price), plain(size)]] for key, (price, size) in (("b", bid), ("a", ask))}
    data = {"s": asked.name(rules.symbol), **sides, "u": 1, "seq": 1}
    return {topic: {"topic": topic, "type": "snapshot", "ts": asked.now_ms, "data": data}}


TALK = StreamTalk(
    heard, ordered, traded, quoted,
    source="ccxt 4.5.90, pro/bybit.py: handle_order, handle_my_trades, handle_trades, handle_bid_ask, "
    "handle_authenticate",
    account=("order", "execution"),
)  # fmt: skip
