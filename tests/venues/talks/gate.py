"""Gate, API v4: a connection of each kind of market, on which each private channel is signed by itself.
On futures it is subscribed to with the number of the account."""

from __future__ import annotations

import json
from typing import Any

from tests.venues.asked import Asked, plain
from tests.venues.gate import fill_of, order_of, spot_fill, spot_order
from tests.venues.streams import Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules

USER = "1"


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    channel, event = message["channel"], message.get("event", "")
    told = {"time": asked.now_ms // 1000, "channel": channel, "event": event}
    if channel.endswith(".ping"):
        return [told | {"channel": channel.replace("ping", "pong"), "result": None}]
    payload = list(message.get("payload", []))
    if "auth" not in message:
        connection.channels.update(f"{channel}:{name}" for name in payload)
    elif message["auth"]["KEY"] != asked.dialect.credentials[0]:
        text = json.dumps({"label": "INVALID_KEY", "message": "Invalid key provided"})
        error = {"code": 4, "message": text}
        return [told | {"id": message["id"], "error": error, "result": None}]
    elif _is_ours(payload, asked):
        connection.channels.add(channel)
    else:
        error = {"code": 2, "message": "invalid argument: user"}
        return [told | {"id": message["id"], "error": error, "result": None}]
    return [told | {"id": message["id"], "result": {"status": "success"}}]


def _is_ours(payload: list[str], asked: Asked) -> bool:
    return asked.dialect.kind == "spot" or payload[0] == USER


def _update(channel: str, result: Any, asked: Asked) -> Any:
    ms = asked.now_ms
    return {
        "time": ms // 1000, "time_ms": ms, "channel": channel, "event": "update", "result": result,
    }  # fmt: skip


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    if order.algo:
        return {}
    if asked.dialect.kind == "spot":
        event = "finish" if not order.open else "update" if order.filled else "put"
        shown = spot_order(order, asked)
        del shown["status"]
        told = {"spot.orders": _update("spot.orders", [shown | {"event": event}], asked)}
        if fill is not None:
            rows = [spot_fill(order, fill, asked) | {"user_id": 1}]
            told["spot.usertrades"] = _update("spot.usertrades", rows, asked)
        return told
    shown = order_of(order, asked) | {"user": USER, "create_time_ms": order.created_ms}
    told = {"futures.orders": _update("futures.orders", [shown], asked)}
    if fill is not None:
        row = fill_of(order, fill, asked)
        row |= {"id": row.pop("trade_id"), "create_time_ms": fill.ms}
        told["futures.usertrades"] = _update("futures.usertrades", [row], asked)
    return told


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name, seconds = asked.name(rules.symbol), trade.ms // 1000
    row: dict[str, Any] = {
        "id": trade.id, "create_time": seconds, "create_time_ms": f"{trade.ms}.0",
        "price": plain(trade.price),
    }  # fmt: skip
    if asked.dialect.kind == "spot":
        row |= {
            "side": "sell" if trade.buyer_is_maker else "buy", "currency_pair": name,
            "amount": plain(trade.quantity),
        }  # fmt: skip
        return {f"spot.trades:{name}": _update("spot.trades", row, asked)}
    size = int(asked.size(trade.quantity)) * (-1 if trade.buyer_is_maker else 1)
    row |= {"contract": name, "size": size, "create_time_ms": trade.ms}
    return {f"futures.trades:{name}": _update("futures.trades", [row], asked)}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    kind = "spot" if asked.dialect.kind == "spot" else "futures"
    channel = f"{kind}.book_ticker"
    row = {
        "t": asked.now_ms, "u": 1, "s": name, "b": plain(bid[0]), "B": asked.size(bid[1]),
        "a": plain(ask[0]), "A": asked.size(ask[1]),
    }  # fmt: skip
    return {f"{channel}:{name}": _update(channel, row, asked)}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/gate.py: handle_order, handle_my_trades, handle_trades, handle_bid_ask, "
    "subscribe_private",
    account=(".orders", ".usertrades"),
)
