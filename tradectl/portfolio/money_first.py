"""On spot what is sold pays for what is bought at that exchange: within one step sells go first.

A buy that there is no money for yet is not ordered beside them: it waits, and is looked at anew with
each fill, one after the other, until the next rebalancing, which looks at everything. What risk denied
for want of money waits in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from tradectl.domain.events import Event, OrderInitialized
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderSpec
from tradectl.domain.views import AccountView


class MoneyFirst:
    """Who waits is remembered within a run alone: the first rebalancing after a restart finds it."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}

    def begin(self) -> None:
        """Everything is looked at anew."""
        self._waiting.clear()

    def waiting(self) -> list[str]:
        """The symbols whose buys lack money, who lacked it first before all."""
        return list(self._waiting)

    def lacks(self, symbol: str, view: AccountView) -> None:
        if not view.instrument(symbol).can_short:
            self._waiting[symbol] = None

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
            cost = before + order.quantity * (order.price or view.mark(symbol) or ZERO)
            if sells and cost > view.cash_for(symbol):
                self._waiting[symbol] = None
                waiting.append(order)
            else:
                spent[exchange] = cost
                events += answers[symbol]
        for symbol, found in answers.items():
            if sells and not found and not is_balanced(symbol, view):
                self.lacks(symbol, view)
        return events, waiting


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
