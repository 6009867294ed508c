"""Trades whose ids are numbers that grow: in the order of their numbers.

Most exchanges number the trades of a symbol, many without leaving a number out. Where that was seen to
be so for a while the numbers are trusted, and one that is left out is a gap; after a lost connection
there is a gap in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.live.trade_sequencer import (
    BACKFILLED,
    DUPLICATES,
    GAPS,
    LATE,
    MOST_HELD,
    RENUMBERED,
    UNFILLED,
    RecentIds,
    SequencerState,
    SequencerTrigger,
    Trades,
    TradeSequencer,
)
from tradectl.feeds.quality import TickFault

TRUSTED_AFTER = 20
"""Numbers in a row before one that is left out means anything."""
MOST_FRUITLESS = 3
"""Gaps in a row that the exchange has no trades for, before its numbers mean nothing again."""
RENUMBERED_AFTER = 20
"""Unknown trades in a row, later in time and lower in number, before numbering has begun anew."""
MOST_DIGITS = 20
NONE = -1


def number_of(trade_id: str) -> int | None:
    if trade_id.isdecimal() and trade_id.isascii() and len(trade_id) <= MOST_DIGITS:
        return int(trade_id)
    return None


class NumberedTradeSequencer(TradeSequencer):
    """See `TradeSequencer`. `trusted`: the numbers were seen to leave none out."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__(counts)
        self.trusted = False
        self._last = NONE
        self._in_a_row = self._fruitless = 0
        self._needed = TRUSTED_AFTER
        self._held: dict[int, MarketDataEvent] = {}
        self._first_behind_gap = NONE
        self._lower_in_a_row = self._lowest_new = 0
        self._recent_ids = RecentIds()

    @property
    def held(self) -> int:
        return len(self._held)

    def take(self, event: MarketDataEvent) -> Trades:
        number = number_of(event.trade_id)
        if number is None:
            self._counts[TickFault.NOT_A_NUMBER] += 1
            return []
        if number <= self._last:
            return self._take_older(number, event)
        if self._skips(number):
            self._counts[GAPS] += 1
            self.step(SequencerTrigger.SKIP)
        else:
            self.step(SequencerTrigger.TRADE)
        if self.state is SequencerState.STREAMING:
            self._advance(number, event)
            return [event]
        return self._keep_back(number, event)

    def _skips(self, number: int) -> bool:
        is_streaming = self.state is SequencerState.STREAMING
        return is_streaming and self.trusted and number != self._last + 1

    def _keep_back(self, number: int, event: MarketDataEvent) -> Trades:
        if number in self._held:
            self._counts[DUPLICATES] += 1
            return []
        self._held[number] = event
        if self._first_behind_gap == NONE:
            self._first_behind_gap = number
        if len(self._held) > MOST_HELD:
            return self.release(answered=False)
        return self._take_unbroken()

    def stream_lost(self) -> None:
        super().stream_lost()
        self._first_behind_gap = NONE

    def backfill(self, events: Sequence[MarketDataEvent]) -> tuple[Trades, int]:
        self.step(SequencerTrigger.ANSWER)
        new, newest = 0, NONE
        for event in events:
            number = number_of(event.trade_id)
            if number is None:
                self._counts[TickFault.NOT_A_NUMBER] += 1
                continue
            newest = max(newest, number)
            if number <= self._last or number in self._held:
                self._counts[DUPLICATES] += 1
            else:
                new += 1
                self._held[number] = event
                self.last_ts = max(self.last_ts, event.ts)
        self._counts[BACKFILLED] += new
        meets = NONE < self._first_behind_gap <= newest
        ready = self._take_unbroken(newest)
        if meets and not self.trusted and self.state is SequencerState.GAP:
            self.step(SequencerTrigger.MEET)
        return ready, new

    def release(self, *, answered: bool) -> Trades:
        if self.trusted and self._held:
            self._give_up_gap(answered=answered)
        ready = [self._take_held(number) for number in sorted(self._held)]
        self._end_wait(SequencerTrigger.RELEASE)
        return ready

    def _take_unbroken(self, newest: int = NONE) -> Trades:
        """What follows the last one without a gap, where numbers are trusted. Of the numbers before
        `newest` those that the exchange did not tell of do not exist. With the last of the held ones the
        wait is over."""
        if not self.trusted:
            return []
        ready: Trades = []
        given_up = False
        while self._held:
            number = self._last + 1
            if number not in self._held:
                if number >= newest:
                    return ready
                given_up = True
                self._give_up_gap(answered=True)
                number = min(self._held)
            ready.append(self._take_held(number))
        if not given_up and newest > NONE:
            self._fruitless = 0
        if not self.lacks_stream:
            self._end_wait(SequencerTrigger.COMPLETE)
        return ready

    def _end_wait(self, trigger: SequencerTrigger) -> None:
        self.step(trigger)
        self._first_behind_gap = NONE

    def _give_up_gap(self, *, answered: bool) -> None:
        """Numbers that nobody has trades for are no gap; where that repeats, they prove nothing."""
        self._counts[UNFILLED] += 1
        self._fruitless += answered
        if self._fruitless >= MOST_FRUITLESS:
            self.trusted, self._fruitless, self._in_a_row = False, 0, 0
            self._needed *= 10

    def _take_held(self, number: int) -> MarketDataEvent:
        event = self._held.pop(number)
        self._advance(number, event)
        return event

    def _advance(self, number: int, event: MarketDataEvent) -> None:
        self._in_a_row = self._in_a_row + 1 if number == self._last + 1 else 0
        self.trusted = self.trusted or self._in_a_row >= self._needed
        self._last = number
        self._lower_in_a_row = 0
        self.last_ts = max(self.last_ts, event.ts)
        self._recent_ids.add(number)

    def _take_older(self, number: int, event: MarketDataEvent) -> Trades:
        """Seen before, or too late; unless an exchange has begun to count anew."""
        if number in self._recent_ids:
            self._counts[DUPLICATES] += 1
            return []
        rises = number > self._lowest_new and event.ts > self.last_ts
        self._lower_in_a_row = self._lower_in_a_row + 1 if rises else 1
        self._lowest_new = number
        if self._lower_in_a_row < RENUMBERED_AFTER:
            self._counts[LATE] += 1
            return []
        self._counts[RENUMBERED] += 1
        ready = self.release(answered=False)
        self.trusted, self._in_a_row, self._last = False, 0, NONE
        self._recent_ids = RecentIds()
        self._advance(number, event)
        return [*ready, event]


__all__ = [
    "MOST_FRUITLESS",
    "RENUMBERED_AFTER",
    "TRUSTED_AFTER",
    "NumberedTradeSequencer",
    "number_of",
]
