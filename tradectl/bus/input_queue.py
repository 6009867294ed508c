"""Inputs on their way to the core: market data in one queue, everything else in one for each priority.

Each of the two kinds is bounded. Market data beyond the limit pushes the oldest out, and is counted; for
the rest `has_room` says whether a publisher has to wait, since none of it may be lost.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from tradectl.domain.events import Event, EventPriority, MarketDataEvent


class InputQueue:
    """`market` and `urgent_waiting` are read once an event: they are plain attributes."""

    def __init__(self, limit: int) -> None:
        self.published = 0
        self.dropped = 0
        self.market: deque[MarketDataEvent] = deque()
        self.urgent_waiting = 0
        self.closed = False
        self._limit = limit
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

    def put_market(self, events: list[MarketDataEvent]) -> None:
        """In order; what does not fit pushes the oldest out."""
        if self.closed:
            return
        self.published += len(events)
        self.market.extend(events)
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
        return event


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
