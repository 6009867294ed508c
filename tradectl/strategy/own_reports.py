"""Strategies are told of their own fills and orders.

Whose an order is, the books say: its strategy's, or that of each that has a part in it. A fill is told
once it is booked, so that one which an exchange reports twice is told once, and the position has it. Who
overrides neither `on_fill` nor `on_order` costs nothing here: what nobody hears is not attached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from tradectl.domain.events import (
    CancelRequested,
    Event,
    ExecutionEvent,
    FillShared,
    OrderDenied,
    OrderFilled,
    OrderSubmitted,
    PositionChanged,
    Record,
    StrategiesCrossed,
)
from tradectl.domain.money import ZERO, side_of
from tradectl.domain.views import AccountView
from tradectl.strategy.instances import Callback, RunningStrategy
from tradectl.strategy.own_events import Fill, update_of, whole_fill

Tell = Callable[[tuple[Callback, ...], Any, int], "list[Event] | None"]
"""Calls callbacks with something, at a time (ns): the events that follow."""


class OwnReports:
    """`tell` calls those of `strategies` that are concerned; `view` is the books after the event."""

    name = "strategy"

    def __init__(
        self, strategies: Mapping[str, RunningStrategy], view: AccountView, tell: Tell
    ) -> None:
        self._strategies = strategies
        self._view = view
        self._tell = tell
        self._fill: tuple[int, OrderFilled] | None = None

    def handlers(self) -> list[tuple[type[Event], Callable[[Any, Record], Iterable[Event] | None]]]:
        """What is to be attached, by kind of event."""
        found: list[tuple[type[Event], Callable[[Any, Record], Iterable[Event] | None]]] = []
        if self._anyone_hears("on_fill"):
            found += [
                (OrderFilled, self.on_filled),
                (PositionChanged, self.on_booked),
                (FillShared, self.on_shared),
                (StrategiesCrossed, self.on_crossed),
            ]
        if self._anyone_hears("on_order"):
            kinds = (OrderSubmitted, OrderDenied, CancelRequested, ExecutionEvent)
            found += [(kind, self.on_order) for kind in kinds]
        return found

    def _anyone_hears(self, name: str) -> bool:
        return any(name in running.callbacks for running in self._strategies.values())

    def on_filled(self, fill: OrderFilled, record: Record) -> None:
        """The books tell next whether it was new."""
        self._fill = record.seq, fill

    def on_booked(self, event: PositionChanged, record: Record) -> list[Event] | None:
        fill, self._fill = self._fill, None
        if fill is None or fill[0] != record.cause or fill[1].symbol != event.symbol:
            return None
        order = self._view.order(fill[1].order_id)
        if order is None or not order.spec.is_for_one:
            return None  # whose it is, is told apart
        told = whole_fill(fill[1], record.at, order.spec.tag)
        return self._told(order.spec.strategy, told, record.at)

    def on_shared(self, event: FillShared, record: Record) -> list[Event]:
        events: list[Event] = []
        for share in event.shares:
            part = (share.quantity, share.fee)
            events += self._part(share.strategy, event, part, record.at, event.order_id)
        return events

    def on_crossed(self, event: StrategiesCrossed, record: Record) -> list[Event]:
        events: list[Event] = []
        for share in event.shares:
            events += self._part(share.strategy, event, (share.quantity, ZERO), record.at)
        return events

    def on_order(
        self, event: OrderSubmitted | OrderDenied | CancelRequested | ExecutionEvent, record: Record
    ) -> list[Event]:
        order, events = self._view.order(event.order_id), list[Event]()
        if order is not None:
            for name in order.spec.owners:
                callbacks = self._callbacks(name, "on_order", order.spec.symbol)
                if callbacks:
                    events += self._tell(callbacks, update_of(order), record.at) or ()
        return events

    def _part(
        self,
        name: str,
        event: FillShared | StrategiesCrossed,
        part: tuple[Decimal, Decimal],
        at: int,
        order_id: str = "",
    ) -> list[Event]:
        quantity, fee = part
        if not quantity:
            return []
        side = side_of(quantity)
        fill = Fill(event.symbol, side, abs(quantity), event.price, fee, at, order_id)
        return self._told(name, fill, at) or []

    def _told(self, name: str, fill: Fill, at: int) -> list[Event] | None:
        callbacks = self._callbacks(name, "on_fill", fill.symbol)
        return self._tell(callbacks, fill, at) if callbacks else None

    def _callbacks(self, name: str, callback: str, symbol: str) -> tuple[Callback, ...]:
        running = self._strategies.get(name)
        if running is None or callback not in running.callbacks:
            return ()
        return tuple(slot.callbacks[callback] for slot in running.concerned(symbol))


__all__ = ["OwnReports"]
