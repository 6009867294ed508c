"""The orders in the books, as they can be asked for: those that may still trade, and the newest that are
over.

An order with a plan is worked by children. It counts for them, and they are what an exchange knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from decimal import Decimal

from tradectl.domain.orders import WORKING, Order, OrderStatus
from tradectl.domain.working_orders import NO_ORDERS, WorkingOrders
from tradectl.state.account import Account


class OrdersView:
    """Of an account as of the last event."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._changed: dict[str, object] = dict.fromkeys(account.positions)
        """symbols that the sums have to count anew"""
        self._orders: dict[str, Order] = {}
        self._sorted: dict[str, WorkingOrders] = {}
        self._unsorted: dict[str, Order] = {}
        """they may trade since somebody asked last: most orders are over before anybody does"""
        self._working_count = 0
        self._finished: deque[str] = deque()
        for order in account.finished:
            self._orders[order.spec.order_id] = order
            self._finished.append(order.spec.order_id)
        for order in account.orders:
            self._orders[order.spec.order_id] = order
            self._work(order)

    def known_orders(self) -> Collection[Order]:
        """Those that work and those that are over and remembered: something may still become of them. Of
        those with a plan nothing does at an exchange."""
        return [order for order in self._orders.values() if order.spec.plan is None]

    def known_and_planned(self) -> Collection[Order]:
        """Those, and those with a plan."""
        return list(self._orders.values())

    def working_children(self, symbol: str = "") -> list[Order]:
        """Of orders with a plan, of one symbol or of all."""
        if symbol:
            return [*self.working_in(symbol).children.values()]
        return [child for orders in self._working().values() for child in orders.children.values()]

    def sent_orders(self) -> list[Order]:
        """The working orders that may be at an exchange: children, and no order with a plan."""
        return [order for orders in self._working().values() for order in orders.sent()]

    def working_orders(self, symbol: str = "") -> Collection[Order]:
        if symbol:
            return self.working_in(symbol)
        return [order for orders in self._working().values() for order in orders]

    def working_in(self, symbol: str) -> WorkingOrders:
        return self._working().get(symbol, NO_ORDERS)

    def working_count(self) -> int:
        return self._working_count

    def _work(self, order: Order) -> None:
        """It may trade from now on."""
        symbol = order.spec.symbol
        if symbol not in self._sorted:
            self._sorted[symbol] = WorkingOrders()
        self._unsorted[order.spec.order_id] = order
        self._working_count += not order.spec.parent_id
        self._changed[symbol] = None

    def _working(self) -> dict[str, WorkingOrders]:
        """By symbol, in the order of their first ones. Orders are sorted in when somebody asks."""
        if self._unsorted:
            for order in self._unsorted.values():
                self._sorted[order.spec.symbol].add(order)
            self._unsorted.clear()
        return self._sorted

    def _change(self, order: Order, status: OrderStatus, filled: Decimal) -> None:
        """A working order has another status now, or so much `filled`; it may be over by it."""
        if order.spec.order_id not in self._unsorted:
            self._sorted[order.spec.symbol].change(order, status, filled)
            return
        order.status, order.filled = status, filled
        if status not in WORKING:
            del self._unsorted[order.spec.order_id]

    def seen(self, order_id: str) -> bool:
        order = self._orders.get(order_id)
        return order is not None and order.status is not OrderStatus.INITIALIZED

    def order(self, order_id: str) -> Order | None:
        """A working order, or one of the newest finished ones."""
        return self._orders.get(order_id)

    def finished(self) -> list[Order]:
        """The newest ones that are over, the oldest of them first."""
        return [self._orders[order_id] for order_id in self._finished]


__all__ = ["OrdersView"]
