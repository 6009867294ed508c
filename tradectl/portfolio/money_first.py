"""On spot what is sold pays for what is bought at that exchange: within one step sells go first.

A buy that there is no money for yet is not ordered beside them: it waits until there is nearly as much as
it came to when it was looked at last, and is looked at anew with the fills that leave so much, one after
the other; the next rebalancing looks at everything. What risk denied for want of money waits in the same
way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from heapq import heappop, heappush

from tradectl.domain.event import Reason
from tradectl.domain.events import Event, OrderInitialized
from tradectl.domain.money import ONE, ZERO, Side
from tradectl.domain.orders import OrderSpec
from tradectl.domain.views import AccountView
from tradectl.portfolio.steering import WouldDeny

NEARLY = Decimal("0.9")
"""As much as it came to: prices and equity have moved since."""
KEPT = 64
"""Costs of before, at most, beside twice as many as wait."""


class MoneyFirst:
    """Who waits is remembered within a run alone: the first rebalancing after a restart finds it.
    `denies` says why risk would deny an order, if it would."""

    def __init__(self, denies: WouldDeny) -> None:
        self._denies = denies
        self._waiting: dict[str, Decimal] = {}
        """by symbol, what its buy came to; 0 where that is not known. Who lacked it first before all"""
        self._cheapest: dict[str, list[tuple[Decimal, str]]] = {}
        """by exchange, a heap of those, and of what they came to before"""

    def begin(self) -> None:
        """Everything is looked at anew."""
        self._waiting.clear()
        self._cheapest.clear()

    def affordable(self, view: AccountView) -> Iterator[str]:
        """The symbols whose buys lacked money that is there by now, who lacked it first before all."""
        rooms: dict[str, Decimal] = {}
        for exchange, costs in self._cheapest.items():
            while costs and self._waiting.get(costs[0][1]) != costs[0][0]:
                heappop(costs)
            room = _room(costs[0][1], view) if costs else ZERO
            if costs and NEARLY * costs[0][0] <= room:
                rooms[exchange] = room
        for symbol, cost in self._waiting.items() if rooms else ():
            if NEARLY * cost <= rooms.get(view.exchange_of(symbol), -ONE):
                yield symbol

    def lacks(self, symbol: str, view: AccountView, order: OrderSpec | None = None) -> None:
        """Its buy does, the `order` where that is known."""
        if not view.instrument(symbol).can_short:
            self._note(symbol, ZERO if order is None else _cost(order, view), view)

    def _note(self, symbol: str, cost: Decimal, view: AccountView) -> None:
        self._waiting[symbol] = cost
        costs = self._cheapest.setdefault(view.exchange_of(symbol), [])
        heappush(costs, (cost, symbol))
        if len(costs) > KEPT + 2 * len(self._waiting):
            costs[:] = sorted({each for each in costs if self._waiting.get(each[1]) == each[0]})

    def would_deny(self, order: OrderSpec, view: AccountView, at: int) -> Reason | None:
        """Why risk would deny the order, if it would: one that waits for money waits for what this one
        comes to."""
        why = self._denies(order, view, at)
        if why is not None and order.symbol in self._waiting and order.side is Side.BUY:
            self._note(order.symbol, _cost(order, view), view)
        return why

    def has_gone(self, symbol: str) -> None:
        self._waiting.pop(symbol, None)

    def in_order(
        self,
        answers: Mapping[str, list[Event]],
        view: AccountView,
        is_balanced: Callable[[str, AccountView], bool],
    ) -> tuple[list[Event], list[OrderSpec]]:
        """What is to be done about each symbol: buys last, and without those that wait for the money of
        sells among them, which come second. What risk would deny as it is waits, too."""
        buys = {symbol: _only_buys(events, view) for symbol, events in answers.items()}
        events = [each for symbol, found in answers.items() if not buys[symbol] for each in found]
        sells, spent, waiting = _sells(events, view), dict[str, Decimal](), []
        for symbol, order in buys.items():
            if order is None:
                continue
            exchange = view.exchange_of(symbol)
            before = spent.get(exchange, view.sums().part(symbol).orders_cost)
            cost = before + _cost(order, view)
            if sells and cost > view.cash_for(symbol):
                self.lacks(symbol, view, order)
                waiting.append(order)
            else:
                spent[exchange] = cost
                events += answers[symbol]
        for symbol, found in answers.items():
            if sells and not found and not is_balanced(symbol, view):
                self.lacks(symbol, view)
        return events, waiting


def _cost(order: OrderSpec, view: AccountView) -> Decimal:
    """What it comes to before fees, in money."""
    return order.quantity * (order.price or view.mark(order.symbol) or ZERO)


def _room(symbol: str, view: AccountView) -> Decimal:
    """What may be spent on it that no order is to spend."""
    return view.cash_for(symbol) - view.sums().part(symbol).orders_cost


def _only_buys(events: Collection[Event], view: AccountView) -> OrderSpec | None:
    """The buy on spot, where it is all that is ordered."""
    asked = [event for event in events if isinstance(event, OrderInitialized)]
    if len(asked) != 1 or asked[0].order.side is not Side.BUY:
        return None
    order = asked[0].order
    return None if view.instrument(order.symbol).can_short else order


def _sells(events: Collection[Event], view: AccountView) -> bool:
    return any(
        isinstance(event, OrderInitialized)
        and event.order.side is Side.SELL
        and not view.instrument(event.order.symbol).can_short
        for event in events
    )


__all__ = ["MoneyFirst"]
