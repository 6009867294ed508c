"""KuCoin, classic accounts: a connection is opened with a token that was asked for, and a private one is
how it knows the account. An order tells each of its matches, and at the end that it is filled."""

from __future__ import annotations

from typing import Any

from tests.venues.asked import Asked, plain, said_of
from tests.venues.kucoin import PRIVATE_TOKEN, is_spot
from tests.venues.streams import ORDERS, Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules

TOPICS = {"spot": "/spotMarket/tradeOrders", "perpetual": "/contractMarket/tradeOrders"}


def greets(connection: Connection, _: Asked) -> list[Any]:
    connection.knows_key = connection.query["token"] == PRIVATE_TOKEN
    return [{"id": connection.query["connectId"], "type": "welcome"}]


def heard(message: Any, connection: Connection, _: Asked) -> list[Any]:
    if message["type"] == "ping":
        return [{"id": message["id"], "type": "pong"}]
    if message.get("privateChannel") and not connection.knows_key:
        return [{"id": message["id"], "type": "error", "code": 403, "data": "topic forbidden"}]
    topic, _colon, names = message["topic"].partition(":")
    connection.channels.update(f"{topic}:{name}" for name in names.split(","))
    return [{"id": message["id"], "type": "ack"}]


def _pushed(topic: str, subject: str, data: dict[str, Any]) -> Any:
    return {"type": "message", "topic": topic, "subject": subject, "data": data}


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    if order.algo or (order.stop_price is not None and not order.working):
        return {}  # a stop that waits is told on a channel of its own
    topic = TOPICS[asked.dialect.kind]
    subject = "orderChange" if is_spot(asked) else "symbolOrderChange"
    row = _order(order, asked)
    if fill is None:
        told = row | {"type": "open" if order.open else "canceled"}
        return {f"{topic}:": _pushed(topic, subject, told)}
    match = {
        "type": "match", "status": "match", "liquidity": "maker" if fill.maker else "taker",
        "feeType": "makerFee" if fill.maker else "takerFee", "matchPrice": plain(fill.price),
        "matchSize": asked.size(fill.quantity), "tradeId": str(fill.id),
    }  # fmt: skip
    messages = [_pushed(topic, subject, row | match)]
    if not order.open:
        messages.append(_pushed(topic, subject, row | {"type": "filled"}))
    return {f"{topic}:": tuple(messages)}


def _order(order: Order, asked: Asked) -> dict[str, Any]:
    row = {
        "symbol": asked.name(order.symbol), "side": order.side.lower(), "orderId": str(order.id),
        "orderType": "market" if order.price is None else "limit", "clientOid": order.client_id,
        "size": asked.size(order.quantity), "filledSize": asked.size(order.filled),
        "price": plain(order.price), "status": "open" if order.open else "done",
        "remainSize": asked.size(order.remaining) if order.open else "0",
        "orderTime": order.created_ms * 1_000_000, "ts": asked.now_ms * 1_000_000,
    }  # fmt: skip
    if not is_spot(asked):
        row |= {
            "canceledSize": "0" if order.open else asked.size(order.remaining),
            "positionSide": order.position_side,
            "tradeType": said_of(order, "trade", "liquidation", "adl"), "marginMode": "CROSS",
        }  # fmt: skip
    return row


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name, side = asked.name(rules.symbol), "sell" if trade.buyer_is_maker else "buy"
    row: dict[str, Any] = {
        "symbol": name, "side": side, "tradeId": str(trade.id), "takerOrderId": "t",
        "makerOrderId": "m",
    }  # fmt: skip
    if is_spot(asked):
        topic, subject = f"/market/match:{name}", "trade.l3match"
        row |= {
            "sequence": str(trade.id), "size": plain(trade.quantity), "price": plain(trade.price),
            "time": str(trade.ms * 1_000_000), "type": "match",
        }  # fmt: skip
    else:
        topic, subject = f"/contractMarket/execution:{name}", "match"
        row |= {
            "sequence": trade.id, "size": int(trade.quantity / asked.dialect.contract),
            "price": plain(trade.price), "ts": trade.ms * 1_000_000,
        }  # fmt: skip
    return {topic: _pushed(topic, subject, row)}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    if is_spot(asked):
        topic, subject = f"/spotMarket/level1:{name}", "level1"
        data: dict[str, Any] = {
            "asks": [plain(part) for part in ask], "bids": [plain(part) for part in bid],
            "timestamp": asked.now_ms,
        }  # fmt: skip
    else:
        topic, subject = f"/contractMarket/tickerV2:{name}", "tickerV2"
        data = {
            "symbol": name, "bestBidSize": int(bid[1] / asked.dialect.contract),
            "bestBidPrice": plain(bid[0]), "bestAskPrice": plain(ask[0]),
            "bestAskSize": int(ask[1] / asked.dialect.contract), "ts": asked.now_ms * 1_000_000,
        }  # fmt: skip
    return {topic: _pushed(topic, subject, data)}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/kucoin.py: negotiate_helper, parse_ws_order, handle_my_trade, handle_trade, "
    "handle_bid_ask; kucoin.py parse_contract_trade",
    account=("tradeOrders:",),
    taken=frozenset({ORDERS}),
    greets=greets,
)
