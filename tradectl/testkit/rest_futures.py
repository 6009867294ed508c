"""Signed REST of the USD-M futures market: orders, conditional orders, positions, the dead-man switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradectl.testkit import errors, payloads, trading
from tradectl.testkit.calls import Call, Route, Routes, Security
from tradectl.testkit.errors import ApiError, missing
from tradectl.testkit.orders import STOPS, Order
from tradectl.testkit.symbols import FUTURES

Json = dict[str, Any]

DONE = {"code": 200, "msg": "The operation of cancel all open order is done."}


# --- orders ---------------------------------------------------------------------------------------


def _asked(call: Call, *, algo: bool = False) -> Order:
    if call.account.hedge and call.params.get("reduceOnly"):
        raise ApiError(-1106, "Parameter 'reduceonly' sent when not required.")
    return trading.new_order(call, algo=algo)


def place(call: Call) -> Json:
    order = _asked(call)
    if order.type in STOPS:
        raise ApiError(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints "
            "instead.",
        )
    call.engine.place(order)
    shown = payloads.order(order, call.rules)
    if call.params.get("newOrderRespType", "ACK") == "ACK":
        shown |= {"status": "NEW", "avgPrice": "0.00", "executedQty": "0", "cumQuote": "0"}
    return shown


def place_algo(call: Call) -> Json:
    order = _asked(call, algo=True)
    if order.type not in STOPS:
        raise ApiError(-1116, "Invalid orderType.")
    return payloads.algo(call.engine.place(order), call.rules)


def query(call: Call) -> Json:
    rules, order = call.rules, trading.find(call)
    if order is None:
        raise errors.no_such_order()
    return payloads.order(order, rules)


def query_algo(call: Call) -> Json:
    order = trading.find(call, algo=True)
    if order is None:
        raise errors.no_such_order()
    return payloads.algo(order, call.engine.rules[order.symbol])


def cancel(call: Call) -> Json:
    rules = call.rules
    return payloads.order(trading.cancel(call), rules)


def cancel_algo(call: Call) -> Json:
    order = trading.cancel(call, algo=True)
    return {"algoId": order.id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}


def open_orders(call: Call) -> list[Json]:
    return [payloads.order(o, call.engine.rules[o.symbol]) for o in trading.open_orders(call)]


def open_algos(call: Call) -> list[Json]:
    orders = trading.open_orders(call, algo=True)
    return [payloads.algo(o, call.engine.rules[o.symbol]) for o in orders]


def all_orders(call: Call) -> list[Json]:
    rules = call.rules
    return [payloads.order(order, rules) for order in trading.all_orders(call)]


def all_algos(call: Call) -> list[Json]:
    rules = call.rules
    return [payloads.algo(order, rules) for order in trading.all_orders(call, algo=True)]


def cancel_all(call: Call) -> Json:
    trading.cancel_all(call.engine, call.account.name, call.rules.symbol)
    return DONE


def cancel_all_algos(call: Call) -> Json:
    trading.cancel_all(call.engine, call.account.name, call.rules.symbol, algo=True)
    return DONE


def user_trades(call: Call) -> list[Json]:
    rules = call.rules
    return [payloads.my_trade(order, fill, rules) for order, fill in trading.my_trades(call)]


def countdown(call: Call) -> Json:
    ms = call.integer("countdownTime")
    if ms is None:
        raise missing("countdownTime")
    call.exchange.arm_countdown(call.account.name, call.rules.symbol, ms)
    return {"symbol": call.rules.symbol, "countdownTime": str(ms)}


def new_listen_key(call: Call) -> Json:
    return {"listenKey": call.exchange.sessions.make_listen_key(call.account)}


def keep_listen_key(call: Call) -> Json:
    return {"listenKey": call.exchange.sessions.keep_listen_key(call.account)}


def close_listen_key(call: Call) -> Json:
    call.exchange.sessions.close_listen_key(call.account)
    return {}


def _signed(handler: Callable[[Call], Any], weight: int = 1) -> Route:
    return Route(handler, FUTURES, Security.SIGNED, weight)


ROUTES: Routes = {
    ("POST", "/fapi/v1/order"): _signed(place),
    ("GET", "/fapi/v1/order"): _signed(query),
    ("DELETE", "/fapi/v1/order"): _signed(cancel),
    ("GET", "/fapi/v1/openOrder"): _signed(query),
    ("GET", "/fapi/v1/openOrders"): _signed(open_orders),
    ("DELETE", "/fapi/v1/allOpenOrders"): _signed(cancel_all),
    ("GET", "/fapi/v1/allOrders"): _signed(all_orders, 5),
    ("GET", "/fapi/v1/userTrades"): _signed(user_trades, 5),
    ("POST", "/fapi/v1/algoOrder"): _signed(place_algo),
    ("GET", "/fapi/v1/algoOrder"): _signed(query_algo),
    ("DELETE", "/fapi/v1/algoOrder"): _signed(cancel_algo),
    ("GET", "/fapi/v1/openAlgoOrders"): _signed(open_algos),
    ("GET", "/fapi/v1/allAlgoOrders"): _signed(all_algos, 5),
    ("DELETE", "/fapi/v1/algoOpenOrders"): _signed(cancel_all_algos),
    ("POST", "/fapi/v1/countdownCancelAll"): _signed(countdown, 10),
    ("POST", "/fapi/v1/listenKey"): Route(new_listen_key, FUTURES, Security.KEY),
    ("PUT", "/fapi/v1/listenKey"): Route(keep_listen_key, FUTURES, Security.KEY),
    ("DELETE", "/fapi/v1/listenKey"): Route(close_listen_key, FUTURES, Security.KEY),
}
