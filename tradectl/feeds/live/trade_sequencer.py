"""A symbol's trades as they come live: each once, in the order of their ids, gaps noticed.

Most exchanges number the trades of a symbol, many without leaving a number out. Where that was seen to
be so for a while, a number that is left out is a gap; after a lost connection there is one in any case.
While a gap waits to be filled by what the exchange tells when asked, the trades behind it are held; in
the end all go on in order. Nothing here asks anybody: a line says that it `wants_fill`, and is given
what was found. Exchanges that name their trades in other ways have a line of their own (`live_named`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Sequence
from typing import Protocol

from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.quality import TickFault

TRUSTED_AFTER = 20
"""Numbers in a row before one that is left out means anything."""
FRUITLESS = 3
"""Gaps in a row that the exchange has no trades for, before its numbers mean nothing again."""
WITNESSES = 20
"""Unknown trades in a row, later in time and lower in number, before numbering has begun anew."""
KEPT_IDS = 4_096
MOST_HELD = 50_000
MOST_DIGITS = 20

DUPLICATES, LATE, GAPS, UNFILLED = "duplicates", "late", "gaps", "unfilled"
RENUMBERED, BACKFILLED = "renumbered", "backfilled"

Trades = list[MarketDataEvent]


class TradeSequencer(Protocol):
    """`last_ts` is the newest time (ns) handed on or filled in, 0 before the first trade. `waiting`:
    what comes is held until a gap is filled; `wants_fill`: somebody has to ask the exchange for it;
    `unheard`: nothing has come since the stream was lost."""

    last_ts: int
    waiting: bool
    wants_fill: bool
    unheard: bool

    @property
    def joined(self) -> bool:
        """What was filled in has met what the stream brought: nothing more need be asked for."""
        ...

    @property
    def held(self) -> int:
        """How many are held."""
        ...

    def heard(self, event: MarketDataEvent) -> Trades:
        """A trade from the stream; those that may go on now."""
        ...

    def interrupted(self) -> None:
        """The stream was lost: what comes next lies behind a gap."""
        ...

    def filled(self, events: Sequence[MarketDataEvent]) -> tuple[Trades, int]:
        """What the exchange told when asked: those that may go on now, and how many were news."""
        ...

    def settle(self, *, answered: bool) -> Trades:
        """No more will be filled in: all that is held. `answered`: the exchange knows no more."""
        ...


def number_of(trade_id: str) -> int | None:
    if trade_id.isdecimal() and trade_id.isascii() and len(trade_id) <= MOST_DIGITS:
        return int(trade_id)
    return None


class RecentIds:
    """The newest ids, by order of arrival."""

    def __init__(self) -> None:
        self._ids: set[Hashable] = set()
        self._order: deque[Hashable] = deque()

    def __contains__(self, trade_id: Hashable) -> bool:
        return trade_id in self._ids

    def add(self, trade_id: Hashable) -> None:
        self._ids.add(trade_id)
        self._order.append(trade_id)
        if len(self._order) > KEPT_IDS:
            self._ids.discard(self._order.popleft())


class NumberedTradeSequencer:
    """Trades whose ids grow. The numbers are `trusted` once they were seen to leave none out."""

    def __init__(self, counts: Counter[str]) -> None:
        self.last_ts = 0
        self.waiting = self.wants_fill = self.unheard = self.trusted = False
        self._counts = counts
        self._last = -1
        self._in_a_row = self._fruitless = 0
        self._needed = TRUSTED_AFTER
        self._held: dict[int, MarketDataEvent] = {}
        self._met = False
        self._first_streamed = -1
        self._lower = self._lowest_rival = 0
        self._recent = RecentIds()

    @property
    def joined(self) -> bool:
        return not self.unheard and (not self._held if self.trusted else self._met)

    @property
    def held(self) -> int:
        return len(self._held)

    def heard(self, event: MarketDataEvent) -> Trades:
        number = number_of(event.trade_id)
        if number is None:
            self._counts[TickFault.NOT_A_NUMBER] += 1
            return []
        if number <= self._last:
            return self._older(number, event)
        if self.unheard:
            self.unheard, self.waiting, self.wants_fill = False, True, True
        if not self.waiting and self.trusted and number != self._last + 1:
            self._counts[GAPS] += 1
            self.waiting = self.wants_fill = True
        if not self.waiting:
            self._advance(number, event)
            return [event]
        if number in self._held:
            self._counts[DUPLICATES] += 1
            return []
        self._held[number] = event
        if self._first_streamed < 0:
            self._first_streamed = number
        if len(self._held) > MOST_HELD:
            return self.settle(answered=False)
        return self._unbroken()

    def interrupted(self) -> None:
        """Nothing can have been missed before the first trade."""
        if self._last >= 0:
            self.waiting = self.unheard = True
            self._met = False

    def filled(self, events: Sequence[MarketDataEvent]) -> tuple[Trades, int]:
        news, told, self.waiting = 0, -1, True
        for event in events:
            number = number_of(event.trade_id)
            if number is None:
                self._counts[TickFault.NOT_A_NUMBER] += 1
                continue
            told = max(told, number)
            if number <= self._last or number in self._held:
                self._counts[DUPLICATES] += 1
            else:
                news += 1
                self._held[number] = event
                self.last_ts = max(self.last_ts, event.ts)
        self._counts[BACKFILLED] += news
        self._met = 0 <= self._first_streamed <= told
        return self._unbroken(told), news

    def settle(self, *, answered: bool) -> Trades:
        if self.trusted and self._held:
            self._give_up_gap(answered=answered)
        ready = [self._take(number) for number in sorted(self._held)]
        self._end_wait()
        return ready

    def _unbroken(self, told: int = -1) -> Trades:
        """What follows the last one without a gap; what lies before the number `told`, and the exchange
        did not tell of, does not exist. With the last of the held ones the wait is over."""
        if not self.trusted:
            return []
        ready: Trades = []
        given_up = False
        while self._held:
            number = self._last + 1
            if number not in self._held:
                if number >= told:
                    return ready
                given_up = True
                self._give_up_gap(answered=True)
                number = min(self._held)
            ready.append(self._take(number))
        if not given_up and told >= 0:
            self._fruitless = 0
        if not self.unheard:
            self._end_wait()
        return ready

    def _end_wait(self) -> None:
        self.waiting = self.wants_fill = self._met = False
        self._first_streamed = -1

    def _give_up_gap(self, *, answered: bool) -> None:
        """Numbers that nobody has trades for are no gap; where that repeats, they prove nothing."""
        self._counts[UNFILLED] += 1
        self._fruitless += answered
        if self._fruitless >= FRUITLESS:
            self.trusted, self._fruitless, self._in_a_row = False, 0, 0
            self._needed *= 10

    def _take(self, number: int) -> MarketDataEvent:
        event = self._held.pop(number)
        self._advance(number, event)
        return event

    def _advance(self, number: int, event: MarketDataEvent) -> None:
        self._in_a_row = self._in_a_row + 1 if number == self._last + 1 else 0
        self.trusted = self.trusted or self._in_a_row >= self._needed
        self._last = number
        self._lower = 0
        self.last_ts = max(self.last_ts, event.ts)
        self._recent.add(number)

    def _older(self, number: int, event: MarketDataEvent) -> Trades:
        """Seen before, or too late; unless an exchange has begun to count anew."""
        if number in self._recent:
            self._counts[DUPLICATES] += 1
            return []
        rises = number > self._lowest_rival and event.ts > self.last_ts
        self._lower = self._lower + 1 if rises else 1
        self._lowest_rival = number
        if self._lower < WITNESSES:
            self._counts[LATE] += 1
            return []
        self._counts[RENUMBERED] += 1
        ready = self.settle(answered=False)
        self.trusted, self._in_a_row, self._last = False, 0, -1
        self._recent = RecentIds()
        self._advance(number, event)
        return [*ready, event]


__all__ = [
    "BACKFILLED",
    "DUPLICATES",
    "GAPS",
    "LATE",
    "MOST_HELD",
    "RENUMBERED",
    "UNFILLED",
    "NumberedTradeSequencer",
    "RecentIds",
    "TradeSequencer",
    "Trades",
    "number_of",
]
