"""What a feed is: an edge that yields market data in time order, and knows nothing of the bus.

There are two sorts. A *finite* feed holds a recording and is played to its end, as fast as the run
can take it: it hands out batches. A *paced* feed goes on for ever and is asked, again and again,
what is due by now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct, field

from tradectl.domain.events import MarketDataEvent

BATCH_SIZE = 512
BAD_ROWS_KEPT = 20


class BadRow(Struct, frozen=True):
    """A row that was not traded on: where it stands (lines count from 1), what is wrong with it."""

    file: str
    line: int
    reason: str


class Progress(Struct):
    """How far a finite feed has come. Times are ns UTC, 0 before the first event.
    Files are read ahead: `read_until` is the time of what was read, `last_ts` of what was handed out.

    `bad` counts the rows refused by the name of their fault; `bad_rows` are the first 20 of them;
    `left_out` are the symbols that had too many of them, and why. `empty_candles` have no price: gaps.
    """

    rows: int = 0
    events: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    first_ts: int = 0
    last_ts: int = 0
    read_until: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    bad_rows: list[BadRow] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    empty_candles: int = 0

    @property
    def fraction(self) -> float:
        """Share of the files' bytes (as stored) that has been read, 0 to 1."""
        return min(1.0, self.bytes_read / self.bytes_total) if self.bytes_total else 0.0

    def played(self, until: int) -> float:
        """Share that has been played where the run has come to `until` (ns UTC), 0 to 1: of what is read
        ahead, the part of its time that is over."""
        span = self.read_until - self.first_ts
        if not self.first_ts or until < self.first_ts:
            return 0.0
        return self.fraction * min(1.0, (until - self.first_ts) / span) if span else self.fraction

    @property
    def bad_count(self) -> int:
        return sum(self.bad.values())


class Feed(Protocol):
    """What every feed says of itself. Only a `simulated` one invents its prices."""

    @property
    def name(self) -> str: ...
    @property
    def simulated(self) -> bool: ...
    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols asked for; where none were, those seen so far."""
        ...


class FiniteFeed(Feed, Protocol):
    """A recording, played once."""

    @property
    def progress(self) -> Progress: ...
    def skip_ahead(self) -> Iterator[None]:
        """Go on to what is played of a recording, a little at a time."""
        ...

    def batches(self) -> Iterator[list[MarketDataEvent]]:
        """All events in time order, in lists of at most the batch size, none of them empty.

        Raises DataError when a file turns out to be unfit to trade on.
        """
        ...


class PacedFeed(Feed, Protocol):
    """A market that goes on as time does."""

    def advance(self, now_ns: int) -> list[MarketDataEvent]:
        """The events due up to and including `now_ns` that were not handed out before."""
        ...


__all__ = ["BATCH_SIZE", "BadRow", "Feed", "FiniteFeed", "PacedFeed", "Progress"]
