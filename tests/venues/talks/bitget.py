"""Bitget, API v2, classic accounts: channels by kind of product; an order tells its last fill."""

from __future__ import annotations

from typing import Any

from tests.venues.asked import Asked, fee_asset, fees_of, plain
from tests.venues.bitget import STATES, fill_of, mode_of, pos_side, told_side, trade_side
from tests.venues.streams import Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    if message == "ping":
        return ["pong"]
    if message["op"] == "login":
        connection.knows_key = message["args"][0]["apiKey"] == asked.dialect.credentials[0]
        if not connection.knows_key:
            return [{"event": "error", "code": 30005, "msg": "Invalid ACCESS_KEY"}]
        return [{"event": "login", "code": 0}]
    answers = []
    for asking in message["args"]:
        is_private = asking["channel"] in ("orders", "fill")
        if not is_private or connection.knows_key:
            name = "" if is_private else asking["instId"]
            connection.channels.add(f"{asking['channel']}:{name}")
        answers.append({"event": "subscribe", "arg": asking})
    return answers


def _product(asked: Asked) -> str:
    return "SPOT" if asked.dialect.kind == "spot" else "USDT-FUTURES"


def _pushed(channel: str, row: Any, asked: Asked, name: str = "default") -> Any:
    arg = {"instType": _product(asked), "channel": channel, "instId": name}
    return {"action": "snapshot", "arg": arg, "data": [row], "ts": asked.now_ms}


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    is_spot, is_market = asked.dialect.kind == "spot", order.price is None
    state = STATES.get(order.status, "cancelled")
    latest = fill.quantity if fill is not None else None
    row: dict[str, Any] = {
        "instId": asked.name(order.symbol), "orderId": str(order.id), "clientOid": order.client_id,
        "price": plain(order.price) if order.price else "", "status": state,
        "orderType": "market" if is_market else "limit", "force": order.time_in_force.lower(),
        "side": told_side(order), "priceAvg": plain(order.average) if order.filled else "0",
        "accBaseVolume": plain(order.filled), "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms), "enterPointSource": "API", "leverage": "20",
        "feeDetail": [{"feeCoin": fee_asset(order), "fee": plain(-fees_of(order))}],
    }  # fmt: skip
    if fill is not None:
        row |= {"fillPrice": plain(fill.price), "tradeId": str(fill.id), "fillTime": str(fill.ms)}
    if is_spot:
        row |= {"size": plain(order.quantity), "newSize": plain(order.quantity), "notional": "0"}
    else:
        row |= {
            "size": plain(order.quantity), "posMode": mode_of(order), "posSide": pos_side(order),
            "tradeSide": trade_side(order), "marginCoin": "USDT", "marginMode": "crossed",
            "reduceOnly": "yes" if order.shown_reduce_only else "no", "notionalUsd": "0",
        }  # fmt: skip
    if latest is not None:
        row["baseVolume"] = plain(latest)
    told = {"orders:": _pushed("orders", row, asked)}
    if fill is not None:
        # of this channel alone it is documented that it tells the side of the trade in hedge mode, too
        shown = fill_of(order, fill, asked) | {"side": order.side.lower()}
        detail = shown["feeDetail"]
        shown["feeDetail"] = detail if isinstance(detail, list) else [detail]
        told["fill:"] = _pushed("fill", shown, asked)
    return told


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "ts": str(trade.ms), "price": plain(trade.price), "size": plain(trade.quantity),
        "side": "sell" if trade.buyer_is_maker else "buy", "tradeId": str(trade.id),
    }  # fmt: skip
    return {f"trade:{name}": _pushed("trade", row, asked, name)}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    name, last = asked.name(rules.symbol), plain(asked.engine.last[rules.symbol])
    row = {
        "instId": name, "lastPr": last, "bidPr": plain(bid[0]), "bidSz": plain(bid[1]),
        "askPr": plain(ask[0]), "askSz": plain(ask[1]), "ts": str(asked.now_ms), "open24h": last,
    }  # fmt: skip
    return {f"ticker:{name}": _pushed("ticker", row, asked, name)}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/bitget.py: parse_ws_order, handle_my_trades, handle_trades, handle_bid_ask, "
    "handle_authenticate",
    account=("orders:", "fill:"),
)
