"""A journal as a recording: the market data that a run of tradectl saw, played again.

Only the inputs of that one family are taken; what the run made of them is skipped. Version and seals are
checked as `replay` checks them, so that nothing is played that was changed since; what was never sealed,
the tail of a run that was killed, is left out.

A live run sees the messages of several streams in the order of their arrival, and that order is
kept: an event a little older than the one before it is played at the time of that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from tradectl.domain.errors import DataError, JournalDamaged, JournalError
from tradectl.domain.events import BarEvent, BarOpened, BookEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND, iso
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.blocks import read_blocks
from tradectl.feeds.csv.reading import Reading
from tradectl.feeds.csv.stored import BrokenArchiveError
from tradectl.feeds.price_band import PriceBand, UnconfirmedPrice, check_wicks
from tradectl.feeds.quality import (
    RowError,
    Tally,
    TickFault,
    check_not_negative,
    check_positive,
    check_uncrossed,
    shown,
    symbol_name,
)
from tradectl.feeds.unconfirmed import RowsInOrder, UnconfirmedRow
from tradectl.journal.reader import JournalReader
from tradectl.journal.writer import Header

LATEST_ARRIVAL = 60 * SECOND
LONGEST_EVENT = 10_000
LINES_OF_HEADER = 2
"""With its seal."""

_TYPES = ("market_data", "quote", "book", "bar", "bar_opened")
_MARKET_DATA = re.compile(f'"(?:{"|".join(_TYPES)})"'.encode())
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Line(Struct):
    at: int
    event: MarketDataEvent | QuoteEvent | BookEvent | BarEvent | BarOpened


class JournalFile:
    def __init__(self, path: Path, reading: Reading, progress: Progress) -> None:
        self._path = path
        self._reading = reading
        self._latest = reading.latest
        self._progress = progress
        self._tally = Tally(str(path), progress, reading.max_bad_share)
        self._rows = RowsInOrder(self._tally)
        self._price_band = PriceBand()
        self._decoder = msgspec.json.Decoder(_Line)
        self._last_ts = 0
        self._symbol = ""
        self._names: set[str] = set()

    @property
    def symbols(self) -> list[str]:
        return self._price_band.symbols

    def events(self) -> Iterator[list[MarketDataEvent]]:
        """Lists of events in time order. Raises DataError when too many lines are bad."""
        blocks = self._blocks()
        rest = self._rows.take_all
        return read_blocks(
            blocks,
            self._read,
            self._tally,
            first_line=LINES_OF_HEADER + 1,
            rest=rest,
            allow_truncated=self._reading.allow_truncated,
        )

    def _blocks(self) -> Iterator[bytes]:
        """The lines of each group of records, an empty one for its seal."""
        before, at = self._progress.bytes_read, 0
        try:
            with JournalReader(self._path) as journal:
                self._refuse_reference(journal.header)
                for at, lines in journal.lines():
                    self._progress.bytes_read = before + at
                    yield lines + b"\n"
        except JournalDamaged:
            raise
        except JournalError as error:
            if not at:
                raise
            raise BrokenArchiveError(str(error)) from None

    def _refuse_reference(self, header: Header) -> None:
        if header.market is not None:
            files = ", ".join(harmless(file.path) for file in header.market.files)
            raise DataError(
                f"{self._path} only refers to its market data: name the data itself, --data {files}"
            )

    def _read(self, block: bytes, first_line: int) -> list[MarketDataEvent]:
        symbols: list[str] = []
        for number, line in enumerate(block.split(b"\n"), first_line):
            if len(line) > LONGEST_EVENT or _MARKET_DATA.search(line) is None:
                continue
            try:
                event = self._event(line)
                if event is None:
                    continue
                self._rows.add(event, confirms=self._accept(event))
            except UnconfirmedRow as row:
                self._rows.hold(number, row)
            except RowError as bad:
                self._tally.note(number, bad, self._symbol)
            symbols.append(self._symbol)
        events = self._rows.take()
        self._tally.read_all(symbols)
        self._tally.check()
        return self._tally.kept(events)

    def _accept(self, event: MarketDataEvent) -> bool:
        """Whether the event confirms a new level of prices. Raises UnconfirmedRow."""
        try:
            confirms = self._price_band.check(event.symbol, event.price)
        except UnconfirmedPrice as fault:
            raise UnconfirmedRow(event, fault) from None
        self._last_ts = event.ts
        return confirms

    def _event(self, line: bytes) -> MarketDataEvent | None:
        """The market data of a line, or None when it records something else. Raises RowError."""
        self._symbol = ""
        try:
            record = self._decoder.decode(line)
        except _UNREADABLE as error:
            if _is_other(line):
                return None
            raise RowError(TickFault.NOT_AN_EVENT, shown(str(error))) from None
        self._symbol = record.event.symbol
        event = self._in_time(record.event, record.event.ts or record.at)
        if self._symbol not in self._names:
            symbol_name(self._symbol)
            self._names.add(self._symbol)
        _check(event)
        return event

    def _in_time(self, event: MarketDataEvent, ts: int) -> MarketDataEvent:
        if ts <= 0:
            raise RowError(TickFault.NOT_A_TIME, f"{ts} is not after 1970")
        if ts > self._latest:
            raise RowError(TickFault.IN_THE_FUTURE, str(ts))
        if ts < self._last_ts - LATEST_ARRIVAL:
            raise RowError(TickFault.TIME_GOES_BACK, f"{iso(ts)} after {iso(self._last_ts)}")
        ts = max(ts, self._last_ts)
        return event if ts == event.ts else msgspec.structs.replace(event, ts=ts)


def _is_other(line: bytes) -> bool:
    """Whether the line is sound JSON of another type than market data."""
    try:
        document = msgspec.json.decode(line)
    except _UNREADABLE:
        return False
    event = document.get("event") if isinstance(document, dict) else None
    return not isinstance(event, dict) or event.get("type") not in _TYPES


def _check(event: MarketDataEvent) -> None:
    """Raises RowError for a number that no market has."""
    prices, amounts = [event.price], [event.volume]
    prices += [price for price in (event.bid, event.ask) if price is not None]
    if isinstance(event, QuoteEvent):
        amounts += [event.bid_size, event.ask_size]
    if isinstance(event, BarEvent):
        prices += [event.open, event.high, event.low]
    check_positive(prices)
    check_not_negative(amounts)
    if event.bid is not None and event.ask is not None:
        check_uncrossed(event.bid, event.ask)
    if isinstance(event, BarEvent) and not (
        event.low <= min(event.open, event.price) and max(event.open, event.price) <= event.high
    ):
        raise RowError(TickFault.CANDLE, f"high {event.high}, low {event.low}, close {event.price}")
    if isinstance(event, BarEvent):
        check_wicks((event.open,), (event.high,), (event.low,), (event.price,))
