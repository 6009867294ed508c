"""`data check`: what would be read of files, and whether a run would play them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest
from pathlib import Path

import msgspec

from tradectl.config.settings import Settings
from tradectl.documents.data import DataCheck, DataGap, SymbolData
from tradectl.domain.currencies import quote_in
from tradectl.domain.errors import DataError, JournalError, UsageError
from tradectl.domain.events import BarEvent, BarOpened, BookEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.time import SECOND, iso
from tradectl.feeds.csv.csv_file import CsvFile
from tradectl.feeds.csv.stored import kind_of
from tradectl.feeds.finer import decided_on
from tradectl.feeds.recorded import RecordedFeed
from tradectl.runtime.run_options import OneCurrency

SILENCE = 3600 * SECOND
"""Without trades or quotes for longer, something may be missing."""
GAPS_KEPT = 10
REFUSALS = (DataError, JournalError, UsageError)


class DataOptions(msgspec.Struct, frozen=True, kw_only=True):
    """As for a run; `now` is the computer's time, ns."""

    settings: Settings
    symbols: Sequence[str] = ()
    columns: Mapping[str, str] = {}
    allow_truncated: bool = False
    now: int

    def feed(self, paths: list[Path], max_bad_share: float, decides_on: int = 0) -> RecordedFeed:
        configured = self.symbols or self.settings.symbols
        return RecordedFeed(
            paths,
            self.symbols,
            max_bad_share,
            noise=self.settings.feed.max_bad_share,
            unnamed=configured[0] if len(configured) == 1 else "",
            are_trades=self.settings.feed.rows == "trades",
            columns=self.columns,
            allow_truncated=self.allow_truncated,
            decides_on=decides_on,
            now_ns=self.now,
        )


def check_data(path: Path, options: DataOptions) -> DataCheck:
    """All of the file is read, whatever share of it is bad."""
    seen = _Seen()
    feed, refused = None, ""
    left_out: dict[str, str] = {}
    try:
        feed = options.feed([path], max_bad_share=1)
        for batch in feed.batches():
            for event in batch:
                seen.add(event)
        _refuse_as_a_run(path, feed, options, left_out)
    except REFUSALS as error:
        refused = str(error)
    return _document(path, options, feed, seen, refused, left_out)


def refuse_together(paths: list[Path], options: DataOptions) -> None:
    """Files that each are played, and not in one run: all are read as a run merges them. Raises one of
    REFUSALS."""
    most_bad = options.settings.feed.max_bad_share
    decides_on = 0
    if options.settings.paper.fill == "intrabar":
        decides_on = decided_on(options.feed(paths, most_bad).lengths()).interval
    for _ in options.feed(paths, most_bad, decides_on).batches():
        pass


def _refuse_as_a_run(
    path: Path, feed: RecordedFeed, options: DataOptions, left_out: dict[str, str]
) -> None:
    """Where its symbols share no currency, or too many rows are bad: then it is read once more, as a run
    reads it, which tells the symbols that are `left_out`. Raises one of REFUSALS."""
    one_currency = OneCurrency(options.settings)
    for symbol in feed.symbols:
        one_currency.check(symbol)
    if feed.progress.bad_count:
        again = options.feed([path], options.settings.feed.max_bad_share)
        for _ in again.batches():
            pass
        left_out |= again.progress.left_out


class _Series:
    """The rows of one symbol."""

    def __init__(self) -> None:
        self.rows = self.first = self.last = self.gaps = self.missing = self.duplicates = 0
        self.before: MarketDataEvent | None = None


class _Seen:
    """What a file has, event by event."""

    def __init__(self) -> None:
        self.kinds: dict[str, None] = {}
        self.interval = 0
        self.series: dict[str, _Series] = {}
        self.gaps: list[tuple[int, str, int]] = []

    def add(self, event: MarketDataEvent) -> None:
        if isinstance(event, BarOpened):
            return
        self.kinds[_kind(event)] = None
        series = self.series.setdefault(event.symbol, _Series())
        time, usual = event.ts, SILENCE
        if isinstance(event, BarEvent):
            self.interval = usual = event.interval
            time -= event.interval
        before, series.before = series.before, event
        series.rows += 1
        if before is None:
            series.first = time
        else:
            series.duplicates += before == event
            self._step(event.symbol, series, time - series.last, usual)
        series.last = time

    def _step(self, symbol: str, series: _Series, step: int, usual: int) -> None:
        if step <= usual:
            return
        series.gaps += 1
        series.missing += step // usual - 1 if self.interval else 0
        self.gaps.append((step, symbol, series.last))
        if len(self.gaps) > 100 * GAPS_KEPT:
            self.gaps = nlargest(GAPS_KEPT, self.gaps)


def _kind(event: MarketDataEvent) -> str:
    if isinstance(event, BarEvent):
        return "candles"
    if isinstance(event, QuoteEvent):
        return "quotes"
    return "books" if isinstance(event, BookEvent) else "trades"


def _document(
    path: Path,
    options: DataOptions,
    feed: RecordedFeed | None,
    seen: _Seen,
    refused: str,
    left_out: dict[str, str],
) -> DataCheck:
    described = {i.symbol: i.quote for i in options.settings.instruments}
    file = feed.files[0] if feed else None
    progress = feed.progress if feed else None
    about = file.about() if isinstance(file, CsvFile) else None
    bad = dict(progress.bad) if progress else {}
    series = seen.series
    try:
        stored = kind_of(path)
    except OSError:
        stored = "plain"
    return DataCheck(
        file=str(path),
        refused=refused or None,
        format=_format(feed, stored),
        compression=stored if stored not in ("plain", "Parquet", "Feather") else None,
        kind=", ".join(seen.kinds) or (about.kind if about else None),
        separator=about.separator if about else None,
        header=about.header if about else False,
        columns=about.columns if about else {},
        time_unit=about.time_unit if about else None,
        time_zone=about.time_zone if about else None,
        newest_first=about.newest_first if about else False,
        candle_seconds=seen.interval / SECOND if seen.interval else None,
        rows=sum(one.rows for one in series.values()),
        first=iso(min(one.first for one in series.values())) if series else None,
        last=iso(max(one.last for one in series.values())) if series else None,
        symbols=[_symbol(name, one, described) for name, one in series.items()],
        gaps=sum(one.gaps for one in series.values()),
        longest_gaps=[
            DataGap(symbol=symbol, after=iso(after), seconds=step / SECOND)
            for step, symbol, after in nlargest(GAPS_KEPT, seen.gaps)
        ],
        empty_candles=progress.empty_candles if progress else 0,
        duplicates=sum(one.duplicates for one in series.values()) + bad.get("repeated_candle", 0),
        spikes=bad.get("price_spike", 0),
        bad_rows=sum(bad.values()),
        bad=bad,
        first_bad_rows=[f"{row.line}: {row.reason}" for row in progress.bad_rows]
        if progress
        else [],
        left_out=left_out,
    )


def _format(feed: RecordedFeed | None, stored: str) -> str:
    if stored in ("Parquet", "Feather"):
        return stored
    if feed is None:
        return "unknown"
    return "rows" if isinstance(feed.files[0], CsvFile) else "journal"


def _symbol(name: str, series: _Series, described: Mapping[str, str]) -> SymbolData:
    return SymbolData(
        symbol=name,
        currency=described.get(name) or quote_in(name),
        rows=series.rows,
        first=iso(series.first),
        last=iso(series.last),
        gaps=series.gaps,
        missing=series.missing,
        duplicates=series.duplicates,
    )


__all__ = ["DataOptions", "check_data", "refuse_together"]
