"""OKX, API v5: channels with arguments; a fill comes inside of its order."""

from __future__ import annotations

from typing import Any

from tests.venues.asked import Asked, plain
from tests.venues.okx import order_of
from tests.venues.streams import Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    if message == "ping":
        return ["pong"]
    if message["op"] == "login":
        connection.knows_key = message["args"][0]["apiKey"] == asked.dialect.credentials[0]
        if not connection.knows_key:
            return [{"event": "error", "code": "60005", "msg": "Invalid apiKey", "connId": "c"}]
        return [{"event": "login", "code": "0", "msg": "", "connId": "c"}]
    answers = []
    for asking in message["args"]:
        is_private = "instType" in asking
        if not is_private or connection.knows_key:
            connection.channels.add(":".join([asking["channel"], asking.get("instId", "")]))
        answers.append({"event": "subscribe", "arg": asking, "connId": "c"})
    return answers


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    if order.algo:
        return {}
    latest: dict[str, Any] = {"tradeId": "", "fillSz": "0", "fillPx": "", "fillTime": ""}
    if fill is not None:
        latest = {
            "tradeId": str(fill.id), "fillSz": asked.size(fill.quantity), "fillPx": plain(fill.price),
            "fillTime": str(fill.ms), "fillFee": plain(-fill.fee), "fillFeeCcy": fill.fee_asset,
            "execType": "M" if fill.maker else "T", "fillPnl": plain(fill.realized),
        }  # fmt: skip
    arg = {"channel": "orders", "instType": "ANY", "uid": "1"}
    return {"orders:": {"arg": arg, "data": [order_of(order, asked) | latest]}}


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "instId": name, "tradeId": str(trade.id), "px": plain(trade.price), "ts": str(trade.ms),
        "sz": asked.size(trade.quantity), "side": "sell" if trade.buyer_is_maker else "buy",
    }  # fmt: skip
    arg = {"channel": "trades", "instId": name}
    return {f"trades:{name}": {"arg": arg, "data": [row | {"count": "1"}]}}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    sides = {
        key: [[plain(price), asked.size(size), "0", "1"]]
        for key, (price, size) in (("asks", ask), ("bids", bid))
    }
    arg = {"channel": "bbo-tbt", "instId": name}
    row = {**sides, "ts": str(asked.now_ms), "seqId": 1}
    return {f"bbo-tbt:{name}": {"arg": arg, "data": [row]}}


TALK = StreamTalk(
    heard, ordered, traded, quoted,
    source="ccxt 4.5.90, pro/okx.py: handle_orders, order_to_trade, handle_trades, handle_bid_ask, "
    "handle_authenticate",
    account=("orders:",),
)  # fmt: skip
