"""Market data by reference: what it is, rows of files, in place of a copy of them.

    {"header": {..., "market": {"files": [{"path": ..., "sha256": ...}], ...}}}
    {"rows":{"seq":1,"first":0,"count":500}}      records 1 to 500 are the first 500 events of the files
    {"seq":501,"at":...,"event":{...}}            and this is what followed from the last of them
    {"rows":{"seq":502,"first":500,"count":9,"timers":[[4,...,"risk"]]}}    506 is a timer among them

The files, read in the way that the header tells, give the same events in the same order, each at its own
time; the bus's timers stand among them. So a journal is a fraction of the size and still holds all that
was decided. It is read with the files beside it, as long as they are what they were: that is what their
hashes are for.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec
from msgspec import Struct

from tradectl.documents.backtest import DataFile
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    BookEvent,
    MarketDataEvent,
    QuoteEvent,
    Record,
    TimerFired,
)

MARKET = frozenset({MarketDataEvent, QuoteEvent, BookEvent, BarEvent, BarOpened})
TIMER = "timer"
"""Where the bus's own timers come from."""
ROWS = b'{"rows":'
NEXT_ROWS = b"\n" + ROWS


class MarketSource(Struct, frozen=True, omit_defaults=True):
    """The files that a run's market data came from, and how they were read: what `RecordedFeed` is given.
    Times are ns UTC."""

    files: tuple[DataFile, ...]
    now: int
    symbols: tuple[str, ...] = ()
    unnamed: str = ""
    are_trades: bool = False
    columns: dict[str, str] = {}
    allow_truncated: bool = False
    max_bad_share: float = 0.01
    since: int = 0
    until: int = 0
    decides_on: int = 0


class Rows(Struct, frozen=True, omit_defaults=True):
    """Records from `seq` on, as many as `count`, are the events of the source from number `first` on, and
    `timers` among them: each so many records after `seq`, at which time (ns UTC), and its name."""

    seq: int
    first: int
    count: int
    timers: list[tuple[int, int, str]] = []


class RowsLine(Struct, frozen=True):
    rows: Rows


OpenMarket = Callable[[MarketSource], Iterator[MarketDataEvent]]
"""Gives the events of a source. Raises JournalError where its files are not there, or not the same."""

_ROWS = msgspec.json.Decoder(RowsLine)
_ENCODER = msgspec.json.Encoder(decimal_format="string")


class ReferenceWriter:
    """Lines of records in which market data is only referred to."""

    def __init__(self) -> None:
        self._events = 0

    def lines(self, records: list[Record]) -> bytes:
        others = [n for n, record in enumerate(records) if record.event.__class__ not in MARKET]
        parts: list[bytes] = []
        whole: list[Record] = []
        timers: list[tuple[int, int, str]] = []
        begun = 0
        for n in others:
            record = records[n]
            event = record.event
            if isinstance(event, TimerFired) and event.source_component == TIMER:
                timers.append((n - begun, record.at, event.name))
                continue
            if n > begun:
                parts += (
                    _ENCODER.encode_lines(whole),
                    self._rows(records[begun].seq, n - begun, timers),
                )
                whole, timers = [], []
            whole.append(record)
            begun = n + 1
        parts.append(_ENCODER.encode_lines(whole))
        if begun < len(records):
            parts.append(self._rows(records[begun].seq, len(records) - begun, timers))
        return b"".join(parts)

    def _rows(self, seq: int, count: int, timers: list[tuple[int, int, str]]) -> bytes:
        line = RowsLine(Rows(seq, self._events, count, timers))
        self._events += count - len(timers)
        return _ENCODER.encode(line) + b"\n"


class ReferenceReader:
    """The market data that lines refer to, `events` in their order."""

    def __init__(self, events: Iterator[MarketDataEvent]) -> None:
        self._events = events
        self._taken = self._at = 0

    def records(self, line: bytes) -> Iterable[Record]:
        """Those that a line stands for. Raises LookupError where the source has not so many events, and
        DecodeError for what is no such line."""
        rows = _ROWS.decode(line).rows
        while self._taken < rows.first:
            self._take()
        timers = {offset: (at, name) for offset, at, name in rows.timers}
        for offset in range(rows.count):
            at, name = timers.get(offset, (0, ""))
            if name:
                fired = TimerFired(source_component=TIMER, name=name)
                yield Record(rows.seq + offset, at, fired)
            else:
                event = self._take()
                yield Record(rows.seq + offset, self._at, event)

    def _take(self) -> MarketDataEvent:
        event = next(self._events, None)
        if event is None:
            raise LookupError(self._taken)
        self._taken += 1
        self._at = max(self._at, event.ts)
        return event


def has_rows(lines: bytes) -> bool:
    return lines.startswith(ROWS) or NEXT_ROWS in lines


def records_in(lines: bytes) -> int:
    """How many records the lines stand for; of a line that was changed, one."""
    if not has_rows(lines):
        return lines.count(b"\n")
    return sum(map(_records_of, lines.splitlines()))


def _records_of(line: bytes) -> int:
    if not line.startswith(ROWS):
        return 1
    try:
        return _ROWS.decode(line).rows.count
    except msgspec.DecodeError:
        return 1


__all__ = [
    "ROWS", "MarketSource", "OpenMarket", "ReferenceReader", "ReferenceWriter", "has_rows", "records_in",
]  # fmt: skip
