"""No symbol is played from two files at once: its prices would come twice, or those of two markets mixed.

Of every file it is known from when to when it has a symbol, as far as it was read. Files of which one
goes on where the other ends are one recording; trades, quotes and order books of one market complete each
other; finer data beside candles is what orders meet with `fill = "intrabar"`, and has no other use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tradectl.domain.errors import DataError
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY, HOUR, SECOND, iso
from tradectl.feeds.time_range import began

Blocks = Iterator[list[MarketDataEvent]]


class _Part(Struct):
    """What file number `file` has of a symbol, of one sort, ns; `interval` is 0 but of candles."""

    file: int
    sort: str
    interval: int
    first: int
    last: int


class Overlaps:
    """Of `paths`, of the symbols `wanted` (or all); `intrabar`: candles have finer data beside them."""

    def __init__(self, paths: list[Path], wanted: frozenset[str], *, intrabar: bool) -> None:
        self._paths, self._wanted, self._intrabar = paths, wanted, intrabar
        self._parts: dict[str, dict[tuple[int, str, int], _Part]] = {}

    def watched(self, file: int, blocks: Blocks) -> Blocks:
        """The blocks of file number `file`. Raises DataError before one that another file has, too."""
        for block in blocks:
            if block:
                self._take(file, block)
            yield block

    def is_followed(self, file: int) -> bool:
        """Another file has a symbol of this one later on: before that this one should end."""
        return any(
            other.first > part.last
            for parts in self._parts.values()
            for part in parts.values()
            if part.file == file
            for other in parts.values()
        )

    def _take(self, file: int, block: list[MarketDataEvent]) -> None:
        """One entry per symbol and sort of event: what it has first, and what last."""
        last = {(event.symbol, type(event)): event for event in block}
        first = {(event.symbol, type(event)): event for event in reversed(block)}
        for (symbol, sort), event in last.items():
            if sort is not BarOpened and (not self._wanted or symbol in self._wanted):
                self._note(file, symbol, began(first[symbol, sort]), event)

    def _note(self, file: int, symbol: str, first: int, last: MarketDataEvent) -> None:
        parts = self._parts.setdefault(symbol, {})
        sort, interval = type(last).__name__, last.interval if isinstance(last, BarEvent) else 0
        key = (file, sort, interval)
        part = parts.get(key)
        if part is None:
            part = parts[key] = _Part(file, sort, interval, first, last.ts)
        part.last = last.ts
        for other in parts.values():
            if other.file != file and self._is_refused(part, other):
                raise DataError(self._said(symbol, part, other))

    def _is_refused(self, one: _Part, other: _Part) -> bool:
        if not _meet(one, other):
            return False
        if one.interval != other.interval:
            return not self._intrabar
        return one.sort == other.sort

    def _said(self, symbol: str, one: _Part, other: _Part) -> str:
        one, other = sorted((one, other), key=lambda part: part.file)
        name, at = harmless(symbol, 40), iso(max(one.first, other.first))
        names = f"{self._paths[one.file]} and {self._paths[other.file]}"
        if one.interval == other.interval:
            return (
                f"{name} is in two files at the same time, from {at} on: {names}; expected its data "
                "once: leave one of them out"
            )
        return (
            f"{name} has {_told(one)} and {_told(other)} at the same time, from {at} on: {names}; finer "
            "data beside candles is for --fill intrabar: add that, or leave one of the files out"
        )


def _meet(one: _Part, other: _Part) -> bool:
    """Two trades may be of one moment, at the seam of two files."""
    return one.first < other.last and other.first < one.last


def _told(part: _Part) -> str:
    """`candles of 1 h`."""
    if not part.interval:
        return "trades or quotes"
    for unit, name in ((DAY, "d"), (HOUR, "h"), (60 * SECOND, "min")):
        if part.interval % unit == 0:
            return f"candles of {part.interval // unit} {name}"
    return f"candles of {part.interval / SECOND:g} s"


__all__ = ["Overlaps"]
