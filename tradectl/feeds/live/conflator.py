"""What came within one turn of the loop, handed on as one list: a journal writes and seals in groups.

How old it is is noted first. Of quotes and books only the newest of each symbol may go on, for whoever
trades wants the present; trades all do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from tradectl.domain.events import MarketDataEvent, QuoteEvent
from tradectl.feeds.live.staleness import StalenessMonitor

DELIVERED, CONFLATED = "delivered", "conflated"


class Conflator:
    """`conflate`: older quotes and books are left out, and counted."""

    def __init__(
        self,
        deliver: Callable[[list[MarketDataEvent]], None],
        staleness: StalenessMonitor,
        counts: Counter[str],
        *,
        conflate: bool,
    ) -> None:
        self._deliver = deliver
        self._staleness = staleness
        self._counts = counts
        self._conflate = conflate
        self._events: list[MarketDataEvent] = []
        self._due: asyncio.Handle | None = None

    def add(self, event: MarketDataEvent) -> None:
        """To be handed on with the next turn of the loop."""
        self._events.append(event)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Hand on what there is, now."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        batch, self._events = self._events, []
        if not batch:
            return
        if self._conflate:
            kept = conflated(batch)
            self._counts[CONFLATED] += len(batch) - len(kept)
            batch = kept
        self._staleness.check_stall()
        self._note_ages(batch)
        self._counts[DELIVERED] += len(batch)
        self._deliver(batch)

    def _note_ages(self, batch: list[MarketDataEvent]) -> None:
        newest: dict[str, int] = {}
        traded: dict[str, int] = {}
        for event in batch:
            symbol, ts = event.symbol, event.ts
            newest[symbol] = max(ts, newest.get(symbol, 0))
            if not isinstance(event, QuoteEvent):
                traded[symbol] = max(ts, traded.get(symbol, 0))
        for symbol, ts in newest.items():
            self._staleness.on_data(symbol, ts, traded.get(symbol, 0))


def conflated(batch: list[MarketDataEvent]) -> list[MarketDataEvent]:
    """Without the quotes and books that a newer one of their symbol follows; trades all stay."""
    seen: set[tuple[str, type]] = set()
    kept = []
    for event in reversed(batch):
        if isinstance(event, QuoteEvent):
            key = event.symbol, event.__class__
            if key in seen:
                continue
            seen.add(key)
        kept.append(event)
    kept.reverse()
    return kept


__all__ = ["CONFLATED", "DELIVERED", "Conflator", "conflated"]
