"""The way of one order through a run, from the market data that moved a strategy to the end of what the
order was for: read once from the journal, with the books as they were at each step.

What risk let pass is not journalled with its figures: they are worked out again, by the same checks, on
the books as they were when the order was judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tradectl.analysis.round_trips import RoundTrip
from tradectl.analysis.trip_analysis import TripAnalysis
from tradectl.config.reload import patched
from tradectl.domain.events import (
    BarEvent,
    CancelRequested,
    ExecutionEvent,
    MarketDataEvent,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    Record,
    SettingsChanged,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.orders import Order, OrderSpec
from tradectl.domain.shares import StrategyTarget
from tradectl.explain.heard_bars import HeardBars
from tradectl.feeds.time_range import began
from tradectl.journal.writer import Header
from tradectl.risk.context import RiskContext
from tradectl.risk.engine import RiskEngine, Weighed
from tradectl.state.account import Account
from tradectl.state.books import Books

OF_ORDER = (OrderApproved, OrderDenied, OrderSubmitted, CancelRequested, ExecutionEvent)


class Traded(NamedTuple):
    """A fill of run `run_id`, and the market just before it."""

    record: Record
    fill: OrderFilled
    mid: Decimal | None
    run_id: str


Signaled = tuple[Record, Record, BarEvent | None]
"""A strategy's signal, what it was given at, and the bar that it had heard."""


class OrderTrail:
    """Takes the records of the run that made `order_id`, in their order: all of them, or those after some
    that it folded, which came after the `account` was so."""

    def __init__(self, header: Header, order_id: str, account: Account | None = None) -> None:
        self.header, self.order_id = header, order_id
        self._analysis = TripAnalysis(header, self._trip_over, self._after, account)
        self._settings = settings = self._analysis.settings
        self._risk = RiskEngine(settings.risk_limits())
        self._bars = HeardBars(settings.strategies)
        self._step: list[Record] = []
        self._signals: dict[tuple[str, str], Signaled] = {}
        self.spec: OrderSpec | None = None
        self.made: Record | None = None
        self.led_to: list[Record] = []
        """what caused the order, the input first"""
        self.signals: list[Signaled] = []
        """of the strategies that it is for"""
        self.target: Record | None = None
        self.wanted: dict[str, StrategyTarget] = {}
        self.weighed: list[Weighed] = []
        self.is_exit = False
        self.arrival: Decimal | None = None
        self.events: list[Record] = []
        self._children: set[str] = set()
        self.fills: list[Traded] = []
        self.trips: list[RoundTrip] = []
        self.order: Order | None = None

    def fold(self, records: list[Record]) -> None:
        """Before it takes any: the books alone hear of these."""
        self._analysis.fold(records)

    def begin(self) -> set[tuple[str, str]]:
        """After all that it folded. By strategy and symbol: what is held and is no round trip, because it
        is too little to be sold."""
        self._analysis.begin()
        if self.books.account.applied:
            self._apply(self.books.account.applied)
        carried = {(strategy, symbol) for strategy, symbol, _ in self._analysis.under_way()}
        held = {
            (strategy, symbol)
            for symbol, own in self.books.account.holdings.items()
            for strategy, position in own.items()
            if position.quantity
        }
        return held - carried

    def _apply(self, changed: Mapping[str, Any]) -> None:
        """Settings that are others from here on."""
        self._settings = patched(self._settings, changed)
        self._risk.change_limits(self._settings.risk_limits())
        self._bars.are_heard_by(self._settings.strategies)

    @property
    def books(self) -> Books:
        return self._analysis.books

    def take(self, record: Record) -> None:
        event = record.event
        if not record.cause:
            self._step.clear()
        self._step.append(record)
        if isinstance(event, OrderFilled) and self._is_of_it(event.order_id):
            before = mid(self.books, event.symbol)
            self.fills.append(Traded(record, event, before, self._analysis.header.run_id))
        self._analysis.take(record)

    def _after(self, record: Record, books: Books) -> None:
        """It is in the books."""
        event = record.event
        if isinstance(event, MarketDataEvent):
            self._bars.take(event, record.at)
        elif isinstance(event, StrategySignalEvent):
            bar = self._bars.newest(event.strategy, event.symbol)
            self._signals[event.strategy, event.symbol] = record, self._step[0], bar
        elif isinstance(event, SettingsChanged):
            self._apply(event.values())
        elif isinstance(event, OrderInitialized) and event.order.order_id == self.order_id:
            self._on_order(event, record, books)
        elif isinstance(event, OrderInitialized) and event.order.parent_id == self.order_id:
            self._children.add(event.order.order_id)
            self.events.append(record)
        elif isinstance(event, OF_ORDER):
            fills = isinstance(event, OrderFilled) and self._is_of_it(event.order_id)
            if event.order_id == self.order_id or fills:
                self.events.append(record)
                self._ask()
                self.order = books.order(self.order_id) or self.order
            if isinstance(event, OrderApproved):
                self._risk.remember(event.order.spec, record.at)

    def _is_of_it(self, order_id: str) -> bool:
        """The order, or one of its children."""
        return order_id == self.order_id or order_id in self._children

    def _on_order(self, event: OrderInitialized, record: Record, books: Books) -> None:
        spec = event.order
        self.spec, self.made, self.order = spec, record, books.order(spec.order_id)
        by_seq = {each.seq: each for each in self._step}
        cause = record.cause
        while cause:
            self.led_to.insert(0, by_seq[cause])
            cause = by_seq[cause].cause
        keys = [(owner, spec.symbol) for owner in spec.owners]
        self.signals = [self._signals[key] for key in keys if key in self._signals]
        targets = [r for r in self._step if isinstance(r.event, TargetComputed)]
        self.target = next((r for r in reversed(targets) if _is_of(r, spec)), None)
        self.wanted = dict(books.targets(spec.symbol))
        self.weighed = self._risk.weigh(spec, books, record.at)
        self.is_exit = RiskContext(spec, books, record.at).only_reduces
        self._ask()

    def _ask(self) -> None:
        """What its fills are measured against, as in round trips; a later run does not know it."""
        plan = None if self.spec is None else self.spec.plan
        asked_at = self._analysis.causes.asked_at(self.order_id) if plan is None else plan.arrival
        self.arrival = self.arrival if asked_at is None else asked_at

    def _trip_over(self, trip: RoundTrip) -> None:
        self.trips += [trip] if self._is_part_of(trip) else []

    def _is_part_of(self, trip: RoundTrip) -> bool:
        run_id = self._analysis.header.run_id
        return self._is_for(trip.strategy, trip.symbol) and any(
            traded.run_id == run_id
            and trip.entry_seq <= traded.record.seq
            and (trip.is_open or traded.record.seq <= trip.exit_seq)
            for traded in self.fills
        )

    @property
    def is_over(self) -> bool:
        """Nothing more can become of the order, nor of what it was for."""
        if self.order is None or not self.order.is_over or self.spec is None:
            return False
        return not any(map(self._is_begun_by_it, self._analysis.under_way()))

    def _is_begun_by_it(self, trip: tuple[str, str, int]) -> bool:
        """Or it went on with that."""
        strategy, symbol, begun = trip
        run_id = self._analysis.header.run_id
        return self._is_for(strategy, symbol) and any(
            traded.run_id == run_id and begun <= traded.record.seq for traded in self.fills
        )

    def _is_for(self, strategy: str, symbol: str) -> bool:
        """One of its owners', or anybody's where it is for all."""
        spec = self.spec
        return (
            spec is not None and symbol == spec.symbol and strategy in (spec.owners or (strategy,))
        )

    def go_on(self, header: Header) -> None:
        """The order works on in the next run of the account."""
        self.end()
        self._analysis = TripAnalysis(header, self._trip_over, self._after)

    def tells_whole_bar(self, said: Signaled, since: int) -> bool:
        """The bar was made of all of its data by who took that from the moment `since` (ns) on."""
        signal, given, bar = said
        strategy = getattr(signal.event, "strategy", "")
        if isinstance(given.event, BarEvent) or not self._bars.are_known_of(strategy):
            return True
        return bar is not None and began(bar) > since

    @property
    def works(self) -> bool:
        """The order may still trade."""
        return self.order is not None and self.order.is_working

    def open_trips(self) -> list[RoundTrip]:
        """Those under way that it is a part of."""
        return [trip for trip in self._analysis.open_trips() if self._is_part_of(trip)]

    def end(self) -> None:
        if self.fills:
            self.trips += self.open_trips()


def mid(books: Books, symbol: str) -> Decimal | None:
    """The middle of the market, or else the last price."""
    tick = books.last.get(symbol)
    if tick is None:
        return books.mark(symbol)
    if tick.bid is not None and tick.ask is not None:
        return (tick.bid + tick.ask) / 2
    return tick.price


def _is_of(record: Record, spec: OrderSpec) -> bool:
    event: Any = record.event
    return bool(event.symbol == spec.symbol)


__all__ = ["OrderTrail", "Traded", "mid"]
