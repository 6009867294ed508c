"""Why a position changed: the signal that a strategy gave last, and the order that was made of it.

What is remembered is bounded: the last signal of each strategy in each symbol, orders that may still
trade, and the newest of those that are over.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal

from msgspec import Struct

from tradectl.analysis.round_trips import NOBODY, Why
from tradectl.domain.events import (
    BracketTriggered,
    OrderInitialized,
    OrderSubmitted,
    Record,
    StrategySignalEvent,
)
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.state.books import Books

ORDERS_KEPT = 5_000
STOP_LOSS = "stop-loss"
FLAT_WITH_ALL = "flat with the account"
"""A fill that makes the account flat makes every strategy flat, what it wants or not."""


class _Asked(Struct):
    """An order: why, the signals of its owners, and what the price was."""

    spec: OrderSpec
    reason: str
    signals: dict[str, Why]
    price: Decimal | None = None

    def wanted(self, strategy: str) -> Decimal:
        """What of it was for the strategy, signed."""
        spec = self.spec
        if not spec.shares:
            return spec.side.signed(spec.quantity) if strategy == spec.strategy else ZERO
        parts = (share.quantity for share in spec.shares if share.strategy == strategy)
        return sum(parts, ZERO)


class Causes:
    """Of one run; `books` are those that its records are folded into."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._signals: dict[tuple[str, str], Why] = {}
        self._orders: OrderedDict[str, _Asked] = OrderedDict()

    def on_signal(self, event: StrategySignalEvent, record: Record, data_at: int) -> None:
        """Given at data of that time (ns)."""
        self._signals[event.strategy, event.symbol] = Why(event.reason, record.at, data_at)

    def on_triggered(self, event: BracketTriggered, record: Record, data_at: int) -> None:
        """A leg that was watched is a strategy's word, too."""
        reason = f"{event.leg.words} at {plain(event.price)}"
        self._signals[event.strategy, event.symbol] = Why(reason, record.at, data_at)

    def on_order(self, event: OrderInitialized, _record: Record) -> None:
        spec = event.order
        parent = self._orders.get(spec.parent_id) if spec.parent_id else None
        if parent is not None:  # it was asked for with that, and then
            asked = _Asked(spec, parent.reason, parent.signals, parent.price)
        else:
            signals = {o: self._signals.get((o, spec.symbol), NOBODY) for o in spec.owners}
            asked = _Asked(spec, event.reason, signals, _own_price(spec))
        self._orders[spec.order_id] = asked
        if len(self._orders) > ORDERS_KEPT:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Of those that cannot trade any more; one that works stays, as the newest."""
        for _ in range(len(self._orders)):
            order_id, asked = self._orders.popitem(last=False)
            known = self._books.order(order_id)
            if known is None or not known.is_working:
                return
            self._orders[order_id] = asked

    def on_submitted(self, event: OrderSubmitted, _record: Record) -> None:
        asked = self._orders.get(event.order_id)
        if asked is not None and asked.price is None:
            asked.price = self._books.mark(event.symbol)

    def asked_at(self, order_id: str) -> Decimal | None:
        """What fills of the order are measured against: a stop's or a resting limit's own price, of any
        other the mark when it was submitted. None where that is not known."""
        asked = self._orders.get(order_id)
        return None if asked is None else asked.price

    def of_order(self, order_id: str, strategy: str, signed: Decimal) -> Why:
        """Why a fill of the order moved the `strategy` by so many coins; an order of before this run says
        what the books know of it."""
        asked = self._orders.get(order_id)
        if asked is None:
            known = self._books.order(order_id)
            return Why(known.reason if known is not None else "", order_id=order_id)
        signal = asked.signals.get(strategy, NOBODY)
        reason = asked.reason
        if asked.spec.is_stop_loss:
            reason, signal = reason or STOP_LOSS, NOBODY
        elif not asked.spec.is_for_all and asked.wanted(strategy) * signed <= 0:
            reason, signal = FLAT_WITH_ALL, NOBODY
        elif asked.spec.shares:
            reason = signal.reason or reason
        return Why(reason, signal.signal_at, signal.data_at, order_id, asked.price)

    def of_cross(self, symbol: str, strategy: str, price: Decimal) -> Why:
        """Strategies traded with each other."""
        return self._signals.get((strategy, symbol), NOBODY)._replace(asked_at=price)


def _own_price(spec: OrderSpec) -> Decimal | None:
    """What a fill is measured against where that is not the price when the order leaves."""
    if spec.type is OrderType.STOP_MARKET:
        return spec.stop_price
    return None if spec.is_at_once else spec.price


__all__ = ["FLAT_WITH_ALL", "STOP_LOSS", "Causes"]
