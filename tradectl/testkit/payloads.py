"""Answers of REST as the exchange words them, made from orders and fills. No decision is made here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules

Json = dict[str, Any]


def order(o: Order, rules: Rules) -> Json:
    return _futures_order(o, rules) if rules.futures else _spot_order(o, rules)


def _spot_order(o: Order, rules: Rules) -> Json:
    shown: Json = {
        "symbol": o.symbol,
        "orderId": o.id,
        "orderListId": -1,
        "clientOrderId": o.client_id,
        "price": rules.show_price(o.price),
        "origQty": rules.show_quantity(o.quantity),
        "executedQty": rules.show_quantity(o.filled),
        "origQuoteOrderQty": f"{o.quote_quantity or 0:.8f}",
        "cummulativeQuoteQty": f"{o.cost:.8f}",
        "status": o.status,
        "timeInForce": o.time_in_force,
        "type": o.type,
        "side": o.side,
        "stopPrice": rules.show_price(o.stop_price),
        "icebergQty": "0.00000000",
        "time": o.created_ms,
        "updateTime": o.updated_ms,
        "isWorking": o.working,
        "workingTime": o.created_ms if o.working else -1,
        "selfTradePreventionMode": "NONE",
    }
    return shown


def _futures_order(o: Order, rules: Rules) -> Json:
    return {
        "orderId": o.id,
        "symbol": o.symbol,
        "status": o.status,
        "clientOrderId": o.client_id,
        "price": rules.show_price(o.price),
        "avgPrice": f"{o.average:.5f}",
        "origQty": rules.show_quantity(o.quantity),
        "executedQty": rules.show_quantity(o.filled),
        "cumQty": rules.show_quantity(o.filled),
        "cumQuote": f"{o.cost:.5f}",
        "timeInForce": o.time_in_force,
        "type": o.type,
        "reduceOnly": o.shown_reduce_only,
        "closePosition": False,
        "side": o.side,
        "positionSide": o.position_side,
        "stopPrice": rules.show_price(o.stop_price),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": o.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": o.created_ms,
        "updateTime": o.updated_ms,
    }


def placed_spot(o: Order, rules: Rules, kind: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    ack: Json = {
        "symbol": o.symbol,
        "orderId": o.id,
        "orderListId": -1,
        "clientOrderId": o.client_id,
        "transactTime": o.updated_ms,
    }
    if kind == "ACK":
        return ack
    shown = _spot_order(o, rules)
    for key in ("time", "updateTime", "isWorking", "icebergQty"):
        del shown[key]
    if o.stop_price is None:
        del shown["stopPrice"]
    fills = [
        {
            "price": rules.show_price(f.price),
            "qty": rules.show_quantity(f.quantity),
            "commission": f"{f.fee:.8f}",
            "commissionAsset": f.fee_asset,
            "tradeId": f.id,
        }
        for f in o.fills
    ]
    return shown | ack | ({"fills": fills} if kind == "FULL" else {})


def canceled_spot(o: Order, rules: Rules) -> Json:
    shown = placed_spot(o, rules, "RESULT")
    return shown | {"origClientOrderId": o.client_id, "clientOrderId": o.cancel_id or o.client_id}


def algo(o: Order, rules: Rules) -> Json:
    return {
        "algoId": o.id,
        "clientAlgoId": o.client_id,
        "algoType": "CONDITIONAL",
        "orderType": o.type,
        "symbol": o.symbol,
        "side": o.side,
        "positionSide": o.position_side,
        "timeInForce": o.time_in_force,
        "quantity": rules.show_quantity(o.quantity),
        "algoStatus": o.status,
        "actualOrderId": str(o.child_id) if o.child_id else "",
        "actualPrice": "0.00000",
        "triggerPrice": rules.show_price(o.stop_price),
        "price": rules.show_price(o.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": o.shown_reduce_only,
        "createTime": o.created_ms,
        "updateTime": o.updated_ms,
        "triggerTime": o.updated_ms if o.child_id else 0,
        "goodTillDate": 0,
    }


def my_trade(o: Order, f: Fill, rules: Rules) -> Json:
    shared: Json = {
        "symbol": f.symbol,
        "id": f.id,
        "orderId": f.order_id,
        "price": rules.show_price(f.price),
        "qty": rules.show_quantity(f.quantity),
        "quoteQty": f"{f.price * f.quantity:.8f}",
        "commission": f"{f.fee:.8f}",
        "commissionAsset": f.fee_asset,
        "time": f.ms,
    }
    if rules.futures:
        return shared | {
            "side": f.side,
            "positionSide": o.position_side,
            "buyer": f.side == "BUY",
            "maker": f.maker,
            "realizedPnl": f"{f.realized:.8f}",
            "marginAsset": rules.quote,
        }
    return shared | {
        "orderListId": -1,
        "isBuyer": f.side == "BUY",
        "isMaker": f.maker,
        "isBestMatch": True,
    }


def levels(rules: Rules, found: list[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[rules.show_price(price), rules.show_quantity(size)] for price, size in found]
