"""Coarse candles with finer data of the same symbols beside them: which of the files are which.

Strategies decide on the coarse candles, the longest that there are; what becomes of orders is decided on
the rest, so that it is known what came first inside a candle. Of a coarse candle only its end is played:
its open is told by the finer data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.text import harmless

TICKS = 0
"""Of no length: trades and quotes."""

Lengths = dict[str, int]
"""By symbol how long a file's candles are (ns)."""


class Decided(Struct, frozen=True):
    """Candles of `interval` ns are decided on; `by_ticks`: a symbol has trades or quotes beside them."""

    interval: int
    by_ticks: bool


def lengths_in(events: Iterable[MarketDataEvent]) -> Lengths:
    """Of the first events of a file."""
    found: Lengths = {}
    for event in events:
        if isinstance(event, BarEvent):
            found[event.symbol] = event.interval
        elif not isinstance(event, BarOpened):
            found[event.symbol] = TICKS
    return found


def decided_on(files: list[Lengths]) -> Decided:
    """Raises UsageError where there are no candles, or no finer data beside those of a symbol."""
    coarse = max((length for lengths in files for length in lengths.values()), default=TICKS)
    if coarse == TICKS:
        raise UsageError(
            "--fill intrabar: there are no candles to decide on in the data: add a file of them, or "
            "leave --fill out"
        )
    finest: Lengths = {}
    for lengths in files:
        for symbol, length in lengths.items():
            finest[symbol] = min(length, finest.get(symbol, length))
    for symbol, length in finest.items():
        if length >= coarse:
            raise UsageError(
                f"--fill intrabar: there is no finer data of {harmless(symbol, 40)} beside its candles: "
                "add a file of shorter ones or of trades with --data, or leave --fill out"
            )
    for symbol in finest:
        if not any(lengths.get(symbol) == coarse for lengths in files):
            raise UsageError(
                f"--fill intrabar: {harmless(symbol, 40)} has no candles as long as those of the other "
                "symbols to decide on: add a file of them, or leave it out with --symbol"
            )
    return Decided(coarse, by_ticks=TICKS in finest.values())


def without_opens(
    blocks: Iterator[list[MarketDataEvent]], coarse: int
) -> Iterator[list[MarketDataEvent]]:
    """The blocks of a file; where its candles are of `coarse` ns, without their opens."""
    first = next(blocks, [])
    blocks = chain([first], blocks)
    if coarse in lengths_in(first).values():
        blocks = map(_closes, blocks)
    return filter(None, blocks)


def _closes(block: list[MarketDataEvent]) -> list[MarketDataEvent]:
    return [event for event in block if not isinstance(event, BarOpened)]


__all__ = ["TICKS", "Decided", "Lengths", "decided_on", "lengths_in", "without_opens"]
