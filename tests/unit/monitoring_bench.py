"""What the monitoring tests share: a handler to wait for, and clocks that stand still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import SECOND
from tradectl.monitoring.alert import Alert

LONGEST_S = 5.0


class Inbox:
    """An async notification handler whose alerts can be waited for."""

    def __init__(self) -> None:
        self.alerts: asyncio.Queue[Alert] = asyncio.Queue()

    async def __call__(self, alert: Alert) -> None:
        self.alerts.put_nowait(alert)

    async def next(self) -> Alert:
        async with asyncio.timeout(LONGEST_S):
            return await self.alerts.get()

    async def types(self, count: int) -> list[str]:
        """The types of the next alerts."""
        return [(await self.next()).type for _ in range(count)]


class Stopwatch:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class StillClock:
    """A live clock (ns) that a test moves."""

    live = True

    def __init__(self, now: int = 1_000_000 * SECOND) -> None:
        self.at = now

    def now(self) -> int:
        return self.at

    def stamp(self, ts: int) -> int:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


def trade(symbol: str, ts: int) -> MarketDataEvent:
    return MarketDataEvent(symbol=symbol, price=Decimal(1), volume=Decimal(1), ts=ts)


async def until(condition: Callable[[], object]) -> None:
    """Turn the loop until `condition` holds."""
    async with asyncio.timeout(LONGEST_S):
        while not condition():  # noqa: ASYNC110 - conditions of all sorts, none an Event
            await asyncio.sleep(0.001)


async def settled(bus: EventBus) -> None:
    """Wait until everybody has seen every event."""
    async with asyncio.timeout(LONGEST_S):
        await bus.join()
