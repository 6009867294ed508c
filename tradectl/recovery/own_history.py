"""What a strategy that begins anew while its run goes on has to see first: out of the run's own journal.

Who hears bars alone gets them as finished bars, which are few, and what the open one is made of so far;
everybody else gets the events themselves, as many as a restart would show. The journal is read from its
end backwards, beside all else; what has come since is read in a second, short look, so that nothing is
missing at the record from which it trades.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from math import gcd
from operator import itemgetter
from pathlib import Path

import msgspec

from tradectl.domain.events import BarEvent, MarketDataEvent, Record, WarmUpReceived
from tradectl.domain.system_events import Market
from tradectl.domain.time import MINUTE
from tradectl.journal.backwards import newest_records
from tradectl.recovery.warm_up import MOST_BYTES, MOST_EVENTS, SymbolNeed
from tradectl.strategy.bars import BarBuilder
from tradectl.strategy.instances import OF_BOOKS, RunningStrategy

EVERYTHING = 2**63 - 1
"""Bytes: what has come since the first look is bounded by that."""
Heard = tuple[MarketDataEvent, bool]
"""An event, and whether it was of a run before."""


class OwnHistory:
    """Of `new` at these symbols, in the journal at `path`."""

    def __init__(self, new: RunningStrategy, symbols: Iterable[str], path: Path) -> None:
        self._path = path
        self._need = new.warm_up_need()
        wanted = self._need.count > 0
        self._open = {s: SymbolNeed([self._need]) for s in symbols if wanted and new.wants(s)}
        self._symbols = frozenset(self._open)
        others = OF_BOOKS | {"on_trade"}
        self._bars_of = 0 if others & set(new.callbacks) else gcd(*new.timeframes() or (0,))
        self._heard: list[Heard] = []
        self._upto = 0

    def read(self, upto: int) -> None:
        """As far back from record `upto` as is needed; takes a while. Raises JournalError."""
        self._upto = upto
        needs, kept = self._open, list[Heard]()
        for event, before in self._backwards(upto, 0, MOST_BYTES):
            if not needs or (not self._bars_of and len(kept) >= MOST_EVENTS):
                break
            need = needs.get(event.symbol)
            if need is None:
                continue
            if need.take(event):
                kept.append((event, before))
            if need.met:
                needs.pop(event.symbol)
        self._heard = kept[::-1]

    def read_on(self, upto: int) -> tuple[Market, ...]:
        """What came since, up to record `upto`, oldest first. Raises JournalError."""
        since = [*self._backwards(upto, self._upto, EVERYTHING)][::-1] if self._symbols else []
        self._upto = upto
        return tuple(event for event, _ in since)

    def events(self) -> tuple[Market, ...]:
        """What was read at first, oldest first."""
        if not self._bars_of:
            return tuple(event for event, _ in self._heard)
        bars, rest = as_bars(self._heard, self._bars_of)
        if self._bars_of > MINUTE and not self._bars_of % MINUTE:
            shorter, rest = as_bars(rest, MINUTE)
            bars += shorter
        return (*bars, *(event for event, _ in rest))

    def _backwards(self, upto: int, after: int, most_bytes: int) -> Iterator[Heard]:
        """Of the records up to one number and after another, newest first."""
        for record in newest_records(self._path, upto, most_bytes):
            if record.seq <= after:
                return
            for event, before in _market(record):
                if event.symbol in self._symbols:
                    yield event, before


def as_bars(heard: Iterable[Heard], interval: int) -> tuple[list[Market], list[Heard]]:
    """Bars of `interval` ns, in the order in which they were finished, and what the open ones are made
    of, with all candles that are longer."""
    builders: dict[str, BarBuilder] = {}
    bars: list[Market] = []
    parts: dict[str, list[tuple[int, Heard]]] = {}
    was_before = False
    for number, (event, before) in enumerate(heard):
        part = parts.setdefault(event.symbol, [])
        if isinstance(event, BarEvent) and event.interval > interval:
            part.append((number, (event, before)))
            continue
        if was_before and not before:
            for builder in builders.values():
                builder.interrupt()
        was_before = before
        builder = builders.setdefault(event.symbol, BarBuilder(interval))
        if finished := builder.update(event):
            bars += finished
            part.clear()
        if builder.current is not None:
            part.append((number, (event, before)))
    return bars, [each for _, each in sorted(chain(*parts.values()), key=itemgetter(0))]


def _market(record: Record) -> Iterator[Heard]:
    event = record.event
    if isinstance(event, WarmUpReceived):
        yield from ((each, True) for each in reversed(event.events))
    elif isinstance(event, MarketDataEvent):
        yield (event if event.ts else msgspec.structs.replace(event, ts=record.at)), False


__all__ = ["OwnHistory", "as_bars"]
