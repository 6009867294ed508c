"""How late market data comes: from the exchange's date of an event to our having it.

The two clocks differ. What is measured is by the exchange's own, as far ahead of ours as it said when it
was asked last; where it does not tell, by ours. From that word on its time is counted by seconds that
nobody sets: a clock of ours that is set makes nothing late. Trades count, which the exchange dates
itself; the first message of a connection does not, since it may tell of what was long before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from tradectl.bus.step_times import percentiles_us
from tradectl.documents.market import EventLag
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.statistics import Durations
from tradectl.domain.time import SECOND

NEWEST, RECENT_S = 256, 300.0
"""So many at most, and none that came longer ago: of a quiet market they would be of hours before."""


class LagMeter:
    """Of one exchange. `now` gives ns of our clock, `wall` those of the computer's, by which the exchange
    is `offset` (ns) ahead, None where nobody knows; `monotonic` seconds. `durations` are those of every
    message."""

    def __init__(
        self,
        now: Callable[[], int],
        wall: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._now, self._wall, self._monotonic = now, wall, monotonic
        self.offset: int | None = None
        self._ahead = 0
        """of the exchange's clock, in ns of `monotonic`"""
        self.durations = Durations()
        self._newest: deque[tuple[float, int]] = deque(maxlen=NEWEST)
        self._latest: dict[object, int] = {}

    def clock_is(self, offset: int) -> None:
        self.offset, self._ahead = offset, self._wall() + offset - self._ticks()

    def _ticks(self) -> int:
        return int(self._monotonic() * SECOND)

    def _theirs(self) -> int:
        """What time it is there."""
        return self._now() if self.offset is None else self._ticks() + self._ahead

    def came(self, connection: object, events: Sequence[MarketDataEvent]) -> None:
        """A message, of whose events the newest counts if it is newer than those before."""
        ts = events[-1].ts
        before = self._latest.get(connection)
        if not ts or (before is not None and ts <= before):
            return
        self._latest[connection] = ts
        if before is not None:
            lag = self._theirs() - ts
            self.durations.note(lag)
            self._newest.append((self._monotonic(), lag))

    def lost(self, connection: object) -> None:
        self._latest.pop(connection, None)

    def figures(self) -> EventLag | None:
        """Of the newest messages; None where there is none."""
        since = self._monotonic() - RECENT_S
        newest = [lag for at, lag in self._newest if at >= since]
        if not newest:
            return None
        p50, p99 = percentiles_us(newest, 0.50, 0.99)
        offset = None if self.offset is None else round(self.offset / 1e6, 3)
        return EventLag(
            p50_ms=round(p50 / 1e3, 3), p99_ms=round(p99 / 1e3, 3), clock_offset_ms=offset
        )


def lags_of(meters: Mapping[str, LagMeter]) -> dict[str, EventLag]:
    """Of those that have measured one."""
    found = {name: meter.figures() for name, meter in meters.items()}
    return {name: lag for name, lag in found.items() if lag is not None}


__all__ = ["LagMeter", "lags_of"]
