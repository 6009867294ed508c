"""Trades whose ids are names, or that have none: in the order of arrival.

A gap can only be known of after a lost connection. What has no id cannot be told from its double: of
what was filled in only that counts which lies in time between the last trade before the gap and the
first one behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.live.numbered_trades import NumberedTradeSequencer, number_of
from tradectl.feeds.live.trade_sequencer import (
    BACKFILLED,
    DUPLICATES,
    MOST_HELD,
    RecentIds,
    SequencerState,
    SequencerTrigger,
    Trades,
    TradeSequencer,
)


def sequencer_for(event: MarketDataEvent, counts: Counter[str]) -> TradeSequencer:
    """The kind that the first trade of a symbol asks for."""
    numbered = number_of(event.trade_id) is not None
    return NumberedTradeSequencer(counts) if numbered else NamedTradeSequencer(counts)


class NamedTradeSequencer(TradeSequencer):
    """See `TradeSequencer`."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__(counts)
        self._filled: Trades = []
        self._held: Trades = []
        self._recent_ids = RecentIds()

    @property
    def held(self) -> int:
        return len(self._held) + len(self._filled)

    def take(self, event: MarketDataEvent) -> Trades:
        if self._knows(event):
            self._counts[DUPLICATES] += 1
            return []
        self.step(SequencerTrigger.TRADE)
        self._note(event)
        if self.state is SequencerState.STREAMING:
            self.last_ts = max(self.last_ts, event.ts)
            return [event]
        self._held.append(event)
        return self.release(answered=False) if self.held > MOST_HELD else []

    def backfill(self, events: Sequence[MarketDataEvent]) -> tuple[Trades, int]:
        self.step(SequencerTrigger.ANSWER)
        new, since = 0, self.last_ts
        until = min((event.ts for event in self._held), default=0)
        for event in events:
            between = since < event.ts and (not until or event.ts < until)
            if self._knows(event) or (not event.trade_id and not between):
                self._counts[DUPLICATES] += 1
                if until and event.ts >= until and self.state is SequencerState.GAP:
                    self.step(SequencerTrigger.MEET)
                continue
            new += 1
            self._note(event)
            self._filled.append(event)
            self.last_ts = max(self.last_ts, event.ts)
        self._counts[BACKFILLED] += new
        return [], new

    def release(self, *, answered: bool) -> Trades:
        ready = sorted([*self._filled, *self._held], key=lambda event: event.ts)
        self._filled, self._held = [], []
        self.step(SequencerTrigger.RELEASE)
        self.last_ts = max([self.last_ts, *(event.ts for event in ready)])
        return ready

    def _knows(self, event: MarketDataEvent) -> bool:
        return bool(event.trade_id) and event.trade_id in self._recent_ids

    def _note(self, event: MarketDataEvent) -> None:
        if event.trade_id:
            self._recent_ids.add(event.trade_id)


__all__ = ["NamedTradeSequencer", "sequencer_for"]
