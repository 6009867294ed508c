"""What an order must keep to before it is accepted: the symbol's filters, and its own sense."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from tradectl.testkit.errors import ApiError, filter_failure, missing
from tradectl.testkit.orders import MARKETS, STOPS, Order
from tradectl.testkit.symbols import FUTURES_TYPES, SPOT_TYPES, Rules

_SPOT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_FUTURES_ID = re.compile(r"[.A-Z:/a-z0-9_\-]{1,36}")


def client_id(text: str, *, futures: bool) -> None:
    if futures and len(text) > 36:
        raise ApiError(-4015, "Client order id length should not be more than 36 chars")
    pattern = _FUTURES_ID if futures else _SPOT_ID
    if not pattern.fullmatch(text):
        raise ApiError(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is "
            f"'^{pattern.pattern}$'.",
        )


def sense(order: Order, rules: Rules) -> None:
    if order.side not in {"BUY", "SELL"}:
        raise ApiError(-1117, "Invalid side.")
    if order.type not in (FUTURES_TYPES if rules.futures else SPOT_TYPES):
        raise ApiError(-1116, "Invalid orderType.")
    if order.time_in_force not in {"GTC", "IOC", "FOK", "GTX"}:
        raise ApiError(-1115, "Invalid timeInForce.")
    if order.price is None and order.type not in MARKETS:
        raise missing("price")
    if order.stop_price is None and order.type in STOPS:
        raise missing("triggerPrice" if order.algo else "stopPrice")


def filters(order: Order, rules: Rules, reference: Decimal) -> None:
    """`reference` is the price that what has no price is valued at."""
    _prices(order, rules)
    if order.quote_quantity is not None:
        if order.quote_quantity < rules.min_notional:
            raise filter_failure("NOTIONAL")
        return
    _quantity(order, rules)
    value = order.quantity * (order.price if order.price is not None else reference)
    if rules.futures:
        if value < rules.min_notional and not order.reduce_only:
            raise ApiError(
                -4164,
                f"Order's notional must be no smaller than {rules.min_notional} (unless you choose "
                "reduce only).",
            )
    elif value < rules.min_notional:
        raise filter_failure("NOTIONAL")


def _prices(order: Order, rules: Rules) -> None:
    for price in (order.price, order.stop_price):
        if price is None:
            continue
        if not price.is_finite() or price <= 0 or price > rules.max_price:
            if rules.futures:
                raise ApiError(-4016, f"Limit price can't be higher than {rules.max_price}.")
            raise filter_failure("PRICE_FILTER")
        if price % rules.tick:
            if rules.futures:
                raise ApiError(-4014, "Price not increased by tick size.")
            raise filter_failure("PRICE_FILTER")


def _quantity(order: Order, rules: Rules) -> None:
    quantity = order.quantity
    market = order.type in MARKETS
    most = rules.max_market_quantity if market else rules.max_quantity
    if not quantity.is_finite() or quantity <= 0:
        if rules.futures:
            raise ApiError(-4003, "Quantity less than or equal to zero.")
        raise ApiError(-1013, "Invalid quantity.")
    if rules.futures:
        if quantity % rules.lot:
            raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
        if quantity > most:
            raise ApiError(-4005, "Quantity greater than max quantity.")
    elif quantity % rules.lot or quantity < rules.lot or quantity > rules.max_quantity:
        raise filter_failure("LOT_SIZE")
    elif quantity > most:
        raise filter_failure("MARKET_LOT_SIZE")


def unique(order: Order, live: Iterable[Order], *, futures: bool) -> None:
    """A client id may be used again, once the order that had it is over."""
    for other in live:
        if (
            other.client_id == order.client_id
            and other.account == order.account
            and other.algo == order.algo
        ):
            if futures:
                raise ApiError(-4116, "ClientOrderId is duplicated.")
            raise ApiError(-2010, "Duplicate order sent.")


def triggers_at_once(*, futures: bool) -> ApiError:
    if futures:
        return ApiError(-2021, "Order would immediately trigger.")
    return ApiError(-2010, "Stop price would trigger immediately.")


def in_force(order: Order, taken: Decimal, *, futures: bool) -> bool:
    """Whether it may live; `taken` is what it would take at once. False for a spot order that is
    accepted and expires at once. Raises ApiError where it is not even accepted."""
    post_only = order.type == "LIMIT_MAKER" or order.time_in_force == "GTX"
    if post_only and taken:
        if futures:
            raise ApiError(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be "
                "rejected. The order will not be recorded in the order history",
            )
        raise ApiError(-2010, "Order would immediately match and take.")
    if order.time_in_force == "FOK" and order.type == "LIMIT" and taken < order.quantity:
        if futures:
            raise ApiError(
                -5021,
                "Due to the order could not be filled immediately, the FOK order has been "
                "rejected. The order will not be recorded in the order history",
            )
        return False
    return True
