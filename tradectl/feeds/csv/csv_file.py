"""One file of rows, played from its first to its last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from tradectl.domain.errors import DataError
from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.about import About, about
from tradectl.feeds.csv.blocks import line_blocks, read_blocks
from tradectl.feeds.csv.book_rows import looks_like_a_book
from tradectl.feeds.csv.candles import candle_interval
from tradectl.feeds.csv.columns import NOT_ALL_GOOD, read_block
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.headerless import layout_of_rows
from tradectl.feeds.csv.layout import EXPECTED, Layout, read_header
from tradectl.feeds.csv.names import Kind
from tradectl.feeds.csv.newest_first import Turned, is_newest_first
from tradectl.feeds.csv.not_trades import (
    book_column,
    ticker_column,
    told_by_name,
    what_else,
)
from tradectl.feeds.csv.opening import cells_of, opened
from tradectl.feeds.csv.reading import Reading
from tradectl.feeds.csv.rows import EmptyCandle, read_row, symbol_of_row
from tradectl.feeds.csv.stored import inner_name
from tradectl.feeds.csv.stragglers import is_sorted_by_symbol, rejoined, stragglers
from tradectl.feeds.csv.symbols import symbol_in_name
from tradectl.feeds.csv.times import DATES, are_midnights, dates_of, ends_with_year
from tradectl.feeds.opens import with_opens
from tradectl.feeds.quality import RowError, Tally, TickFault, shown
from tradectl.feeds.unconfirmed import RowsInOrder, UnconfirmedRow

MENDED = (
    "`tradectl data check FILE` shows what would be read, and --columns says which column is which"
)
OUT_OF_TIME = (TickFault.TIME_GOES_BACK, TickFault.RUNS_AHEAD)
SORTED_BY_SYMBOL = (
    "; it is sorted by symbol: sort it by time, or make it a file for each symbol and name them all"
)


class CsvFile:
    """The file `path`, which begins with the lines `text`. Raises DataError for what is not played."""

    def __init__(self, path: Path, text: str, reading: Reading, progress: Progress) -> None:
        self._path = path
        self._reading = reading
        self._progress = progress
        self.opening = opened(text)
        self.layout = self._layout(text)
        self._turned: Turned | None = None
        self._tally = Tally(
            str(path), progress, reading.max_bad_share, f"; {self.opening.seen()}; {MENDED}"
        )
        self._rows = RowsInOrder(self._tally)
        self.state = FileState(self.layout, self._own_symbol(), reading.latest, reading.spell)
        self._refuse_what_else(text)

    @property
    def symbols(self) -> list[str]:
        return self.state.symbols

    def about(self) -> About:
        """How it is read; which way time goes in it is known once it is."""
        return about(
            self.opening, self.layout, self.state.known_unit, newest_first=self._turned is not None
        )

    def events(self) -> Iterator[list[MarketDataEvent]]:
        """Lists of events in time order. Raises DataError when too many rows are bad."""
        blocks = read_blocks(
            self._blocks(),
            self._read,
            self._tally,
            first_line=self._first_line,
            rest=self._rows.take_all,
            allow_truncated=self._reading.allow_truncated,
        )
        return with_opens(blocks) if self.layout.kind is Kind.CANDLES else blocks

    # --- what it is ----------------------------------------------------------------------------------

    def _layout(self, text: str) -> Layout:
        opening, reading = self.opening, self._reading
        columns = {role: told for role, told in reading.columns.items() if role != "dates"}
        try:
            if opening.header:
                layout = read_header(opening.header, opening.rows, columns)
            elif opening.rows:
                layout = layout_of_rows(opening.rows, reading.latest, columns)
            else:
                raise ValueError(f"there is nothing but blank lines; {EXPECTED}")
            return msgspec.structs.replace(
                layout, separator=opening.separator, dates=self._dates(layout, text)
            )
        except ValueError as error:
            raise self._refused(str(error)) from None

    def _dates(self, layout: Layout, text: str) -> int:
        """Which comes first, the day or the month, where dates end with the year. Raises ValueError."""
        opening = self.opening
        told = self._reading.columns.get("dates")
        if told is not None:
            if told not in DATES:
                raise ValueError(f"expected --columns dates=dmy or dates=mdy, got {told!a}")
            return DATES[told]
        times = [row[layout.time] for row in opening.rows if len(row) == layout.width]
        if not any(map(ends_with_year, times)):
            return layout.dates
        rows = (cells_of(line, opening.separator) for line in text.split("\n"))
        dates = dates_of(row[layout.time] for row in rows if len(row) == layout.width)
        if dates is None:
            raise ValueError(
                f"whether {times[0]!a} begins with the day or the month cannot be told: say it, "
                "--columns dates=dmy or --columns dates=mdy"
            )
        return dates

    def _own_symbol(self) -> str:
        """The symbol of a file that has no column for it."""
        if self.layout.symbol is not None:
            return ""
        names = (self.opening.symbol, self._path.name, inner_name(self._path))
        found = next(filter(None, map(symbol_in_name, names)), None)
        symbol = found or self._reading.symbol
        if not symbol:
            raise self._refused(
                "has neither a symbol column nor a symbol in its name: say which one it is of "
                "(--symbol BTCUSDT), or name it like BTCUSDT.csv"
            )
        return self._reading.spell(symbol)

    def _refuse_what_else(self, text: str) -> None:
        """Where it is no market data but looks like it."""
        layout, opening = self.layout, self.opening
        column = book_column(opening.header, layout.kind)
        if column is not None:
            raise self._refused(
                f"its column {column!a} is an order book's, which is not played; {EXPECTED}"
            )
        rows = [row for row in opening.rows if len(row) == layout.width]
        moments = self._moments(rows)
        if layout.kind is Kind.CANDLES:
            self._refuse_ticker()
            return
        self._refuse_days(rows, moments)
        if layout.kind is not Kind.TRADES or self._reading.are_trades:
            return
        seen = what_else(opening.header, rows, layout.side)
        if not seen and layout.side is not None:
            seen = looks_like_a_book(self._unread(), self._in_time(text))
            seen = seen and f"it looks like the rows of an order book, which is not played: {seen}"
        seen = seen or told_by_name(self._path.name)
        if seen:
            raise self._refused(f"{seen}; if they are trades, say so: --set feed.rows=trades")

    def _in_time(self, text: str) -> list[str]:
        """The rows of `text`, oldest first."""
        lines = text.split("\n")[self._first_line - 1 :]
        if is_newest_first(self._unread(), text, self._reading.noise):
            lines.reverse()
        return lines

    def _refuse_ticker(self) -> None:
        column = ticker_column(self.opening.header)
        if column is not None and not {"open", "close", "price"} & self._reading.columns.keys():
            raise self._refused(
                f"its column {column!a} is a ticker's, which has no candles but the last 24 hours in "
                "each row; if they are candles, say so: --columns open=NAME,high=NAME,low=NAME,close=NAME"
            )

    def _moments(self, rows: list[list[str]]) -> list[int]:
        """When the rows were, as far as they say. Raises DataError where none does."""
        state, moments, fault = self._unread(), [], ""
        for row in rows:
            try:
                moments.append(state.moment(self.layout.time_in(row)))
            except RowError as error:
                fault = fault or str(error)
        if fault and not moments:
            raise self._refused(
                f"its times cannot be read ({fault}); are they in another column? --columns time=NAME"
            )
        return moments

    def _refuse_days(self, rows: list[list[str]], moments: list[int]) -> None:
        if are_midnights(moments):
            raise self._refused(
                f"its times are days ({shown(rows[0][self.layout.time])}): when on that day its "
                f"{self.layout.kind} were cannot be told; is the time of day in another column? "
                "--columns clock=NAME"
            )

    def _refused(self, why: str) -> DataError:
        return DataError(f"{self._path}: {why}; {self.opening.seen()}")

    # --- its rows ------------------------------------------------------------------------------------

    @property
    def _first_line(self) -> int:
        return self.opening.above + bool(self.opening.header) + 1

    def _blocks(self) -> Iterator[bytes]:
        blocks = line_blocks(self._path, self._progress)
        first = next(blocks, b"")
        for _ in range(self._first_line - 1):
            first = first.partition(b"\n")[2]
        first = first or next(blocks, b"")
        text = first.decode(errors="replace")
        if is_newest_first(self._unread(), text, self._reading.noise):
            self._turned = Turned(self._path, chain([first], blocks), self._first_line)
            blocks = self._turned.blocks()
            first = next(blocks, b"")
        if first and self.layout.kind is Kind.CANDLES:
            self.state.interval = self._interval(first)
        if first:
            yield from rejoined(self._unread(), chain([first], blocks))

    def _unread(self) -> FileState:
        """The file's state before its first row."""
        return FileState(self.layout, "-", self._reading.latest)

    def _interval(self, block: bytes) -> int:
        text = block.decode(errors="replace")
        try:
            return candle_interval(self._unread(), text, self._reading.noise)
        except ValueError as error:
            raise self._refused(str(error)) from None

    def _read(self, block: bytes, line: int) -> list[MarketDataEvent]:
        if self.opening.decimal_comma:
            block = block.replace(b",", b".")
        if self._rows.is_waiting:
            return self._read_rows(block.decode(errors="replace"), line)
        try:
            events = read_block(self.state, block.decode())
        except NOT_ALL_GOOD:
            return self._read_rows(block.decode(errors="replace"), line)
        self._tally.read_events(events, self.symbols)
        return self._tally.kept(events)

    def _read_rows(self, text: str, first_line: int) -> list[MarketDataEvent]:
        rows, state, turned = self._rows, self.state, self._turned
        lines = text.split("\n")
        apart = stragglers(state, lines)
        may_be_sorted = self.layout.symbol is not None and not self._tally.cause
        for place, line in enumerate(lines):
            if not line.strip():
                continue
            here = first_line + place
            number = here if turned is None else turned.number(here)
            try:
                if place in apart:
                    raise apart[place]
                event = read_row(state, line)
                self._tally.read(event.symbol)
                rows.add(event, confirms=state.confirmed)
            except UnconfirmedRow as row:
                self._tally.read(row.event.symbol)
                rows.hold(number, row)
            except EmptyCandle:
                self._tally.skip_empty_candle()
            except RowError as bad:
                # a file sorted by symbol is no file of one bad symbol
                if may_be_sorted and bad.fault in OUT_OF_TIME:
                    may_be_sorted = False
                    if is_sorted_by_symbol(state, lines, place):
                        self._tally.cause = SORTED_BY_SYMBOL
                is_late = bad.fault is TickFault.TIME_GOES_BACK
                symbol = "" if is_late or self._tally.cause else symbol_of_row(state, line)
                self._tally.read(symbol)
                self._tally.note(number, bad, symbol)
        events = rows.take()
        self._tally.check()
        return self._tally.kept(events)


__all__ = ["CsvFile"]
