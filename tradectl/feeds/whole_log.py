"""A run's log, whole: with the market data that its journal has, or only refers to.

Who reads what happened reads it here. Where the journal refers to files of recorded data, these are read
beside it, provided that they are what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from tradectl.documents.backtest import DataFile
from tradectl.domain.errors import DataError, JournalError
from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.base import BATCH_SIZE
from tradectl.feeds.data_files import hashed
from tradectl.feeds.recorded import RecordedFeed
from tradectl.feeds.time_range import Hear, TimeRange
from tradectl.journal.event_log import LogReader
from tradectl.journal.reader import LARGEST_UNSIGNED_HEADER, NO_KEYS, JournalReader
from tradectl.journal.reference import MarketSource
from tradectl.journal.signature import KnownKeys


def read_log(
    path: Path, keys: KnownKeys = NO_KEYS, *, largest: int = LARGEST_UNSIGNED_HEADER
) -> LogReader:
    """The log in a file, whether it is still written or not; `keys` and `largest` as a reader has them.
    Raises JournalError, NotBegun; and where market data that it refers to is missing or changed, as soon
    as that is reached."""
    return JournalReader(path, market_of, keys, largest=largest)


def market_of(source: MarketSource) -> Iterator[MarketDataEvent]:
    """Raises JournalError for files that are not there, or not what they were."""
    for file in source.files:
        _refuse_changed(file)
    try:
        return chain.from_iterable(feed_of(source).batches())
    except DataError as error:
        raise JournalError(
            f"the data that the journal refers to cannot be read: {error}"
        ) from error


def feed_of(
    source: MarketSource,
    *,
    batch_size: int = BATCH_SIZE,
    check_symbol: Callable[[str], None] | None = None,
    before: Hear | None = None,
) -> RecordedFeed:
    """The feed of a source: of a run, and the same again of its journal. Raises DataError, UsageError."""
    return RecordedFeed(
        [Path(file.path) for file in source.files],
        source.symbols,
        source.max_bad_share,
        unnamed=source.unnamed,
        are_trades=source.are_trades,
        columns=source.columns,
        allow_truncated=source.allow_truncated,
        span=TimeRange(source.since, source.until),
        decides_on=source.decides_on,
        batch_size=batch_size,
        exchanges=tuple(file.exchange for file in source.files),
        check_symbol=check_symbol,
        before=before,
        now_ns=source.now,
    )


def _refuse_changed(file: DataFile) -> None:
    path = Path(file.path)
    mend = f"put the file with SHA-256 {file.sha256} back there"
    try:
        (now,) = hashed([path])
    except DataError as error:
        raise JournalError(
            f"the journal refers to market data that is gone: {error}; {mend}"
        ) from error
    if now.sha256 != file.sha256:
        raise JournalError(f"the journal refers to {path}, and that has changed since: {mend}")


__all__ = ["feed_of", "market_of", "read_log"]
