"""Each symbol's price over the run, its largest round trips and its stops: as much as can be drawn.

A symbol has so many points however long the run was; of round trips those with the largest results are
kept, of stops the newest. Beyond `MOST_SYMBOLS` no more symbols are followed.
"""

from __future__ import annotations

from collections import deque
from heapq import heappush, heappushpop

from msgspec import Struct

from tradectl.analysis.downsampling import Downsampled
from tradectl.analysis.round_trips import RoundTrip
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    ExecutionEvent,
    MarketDataEvent,
    OrderDenied,
    OrderInitialized,
    Record,
)
from tradectl.domain.orders import OrderSpec, OrderStatus
from tradectl.state.books import Books

MOST_SYMBOLS = 100
MOST_POINTS = 800
MOST_TRIPS = 250
MOST_STOPS = 250
REFUSED = (OrderStatus.DENIED, OrderStatus.REJECTED)


class Price(Struct):
    at: int
    price: float
    low: float
    high: float


class Stop(Struct):
    """It rested from `since` until `until` (ns; 0: it does still). Was any of it filled?"""

    since: int
    price: float
    reason: str
    until: int = 0
    filled: bool = False


class SymbolPath:
    """One symbol's."""

    def __init__(self) -> None:
        self.trips = 0
        self.stops: deque[Stop] = deque(maxlen=MOST_STOPS)
        self._prices = Downsampled(MOST_POINTS, _joined)
        self._largest: list[tuple[float, int, RoundTrip]] = []

    @property
    def prices(self) -> list[Price]:
        return self._prices.all()

    def see(self, event: MarketDataEvent, at: int) -> None:
        price = float(event.price)
        if isinstance(event, BarEvent):
            self._prices.add(Price(at, price, float(event.low), float(event.high)))
        else:
            self._prices.add(Price(at, price, price, price))

    def add_trip(self, trip: RoundTrip) -> None:
        self.trips += 1
        entry = (abs(float(trip.pnl)), self.trips, trip)
        if len(self._largest) < MOST_TRIPS:
            heappush(self._largest, entry)
        else:
            heappushpop(self._largest, entry)

    def largest(self) -> list[RoundTrip]:
        """By the time that they began."""
        return sorted((trip for *_, trip in self._largest), key=lambda trip: trip.opened_at)


class PricePaths:
    """Looks on while a run is analysed."""

    def __init__(self) -> None:
        self.symbols: dict[str, SymbolPath] = {}
        self._stops: dict[str, Stop] = {}

    def begin(self, books: Books) -> None:
        """The run does, with these: stops may rest already."""
        for order in books.working_orders():
            self._add_order(order.spec, order.created_at, order.reason)

    def watch(self, record: Record, books: Books) -> None:
        event = record.event
        if isinstance(event, MarketDataEvent):
            if event.__class__ is not BarOpened:
                path = self._of(event.symbol)
                if path is not None:
                    path.see(event, record.at)
        elif isinstance(event, OrderInitialized):
            self._add_order(event.order, record.at, event.reason)
        elif isinstance(event, ExecutionEvent | OrderDenied) and event.order_id in self._stops:
            self._on_stop(event.order_id, record, books)

    def _of(self, symbol: str) -> SymbolPath | None:
        path = self.symbols.get(symbol)
        if path is None and len(self.symbols) < MOST_SYMBOLS:
            path = self.symbols[symbol] = SymbolPath()
        return path

    def _add_order(self, spec: OrderSpec, at: int, reason: str) -> None:
        path = self._of(spec.symbol)
        if path is not None and spec.is_protective and spec.stop_price is not None:
            stop = self._stops[spec.order_id] = Stop(at, float(spec.stop_price), reason)
            path.stops.append(stop)

    def _on_stop(self, order_id: str, record: Record, books: Books) -> None:
        """It rests until its order is over: a part that is filled leaves the rest there. One that was
        refused never rested."""
        order, stop = books.order(order_id), self._stops[order_id]
        if order is None or order.is_over:
            stop.until = record.at
            del self._stops[order_id]
        if order is None:
            return
        stop.filled = bool(order.filled)
        if order.status in REFUSED and stop in (stops := self.symbols[order.spec.symbol].stops):
            stops.remove(stop)

    def add_trip(self, trip: RoundTrip) -> None:
        path = self._of(trip.symbol)
        if path is not None:
            path.add_trip(trip)


def _joined(first: Price, second: Price) -> Price:
    return Price(second.at, second.price, min(first.low, second.low), max(first.high, second.high))


__all__ = ["PricePaths", "SymbolPath"]
