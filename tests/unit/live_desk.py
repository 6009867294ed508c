"""A live feed on a desk: fake venues, a time that the test moves, and what the feed said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.unit.fake_venue import FakeTime, FakeVenue, turns
from tradectl.domain.events import (
    Event,
    MarketDataEvent,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
)
from tradectl.exchange.venue import Channel
from tradectl.feeds.live.live_feed import LiveFeed


class Desk:
    """`said` is everything in the order in which the feed said it: lists of data, and posted events."""

    def __init__(
        self,
        venues: Iterable[FakeVenue] = (),
        symbols: Mapping[str, str] | None = None,
        channels: Sequence[Channel] = (Channel.TRADES, Channel.QUOTES),
        **settings: Any,
    ) -> None:
        self.time = FakeTime()
        self.venues = {venue.name: venue for venue in venues or [FakeVenue()]}
        self.venue = next(iter(self.venues.values()))
        self.said: list[Event | list[MarketDataEvent]] = []
        self.task: asyncio.Task[None] | None = None
        self.feed = LiveFeed(
            self.venues,
            symbols or {"BTCUSDT": self.venue.name},
            dict.fromkeys(self.venues, channels),
            self.said.append,
            self.said.append,
            **{
                "stale_after": 30.0,
                "monotonic": self.time.monotonic,
                "now": self.time.now,
                "sleep": self.time.sleep,
                **settings,
            },
        )

    @property
    def batches(self) -> list[list[MarketDataEvent]]:
        return [said for said in self.said if isinstance(said, list)]

    @property
    def events(self) -> list[MarketDataEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def ids(self) -> list[str]:
        """Of the trades handed on."""
        return [event.trade_id for event in self.events if type(event) is MarketDataEvent]

    def holds(self, kind: RestrictionKind) -> list[tuple[str, bool]]:
        return [
            (e.symbol, e.held)
            for e in self.said
            if isinstance(e, SymbolRestricted) and e.kind is kind
        ]

    @property
    def stale(self) -> list[tuple[str, bool]]:
        return self.holds(RestrictionKind.STALE)

    @property
    def news(self) -> list[str]:
        return [e.kind for e in self.said if isinstance(e, SystemEvent)]

    async def push(
        self, channel: Channel, *events: MarketDataEvent, venue: FakeVenue | None = None
    ) -> None:
        (venue or self.venue).push(channel, *events)
        await turns()

    async def lose(
        self, channel: Channel, error: Exception | None = None, *, wait: float = 0.1
    ) -> None:
        """Lose a connection; `wait` seconds later it is tried again."""
        self.venue.lose(channel, error)
        await self.time.pass_by(wait)


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[Desk]:
    desk.task = asyncio.ensure_future(desk.feed.run())
    await turns()
    try:
        yield desk
    finally:
        desk.task.cancel()
        await asyncio.gather(desk.task, return_exceptions=True)
        counts = desk.feed.counts
        left_out = sum(
            number
            for rule, number in counts.items()
            if rule not in ("received", "delivered", *NO_RULES)
        )
        assert counts["received"] == counts["delivered"] + left_out, counts


NO_RULES = ("backfilled", "gaps", "unfilled", "renumbered", "reconnects")
"""Counters that leave nothing out."""

__all__ = ["Desk", "running"]
