"""The part of a recording that is played: from one moment on, up to another that is no longer part of it.

A candle belongs to the moment at which it opened, as its row says it; so one that closes just as the
range ends is the last of it, and one that opened before the range began lies before it, whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY, SECOND, iso, typed_moment

Hear = Callable[[list[MarketDataEvent]], None]
LONGEST_CANDLE = 31 * DAY
_DAY = re.compile(r"\d{4}-?\d\d-?\d\d")
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


class Extent:
    """From when to when there is data, as far as it was read."""

    def __init__(self, span: TimeRange) -> None:
        self._span = span
        self._first = self._last = 0

    def seen(self, block: list[MarketDataEvent]) -> list[MarketDataEvent]:
        """The block, as it is."""
        if block:
            first = began(block[0])
            self._first = min(self._first or first, first)
            self._last = max(self._last, block[-1].ts)
        return block

    def told(self) -> str:
        """In words, where the span has nothing of it."""
        if not self._first:
            return ""
        if self._span.until and self._first >= self._span.until:
            return f": it begins at {iso(self._first)}"
        if self._last <= self._span.since:
            return f": it has {iso(self._first)} to {iso(self._last)}"
        return f": it has something before that, from {iso(self._first)} on, and after it"


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


def _of_a_range(text: str) -> str:
    """What to do where both ends were typed at once, as `20210101-20210201`."""
    ends = len(_DAY.findall(text))
    is_range = ends > 1 or (ends == 1 and text.strip().strip("-:.,/") != text.strip())
    return "; where it begins is said with --from, and where it ends with --to" if is_range else ""


def _moment(option: str, text: str | None) -> int:
    """A day or a moment, UTC unless it names a zone, in ns."""
    if text is None:
        return 0
    try:
        told = typed_moment(text.strip())
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: expected a day or a moment in UTC such as 2021-05-19 or 2021-05-19T12:00, got "
            f"{harmless(text, 40)!r}{_of_a_range(text)}"
        ) from None
    passed = told - _EPOCH
    ns = (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds * 1_000
    if ns <= 0:
        raise UsageError(
            f"{option}: {harmless(text, 40)!r} lies before all data, at or before 1970"
        )
    return ns


__all__ = ["WHOLE", "Extent", "TimeRange", "began", "parse_range"]
