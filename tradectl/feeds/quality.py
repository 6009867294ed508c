"""Bad rows are counted, shown and never traded on.

Recorded data has torn lines, words for numbers, crossed quotes and clocks that jump. A few of them
are no reason to stop; many mean that the file is not what it seems. Every fault has a name, and a
`Tally` decides, file by file, when there are too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from tradectl.domain.errors import DataError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import MAX_TEXT, is_sane
from tradectl.feeds.base import BAD_ROWS_KEPT, BadRow, Progress

FEW_ROWS = 100
"""A share of fewer rows than this says nothing: it is taken as if there were so many."""
LONGEST_SYMBOL = 32


class TickFault(StrEnum):
    COLUMNS = "wrong_column_count"
    LINE_TOO_LONG = "line_too_long"
    NOT_A_NUMBER = "not_a_number"
    NOT_FINITE = "not_finite"
    """NaN, infinite, or 1e15 and more"""
    TOO_LONG = "number_too_long"
    NOT_POSITIVE = "not_positive"
    CROSSED = "crossed_quote"
    CANDLE = "impossible_candle"
    SIDE = "unknown_side"
    SYMBOL = "bad_symbol"
    NOT_A_TIME = "not_a_time"
    TIME_GOES_BACK = "time_goes_back"
    RUNS_AHEAD = "time_runs_ahead"
    """later than the rows that come after it"""
    IN_THE_FUTURE = "in_the_future"
    REPEATED_CANDLE = "repeated_candle"
    PRICE_SPIKE = "price_spike"
    NOT_AN_EVENT = "not_an_event"
    BROKEN_OFF = "broken_off"
    """the file ends, or is damaged, in the middle of its compressed data"""


class RowError(ValueError):
    """A row cannot be used: its fault by name, and the detail that helps to find it."""

    def __init__(self, fault: TickFault, detail: str) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault


class Tally:
    """The bad rows of one file, in all and by symbol. `rows` counts all rows read, good ones too;
    `helpful` ends its errors, before it stands their `cause` where that is known.

    A symbol with too many bad rows is left out from there on, while the file has others that are good.
    """

    def __init__(
        self, file: str, progress: Progress, max_bad_share: float, helpful: str = ""
    ) -> None:
        self.file = file
        self._helpful = helpful
        self.cause = ""
        self.rows = 0
        self.bad = 0
        self._empty = 0
        self.left_out: set[str] = set()
        self._first: BadRow | None = None
        self._progress = progress
        self._max_share = max_bad_share
        self._rows_of: Counter[str] = Counter()
        self._bad_of: Counter[str] = Counter()
        self._first_of: dict[str, BadRow] = {}

    def read(self, symbol: str = "") -> None:
        """Count a row, of `symbol` where that is known."""
        self.rows += 1
        self._progress.rows += 1
        self._rows_of[symbol] += 1

    def read_all(self, symbols: Sequence[str]) -> None:
        """Count rows at once, of these symbols."""
        self.rows += len(symbols)
        self._progress.rows += len(symbols)
        self._rows_of.update(symbols)

    def read_events(self, events: Sequence[MarketDataEvent], symbols: Sequence[str]) -> None:
        """Count good rows at once, of a file that has `symbols`."""
        if len(symbols) == 1:
            self.rows += len(events)
            self._progress.rows += len(events)
            self._rows_of[symbols[0]] += len(events)
        else:
            self.read_all([event.symbol for event in events])

    def skip_empty_candle(self) -> None:
        self._empty += 1
        self._progress.empty_candles += 1

    def note(self, line: int, bad: RowError, symbol: str = "") -> None:
        """Count the row at `line` as bad."""
        row = BadRow(self.file, line, str(bad))
        self._first = self._first or row
        self._first_of.setdefault(symbol, row)
        self.bad += 1
        self._bad_of[symbol] += 1
        counts = self._progress.bad
        counts[bad.fault.value] = counts.get(bad.fault.value, 0) + 1
        if len(self._progress.bad_rows) < BAD_ROWS_KEPT:
            self._progress.bad_rows.append(row)

    def kept(self, events: list[MarketDataEvent]) -> list[MarketDataEvent]:
        """`events` without those of symbols that are left out."""
        if not self.left_out:
            return events
        return [event for event in events if event.symbol not in self.left_out]

    def check(self) -> None:
        """Raises DataError once the bad rows are more than their allowed share, and leaving out the
        symbols that have them does not mend it."""
        if self._first is None or self._is_fit():
            return
        for symbol, bad in self._bad_of.items():
            if symbol and bad > self._allowed(self._rows_of[symbol]):
                self.left_out.add(symbol)
                where = _where(self._first_of[symbol])
                self._progress.left_out[symbol] = f"too many bad rows, the first at {where}"
        if not (self._rows_of.keys() - self.left_out - {""}) or not self._is_fit():
            raise DataError(
                f"{self.file}: {self.bad} of {self.rows} rows are bad "
                f"({self.bad / max(self.rows, 1):.1%}, allowed {self._max_share:.1%} by "
                f"feed.max_bad_share); the first is {_where(self._first)}{self.cause}{self._helpful}"
            )

    def finish(self, good: int) -> None:
        """At the end of the file: as `check`, and there must have been something to play."""
        self.check()
        if not good:
            raise DataError(f"{self.file}: no row that can be played; {self._why()}{self._helpful}")

    def _why(self) -> str:
        if self._first:
            return f"the first bad one is {_where(self._first)}"
        return "its candles have no prices" if self._empty else "there are none"

    def _is_fit(self) -> bool:
        rows = self.rows - sum(self._rows_of[symbol] for symbol in self.left_out)
        bad = self.bad - sum(self._bad_of[symbol] for symbol in self.left_out)
        return bad <= self._allowed(rows)

    def _allowed(self, rows: int) -> float:
        return self._max_share * max(rows, FEW_ROWS)


def _where(row: BadRow) -> str:
    return f"line {row.line}, {row.reason}"


def shown(text: str, most: int = 60) -> str:
    """`text` from outside as it may stand in a message: quoted, escaped, cut."""
    return ascii(text if len(text) <= most else text[:most] + "...")


def symbol_name(text: str) -> str:
    """The symbol `text` without blanks around it. Raises RowError."""
    name = text.strip()
    harmless = name.isascii() and name.isprintable() and " " not in name
    if not harmless or not 0 < len(name) <= LONGEST_SYMBOL:
        raise RowError(TickFault.SYMBOL, shown(text))
    return name


def amount(text: str) -> Decimal:
    """The finite number of at least zero that `text` spells. Raises RowError."""
    if len(text) > MAX_TEXT:
        raise RowError(TickFault.TOO_LONG, f"a number of {len(text)} characters")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RowError(TickFault.NOT_A_NUMBER, shown(text)) from None
    if not is_sane(value):
        raise RowError(TickFault.NOT_FINITE, f"{shown(text)} is not a finite number below 1e15")
    if value < 0:
        raise RowError(TickFault.NOT_POSITIVE, f"{shown(text)} is negative")
    return value


def positive(text: str) -> Decimal:
    """As `amount`, and above zero."""
    value = amount(text)
    if not value:
        raise RowError(TickFault.NOT_POSITIVE, f"{shown(text)} is zero")
    return value


def check_positive(values: Iterable[Decimal]) -> None:
    """Raises RowError for what is not finite, or not above zero. A NaN is found first, for it compares as
    false with any limit."""
    for value in values:
        _check_finite(value)
        if value <= 0:
            raise RowError(TickFault.NOT_POSITIVE, shown(str(value)))


def check_not_negative(values: Iterable[Decimal]) -> None:
    """Raises RowError for what is not finite, or below zero."""
    for value in values:
        _check_finite(value)
        if value < 0:
            raise RowError(TickFault.NOT_POSITIVE, shown(str(value)))


def check_uncrossed(bid: Decimal, ask: Decimal) -> None:
    """Raises RowError for a bid at or above the ask."""
    if bid >= ask:
        raise RowError(TickFault.CROSSED, f"bid {bid} is not below ask {ask}")


def _check_finite(value: Decimal) -> None:
    if not is_sane(value):
        raise RowError(TickFault.NOT_FINITE, shown(str(value)))
