"""One CSV file, played from its first row to its last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tradectl.domain.errors import DataError
from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.blocks import line_blocks, read_blocks
from tradectl.feeds.csv.book_rows import looks_like_a_book
from tradectl.feeds.csv.candles import candle_interval
from tradectl.feeds.csv.columns import NOT_ALL_GOOD, read_block
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.headerless import is_row, layout_of_row
from tradectl.feeds.csv.layout import Kind, Layout, read_header, symbol_in_name
from tradectl.feeds.csv.newest_first import Turned, is_newest_first
from tradectl.feeds.csv.rows import read_row
from tradectl.feeds.opens import with_opens
from tradectl.feeds.quality import RowError, Tally
from tradectl.feeds.unconfirmed import RowsInOrder, UnconfirmedRow


class CsvFile:
    """A file that begins with the lines `first` and `second`. `latest` is the last moment that can be
    (ns UTC); `symbol` is its symbol where neither it nor its name says one. `are_trades`: what looks like
    the rows of a book is not."""

    def __init__(
        self,
        path: Path,
        first: str,
        second: str,
        latest: int,
        max_bad_share: float,
        progress: Progress,
        *,
        symbol: str = "",
        are_trades: bool = False,
    ) -> None:
        self._has_header = not is_row(first)
        try:
            layout = (
                read_header(first, second) if self._has_header else layout_of_row(first, latest)
            )
        except ValueError as error:
            raise DataError(f"{path}: {error}") from None
        self._are_trades = are_trades
        self._turned: Turned | None = None
        self._path = path
        self._max_bad_share = max_bad_share
        self._progress = progress
        self._tally = Tally(str(path), progress, max_bad_share)
        self._rows = RowsInOrder(self._tally)
        self._state = FileState(layout, _own_symbol(path, layout, symbol), latest)

    @property
    def symbols(self) -> list[str]:
        return self._state.symbols

    def events(self) -> Iterator[list[MarketDataEvent]]:
        """Lists of events in time order. Raises DataError when too many rows are bad."""
        blocks = read_blocks(
            self._blocks(),
            self._read,
            self._tally,
            first_line=self._first_line,
            rest=self._rows.take_all,
        )
        return with_opens(blocks) if self._state.layout.kind is Kind.CANDLES else blocks

    @property
    def _first_line(self) -> int:
        return 2 if self._has_header else 1

    def _blocks(self) -> Iterator[bytes]:
        blocks = line_blocks(self._path, self._progress)
        first = next(blocks, b"")
        if self._has_header:
            first = first.partition(b"\n")[2]
        text = first.decode(errors="replace")
        self._refuse_book(text)
        if is_newest_first(self._unread(), text, self._max_bad_share):
            self._turned = Turned(self._path, chain([first], blocks), self._first_line)
            blocks = self._turned.blocks()
            first = next(blocks, b"")
        if first and self._state.layout.kind is Kind.CANDLES:
            self._state.interval = self._interval(first)
        if first:
            yield first
        yield from blocks

    def _unread(self) -> FileState:
        """The file's state before its first row."""
        return FileState(self._state.layout, self._state.symbol, self._state.latest)

    def _refuse_book(self, text: str) -> None:
        layout = self._state.layout
        if self._are_trades or layout.kind is not Kind.TRADES or layout.side is None:
            return
        seen = looks_like_a_book(self._state, text)
        if seen:
            raise DataError(
                f"{self._path} looks like the rows of an order book, which is not played: {seen}; if "
                "they are trades, say so: --set feed.rows=trades"
            )

    def _interval(self, block: bytes) -> int:
        text = block.decode(errors="replace")
        interval = candle_interval(self._state, text, self._max_bad_share)
        if interval is None:
            raise DataError(
                f"{self._path}: how long its candles last cannot be told from one of a symbol"
            )
        return interval

    def _read(self, block: bytes, line: int) -> list[MarketDataEvent]:
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        if self._rows.is_waiting:
            return self._read_rows(block.decode(errors="replace"), line)
        try:
            events = read_block(self._state, block.decode())
        except NOT_ALL_GOOD:
            return self._read_rows(block.decode(errors="replace"), line)
        self._tally.read(len(events))
        return events

    def _read_rows(self, text: str, first_line: int) -> list[MarketDataEvent]:
        rows, state, turned = self._rows, self._state, self._turned
        for here, line in enumerate(text.split("\n"), first_line):
            if not line.strip():
                continue
            number = here if turned is None else turned.number(here)
            self._tally.read(1)
            try:
                rows.add(read_row(state, line), confirms=state.confirmed)
            except UnconfirmedRow as row:
                rows.hold(number, row)
            except RowError as bad:
                self._tally.note(number, bad)
        events = rows.take()
        self._tally.check()
        return events


def _own_symbol(path: Path, layout: Layout, given: str) -> str:
    """The symbol of a file that has no column for it."""
    if layout.symbol is not None:
        return ""
    symbol = symbol_in_name(path) or given
    if not symbol:
        raise DataError(
            f"{path} has neither a symbol column nor a symbol in its name: say which one it is of "
            "(--symbol BTCUSDT), or name it like BTCUSDT.csv"
        )
    return symbol
