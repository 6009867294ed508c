"""Observers get events in mailboxes of their own: slow, failing or hanging, each hurts only itself.

A mailbox is bounded. When it is full the oldest market data in it is dropped and counted first; an
observer so far behind that even the rest does not fit loses the oldest of that too, counted as `missed`
(the journal still has it). An event that an observer cannot handle becomes a dead letter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import attrgetter

from msgspec import Struct

from tradectl.bus.clock import Clock
from tradectl.bus.delivery import SLICE_NS, Delivery, Observer, RetryPolicy
from tradectl.documents.run import HandlerFigures
from tradectl.domain.events import EventPriority, Record


class DeadLetter(Struct, frozen=True, gc=False):
    """An event that an observer could not handle, with the last error."""

    record: Record
    observer: str
    error: str
    attempts: int


class RecordQueue:
    """At most `limit` records, taken in order of their sequence numbers."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self.missed = 0
        self._limit = limit
        self._market: deque[Record] = deque()
        self._rest: deque[Record] = deque()

    def __len__(self) -> int:
        return len(self._market) + len(self._rest)

    def put(self, record: Record) -> None:
        if record.event.priority is EventPriority.MARKET_DATA:
            self._market.append(record)
        else:
            self._rest.append(record)
        if len(self._market) + len(self._rest) > self._limit:
            self._shed()

    def take(self) -> Record | None:
        market, rest = self._market, self._rest
        if market and (not rest or market[0].seq < rest[0].seq):
            return market.popleft()
        return rest.popleft() if rest else None

    def put_back(self, record: Record) -> None:
        """Nothing: what an observer cannot handle is a dead letter."""

    def _shed(self) -> None:
        if self._market:
            self._market.popleft()
            self.dropped += 1
        else:
            self._rest.popleft()
            self.missed += 1


class Mailbox(Delivery[Record]):
    """`handler` gets the event, or the whole Record when `wants_records`. `on_open(name, error)` is told
    of an observer that keeps failing, `on_close(name)` of one that works again."""

    def __init__(
        self,
        handler: Observer,
        *,
        name: str,
        limit: int,
        on_dead: Callable[[DeadLetter], None],
        on_open: Callable[[str, str], None] = lambda name, error: None,
        on_close: Callable[[str], None] = lambda name: None,
        wants_records: bool = False,
        policy: RetryPolicy | None = None,
        slice_ns: int = SLICE_NS,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.records = RecordQueue(limit)
        super().__init__(
            handler,
            self.records,
            policy or RetryPolicy(),
            on_dead=lambda record, error, n: on_dead(DeadLetter(record, name, error, n)),
            on_open=lambda error: on_open(name, error),
            on_close=lambda: on_close(name),
            argument=None if wants_records else attrgetter("event"),
            slice_ns=slice_ns,
            clock=clock,
        )

    def row(self) -> HandlerFigures:
        """As `status --json` shows it."""
        figures = self.figures
        return HandlerFigures(
            handled=figures.handled,
            failures=figures.failures,
            dropped=self.records.dropped,
            missed=self.records.missed,
            waiting=len(self),
            mean_us=round(figures.busy_ns / max(1, figures.handled) / 1000, 1),
            max_us=round(figures.max_ns / 1000, 1),
            breaker=self.breaker.state,
        )
