"""Kraken's futures, websocket v1: who answers a challenge with the secret's signature is told of an
account's fills, first of those that were. Its best prices come without their sizes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from tests.venues.asked import Asked, said_of
from tests.venues.streams import FILLS, Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules

CHALLENGE = "226aee50-88fc-4618-a42a-34f7709570b2"


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    event, key = message["event"], asked.dialect.credentials[0]
    if event == "challenge":
        if message["api_key"] != key:
            return [{"event": "error", "message": "Invalid API key"}]
        return [{"event": "challenge", "message": CHALLENGE}]
    feed = message["feed"]
    if feed != "fills":
        connection.channels.update(f"{feed}:{name}" for name in message["product_ids"])
        return [{"event": "subscribed", "feed": feed, "product_ids": message["product_ids"]}]
    if message["signed_challenge"] != _signature(asked.dialect.credentials[1]):
        return [{"event": "alert", "message": "Failed to subscribe to authenticated feed"}]
    connection.channels.add(feed)
    before = [_fill(o, f, asked) for o in asked.engine.orders.values() for f in o.fills]
    snapshot = {"feed": "fills_snapshot", "account": "DemoUser", "fills": before}
    return [{"event": "subscribed", "feed": feed}, snapshot]


def _signature(secret: str) -> str:
    hashed = hashlib.sha256(CHALLENGE.encode()).digest()
    return base64.b64encode(hmac.digest(base64.b64decode(secret), hashed, "sha512")).decode()


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    if fill is None:
        return {}  # orders are on a feed of their own
    row = _fill(order, fill, asked) | {"cli_ord_id": order.client_id}
    return {"fills": {"feed": "fills", "fills": [row]}}


def _fill(order: Order, fill: Fill, asked: Asked) -> dict[str, Any]:
    usual = "maker" if fill.maker else "taker"
    return {
        "instrument": asked.name(order.symbol), "time": fill.ms, "price": float(fill.price),
        "seq": fill.id, "buy": order.side == "BUY", "qty": float(asked.size(fill.quantity)),
        "order_id": str(order.id), "fill_id": str(fill.id),
        "fill_type": said_of(order, usual, "liquidation", "unwindCounterparty"),
        "fee_paid": float(fill.fee), "fee_currency": "USD", "taker_order_type": "ioc",
        "order_type": "limit",
    }  # fmt: skip


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "feed": "trade", "product_id": name, "uid": str(trade.id), "type": "fill", "seq": trade.id,
        "side": "sell" if trade.buyer_is_maker else "buy", "time": trade.ms,
        "qty": float(asked.size(trade.quantity)), "price": float(trade.price),
    }  # fmt: skip
    return {f"trade:{name}": row}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "feed": "ticker_lite", "product_id": name, "bid": float(bid[0]), "ask": float(ask[0]),
        "change": 0.0, "premium": 0.0, "volume": 1.0, "tag": "perpetual", "pair": "XBT:USD", "dtm": 0,
        "maturityTime": 0, "volumeQuote": 1.0,
    }  # fmt: skip
    return {f"ticker_lite:{name}": row}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/krakenfutures.py: handle_authenticate, handle_my_trades, handle_trade, "
    "handle_bid_ask, handle_error_message",
    account=("fills",),
    taken=frozenset({FILLS}),
)
