"""The way of one order through a run, from the market data that moved a strategy to the end of what the
order was for: read once from the journal, with the books as they were at each step.

What risk let pass is not journalled with its figures: they are worked out again, by the same checks, on
the books as they were when the order was judged.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tradectl.analysis.round_trips import RoundTrip
from tradectl.analysis.trip_analysis import TripAnalysis
from tradectl.config.reload import patched
from tradectl.domain.errors import UsageError
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
from tradectl.domain.text import harmless
from tradectl.explain.heard_bars import HeardBars
from tradectl.explain.runs import run_after
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import LogReader
from tradectl.journal.writer import Header
from tradectl.risk.context import RiskContext
from tradectl.risk.engine import RiskEngine, Weighed
from tradectl.state.books import Books

OF_ORDER = (OrderApproved, OrderDenied, OrderSubmitted, CancelRequested, ExecutionEvent)


class Traded(NamedTuple):
    """A fill of run `run_id`, and the market just before it."""

    record: Record
    fill: OrderFilled
    mid: Decimal | None
    run_id: str


class OrderTrail:
    """Takes the records of the run that made `order_id`, in their order."""

    def __init__(self, header: Header, order_id: str) -> None:
        self.header, self.order_id = header, order_id
        self._analysis = TripAnalysis(header, self._trip_over, self._after)
        self._settings = settings = self._analysis.settings
        self._risk = RiskEngine(settings.risk_limits())
        self._bars = HeardBars(settings.strategies)
        self._step: list[Record] = []
        self._signals: dict[tuple[str, str], tuple[Record, Record, BarEvent | None]] = {}
        self.spec: OrderSpec | None = None
        self.made: Record | None = None
        self.led_to: list[Record] = []
        """what caused the order, the input first"""
        self.signals: list[tuple[Record, Record, BarEvent | None]] = []
        """of the strategies that it is for: the signal, what it was given at, the bar they heard"""
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
            self._settings = patched(self._settings, event.values())
            self._risk.change_limits(self._settings.risk_limits())
            self._bars.are_heard_by(self._settings.strategies)
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
        spec = self.spec
        if spec is None or trip.symbol != spec.symbol:
            return False
        owners, run_id = spec.owners, self._analysis.header.run_id
        is_ours = not owners or trip.strategy in owners
        return is_ours and any(
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
        return not self.fills or self.books.position(self.spec.symbol).quantity == 0

    def go_on(self, header: Header) -> None:
        """The order works on in the next run of the account."""
        self.end()
        self._analysis = TripAnalysis(header, self._trip_over, self._after)

    @property
    def works(self) -> bool:
        """The order may still trade."""
        return self.order is not None and self.order.is_working

    def end(self) -> None:
        if self.fills:
            self.trips += [t for t in self._analysis.open_trips() if self._is_part_of(t)]


def trail_of(path: Path, order_id: str) -> OrderTrail:
    """Of an order that the run of the journal `path` made. Raises UsageError where it made none."""
    with read_log(path) as log:
        trail = OrderTrail(log.header, order_id)
        _read(trail, log)
    if trail.made is None:
        raise UsageError(f"run {trail.header.run_id} made no order {harmless(order_id, 60)!r}")
    while trail.works and (later := run_after(path)) is not None:
        path = later
        with read_log(path) as log:
            trail.go_on(log.header)
            _read(trail, log)
    trail.end()
    return trail


def _read(trail: OrderTrail, log: LogReader) -> None:
    for record in log.records():
        trail.take(record)
        if trail.is_over:
            return


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


__all__ = ["OrderTrail", "Traded", "mid", "trail_of"]
