"""When candles open: what a file of candles says between the lines.

A row tells of a whole candle, and it becomes known as the candle closes. Its open was known before
that: there a market order trades, and a stop that the market has jumped over. So each candle is played
as two events, its open at the moment it opened and the rest of it as it closes. At one moment all
candles that close come before those that open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent


def with_opens(blocks: Iterable[list[MarketDataEvent]]) -> Iterator[list[MarketDataEvent]]:
    """`blocks` of candles of one length, in time order, with the open of each one before it."""
    closing: deque[MarketDataEvent] = deque()
    for block in blocks:
        events: list[MarketDataEvent] = []
        for bar in block:
            if not isinstance(bar, BarEvent):
                raise TypeError(f"expected candles, got {type(bar).__name__}")
            opened = bar.ts - bar.interval
            while closing and closing[0].ts <= opened:
                events.append(closing.popleft())
            events.append(
                BarOpened(symbol=bar.symbol, price=bar.open, volume=bar.volume, ts=opened)
            )
            closing.append(bar)
        if events:
            yield events
    if closing:
        yield list(closing)
