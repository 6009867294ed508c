"""Warm strategies: what the run before recorded of the market, as far back as they need to see it.

A journal is read from its end backwards, so a short warm-up costs the same after a long run. The data
goes into the new journal as an input of its own, so that one still replays alone; a run that itself
began with a warm-up hands that on. It is not used where the time since then is longer than what it
covers, nor a few minutes: a strategy that starts cold is better than one that knows another market.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tradectl.domain.events import MarketDataEvent, QuoteEvent, Record, WarmUpReceived
from tradectl.domain.time import SECOND
from tradectl.journal.backwards import newest_records
from tradectl.journal.signature import SigningKey
from tradectl.strategy.instances import WarmUpNeed

MOST_BYTES = 16 * 1024 * 1024
MOST_EVENTS = 20_000
IN_ONE_RECORD = 500
ALWAYS_NEW = 300 * SECOND


class SymbolNeed:
    """What is still wanted of a symbol, going back in time: so many trades, so many quotes, and all that
    happened in the last `span` ns, for bars to be made of it."""

    def __init__(self, needs: Iterable[WarmUpNeed]) -> None:
        self.trades = self.quotes = self.span = 0
        for need in needs:
            if need.callback == "on_bar":
                self.span = max(self.span, (need.count + 1) * need.timeframe)
            elif need.callback == "on_trade":
                self.trades = max(self.trades, need.count)
            else:
                self.quotes = max(self.quotes, need.count)
        self._newest = 0

    def take(self, event: MarketDataEvent) -> bool:
        """Whether this event, older than those before, is wanted."""
        self._newest = self._newest or event.ts
        if isinstance(event, QuoteEvent):
            self.quotes -= 1
            return self.quotes >= 0
        if self.span and event.ts < self._newest - self.span:
            self.span = 0
        self.trades -= 1
        return self.trades >= 0 or self.span > 0

    @property
    def met(self) -> bool:
        return self.trades <= 0 and self.quotes <= 0 and not self.span


def recorded_market(
    path: Path,
    last_seq: int,
    symbols: Iterable[str],
    needs: Iterable[WarmUpNeed],
    key: SigningKey | None = None,
) -> list[MarketDataEvent]:
    """The newest market data of the journal `path` up to record `last_seq`, oldest first; with a `key`,
    as far as it was signed with that."""
    open_needs = _by_symbol(symbols, list(needs))
    wanted = dict(open_needs)
    found: list[MarketDataEvent] = []
    for event in _backwards(newest_records(path, last_seq, MOST_BYTES, key)):
        if not open_needs or len(found) >= MOST_EVENTS:
            break
        need = wanted.get(event.symbol)
        if need is None:
            continue
        if need.take(event):
            found.append(event)
        if need.met:
            open_needs.pop(event.symbol, None)
    found.reverse()
    return found


def warm_up(run_id: str, events: list[MarketDataEvent], now: int) -> list[WarmUpReceived]:
    """The inputs that show `events` of the run `run_id` to strategies at `now` (ns); none where these
    are too old. What a clock that was set back since then has in the future is left out."""
    events = [event for event in events if event.ts <= now]
    if not events or now - events[-1].ts > max(events[-1].ts - events[0].ts, ALWAYS_NEW):
        return []
    return [
        WarmUpReceived(
            source_component="recovery",
            run_id=run_id,
            events=tuple(events[first : first + IN_ONE_RECORD]),
        )
        for first in range(0, len(events), IN_ONE_RECORD)
    ]


def _by_symbol(symbols: Iterable[str], needs: list[WarmUpNeed]) -> dict[str, SymbolNeed]:
    found = {}
    for symbol in symbols:
        own = [need for need in needs if not need.symbols or symbol in need.symbols]
        if own:
            found[symbol] = SymbolNeed(own)
    return found


def _backwards(records: Iterator[Record]) -> Iterator[MarketDataEvent]:
    """The market data in them, newest first, each with a time."""
    for record in records:
        event = record.event
        if isinstance(event, WarmUpReceived):
            yield from reversed(event.events)
        elif isinstance(event, MarketDataEvent):
            yield event if event.ts else msgspec.structs.replace(event, ts=record.at)


__all__ = ["recorded_market", "warm_up"]
