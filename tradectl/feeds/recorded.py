"""Recorded files as a feed: trades, quotes or candles in rows of any sort, and journals.

What a file holds is read from its content. One file is played straight through; several are merged
by time. Bad rows are left out, counted and shown in `progress`; too many of them end the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from msgspec.structs import replace

from tradectl.domain.errors import DataError, UsageError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import DAY
from tradectl.feeds.base import BATCH_SIZE, Progress
from tradectl.feeds.csv.blocks import check_file, line_blocks
from tradectl.feeds.csv.csv_file import CsvFile
from tradectl.feeds.csv.layout import EXPECTED
from tradectl.feeds.csv.reading import Reading
from tradectl.feeds.csv.stored import BrokenArchiveError, kind_of
from tradectl.feeds.csv.tables import JOURNAL
from tradectl.feeds.finer import Lengths, lengths_in, without_opens
from tradectl.feeds.merge import merged
from tradectl.feeds.overlaps import Overlaps
from tradectl.feeds.recorded_journal import JournalFile
from tradectl.feeds.time_range import WHOLE, Extent, Hear, TimeRange

MAX_BAD_SHARE = 0.01
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
BLOCKS_AHEAD = 16
"""Of a file with another after it: about 1 MB of rows, a year of hours or two weeks of minutes."""
UNREADABLE = "\ufffd"
"""What stands for bytes that are no UTF-8, as in a header with accents of another encoding."""


class RecordedFeed:
    """The market data of `paths` in time order, of all symbols or of `symbols` only.

    `max_bad_share` is the share of a file's rows that may be bad (`noise`: of those by which it is told
    what it is; the same unless said); `now_ns` the present: what lies more than a day after it is a
    fault; `unnamed` is the symbol of a file that names none; `are_trades`: what looks like an order
    book's rows is not; `columns` says which column is which; `allow_truncated` plays what an archive
    holds that breaks off. `span` is what is played of it all, and `before` hears what comes before that.
    Candles of `decides_on` ns have finer data beside them. The files are, in their order, of `exchanges`,
    whose names their symbols begin with then.
    `check_symbol` is asked about each symbol before it is played, and raises what speaks against it.
    Raises DataError for a file that cannot be played, UsageError when one of `symbols` is in no file, a
    file is named twice, or `columns` are said of journals alone.
    """

    simulated = False

    def __init__(
        self,
        paths: Iterable[Path | str],
        symbols: Iterable[str] = (),
        max_bad_share: float = MAX_BAD_SHARE,
        *,
        batch_size: int = BATCH_SIZE,
        unnamed: str = "",
        are_trades: bool = False,
        columns: Mapping[str, str] | None = None,
        allow_truncated: bool = False,
        noise: float | None = None,
        check_symbol: Callable[[str], None] | None = None,
        span: TimeRange = WHOLE,
        before: Hear | None = None,
        decides_on: int = 0,
        exchanges: Sequence[str] = (),
        now_ns: int,
    ) -> None:
        self.span = span
        self._decides_on = decides_on
        self._before = before
        self._paths = [Path(path) for path in paths]
        if not self._paths:
            raise UsageError("no data file named")
        self._batch_size = batch_size
        self._extent = Extent(span)
        self._asked = tuple(dict.fromkeys(symbols))
        self._wanted = frozenset(self._asked)
        self._names = {_plain(symbol): symbol for symbol in self._asked}
        self._check_symbol = check_symbol
        self._reading = Reading(
            latest=now_ns + DAY,
            max_bad_share=max_bad_share,
            noise=max_bad_share if noise is None else noise,
            symbol=unnamed,
            are_trades=are_trades,
            columns=columns or {},
            allow_truncated=allow_truncated,
            spell=self._spell,
        )
        self._exchanges = exchanges or [""] * len(self._paths)
        self.progress = Progress(bytes_total=sum(map(check_file, self._paths)))
        _refuse_twice(self._paths, self._exchanges)
        self.files = self._open(self.progress)
        self._overlaps = self._new_overlaps()
        self._sources = [self._read(number, file) for number, file in enumerate(self.files)]
        if columns and not any(isinstance(file, CsvFile) for file in self.files):
            raise UsageError(
                f"{self.name}: --columns is of files with columns, and a journal has none"
            )
        self._find_symbols()

    def _spell_at(self, exchange: str, symbol: str) -> str:
        return self._spell(f"{exchange}:{symbol}")

    def _spell(self, symbol: str) -> str:
        """As it was asked for: `BTCUSDT` is `BTC/USDT`."""
        name = self._names.get(_plain(symbol), symbol)
        if self._check_symbol is not None and (not self._wanted or name in self._wanted):
            self._check_symbol(name)
        return name

    @property
    def name(self) -> str:
        return self._paths[0].name if len(self._paths) == 1 else f"{len(self._paths)} files"

    @property
    def symbols(self) -> tuple[str, ...]:
        if self._asked:
            return self._asked
        return tuple(dict.fromkeys(symbol for file in self.files for symbol in file.symbols))

    def skip_ahead(self) -> Iterator[None]:
        """Go on to what is played of each file, a little at a time; `batches` does it at once."""
        for place, source in enumerate(self._sources):
            for events in source:
                if events:
                    self._sources[place] = chain([events], source)
                    break
                yield

    def batches(self) -> Iterator[list[MarketDataEvent]]:
        """All events in time order, in lists of at most the batch size; to be called once.

        Raises DataError when too many rows of a file are bad, none is good, or two files have the same.
        """
        sources = [filter(None, source) for source in self._sources]
        for events in sources[0] if len(sources) == 1 else merged(sources):
            chosen = [e for e in events if e.symbol in self._wanted] if self._wanted else events
            for start in range(0, len(chosen), self._batch_size):
                batch = chosen[start : start + self._batch_size]
                self._count(batch)
                yield batch
        if self.span and not self.progress.events:
            raise DataError(
                f"{self.name}: it has nothing {self.span.spelled()}{self._extent.told()}"
            )

    def lengths(self) -> list[Lengths]:
        """How long the candles of each file are, by its first rows; of the symbols asked for. Raises
        DataError."""
        return [
            {s: n for s, n in lengths_in(events).items() if not self._wanted or s in self._wanted}
            for file in self._open(Progress())
            for events in islice(file.events(), 1)
        ]

    def refuse_overlaps(self) -> None:
        """Where two files have the same, as far as the beginnings of files tell it: the rest is told as
        rows come. Raises DataError."""
        overlaps = self._new_overlaps()
        files = enumerate(self._open(Progress()))
        sources = [overlaps.watched(number, file.events()) for number, file in files]
        for source in sources:
            next(source, None)
        for number, source in enumerate(sources):
            for _ in range(BLOCKS_AHEAD):
                if not overlaps.is_followed(number) or next(source, None) is None:
                    break

    def _new_overlaps(self) -> Overlaps:
        return Overlaps(self._paths, self._wanted, intrabar=self._decides_on > 0)

    def _read(self, number: int, file: CsvFile | JournalFile) -> Iterator[list[MarketDataEvent]]:
        blocks = file.events()
        if len(self._paths) > 1:
            blocks = self._overlaps.watched(number, blocks)
        if self._decides_on:
            blocks = without_opens(blocks, self._decides_on)
        if self.span:
            blocks = self.span.of(map(self._extent.seen, blocks), self._hear)
        for events in blocks:
            if events:
                self.progress.read_until = max(self.progress.read_until, events[-1].ts)
            yield events

    def _hear(self, events: list[MarketDataEvent]) -> None:
        if self._before is not None:
            self._before([e for e in events if not self._wanted or e.symbol in self._wanted])

    def _count(self, batch: list[MarketDataEvent]) -> None:
        progress = self.progress
        progress.events += len(batch)
        progress.first_ts = progress.first_ts or batch[0].ts
        progress.last_ts = batch[-1].ts

    def _open(self, progress: Progress) -> list[CsvFile | JournalFile]:
        files = zip(self._paths, self._exchanges, strict=True)
        return [self._open_one(path, exchange, progress) for path, exchange in files]

    def _open_one(self, path: Path, exchange: str, progress: Progress) -> CsvFile | JournalFile:
        text, reading = first_lines(path), self._reading
        if text.startswith(JOURNAL.decode()):
            if exchange:
                raise UsageError(
                    f"--data {exchange}:{path}: a journal says itself which exchange its symbols are of: "
                    f"leave out {exchange}:"
                )
            return JournalFile(path, reading, progress)
        if exchange:
            reading = replace(reading, spell=partial(self._spell_at, exchange))
        return CsvFile(path, text, reading, progress)

    def _find_symbols(self) -> None:
        """Look for the symbols asked for; the first rows have them, unless they are missing."""
        found: dict[str, None] = {}
        sources = [file.events() for file in self._open(Progress())] if self._wanted else []
        while not self._wanted <= found.keys():
            some = [events for source in sources for events in islice(source, 1)]
            if not some:
                missing = ", ".join(symbol for symbol in self._asked if symbol not in found)
                raise UsageError(f"no {missing} in the data: it has {', '.join(found)}")
            found.update(dict.fromkeys(event.symbol for events in some for event in events))


def first_lines(path: Path) -> str:
    """The text that the file begins with. Raises DataError for what is no text."""
    try:
        block = next(line_blocks(path, Progress()), b"")
    except BrokenArchiveError as error:
        raise DataError(
            f"{path} is a broken {kind_of(path)} file, of which not even a first line can be had "
            f"({error}): get it again"
        ) from None
    text = block.decode(errors="replace")
    first = text.lstrip("\n").partition("\n")[0]
    if _CONTROL.search(first) or (UNREADABLE in first and not any(map(first.count, ",;|\t"))):
        raise DataError(
            f"{path} is neither text (UTF-8) nor compressed text: expected CSV, JSON, Parquet, Feather "
            "or a journal"
        )
    if not text.strip():
        raise DataError(f"{path}: the first line is empty; {EXPECTED}")
    return text


def _refuse_twice(paths: list[Path], exchanges: Sequence[str]) -> None:
    """Also by another name, but for what is of another exchange. Raises UsageError."""
    named: dict[tuple[int, int, str], Path] = {}
    for path, exchange in zip(paths, exchanges, strict=True):
        found = path.stat()
        before = named.setdefault((found.st_dev, found.st_ino, exchange), path)
        if before is not path:
            also = "" if before == path else f", also as {before}"
            raise UsageError(f"--data: {path} is named twice{also}: leave one out")


def _plain(symbol: str) -> str:
    """`BTCUSDT` of `BTC/USDT`, `BTC-USDT` and `BTC_USDT`."""
    return "".join(filter(str.isalnum, symbol.upper()))


__all__ = ["MAX_BAD_SHARE", "RecordedFeed", "first_lines"]
