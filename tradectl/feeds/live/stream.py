"""One channel of one venue, kept up: connected, and connected again whenever it is lost.

The pauses between attempts grow, and begin small again once data has come for a while; an exchange that
names a pause of its own is obeyed. A connection can also be open and dead: after a long silence it is
given up like a lost one, each time after a longer silence, because a market may truly be quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.resilience import FIRST_PAUSE_S, pauses
from tradectl.exchange.venue import Channel, Venue

LONGEST_PAUSE_S = 10.0
FORGIVEN_AFTER_S = 30.0
"""So long data must have come before the pauses begin small again."""
LONGEST_SILENCE_S = 300.0
TOLERANCE_S = 0.001
ENDING_S = 5.0
"""The longest wait for a stream that was cancelled."""


class Stream:
    """`take(stream, events)` gets what comes, `lost(stream, why)` is called for each lost connection.
    `silence` is the first silence (s) after which a connection is given up."""

    def __init__(
        self,
        venue: Venue,
        channel: Channel,
        symbols: Sequence[str],
        *,
        take: Callable[[Stream, Sequence[MarketDataEvent]], None],
        lost: Callable[[Stream, NotExecuted], None],
        silence: float,
        sleep: Sleep,
        monotonic: Callable[[], float],
    ) -> None:
        self.venue = venue
        self.channel = channel
        self.symbols: Collection[str] = tuple(symbols)
        self._take = take
        self._lost = lost
        self._silence = silence
        self._sleep = sleep
        self._monotonic = monotonic
        self._first: float | None = None
        self._last = 0.0

    async def run(self) -> None:
        """For ever. Raises what trying again does not mend: VenueRefusal, AccessLost, UsageError."""
        longest_silence = max(LONGEST_SILENCE_S, self._silence)
        waits = pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        silences = pauses(self._silence, longest_silence)
        while True:
            self._first, self._last = None, self._monotonic()
            try:
                await self._follow(next(silences))
                why = NotExecuted(f"{self.venue.name}: the stream of {self.channel} ended")
            except NotExecuted as error:
                why = error
            came_for = self._data_came_for()
            if came_for >= FORGIVEN_AFTER_S:
                waits = pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
            if came_for >= 0:
                silences = pauses(self._silence, longest_silence)
            self._lost(self, why)
            await self._sleep(max(next(waits), why.retry_after))

    async def _follow(self, patience: float) -> None:
        """Until the stream ends, or has been silent for `patience` seconds. Raises what it raises."""
        wanted = list(self.symbols)
        stream = asyncio.ensure_future(self.venue.stream(self.channel, wanted, self._on_events))
        try:
            while not stream.done():
                silent = self._monotonic() - self._last
                if silent >= patience - TOLERANCE_S:
                    raise NotExecuted(
                        f"{self.venue.name}: no {self.channel} for {silent:.0f} s on an open connection"
                    )
                await self._first_of(stream, patience - silent)
            await stream
        finally:
            await _end(stream)

    async def _first_of(self, stream: asyncio.Future[None], seconds: float) -> None:
        nap = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({stream, nap}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            await asyncio.gather(nap, return_exceptions=True)

    def _data_came_for(self) -> float:
        """Seconds from the first data of this attempt to the last; -1 where none came."""
        return -1.0 if self._first is None else self._last - self._first

    def _on_events(self, events: Sequence[MarketDataEvent]) -> None:
        self._last = self._monotonic()
        if self._first is None:
            self._first = self._last
        self._take(self, events)


async def _end(stream: asyncio.Future[None]) -> None:
    """Cancel it and wait, but not for ever: a connection that cannot be closed must not stop the rest."""
    if not stream.done():
        stream.cancel()
        await asyncio.wait({stream}, timeout=ENDING_S)
    if stream.done() and not stream.cancelled():
        stream.exception()  # whoever awaited it has raised it; here it is only marked as seen


__all__ = ["Stream"]
