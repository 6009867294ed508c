"""Inputs on their way to the core: market data in one queue, everything else in one for each priority.

Each of the two kinds is bounded. Market data beyond the limit pushes the oldest out, and is counted; for
the rest `has_room` says whether a publisher has to wait, since none of it may be lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from tradectl.domain.events import Event, EventPriority, MarketDataEvent
from tradectl.domain.statistics import Durations


class InputQueue:
    """`market` and `urgent_waiting` are read once an event: they are plain attributes.

    How long inputs wait is measured by `ticks` (ns), if at all, of one of each class at a time: for the
    next one once that was taken. Of market data `looks_for` is how many have to be gone by then.
    """

    def __init__(self, limit: int, ticks: Callable[[], int] | None = None) -> None:
        self.published = 0
        self.dropped = 0
        self.market: deque[MarketDataEvent] = deque()
        self.urgent_waiting = 0
        self.closed = False
        self._limit = limit
        self.waits = {priority: Durations() for priority in EventPriority}
        self.looks_for = 0
        self._ticks = ticks
        self._looked_at: list[tuple[Event, int] | None] = [None] * len(EventPriority)
        self._market_put = self._market_put_at = 0
        self._urgent: list[deque[Event]] = [deque() for _ in range(EventPriority.MARKET_DATA)]

    def __len__(self) -> int:
        return self.urgent_waiting + len(self.market)

    @property
    def processed(self) -> int:
        return self.published - self.dropped - len(self)

    @property
    def has_room(self) -> bool:
        """For one more input that is no market data."""
        return self.urgent_waiting < self._limit

    def close(self) -> None:
        """Nothing more is taken, what waits included: it was never here."""
        self.published -= len(self)
        self.urgent_waiting, self.closed = 0, True
        self.market.clear()
        for queue in self._urgent:
            queue.clear()

    def put(self, event: Event) -> None:
        if self.closed:
            return
        self._urgent[event.priority].append(event)
        self.urgent_waiting += 1
        self.published += 1
        if self._ticks is not None and self._looked_at[event.priority] is None:
            self._looked_at[event.priority] = event, self._ticks()

    def put_market(self, events: list[MarketDataEvent]) -> None:
        """In order; what does not fit pushes the oldest out."""
        if self.closed:
            return
        self.published += len(events)
        self.market.extend(events)
        if self._ticks is not None:
            if not self.looks_for:
                self.looks_for, self._market_put_at = self._market_put + 1, self._ticks()
            self._market_put += len(events)
        while len(self.market) > self._limit:
            self.market.popleft()
            self.dropped += 1

    def take_urgent(self) -> Event:
        """The oldest of the highest priority. Raises IndexError when none waits."""
        for queue in self._urgent:
            if queue:
                break
        event = queue.popleft()
        self.urgent_waiting -= 1
        looked_at = self._looked_at[event.priority]
        if looked_at is not None and looked_at[0] is event and self._ticks is not None:
            self._looked_at[event.priority] = None
            self.waits[event.priority].note(self._ticks() - looked_at[1])
        return event

    def look(self, now: int) -> None:
        """Whether the market data that is looked for is gone by `now` (ticks), at the end of a turn."""
        if self._market_put - len(self.market) >= self.looks_for:
            self.waits[EventPriority.MARKET_DATA].note(now - self._market_put_at)
            self.looks_for = 0

    def depths(self) -> dict[EventPriority, int]:
        """What waits, by class."""
        urgent = {EventPriority(number): len(queue) for number, queue in enumerate(self._urgent)}
        return {**urgent, EventPriority.MARKET_DATA: len(self.market)}


def check_money(event: MarketDataEvent) -> None:
    """Raises TypeError unless its money is Decimal: a binary float would fail later, in the books."""
    bid, ask = event.bid, event.ask
    if (
        event.price.__class__ is Decimal
        and event.volume.__class__ is Decimal
        and (bid is None or bid.__class__ is Decimal)
        and (ask is None or ask.__class__ is Decimal)
    ):
        return
    for name in ("price", "volume", "bid", "ask"):
        value = getattr(event, name)
        if value is not None and not isinstance(value, Decimal):
            raise TypeError(f"{name}: expected a Decimal, got {value!r:.40}: write Decimal('...')")
