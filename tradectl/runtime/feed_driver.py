"""Feed drivers bring market data to the bus, at the feed's pace or as fast as the bus takes it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import Event, MarketDataEvent, TimerFired
from tradectl.domain.time import SECOND
from tradectl.domain.timers import END_OF_DATA_TIMER
from tradectl.feeds.base import FiniteFeed, PacedFeed

LONGEST_NAP_S = 0.25

Item = TypeVar("Item")


class RecordedFeedDriver:
    """Plays a recording. `speed` is a multiple of real time; None is full speed.

    Nothing of a recording is shed: the next batch waits until the bus has taken the last one. With
    `flatten` every position is closed at its end. `history` is asked for what strategies are shown before
    the first of it.
    """

    def __init__(
        self,
        bus: EventBus,
        feed: FiniteFeed,
        speed: float | None = None,
        *,
        flatten: bool = False,
        history: Callable[[], Sequence[Event]] = tuple,
    ) -> None:
        self._history = history
        self._flatten = flatten
        self._bus = bus
        self._feed = feed
        self._speed = speed
        self._started_at = 0.0
        self._first_ts = 0

    async def run(self) -> None:
        for _ in self._feed.skip_ahead():
            await self._bus.clock.sleep(0)
        reader = ReadAside(self._feed.batches())
        try:
            await self._play(reader)
        finally:
            reader.close()

    async def _play(self, reader: ReadAside[list[MarketDataEvent]]) -> None:
        begun = False
        while batch := await reader.next():
            if not begun:
                begun = True
                await self._show_history(batch[0].ts)
            if self._speed is None:
                await self._hand_over(batch)
            else:
                await self._hand_out(batch, self._speed)
            if self._bus.failure is not None or self._bus.concluded:
                return
        if self._flatten:
            self._bus.post(TimerFired(source_component="feed", name=END_OF_DATA_TIMER))
            await self._bus.dispatched()
        self._bus.end_of_data()
        await self._bus.dispatched()

    async def _show_history(self, at: int) -> None:
        """What the feed has read by its first event, which comes at `at` (ns)."""
        inputs = self._history()
        if inputs:
            self._bus.clock.stamp(at)
            for event in inputs:
                self._bus.post(event)
            await self._bus.dispatched()

    async def _hand_over(self, batch: list[MarketDataEvent]) -> None:
        self._bus.post_market(batch)
        await self._bus.dispatched()

    async def _hand_out(self, batch: list[MarketDataEvent], speed: float) -> None:
        if not self._first_ts:
            self._first_ts, self._started_at = batch[0].ts, self._bus.clock.monotonic()
        sent = 0
        while sent < len(batch):
            elapsed = (self._bus.clock.monotonic() - self._started_at) * speed
            reached = self._first_ts + int(elapsed * SECOND)
            due = sent
            while due < len(batch) and batch[due].ts <= reached:
                due += 1
            if due > sent:
                await self._hand_over(batch[sent:due])
                sent = due
            else:
                ahead = (batch[sent].ts - reached) / SECOND / speed
                await self._bus.clock.sleep(min(ahead, LONGEST_NAP_S))


class ReadAside(Generic[Item]):
    """Items of `source`, each fetched in a thread of its own: a file may have next to nothing in a
    hundred gigabytes, or lie on a disk that does not answer, and meanwhile a run is to be asked and
    ended. It is left behind then."""

    def __init__(self, source: Iterator[Item]) -> None:
        self._source = source
        self._asked: queue.SimpleQueue[asyncio.Future[Item | None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def next(self) -> Item | None:
        """None at the end. Raises what the source does."""
        loop = asyncio.get_running_loop()
        if self._thread is None:
            within = contextvars.copy_context()  # decimals are read as they are here
            self._thread = threading.Thread(
                target=within.run, args=(self._fetch, loop), name="reader", daemon=True
            )
            self._thread.start()
        future: asyncio.Future[Item | None] = loop.create_future()
        self._asked.put(future)
        return await future

    def close(self) -> None:
        """Nothing is asked for any more."""
        self._asked.put(None)

    def _fetch(self, loop: asyncio.AbstractEventLoop) -> None:
        item: Item | None
        while (future := self._asked.get()) is not None:
            try:
                item, error = next(self._source, None), None
            except Exception as raised:  # whatever it is, whoever asked is told
                item, error = None, raised
            with contextlib.suppress(RuntimeError):  # nobody waits any more: the loop is closed
                loop.call_soon_threadsafe(_answer, future, item, error)
            if item is None:
                return


def _answer(future: asyncio.Future[Any], item: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(item)
    else:
        future.set_exception(error)


class LiveFeedDriver:
    """Asks a paced feed, `interval` seconds apart, what is due by now."""

    def __init__(self, bus: EventBus, feed: PacedFeed, interval: float = 0.05) -> None:
        self._bus = bus
        self._feed = feed
        self._interval = interval

    async def run(self) -> None:
        while True:
            events = self._feed.advance(self._bus.clock.now())
            if events:
                self._bus.post_market(events)
            await self._bus.clock.sleep(self._interval)
