"""Orders asked for by a call, in both markets: reading them, and finding them again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from tradectl.testkit import errors
from tradectl.testkit.calls import Call
from tradectl.testkit.engine import Engine
from tradectl.testkit.orders import ZERO, Fill, Order
from tradectl.testkit.symbols import SPOT


def new_order(call: Call, *, algo: bool = False) -> Order:
    rules = call.rules
    if not call.account.may_trade:
        raise errors.key_refused()
    side = call.params.get("positionSide", "BOTH")
    call.exchange.sessions.check_order(call.account, rules, side)
    kind = call.text("type")
    quote_quantity = call.decimal("quoteOrderQty") if rules.market == SPOT else None
    quantity = call.decimal("quantity")
    if quantity is None and quote_quantity is None:
        raise errors.missing("quantity")
    if kind == "LIMIT":
        call.text("timeInForce")
    order = Order(
        id=0,
        market=rules.market,
        symbol=rules.symbol,
        account=call.account.name,
        client_id=call.params.get("clientAlgoId" if algo else "newClientOrderId", ""),
        side=call.text("side"),
        type=kind,
        quantity=quantity if quantity is not None else ZERO,
        price=call.decimal("price") if kind != "MARKET" else None,
        stop_price=call.decimal("triggerPrice" if algo else "stopPrice"),
        time_in_force=call.params.get("timeInForce", "GTC"),
        reduce_only=rules.futures and call.flag("reduceOnly"),
        quote_quantity=quote_quantity,
        algo=algo,
        position_side=side,
    )
    order.reduce_only = order.reduce_only or order.closes
    return order


def find(call: Call, *, algo: bool = False) -> Order | None:
    """The newest order that the call names, unless the exchange denies to know it now."""
    id_name, client_name = ("algoId", "clientAlgoId") if algo else ("orderId", "origClientOrderId")
    order_id, client_id = call.integer(id_name), call.params.get(client_name)
    if order_id is None and not client_id:
        raise errors.missing(client_name)
    if order_id is not None:
        of_symbol = call.params.get("symbol", "") if call.market == SPOT else ""
        order = call.engine.orders.get((of_symbol, order_id))
        candidates: Iterable[Order] = [order] if order else []
    else:
        candidates = reversed(call.engine.of_client(client_id or ""))
    symbol = call.params.get("symbol")
    for order in candidates:
        if (
            order.account == call.account.name
            and order.algo == algo
            and (not symbol or order.symbol == symbol)
            and not hidden(order)
        ):
            return order
    return None


def hidden(order: Order) -> bool:
    return order.hidden_until > time.monotonic()


def cancel(call: Call, *, algo: bool = False) -> Order:
    order = find(call, algo=algo)
    if order is None or not order.open:
        raise errors.unknown_order_sent()
    cancel_id = call.params.get("newClientOrderId") or uuid.uuid4().hex[:22]
    return call.engine.cancel(order, cancel_id=cancel_id)


def open_orders(call: Call, *, algo: bool = False) -> list[Order]:
    symbol = call.rules.symbol if call.params.get("symbol") else ""
    return [
        order
        for order in call.engine.live.values()
        if order.account == call.account.name
        and order.algo == algo
        and symbol in {"", order.symbol}
        and not hidden(order)
    ]


def all_orders(call: Call, *, algo: bool = False) -> list[Order]:
    symbol, first = call.rules.symbol, call.integer("orderId")
    start, end = call.integer("startTime"), call.integer("endTime")
    found = [
        order
        for order in call.engine.orders.values()
        if order.account == call.account.name
        and order.algo == algo
        and order.symbol == symbol
        and not hidden(order)
        and (first is None or order.id >= first)
        and (start is None or order.created_ms >= start)
        and (end is None or order.created_ms <= end)
    ]
    limit = call.limit(500, 1000)
    return found[:limit] if first is not None or start is not None else found[-limit:]


def my_trades(call: Call) -> list[tuple[Order, Fill]]:
    symbol, first, of_order = call.rules.symbol, call.integer("fromId"), call.integer("orderId")
    start, end = call.integer("startTime"), call.integer("endTime")
    found = [
        (order, fill)
        for order in call.engine.orders.values()
        if order.account == call.account.name and order.symbol == symbol and not hidden(order)
        if of_order is None or order.id == of_order
        for fill in order.fills
        if (first is None or fill.id >= first)
        and (start is None or fill.ms >= start)
        and (end is None or fill.ms <= end)
    ]
    found.sort(key=lambda pair: pair[1].id)
    limit = call.limit(500, 1000)
    return found[:limit] if first is not None or start is not None else found[-limit:]


def cancel_all(engine: Engine, account: str, symbol: str, *, algo: bool = False) -> list[Order]:
    """All of them, forgotten ones too: it is the matching engine that is asked, not the records."""
    chosen = [
        order
        for order in engine.live.values()
        if order.account == account and order.symbol == symbol and order.algo == algo
    ]
    for order in chosen:
        if order.open:
            engine.cancel(order, cancel_id=uuid.uuid4().hex[:22])
    return chosen
