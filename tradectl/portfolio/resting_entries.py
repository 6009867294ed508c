"""Entries that rest, and are not wanted any more as they are.

the price has left it behind    it is placed anew, once its cancel is confirmed: there are never two
its owners were stopped out     it is recalled: only their next word enters again
the account is in hedge mode    all of them are: each would open a position of its own
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import BPS, Side
from tradectl.domain.orders import BY_HAND, Order, OrderType
from tradectl.domain.views import AccountView
from tradectl.portfolio.order_making import OrderMaking
from tradectl.portfolio.position_delta import CANCELLABLE


def left_behind(symbol: str, view: AccountView, making: OrderMaking, far: Decimal) -> list[Order]:
    """Those at a limit `far` basis points and more from where they would be placed now."""
    instrument, mark = view.instrument(symbol), view.mark(symbol)
    if not mark:
        return []
    found = []
    for order in _entries(symbol, view):
        price = order.spec.price
        if order.spec.type is OrderType.LIMIT and price:
            now = making.limit_price(instrument, mark, order.spec.side is Side.BUY)
            if abs(now - price) > far * BPS * price:
                found.append(order)
    return found


def of_stopped_out(symbol: str, view: AccountView) -> list[Order]:
    """Those all of whose owners were stopped out meanwhile."""
    stopped = {name for name, target in view.targets(symbol).items() if target.stopped}
    if not stopped:
        return []
    entries = _entries(symbol, view)
    return [o for o in entries if o.spec.owners and stopped.issuperset(o.spec.owners)]


def of_anybody(symbol: str, view: AccountView) -> list[Order]:
    """Those by hand and quotes, too."""
    working = view.working_orders(symbol)
    return [o for o in working if not o.spec.reduce_only and o.status in CANCELLABLE]


def _entries(symbol: str, view: AccountView) -> list[Order]:
    """Of strategies, that nobody has asked to cancel yet."""
    working = view.working_orders(symbol)
    return [
        o
        for o in working
        if not (o.spec.reduce_only or o.spec.tag)
        and o.status in CANCELLABLE
        and o.spec.strategy != BY_HAND
    ]


__all__ = ["left_behind", "of_anybody", "of_stopped_out"]
