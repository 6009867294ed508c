from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import DataError, UsageError
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent, QuoteEvent
from tradectl.domain.money import Side
from tradectl.domain.time import HOUR, MILLISECOND, SECOND
from tradectl.feeds.base import FiniteFeed
from tradectl.feeds.recorded import RecordedFeed

DATA = Path(__file__).parents[1] / "data"
NOW = 1_750_000_000 * SECOND
T0 = 1_723_161_255_000
"""2024-08-08T23:54:15Z in ms."""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def closes(events: list[MarketDataEvent]) -> list[BarEvent]:
    return [event for event in events if isinstance(event, BarEvent)]


def read_feed(*paths: Path, symbols: tuple[str, ...] = ()) -> list[MarketDataEvent]:
    feed = RecordedFeed(paths, symbols, now_ns=NOW)
    return [event for batch in feed.batches() for event in batch]


# --- what a row becomes --------------------------------------------------------------------------


def test_a_trade_row_becomes_a_trade(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv", f"ts_ms,symbol,price,qty,side\n{T0},BTCUSDT,61837.63,0.02,sell\n"
    )
    assert read_feed(path) == [
        MarketDataEvent(
            symbol="BTCUSDT",
            price=Decimal("61837.63"),
            volume=Decimal("0.02"),
            side=Side.SELL,
            ts=T0 * MILLISECOND,
        )
    ]


def test_a_quote_row_becomes_a_quote_priced_at_its_middle(tmp_path: Path) -> None:
    text = f"ts_ms,symbol,bid,bid_qty,ask,ask_qty\n{T0},BTCUSDT,100.1,3,100.2,4\n"
    assert read_feed(write(tmp_path / "x.csv", text)) == [
        QuoteEvent(
            symbol="BTCUSDT",
            price=Decimal("100.15"),
            volume=Decimal(0),
            bid=Decimal("100.1"),
            ask=Decimal("100.2"),
            bid_size=Decimal(3),
            ask_size=Decimal(4),
            ts=T0 * MILLISECOND,
        )
    ]


def test_a_candle_becomes_a_bar_at_the_moment_it_closed(tmp_path: Path) -> None:
    text = (
        "ts_ms,symbol,open,high,low,close,volume\n"
        f"{T0},BTCUSDT,10,12,9,11,5\n{T0 + 60_000},BTCUSDT,11,11,11,11,0\n"
    )
    opened, *_ = events = read_feed(write(tmp_path / "x.csv", text))
    assert opened == BarOpened(
        symbol="BTCUSDT", price=Decimal(10), volume=Decimal(5), ts=T0 * MILLISECOND
    )
    bars = closes(events)
    assert bars[0] == BarEvent(
        symbol="BTCUSDT",
        price=Decimal(11),
        volume=Decimal(5),
        open=Decimal(10),
        high=Decimal(12),
        low=Decimal(9),
        interval=60 * SECOND,
        ts=T0 * MILLISECOND + 60 * SECOND,
    )
    assert [bar.ts for bar in bars] == [(T0 + 60_000) * MILLISECOND, (T0 + 120_000) * MILLISECOND]


def test_quoted_cells_are_fine_in_candles_too(tmp_path: Path) -> None:
    rows = [f'"{T0 + k * 60_000}","BTCUSDT","1","1","1","1","1"' for k in range(3)]
    path = write(tmp_path / "x.csv", "\n".join(["ts_ms,symbol,open,high,low,close,volume", *rows]))
    assert [type(event) for event in read_feed(path)] == [BarOpened, BarEvent] * 3


@each_row(
    ("steps", "interval"),
    [
        ([0, 60, 120, 180], 60),
        ([0, 120, 180, 300], 60),
        ([0, 3600, 14_400], 3600),
        ([*range(0, 60_000, 60), 60_001], 60),
    ],
    ids=["even", "gaps", "hours", "one odd step in a thousand is noise"],
)
def test_the_interval_is_the_smallest_step_of_a_symbol(
    tmp_path: Path, steps: list[int], interval: int
) -> None:
    rows = [
        f"{T0 + step * 1000},{symbol},1,1,1,1,1" for step in steps for symbol in ("AUSDT", "BUSDT")
    ]
    path = write(tmp_path / "x.csv", "\n".join(["ts_ms,symbol,open,high,low,close,volume", *rows]))
    bars = closes(read_feed(path))
    assert len(bars) == len(rows)
    assert all(isinstance(bar, BarEvent) and bar.interval == interval * SECOND for bar in bars)


def test_one_candle_alone_has_no_length(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"ts_ms,symbol,open,high,low,close,volume\n{T0},A,1,1,1,1,1\n")
    with pytest.raises(DataError, match="how long its candles last"):
        read_feed(path)


# --- headers and times ---------------------------------------------------------------------------


@each_row(
    ("header", "row"),
    [
        ("ts_ms,symbol,price,qty,side", f"{T0},BTCUSDT,7,2,buy"),
        ("side,qty,price,symbol,ts_ms", f"buy,2,7,BTCUSDT,{T0}"),
        ("\ufeffts_ms,symbol,price,qty,side", f"{T0},BTCUSDT,7,2,buy"),
        ("Timestamp,Symbol,Price,Amount,Side", f"{T0},BTCUSDT,7,2,BUY"),
        ("exchange,symbol,timestamp,id,side,price,amount", f"x,BTCUSDT,{T0},9,buy,7,2"),
        ("time,pair,price,size,side", f"{T0},BTCUSDT,7,2,Buy"),
        ('"ts","symbol","price","quantity","side"', f'{T0},"BTCUSDT","7","2","buy"'),
        ("ts,symbol,price,volume,side,note", f'{T0},BTCUSDT,7,2,b,"a, b"'),
    ],
)
def test_columns_are_found_by_name(tmp_path: Path, header: str, row: str) -> None:
    (event,) = read_feed(write(tmp_path / "x.csv", f"{header}\n{row}\n"))
    assert event == MarketDataEvent(
        symbol="BTCUSDT", price=Decimal(7), volume=Decimal(2), side=Side.BUY, ts=T0 * MILLISECOND
    )


def test_a_file_without_sides_has_trades_without_sides(tmp_path: Path) -> None:
    (event,) = read_feed(write(tmp_path / "x.csv", f"ts_ms,symbol,price,qty\n{T0},BTCUSDT,7,2\n"))
    assert event.side is None


@each_row(
    ("header", "time"),
    [
        ("ts", "1723161255"),
        ("ts", "1723161255.000"),
        ("time", "1723161255000"),
        ("timestamp", "1723161255000000"),
        ("timestamp", "1723161255000000000"),
        ("datetime", "2024-08-08T23:54:15Z"),
        ("date", "2024-08-08 23:54:15"),
        ("time", "2024-08-09T01:54:15.000000+02:00"),
        ("ts_s", "1723161255"),
        ("ts_us", "1723161255000000"),
        ("timestamp_ns", "1723161255000000000"),
    ],
)
def test_a_time_may_be_spelled_in_many_ways(tmp_path: Path, header: str, time: str) -> None:
    path = write(tmp_path / "x.csv", f"{header},symbol,price,qty\n{time},BTCUSDT,7,2\n")
    assert [event.ts for event in read_feed(path)] == [T0 * MILLISECOND]


def test_fractions_of_a_second_are_exact(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "ts,symbol,price,qty\n1723161255.123456789,BTCUSDT,7,2\n")
    assert [event.ts for event in read_feed(path)] == [1_723_161_255_123_456_789]


def test_the_unit_that_a_header_names_is_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "ts_ms,symbol,price,qty\n1000,BTCUSDT,7,2\n")
    assert [event.ts for event in read_feed(path)] == [SECOND]


def test_a_first_row_with_a_broken_time_does_not_decide_the_unit(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"ts,symbol,price,qty\n17231,A,7,2\n{T0},A,7,2\n")
    assert [event.ts for event in read_feed(path)] == [T0 * MILLISECOND]


@each_row(
    ("name", "symbol"),
    [
        ("BTCUSDT.csv", "BTCUSDT"),
        ("binance_spot_ETHUSDT_20240808T2354_20240809T0005.csv", "ETHUSDT"),
        ("binance_coinm_BTCUSD_PERP_20240808.csv", "BTCUSD_PERP"),
        ("trades-SOLEUR-2024.csv", "SOLEUR"),
    ],
)
def test_a_symbol_may_stand_in_the_file_name(tmp_path: Path, name: str, symbol: str) -> None:
    path = write(tmp_path / name, f"ts_ms,price,qty,side\n{T0},7,2,buy\n")
    assert [event.symbol for event in read_feed(path)] == [symbol]


def test_windows_line_ends_blank_lines_and_a_missing_last_line_end_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(f"ts_ms,symbol,price,qty\r\n{T0},A,1,1\r\n\r\n{T0},A,2,1".encode())
    assert [event.price for event in read_feed(path)] == [1, 2]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("header", ["ts_ms,symbol,price,qty", ""])
def test_line_ends_of_any_system_are_read(tmp_path: Path, end: str, header: str) -> None:
    rows = [f"{T0 + n},BTCUSDT,{n % 7 + 100},{'2' * (n % 13 + 1)}" for n in range(6000)]
    text = "\n".join([*filter(None, [header]), *rows, ""])
    plain = write(tmp_path / "a_BTCUSDT.csv", text)
    path = tmp_path / "b_BTCUSDT.csv"
    path.write_bytes(text.replace("\n", end).encode())
    columns = {} if header else {"time": "1", "symbol": "2", "price": "3", "qty": "4"}
    feeds = [RecordedFeed([file], columns=columns, now_ns=NOW) for file in (plain, path)]
    one, other = ([e for batch in feed.batches() for e in batch] for feed in feeds)
    assert one == other
    assert not any(feed.progress.bad_count for feed in feeds)


def in_two(content: bytes) -> bytes:
    """So that the byte order mark itself comes in two pieces."""
    return gzip.compress(content[:1]) + gzip.compress(content[1:])


@each_row("encoding", ["utf-8-sig", "utf-16"])
@each_row("packed", [bytes, gzip.compress, in_two])
def test_a_byte_order_mark_is_no_part_of_the_first_row(
    tmp_path: Path, encoding: str, packed: Callable[[bytes], bytes]
) -> None:
    rows = [f"{T0 + n},{n % 7 + 100},0.{n % 9 + 1}" for n in range(50)]
    path = tmp_path / "BTCUSDT.csv"
    path.write_bytes(packed("\n".join(rows).encode(encoding)))
    feed = RecordedFeed([path], now_ns=NOW)
    assert sum(map(len, feed.batches())) == 50
    assert not feed.progress.bad_count


# --- files that cannot be played -----------------------------------------------------------------


@each_row(
    ("content", "message"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "first line is empty"),
        (b"\n\n", "first line is empty"),
        (b"hello\n", "no column of times in 'hello'; expected a first line like ts_ms,symbol"),
        (b"1723161255342,BTCUSDT,1,1,buy\n", "its first line is a row"),
        (b"ts_ms,symbol,colour\n1,2,3\n", "columns unknown or missing"),
        (b"ts_ms,symbol,bid,ask\n1,2,3,4\n", "columns unknown or missing"),
        (b"ts_ms;symbol;price;qty\n", "no row that can be played; there are none"),
        (b"ts_ms:symbol:price:qty\n", "no column of times"),
        (b"ts_ms,price,qty\n1,2,3\n", "neither a symbol column nor a symbol in its name"),
        (b"ts_ms,symbol,price,qty\n", "no row that can be played; there are none"),
        (
            b"ts_ms,symbol,price,qty\n1,A,x,1\n",
            "no row that can be played; the first bad one is line 2",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "neither text"),
        (b"\x00\x01\x02" * 1000, "neither text"),
        ("ts_ms,symbol,price,qty\n".encode("utf-16"), "no row that can be played; there are none"),
        ("ts_ms,symbol,price,qty\n".encode("utf-32"), "neither text"),
        (b"\x1f\x8b\x08\x00junk that is no gzip", "broken gzip"),
        (gzip.compress(b"ts_ms,symbol,price,qty\n", mtime=0)[:15], "broken gzip"),
        (b"\x1b[31mred\x1b[0m,x\n", "neither text"),
    ],
)
def test_an_unfit_file_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_feed(path)
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)


def test_missing_files_directories_and_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        RecordedFeed([tmp_path / "none.csv"], now_ns=NOW)
    with pytest.raises(DataError, match="is a directory"):
        RecordedFeed([tmp_path], now_ns=NOW)
    with pytest.raises(DataError, match="not a regular file"):
        RecordedFeed(["/dev/null"], now_ns=NOW)
    with pytest.raises(DataError, match="cannot read"):
        RecordedFeed([tmp_path / ("x" * 1000)], now_ns=NOW)
    with pytest.raises(UsageError, match="no data file"):
        RecordedFeed([], now_ns=NOW)


def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress(b"ts_ms,symbol,price,qty\n" + b"1" * 50_000_000))
    with pytest.raises(DataError, match="a line of more than 16 MB"):
        read_feed(path)


def test_gzip_is_known_by_content_not_by_name(tmp_path: Path) -> None:
    text = gzip.decompress((DATA / "btcusdt_trades.csv.gz").read_bytes())
    (tmp_path / "plain.csv.gz").write_bytes(text)
    (tmp_path / "zipped.csv").write_bytes(gzip.compress(text))
    assert read_feed(tmp_path / "plain.csv.gz") == read_feed(tmp_path / "zipped.csv")


def test_archives_written_one_after_the_other_are_read_as_one(tmp_path: Path) -> None:
    header, _, rest = gzip.decompress((DATA / "btcusdt_trades.csv.gz").read_bytes()).partition(
        b"\n"
    )
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(header + b"\n") + gzip.compress(rest))
    assert read_feed(path) == read_feed(DATA / "btcusdt_trades.csv.gz")


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("zeros", [100, 10_000])
def test_zeros_between_archives_and_at_the_end_are_no_data(
    tmp_path: Path, packed: Callable[[bytes], bytes], zeros: int
) -> None:
    text = gzip.decompress((DATA / "btcusdt_trades.csv.gz").read_bytes())
    padding = bytes(zeros)
    path = tmp_path / "x.csv"
    path.write_bytes(packed(text[:5000]) + padding + packed(text[5000:]) + padding)
    assert read_feed(path) == read_feed(DATA / "btcusdt_trades.csv.gz")


def test_a_broken_archive_is_refused_or_what_it_holds_is_played_and_the_break_reported(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes((DATA / "btcusdt_trades.csv.gz").read_bytes()[:8000])
    with pytest.raises(DataError, match=r"breaks off at line .* --allow-truncated"):
        read_feed(path)
    feed = RecordedFeed([path], allow_truncated=True, now_ns=NOW)
    events = [event for batch in feed.batches() for event in batch]
    assert 1500 < len(events) < 2000
    assert events == read_feed(DATA / "btcusdt_trades.csv.gz")[: len(events)]
    assert feed.progress.bad == {"broken_off": 1}
    (row,) = feed.progress.bad_rows
    assert row.line == len(events) + 2
    assert row.reason == "broken_off: it ends in the middle"


# --- batches, progress, symbols ------------------------------------------------------------------


def test_batches_are_bounded_and_never_empty() -> None:
    feed = RecordedFeed([DATA / "btcusdt_trades.csv.gz"], batch_size=300, now_ns=NOW)
    sizes = [len(batch) for batch in feed.batches()]
    assert sum(sizes) == 2000
    assert all(0 < size <= 300 for size in sizes)


def test_progress_tells_how_far_the_feed_has_come() -> None:
    feed = RecordedFeed([DATA / "btcusdt_trades.csv.gz"], now_ns=NOW)
    progress = feed.progress
    assert (progress.events, progress.fraction, progress.first_ts) == (0, 0.0, 0)
    first = next(batches := feed.batches())
    assert progress.events == len(first)
    assert progress.last_ts == first[-1].ts
    assert progress.played(0) == 0.0
    assert 0.0 < progress.played(progress.last_ts) < 0.5 < progress.fraction  # it reads ahead
    rest = [event for batch in batches for event in batch]
    assert (progress.events, progress.rows, progress.fraction) == (2000, 2000, 1.0)
    assert (progress.first_ts, progress.last_ts) == (first[0].ts, rest[-1].ts)
    assert progress.played(progress.last_ts) == 1.0
    assert progress.bad_count == 0


def test_a_feed_says_what_it_is() -> None:
    trades, quotes = DATA / "btcusdt_trades.csv.gz", DATA / "btcusdt_quotes.csv.gz"
    assert RecordedFeed([trades], now_ns=NOW).name == "btcusdt_trades.csv.gz"
    feed: FiniteFeed = RecordedFeed([trades, quotes], now_ns=NOW)
    assert (feed.name, feed.simulated) == ("2 files", False)


def test_symbols_are_those_asked_for_or_those_seen() -> None:
    paths = [DATA / "btcusdt_trades.csv.gz", DATA / "ethusdt_trades.csv.gz"]
    assert RecordedFeed(paths, ["ETHUSDT"], now_ns=NOW).symbols == ("ETHUSDT",)
    feed = RecordedFeed(paths, now_ns=NOW)
    assert not feed.symbols
    assert sum(map(len, feed.batches())) == 3000
    assert feed.symbols == ("BTCUSDT", "ETHUSDT")


def test_only_the_symbols_asked_for_are_played() -> None:
    paths = [DATA / "btcusdt_trades.csv.gz", DATA / "ethusdt_trades.csv.gz"]
    assert read_feed(*paths, symbols=("ETHUSDT",)) == read_feed(paths[1])


def test_a_symbol_that_is_in_no_file_is_refused_with_those_there_are() -> None:
    paths = [DATA / "btcusdt_trades.csv.gz", DATA / "ethusdt_trades.csv.gz"]
    with pytest.raises(UsageError, match=r"no SOLUSDT in the data: it has BTCUSDT, ETHUSDT"):
        RecordedFeed(paths, ["ETHUSDT", "SOLUSDT"], now_ns=NOW)


# --- merging -------------------------------------------------------------------------------------


def trades_at(path: Path, symbol: str, times: list[int]) -> Path:
    rows = [f"{T0 + at},{symbol},{1 + i},1" for i, at in enumerate(times)]
    return write(path, "\n".join(["ts_ms,symbol,price,qty", *rows]) + "\n")


def test_files_are_merged_by_time_with_ties_in_the_order_of_the_files(tmp_path: Path) -> None:
    a = trades_at(tmp_path / "a.csv", "AUSDT", [0, 5, 5, 9])
    b = trades_at(tmp_path / "b.csv", "BUSDT", [0, 1, 5])
    order = [(event.symbol[0], int(event.price)) for event in read_feed(a, b)]
    assert order == [("A", 1), ("B", 1), ("B", 2), ("A", 2), ("A", 3), ("B", 3), ("A", 4)]
    order = [(event.symbol[0], int(event.price)) for event in read_feed(b, a)]
    assert order == [("B", 1), ("A", 1), ("B", 2), ("B", 3), ("A", 2), ("A", 3), ("A", 4)]


def test_a_merge_is_the_stable_sort_of_its_files() -> None:
    names = ("btcusdt_quotes", "ethusdt_trades", "btcusdt_trades")
    paths = [DATA / f"{name}.csv.gz" for name in names]
    separate = [event for path in paths for event in read_feed(path)]
    assert read_feed(*paths) == sorted(separate, key=lambda event: event.ts)


def test_candles_take_their_place_by_the_time_of_their_close(tmp_path: Path) -> None:
    trades = trades_at(tmp_path / "a.csv", "AUSDT", [0, 59_999, 60_000, 60_001])
    rows = [f"{T0 + at},AUSDT,1,1,1,1,1" for at in (0, 60_000)]
    text = "\n".join(["ts_ms,symbol,open,high,low,close,volume", *rows])
    letters = {MarketDataEvent: "T", BarOpened: "O", BarEvent: "C"}
    paths = [trades, write(tmp_path / "b.csv", text)]
    feed = RecordedFeed(paths, decides_on=HOUR, now_ns=NOW)  # beside candles of an hour
    kinds = [letters[type(event)] for batch in feed.batches() for event in batch]
    assert "".join(kinds) == "TOTTCOTC"


def test_all_candles_close_before_any_opens(tmp_path: Path) -> None:
    header = "ts_ms,symbol,open,high,low,close,volume"
    together = [f"{T0 + at},{coin},1,1,1,1,1" for at in (0, 60_000) for coin in "AB"]
    files = [write(tmp_path / "ab.csv", "\n".join([header, *together]))]
    apart = [f"{T0 + at},C,1,1,1,1,1" for at in (0, 60_000)]
    files.append(write(tmp_path / "c.csv", "\n".join([header, *apart])))
    shown = [f"{e.symbol}{'O' if type(e) is BarOpened else 'C'}" for e in read_feed(*files)]
    assert " ".join(shown) == "AO BO CO AC BC CC AO BO CO AC BC CC"
