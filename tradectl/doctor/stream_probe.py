"""UserStream for a moment: does market data of every symbol arrive, and how old is it?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradectl.domain.errors import NotExecuted, TradectlError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import SECOND
from tradectl.exchange.venue import Channel, Venue

PAUSE_S = 0.2
ENDING_S = 1.0


@dataclass
class Heard:
    """By symbol: the last price, and how old (s) the newest data was when it came; None where the data
    does not say. `errors` are what listening ran into."""

    ages: dict[str, float | None] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    errors: list[TradectlError] = field(default_factory=list)


async def hear(
    venue: Venue,
    symbols: Sequence[str],
    channels: Sequence[str],
    seconds: float,
    now: Callable[[], int] = time.time_ns,
) -> Heard:
    """Until every symbol brought something on any channel, or `seconds` are over."""
    heard = Heard()
    complete = asyncio.Event()

    def take(events: Sequence[MarketDataEvent]) -> None:
        for event in events:
            if event.symbol in symbols:
                _note(heard, event, now())
        if len(heard.ages) == len(set(symbols)):
            complete.set()

    tasks = [
        asyncio.ensure_future(_listen(venue, Channel(channel), symbols, take, heard))
        for channel in channels
    ]
    enough = asyncio.ensure_future(complete.wait())
    given_up = asyncio.ensure_future(asyncio.wait(tasks))
    ends: list[asyncio.Future[Any]] = [enough, given_up]
    try:
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ends, *tasks):
            task.cancel()
        await asyncio.wait([*ends, *tasks], timeout=ENDING_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()  # a fault of ours, if it raises
    return heard


def _note(heard: Heard, event: MarketDataEvent, now: int) -> None:
    age = (now - event.ts) / SECOND if event.ts else None
    before = heard.ages.get(event.symbol)
    if event.symbol not in heard.ages or before is None or (age is not None and age < before):
        heard.ages[event.symbol] = age if age is not None else before
    heard.prices[event.symbol] = event.price


async def _listen(
    venue: Venue,
    channel: Channel,
    symbols: Sequence[str],
    take: Callable[[Sequence[MarketDataEvent]], None],
    heard: Heard,
) -> None:
    """Again and again while the connection is lost; any other refusal is final."""
    while True:
        try:
            await venue.stream(channel, symbols, take)
        except NotExecuted as error:
            heard.errors.append(error)
        except TradectlError as error:
            heard.errors.append(error)
            return
        await asyncio.sleep(PAUSE_S)


__all__ = ["Heard", "hear"]
