"""A run as it is held against another: its decisions as they come, its round trips with what the market
was like at their fills, and its result.

Two runs have clocks of their own. What was decided is dated by the data that led to it: the time that the
market event itself carries, wherever it is known.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from tradectl.analysis.round_trips import RoundTrip
from tradectl.analysis.run_analysis import RunAnalysis, RunFigures
from tradectl.domain.events import (
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    Record,
    StrategySignalEvent,
)
from tradectl.domain.money import ZERO, plus_exactly
from tradectl.domain.positions import Position
from tradectl.explain.ledger import SeenTrip
from tradectl.journal.writer import Footer, Header
from tradectl.state.books import Books

DECISIONS = (StrategySignalEvent, OrderInitialized, OrderDenied)
EXPLAIN = ("reason", "notes", "message", "order_id", "by", "actual")
"""Of a decision: words and figures beside it, and what is named after the run."""


class Decision(NamedTuple):
    """By record `seq`, after data of `moment` (ns): what was decided, and nothing that only explains
    it."""

    seq: int
    at: int
    moment: int
    what: dict[str, Any]
    record: Record

    def is_as(self, other: Decision) -> bool:
        return self.what == other.what and self.moment == other.moment


def decision(record: Record, moment: int) -> Decision | None:
    """None for a record that is none."""
    if not isinstance(record.event, DECISIONS):
        return None
    return Decision(record.seq, record.at, moment, _content(record.event), record)


def _content(event: Any) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(event)
    for name in EXPLAIN:
        content.pop(name, None)
        content.get("order", {}).pop(name, None)
    return content


class ComparedRun:
    """Takes the records of a run in their order; `decisions` are those since they were last taken."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.decided = 0
        self._analysis = RunAnalysis(header, self._trip_over)
        self._over: list[RoundTrip] = []
        self._spreads: dict[tuple[str, str], Decimal] = {}
        self.trips: list[SeenTrip] = []
        self.figures: RunFigures | None = None

    @property
    def books(self) -> Books:
        return self._analysis.books

    def take(self, record: Record) -> Decision | None:
        """The decision that it is, if it is one."""
        event = record.event
        if isinstance(event, OrderFilled):
            self._fill(event, record)
        else:
            self._analysis.take(record)
            self._see()
        found = decision(record, self._analysis.data_at)
        self.decided += found is not None
        return found

    def _fill(self, event: OrderFilled, record: Record) -> None:
        """Half the spread is paid by whoever's position becomes another one."""
        tick = self.books.last.get(event.symbol)
        half = ZERO
        if tick is not None and tick.bid is not None and tick.ask is not None:
            half = (tick.ask - tick.bid) / 2
        before = dict(self.books.account.holdings.get(event.symbol, {}))
        self._analysis.take(record)
        turned: dict[tuple[str, str], Decimal] = {}
        for strategy, after in self.books.account.holdings.get(event.symbol, {}).items():
            held = (before.get(strategy) or Position(event.symbol)).quantity
            key = strategy, event.symbol
            if held * after.quantity < 0:  # a part ends one trip, the rest begins another
                turned[key] = abs(after.quantity) * half
                self._add(key, abs(held) * half)
            elif after.quantity != held:
                self._add(key, abs(after.quantity - held) * half)
        self._see()
        self._spreads.update(turned)

    def _add(self, key: tuple[str, str], amount: Decimal) -> None:
        """To the trip that is under way."""
        self._spreads[key] = plus_exactly(self._spreads.get(key, ZERO), amount)

    def _trip_over(self, trip: RoundTrip) -> None:
        self._over.append(trip)

    def _see(self) -> None:
        """The trips that the record ended."""
        for trip in self._over:
            spread = self._spreads.pop((trip.strategy, trip.symbol), ZERO)
            self.trips.append(SeenTrip(trip, spread))
        self._over.clear()

    def end(self, footer: Footer | None = None) -> RunFigures:
        self.figures = figures = self._analysis.end(footer)
        self._see()
        for trip in figures.open_trips:
            spread = self._spreads.get((trip.strategy, trip.symbol), ZERO)
            self.trips.append(SeenTrip(trip, spread))
        return figures


__all__ = ["DECISIONS", "ComparedRun", "Decision"]
