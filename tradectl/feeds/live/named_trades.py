"""Trades whose ids are names, or that have none: in the order of arrival.

A gap can only be known of after a lost connection. What has no id cannot be told from its double: of
what was filled in only that counts which lies in time between the last trade before the gap and the
first one behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.live.trade_sequencer import (
    BACKFILLED,
    DUPLICATES,
    MOST_HELD,
    NumberedTradeSequencer,
    RecentIds,
    Trades,
    TradeSequencer,
    number_of,
)


def sequencer_for(event: MarketDataEvent, counts: Counter[str]) -> TradeSequencer:
    """The sort of line that the first trade of a symbol asks for."""
    numbered = number_of(event.trade_id) is not None
    return NumberedTradeSequencer(counts) if numbered else NamedTradeSequencer(counts)


class NamedTradeSequencer:
    """See `TradeSequencer`."""

    def __init__(self, counts: Counter[str]) -> None:
        self.last_ts = 0
        self.waiting = self.wants_fill = self.unheard = False
        self._counts = counts
        self._begun = self._met = False
        self._filled: Trades = []
        self._held: Trades = []
        self._recent = RecentIds()

    @property
    def joined(self) -> bool:
        return self._met and not self.unheard

    @property
    def held(self) -> int:
        return len(self._held) + len(self._filled)

    def heard(self, event: MarketDataEvent) -> Trades:
        if self._knows(event):
            self._counts[DUPLICATES] += 1
            return []
        if self.unheard:
            self.unheard, self.waiting, self.wants_fill = False, True, True
        self._note(event)
        if not self.waiting:
            self._begun = True
            self.last_ts = max(self.last_ts, event.ts)
            return [event]
        self._held.append(event)
        return self.settle(answered=False) if self.held > MOST_HELD else []

    def interrupted(self) -> None:
        if self._begun:
            self.waiting = self.unheard = True
            self._met = False

    def filled(self, events: Sequence[MarketDataEvent]) -> tuple[Trades, int]:
        news, since, self.waiting = 0, self.last_ts, True
        until = min((event.ts for event in self._held), default=0)
        for event in events:
            between = since < event.ts and (not until or event.ts < until)
            if self._knows(event) or (not event.trade_id and not between):
                self._counts[DUPLICATES] += 1
                self._met = self._met or bool(until and event.ts >= until)
                continue
            news += 1
            self._note(event)
            self._filled.append(event)
            self.last_ts = max(self.last_ts, event.ts)
        self._counts[BACKFILLED] += news
        return [], news

    def settle(self, *, answered: bool) -> Trades:
        ready = sorted([*self._filled, *self._held], key=lambda event: event.ts)
        self._filled, self._held = [], []
        self.waiting = self.wants_fill = self._met = False
        self.last_ts = max([self.last_ts, *(event.ts for event in ready)])
        return ready

    def _knows(self, event: MarketDataEvent) -> bool:
        return bool(event.trade_id) and event.trade_id in self._recent

    def _note(self, event: MarketDataEvent) -> None:
        if event.trade_id:
            self._recent.add(event.trade_id)


__all__ = ["NamedTradeSequencer", "sequencer_for"]
