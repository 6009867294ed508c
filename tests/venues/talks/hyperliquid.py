"""Hyperliquid: one connection; an address is told its orders and fills, nobody logs in. It pushes no best
prices beside the whole book."""

from __future__ import annotations

from typing import Any

from tests.venues.asked import Asked, plain
from tests.venues.hyperliquid import WALLET, fill_of, with_status
from tests.venues.streams import Connection, StreamTalk, Top
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules


def heard(message: Any, connection: Connection, asked: Asked) -> list[Any]:
    if message["method"] == "ping":
        return [{"channel": "pong"}]
    asking = message["subscription"]
    kind = asking["type"]
    connection.channels.add(f"{kind}:{asking.get('coin', '')}")
    answers = [{"channel": "subscriptionResponse", "data": message}]
    if kind == "userFills":
        before = {"isSnapshot": True, "user": asking["user"], "fills": []}
        answers.append({"channel": "userFills", "data": before})
    return answers


def ordered(order: Order, fill: Fill | None, asked: Asked) -> Any:
    rows = [with_status(order, asked)]
    told: dict[str, Any] = {"orderUpdates:": {"channel": "orderUpdates", "data": rows}}
    if fill is not None:
        data = {"user": WALLET, "fills": [fill_of(order, fill, asked)]}
        told["userFills:"] = {"channel": "userFills", "data": data}
    return told


def traded(rules: Rules, trade: Any, asked: Asked) -> Any:
    name = asked.name(rules.symbol)
    row = {
        "coin": name, "side": "A" if trade.buyer_is_maker else "B", "px": plain(trade.price),
        "sz": plain(trade.quantity), "time": trade.ms, "hash": "0x0", "tid": trade.id,
    }  # fmt: skip
    return {f"trades:{name}": {"channel": "trades", "data": [row]}}


def quoted(rules: Rules, bid: Top, ask: Top, asked: Asked) -> Any:
    return {}


TALK = StreamTalk(
    heard,
    ordered,
    traded,
    quoted,
    source="ccxt 4.5.90, pro/hyperliquid.py: handle_order, handle_my_trades, handle_trades",
    account=("orderUpdates", "userFills"),
    pushes_prices=False,
    has_login=False,
)
