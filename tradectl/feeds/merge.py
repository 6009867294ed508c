"""Several recordings become one: merged by time, ties in the order in which they were named. Where
candles close as others open, all of them close first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from operator import attrgetter

from tradectl.domain.events import BarOpened, MarketDataEvent

_TS = attrgetter("ts")


def merged(sources: Iterable[Iterator[list[MarketDataEvent]]]) -> Iterator[list[MarketDataEvent]]:
    """Lists of events by `ts`, from sources that are each in time order.

    Of every source the next list is held. All that lies before the earliest end of these lists is
    complete, so it is sorted at once, which costs far less than to compare events one by one.
    """
    held = [_Held(source) for source in sources]
    while True:
        open_ends = [one.events[-1].ts for one in held if not one.exhausted]
        horizon = min(open_ends) if open_ends else None
        ready = [event for one in held for event in one.take(horizon)]
        opens: list[MarketDataEvent] = [e for e in ready if type(e) is BarOpened]
        if opens:
            ready = [e for e in ready if type(e) is not BarOpened] + opens
        ready.sort(key=_TS)
        if ready:
            yield ready
        if horizon is None:
            return
        for one in held:
            if not one.exhausted and one.events[-1].ts == horizon:
                one.fetch()


class _Held:
    """What was fetched of a source and not yet taken; never empty while the source has more."""

    def __init__(self, source: Iterator[list[MarketDataEvent]]) -> None:
        self._source = source
        self.events: list[MarketDataEvent] = []
        self.exhausted = False
        self.fetch()

    def fetch(self) -> None:
        more = next(self._source, None)
        if more is None:
            self.exhausted = True
        else:
            self.events += more

    def take(self, horizon: int | None) -> list[MarketDataEvent]:
        """The events before `horizon`; all of them when there is none."""
        cut = len(self.events) if horizon is None else bisect_left(self.events, horizon, key=_TS)
        taken, self.events = self.events[:cut], self.events[cut:]
        return taken
