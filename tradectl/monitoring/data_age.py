"""How old the newest market data of each symbol is.

The books keep the last event of every symbol, so no handler runs for each tick: a check every few
seconds finds the symbols that have fallen silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.bus.clock import Clock
from tradectl.domain.events import MarketDataEvent, SystemEvent, SystemEventKind
from tradectl.domain.text import harmless
from tradectl.domain.time import age_s

if TYPE_CHECKING:
    from tradectl.state.books import Books


class DataAge:
    """Data is stale when it is more than `stale_after` seconds old. Only live data can be."""

    def __init__(
        self,
        books: Books,
        clock: Clock,
        *,
        stale_after: float = 30.0,
    ) -> None:
        self._books = books
        self._clock = clock
        self._stale_after = stale_after
        self._seen: dict[str, tuple[MarketDataEvent, float]] = {}
        self._stale: dict[str, bool] = {}

    def ages(self) -> dict[str, float]:
        """Seconds since the newest event of each symbol seen so far."""
        now = self._clock.now()
        return {symbol: self._age(event, now) for symbol, event in list(self._books.last.items())}

    def changes(self) -> list[SystemEvent]:
        """`feed_stale` for each symbol newly stale, `feed_fresh` for each that came back."""
        if not self._clock.live:
            return []
        found = []
        for symbol, age in self.ages().items():
            stale = age > self._stale_after
            if stale != self._stale.get(symbol, False):
                found.append(_stale_event(symbol, age) if stale else _fresh_event(symbol))
            self._stale[symbol] = stale
        return found

    def _age(self, event: MarketDataEvent, now: int) -> float:
        """By what the event says, or by how long there has been no newer one: whichever is longer.

        An event may say nothing of its time, or be dated in the future.
        """
        return round(max(age_s(event.ts, now), self._unchanged(event)), 3)

    def _unchanged(self, event: MarketDataEvent) -> float:
        if not self._clock.live:
            return 0.0
        seen, at = self._seen.get(event.symbol, (None, 0.0))
        if seen is not event:
            at = self._clock.monotonic()
            self._seen[event.symbol] = event, at
        return self._clock.monotonic() - at


def _stale_event(symbol: str, age: float) -> SystemEvent:
    return _feed_event(SystemEventKind.FEED_STALE, symbol, f"no market data for {age:.1f} s")


def _fresh_event(symbol: str) -> SystemEvent:
    return _feed_event(SystemEventKind.FEED_FRESH, symbol, "market data is back")


def _feed_event(kind: SystemEventKind, symbol: str, message: str) -> SystemEvent:
    name = harmless(symbol)
    return SystemEvent(
        source_component="monitor",
        kind=kind,
        component=f"feed:{name}",
        message=f"{name}: {message}",
    )
