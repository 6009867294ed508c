"""Signed REST of the spot market: orders, the account, what a key may do."""

from __future__ import annotations

from typing import Any

from tradectl.testkit import errors, payloads, trading
from tradectl.testkit.calls import Call, Route, Routes, Security
from tradectl.testkit.errors import ApiError
from tradectl.testkit.symbols import SPOT

Json = dict[str, Any]


def place(call: Call) -> Json:
    order = call.engine.place(trading.new_order(call))
    kind = call.params.get("newOrderRespType") or (
        "FULL" if order.type in {"LIMIT", "MARKET"} else "ACK"
    )
    return payloads.placed_spot(order, call.rules, kind)


def test_order(call: Call) -> Json:
    trading.new_order(call)
    return {}


def query(call: Call) -> Json:
    rules, order = call.rules, trading.find(call)
    if order is None:
        raise errors.no_such_order()
    return payloads.order(order, rules)


def cancel(call: Call) -> Json:
    rules = call.rules
    return payloads.canceled_spot(trading.cancel(call), rules)


def open_orders(call: Call) -> list[Json]:
    return [payloads.order(o, call.engine.rules[o.symbol]) for o in trading.open_orders(call)]


def cancel_all(call: Call) -> list[Json]:
    rules = call.rules
    ended = trading.cancel_all(call.engine, call.account.name, rules.symbol)
    if not ended:
        raise errors.unknown_order_sent()
    return [payloads.canceled_spot(order, rules) for order in ended]


def all_orders(call: Call) -> list[Json]:
    rules = call.rules
    return [payloads.order(order, rules) for order in trading.all_orders(call)]


def my_trades(call: Call) -> list[Json]:
    rules = call.rules
    return [payloads.my_trade(order, fill, rules) for order, fill in trading.my_trades(call)]


def account(call: Call) -> Json:
    spot, fees = call.account.spot, call.exchange.fees
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": f"{fees.maker:.8f}",
            "taker": f"{fees.taker:.8f}",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": call.account.may_trade,
        "canWithdraw": call.account.may_withdraw,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.exchange.now_ms(),
        "accountType": "SPOT",
        "balances": [
            {"asset": a, "free": f"{spot.free[a]:.8f}", "locked": f"{spot.locked[a]:.8f}"}
            for a in spot.assets()
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def restrictions(call: Call) -> Json:
    may = call.account
    return {
        "ipRestrict": False,
        "createTime": 1_700_000_000_000,
        "enableReading": True,
        "enableWithdrawals": may.may_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": may.may_trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": True,
        "enableSpotAndMarginTrading": may.may_trade,
        "enablePortfolioMarginTrading": False,
    }


def trade_fee(call: Call) -> list[Json]:
    fees = call.exchange.fees
    wanted = call.params.get("symbol")
    return [
        {
            "symbol": symbol,
            "makerCommission": str(fees.maker),
            "takerCommission": str(fees.taker),
        }
        for symbol in call.engine.rules
        if wanted in {None, symbol}
    ]


def nothing(call: Call) -> list[Json]:
    """Lists that ccxt asks for unless it is told not to: margin pairs, coins."""
    return []


def listen_key(call: Call) -> Json:
    """Spot listen keys were taken away; the user stream is subscribed to by signature."""
    raise ApiError(0, "Not Found", 410)


def _signed(handler: Any, weight: int = 1) -> Route:
    return Route(handler, SPOT, Security.SIGNED, weight)


ROUTES: Routes = {
    ("POST", "/api/v3/order"): _signed(place),
    ("POST", "/api/v3/order/test"): _signed(test_order),
    ("GET", "/api/v3/order"): _signed(query, 4),
    ("DELETE", "/api/v3/order"): _signed(cancel),
    ("GET", "/api/v3/openOrders"): _signed(open_orders, 6),
    ("DELETE", "/api/v3/openOrders"): _signed(cancel_all),
    ("GET", "/api/v3/allOrders"): _signed(all_orders, 20),
    ("GET", "/api/v3/myTrades"): _signed(my_trades, 20),
    ("GET", "/api/v3/account"): _signed(account, 20),
    ("POST", "/api/v3/userDataStream"): Route(listen_key, SPOT, Security.KEY),
    ("GET", "/sapi/v1/account/apiRestrictions"): _signed(restrictions),
    ("GET", "/sapi/v1/asset/tradeFee"): _signed(trade_fee),
    ("GET", "/sapi/v1/capital/config/getall"): _signed(nothing),
    ("GET", "/sapi/v1/margin/allPairs"): _signed(nothing),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): _signed(nothing),
}
