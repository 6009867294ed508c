"""A symbol's trades as they come live: each once, in order, gaps noticed and waited for.

`NEXT[state, trigger]` is the state after it, the same for trades with numbers (`numbered_trades`) and for
those with other names (`named_trades`); what the table does not have cannot happen, and `step` raises.
While a gap waits to be filled by what the exchange answers, the trades behind it are held; in
the end all go on in order. Nothing here asks anybody: who finds a sequencer in GAP asks, and hands in the
answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from enum import StrEnum

from tradectl.domain.errors import IllegalTransition
from tradectl.domain.events import MarketDataEvent

KEPT_IDS = 4_096
MOST_HELD = 50_000

DUPLICATES, LATE, GAPS, UNFILLED = "duplicates", "late", "gaps", "unfilled"
RENUMBERED, BACKFILLED = "renumbered", "backfilled"

Trades = list[MarketDataEvent]


class SequencerState(StrEnum):
    EMPTY = "empty"
    """no trade has come yet: nothing can have been missed"""
    STREAMING = "streaming"
    """each trade goes on as it comes"""
    LOST = "lost"
    """the stream was lost, and no trade has come since"""
    SILENT = "silent"
    """the same, and the exchange was asked: nothing is waited for until a trade comes"""
    GAP = "gap"
    """trades are held behind a gap, until what is missing is there or given up"""
    JOINED = "joined"
    """the answer has reached the first trade that is held: nothing more need be asked for"""


class SequencerTrigger(StrEnum):
    TRADE = "trade"
    """a trade from the stream, not seen before"""
    SKIP = "skip"
    """its number leaves some out"""
    LOSE = "lose"
    """the stream was lost"""
    ANSWER = "answer"
    """the exchange has answered with trades"""
    MEET = "meet"
    """its answer reaches the trades that are held"""
    COMPLETE = "complete"
    """no number is missing any more"""
    RELEASE = "release"
    """nothing more will be filled in: what is held goes on"""


S, T = SequencerState, SequencerTrigger

NEXT: dict[tuple[SequencerState, SequencerTrigger], SequencerState] = {
    (S.EMPTY, T.TRADE): S.STREAMING,
    (S.EMPTY, T.LOSE): S.EMPTY,
    (S.EMPTY, T.RELEASE): S.EMPTY,
    (S.STREAMING, T.TRADE): S.STREAMING,
    (S.STREAMING, T.SKIP): S.GAP,
    (S.STREAMING, T.LOSE): S.LOST,
    (S.STREAMING, T.ANSWER): S.GAP,  # released because too many were held, and then the answer came
    (S.STREAMING, T.RELEASE): S.STREAMING,
    (S.LOST, T.TRADE): S.GAP,
    (S.LOST, T.LOSE): S.LOST,
    (S.LOST, T.ANSWER): S.LOST,
    (S.LOST, T.RELEASE): S.SILENT,
    (S.SILENT, T.TRADE): S.GAP,
    (S.SILENT, T.LOSE): S.LOST,
    (S.SILENT, T.ANSWER): S.LOST,
    (S.SILENT, T.RELEASE): S.SILENT,
    **{
        (held, trigger): after
        for held in (S.GAP, S.JOINED)
        for trigger, after in (
            (T.TRADE, held),
            (T.LOSE, S.LOST),
            (T.ANSWER, S.GAP),
            (T.COMPLETE, S.STREAMING),
            (T.RELEASE, S.STREAMING),
        )
    },
    (S.GAP, T.MEET): S.JOINED,
}


class TradeSequencer(ABC):
    """`last_ts` is the newest time (ns) handed on or filled in, 0 before the first trade."""

    def __init__(self, counts: Counter[str]) -> None:
        self.state = SequencerState.EMPTY
        self.last_ts = 0
        self._counts = counts

    @property
    def awaits_backfill(self) -> bool:
        """What comes is held until what is missing is filled in or given up."""
        return self.state in (S.LOST, S.GAP, S.JOINED)

    @property
    def has_joined(self) -> bool:
        """What was filled in has met what the stream brought."""
        return self.state in (S.STREAMING, S.JOINED)

    @property
    def lacks_stream(self) -> bool:
        """No trade has come since the stream was lost."""
        return self.state in (S.LOST, S.SILENT)

    @property
    @abstractmethod
    def held(self) -> int:
        """How many are held."""

    @abstractmethod
    def take(self, event: MarketDataEvent) -> Trades:
        """A trade from the stream; those that may go on now."""

    def stream_lost(self) -> None:
        """What comes next lies behind a gap."""
        self.step(T.LOSE)

    @abstractmethod
    def backfill(self, events: Sequence[MarketDataEvent]) -> tuple[Trades, int]:
        """What the exchange answered with: those that may go on now, and how many were new."""

    @abstractmethod
    def release(self, *, answered: bool) -> Trades:
        """No more will be filled in: all that is held. `answered`: the exchange knows no more."""

    def step(self, trigger: SequencerTrigger) -> None:
        """Raises IllegalTransition where the table has no row."""
        try:
            self.state = NEXT[self.state, trigger]
        except KeyError:
            raise IllegalTransition(f"trades that are {self.state} do not take {trigger}") from None


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


__all__ = [
    "BACKFILLED",
    "DUPLICATES",
    "GAPS",
    "LATE",
    "MOST_HELD",
    "NEXT",
    "RENUMBERED",
    "UNFILLED",
    "RecentIds",
    "SequencerState",
    "SequencerTrigger",
    "TradeSequencer",
    "Trades",
]
