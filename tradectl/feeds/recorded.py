"""Recorded files as a feed: CSV or CSV.gz of trades, quotes or candles, and journals.

What a file holds is read from its content. One file is played straight through; several are merged
by time. Bad rows are left out, counted and shown in `progress`; too many of them end the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from tradectl.domain.errors import DataError, UsageError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import DAY
from tradectl.feeds.base import BATCH_SIZE, Progress
from tradectl.feeds.csv.blocks import BrokenArchiveError, check_file, line_blocks
from tradectl.feeds.csv.csv_file import CsvFile
from tradectl.feeds.csv.layout import EXPECTED
from tradectl.feeds.merge import merged
from tradectl.feeds.recorded_journal import JournalFile

MAX_BAD_SHARE = 0.01


class RecordedFeed:
    """The market data of `paths` in time order, of all symbols or of `symbols` only.

    `max_bad_share` is the share of a file's rows that may be bad; `now_ns` the present: what lies more
    than a day after it is a fault; `unnamed` is the symbol of a file that names none; `are_trades`: what
    looks like an order book's rows is not. Raises DataError for a file that cannot be played, UsageError
    when one of `symbols` is in no file.
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
        now_ns: int,
    ) -> None:
        self._unnamed = unnamed
        self._are_trades = are_trades
        self._paths = [Path(path) for path in paths]
        if not self._paths:
            raise UsageError("no data file named")
        self._latest = now_ns + DAY
        self._max_bad_share = max_bad_share
        self._batch_size = batch_size
        self._asked = tuple(dict.fromkeys(symbols))
        self._wanted = frozenset(self._asked)
        self.progress = Progress(bytes_total=sum(map(check_file, self._paths)))
        self._files = self._open(self.progress)
        self._find_symbols()

    @property
    def name(self) -> str:
        return self._paths[0].name if len(self._paths) == 1 else f"{len(self._paths)} files"

    @property
    def symbols(self) -> tuple[str, ...]:
        if self._asked:
            return self._asked
        return tuple(dict.fromkeys(symbol for file in self._files for symbol in file.symbols))

    def batches(self) -> Iterator[list[MarketDataEvent]]:
        """All events in time order, in lists of at most the batch size; to be called once.

        Raises DataError when too many rows of a file are bad, or none is good.
        """
        sources = [self._read(file) for file in self._files]
        for events in sources[0] if len(sources) == 1 else merged(sources):
            chosen = [e for e in events if e.symbol in self._wanted] if self._wanted else events
            for start in range(0, len(chosen), self._batch_size):
                batch = chosen[start : start + self._batch_size]
                self._count(batch)
                yield batch

    def _read(self, file: CsvFile | JournalFile) -> Iterator[list[MarketDataEvent]]:
        for events in file.events():
            self.progress.read_until = max(self.progress.read_until, events[-1].ts)
            yield events

    def _count(self, batch: list[MarketDataEvent]) -> None:
        progress = self.progress
        progress.events += len(batch)
        progress.first_ts = progress.first_ts or batch[0].ts
        progress.last_ts = batch[-1].ts

    def _open(self, progress: Progress) -> list[CsvFile | JournalFile]:
        return [self._open_one(path, progress) for path in self._paths]

    def _open_one(self, path: Path, progress: Progress) -> CsvFile | JournalFile:
        first, second = _first_lines(path)
        if first.startswith("{"):
            return JournalFile(path, self._latest, self._max_bad_share, progress)
        return CsvFile(
            path,
            first,
            second,
            self._latest,
            self._max_bad_share,
            progress,
            symbol=self._unnamed,
            are_trades=self._are_trades,
        )

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


def _first_lines(path: Path) -> tuple[str, str]:
    try:
        block = next(line_blocks(path, Progress()), b"")
        first, _, rest = block.partition(b"\n")
        line = first.decode("utf-8-sig").strip()
    except BrokenArchiveError as error:
        raise DataError(f"{path} is a broken gzip file: {error}") from None
    except UnicodeDecodeError:
        line = "\0"
    if not line.replace("\t", " ").isprintable():
        raise DataError(
            f"{path} is neither text (UTF-8) nor gzipped text: expected CSV or a journal"
        )
    if not line:
        raise DataError(f"{path}: the first line is empty; {EXPECTED}")
    return line, rest.partition(b"\n")[0].decode(errors="replace").strip()
