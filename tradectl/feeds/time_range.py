"""The part of a recording that is played: from one moment on, up to another that is no longer part of it.

A candle belongs to the moment at which it opened, as its row says it; so one that closes just as the
range ends is the last of it, and one that opened before the range began lies before it, whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY, SECOND, iso

Hear = Callable[[list[MarketDataEvent]], None]
LONGEST_CANDLE = 31 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeRange(Struct, frozen=True):
    """`since` belongs to it and `until` does not, ns UTC; 0 where there is no such bound."""

    since: int = 0
    until: int = 0

    def __bool__(self) -> bool:
        """There is a bound."""
        return bool(self.since or self.until)

    def of(
        self, blocks: Iterator[list[MarketDataEvent]], before: Hear | None = None
    ) -> Iterator[list[MarketDataEvent]]:
        """What of each of `blocks`, events in time order, is within: perhaps nothing. `before` hears what
        comes before it."""
        for block in blocks:
            if self.until and began(block[0]) > self.until:
                return
            yield self._upto(self._since(block, before))

    def _since(self, block: list[MarketDataEvent], before: Hear | None) -> list[MarketDataEvent]:
        since = self.since
        if not since or block[0].ts >= since + LONGEST_CANDLE:
            return block
        is_over = block[-1].ts < since
        earlier = block if is_over else [event for event in block if began(event) < since]
        if not earlier:
            return block
        if before is not None:
            before(earlier)
        return [] if is_over else [event for event in block if began(event) >= since]

    def _upto(self, block: list[MarketDataEvent]) -> list[MarketDataEvent]:
        until = self.until
        if not until or not block or block[-1].ts < until:
            return block
        return [event for event in block if began(event) < until]

    def spelled(self) -> str:
        """In words, to be told to a human."""
        said = [f"from {iso(self.since)}"] if self.since else []
        return " ".join([*said, f"up to {iso(self.until)}"] if self.until else said)


WHOLE = TimeRange()


def began(event: MarketDataEvent) -> int:
    """When what `event` tells of began, ns UTC."""
    return event.ts - event.interval if type(event) is BarEvent else event.ts


def parse_range(since: str | None, until: str | None) -> TimeRange:
    """What `--from` and `--to` say. Raises UsageError."""
    found = TimeRange(_moment("--from", since), _moment("--to", until))
    if found.since and found.until and found.since >= found.until:
        raise UsageError(f"--to {iso(found.until)} does not come after --from {iso(found.since)}")
    return found


def _moment(option: str, text: str | None) -> int:
    """A day or a moment, UTC unless it names a zone, in ns."""
    if text is None:
        return 0
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option}: expected a day or a moment in UTC such as 2021-05-19 or 2021-05-19T12:00, got "
            f"{harmless(text, 40)!r}"
        ) from None
    told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
    passed = told - _EPOCH
    ns = (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds * 1_000
    if ns <= 0:
        raise UsageError(
            f"{option}: {harmless(text, 40)!r} lies before all data, at or before 1970"
        )
    return ns


__all__ = ["WHOLE", "TimeRange", "began", "parse_range"]
