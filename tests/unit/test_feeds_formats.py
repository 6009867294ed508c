"""A file is played as what it is, or refused with what was seen in it."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.rows import each_row
from tests.unit.test_feeds_recorded import NOW, closes, read_feed, write
from tradectl.domain.errors import DataError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import MILLISECOND, SECOND, iso
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.stored import BrokenArchiveError, pieces
from tradectl.feeds.recorded import RecordedFeed

T0 = 1_720_886_400_000
CANDLES = "ts_ms,open,high,low,close,volume"


def csv(path: Path, header: str, rows: Iterable[str]) -> Path:
    return write(path, "\n".join([*([header] if header else []), *rows]) + "\n")


def refusal(path: Path, **options: bool) -> str:
    with pytest.raises(DataError) as caught:
        list(RecordedFeed([path], now_ns=NOW, **options).batches())  # type: ignore[arg-type]  # flags alone
    return str(caught.value)


# --- a date and a time of day ---------------------------------------------------------------------


@each_row(
    ("header", "row", "moment"),
    [
        ("date,time,price,volume", "2024-03-01,10:39:00,7,2", "2024-03-01T10:39:00.000000Z"),
        ("time,date,price,volume", "10:39,2024-03-01,7,2", "2024-03-01T10:39:00.000000Z"),
        ("date,time,price,volume", "2024-03-01,10:39:00.25,7,2", "2024-03-01T10:39:00.250000Z"),
        ("date,timestamp,price,volume", f"2024-07-13,{T0},7,2", "2024-07-13T16:00:00.000000Z"),
        ("date,time,price,volume", "2024-03-01,2024-03-01 10:39,7,2", "2024-03-01T10:39:00.000000Z"),
        ('"date","time","price","volume"', '"2024-03-01","10:39:00","7","2"',
         "2024-03-01T10:39:00.000000Z"),
    ],
)  # fmt: skip
def test_a_date_and_a_time_of_day_are_one_moment(
    tmp_path: Path, header: str, row: str, moment: str
) -> None:
    path = csv(tmp_path / "BTCUSDT.csv", header, [row] * 3)
    assert [iso(event.ts) for event in read_feed(path)] == [moment] * 3


def test_candles_too_may_have_them_apart(tmp_path: Path) -> None:
    rows = [f"2024-03-01,10:0{m}:00,1,1,1,1,1" for m in range(3)]
    path = csv(tmp_path / "BTCUSDT.csv", "date,time,open,high,low,close,volume", rows)
    assert [bar.interval for bar in closes(read_feed(path))] == [60 * SECOND] * 3


def test_trades_of_which_only_the_day_is_known_are_refused(tmp_path: Path) -> None:
    path = csv(tmp_path / "BTCUSDT.csv", "date,price,volume", ["2024-03-01,7,2"])
    assert "its times are days ('2024-03-01' in the column 'date')" in refusal(path)


def test_a_day_is_enough_for_daily_candles(tmp_path: Path) -> None:
    rows = [f"2024-03-0{day},1,1,1,1,1" for day in range(1, 4)]
    path = csv(tmp_path / "BTCUSDT.csv", "date,open,high,low,close,volume", rows)
    assert [bar.interval for bar in closes(read_feed(path))] == [86_400 * SECOND] * 3


# --- newest first ---------------------------------------------------------------------------------


def played(path: Path) -> list[tuple[int, Decimal]]:
    return [(event.ts // MILLISECOND - T0, event.price) for event in read_feed(path)]


@pytest.mark.parametrize("count", [2, 3, 5000])
def test_newest_first_is_turned_round(tmp_path: Path, count: int) -> None:
    rows = [f"{T0 + n * 1000},{n + 1},1" for n in range(count)]
    header = "ts_ms,price,qty"
    oldest_first = csv(tmp_path / "a_BTCUSDT.csv", header, rows)
    newest_first = csv(tmp_path / "b_BTCUSDT.csv", header, reversed(rows))
    assert played(newest_first) == played(oldest_first)
    assert len(played(newest_first)) == count


def test_candles_newest_first_have_their_length_and_opens(tmp_path: Path) -> None:
    rows = [f"{T0 + n * 60_000},{n + 100},{n + 101},{n + 99},{n + 100},1" for n in range(100)]
    ascending = csv(tmp_path / "a_BTCUSDT.csv", CANDLES, rows)
    descending = csv(tmp_path / "b_BTCUSDT.csv", CANDLES, reversed(rows))
    assert read_feed(descending) == read_feed(ascending)
    assert len(read_feed(descending)) == 200


def test_a_bad_row_of_a_file_that_is_turned_has_its_own_line(tmp_path: Path) -> None:
    rows = [f"{T0 - n * 1000},{'oops' if n == 3 else 7},1" for n in range(1000)]
    path = csv(tmp_path / "BTCUSDT.csv", "ts_ms,price,qty", rows)
    feed = RecordedFeed([path], now_ns=NOW)
    assert sum(len(batch) for batch in feed.batches()) == 999
    assert [bad.line for bad in feed.progress.bad_rows] == [5]


def test_a_file_that_there_is_no_room_to_turn_round_is_refused(tmp_path: Path) -> None:
    rows = [f"{T0 - n * 1000},7,1" for n in range(5000)]
    path = csv(tmp_path / "BTCUSDT.csv", "ts_ms,price,qty", rows)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, usual[1]))
    try:
        with pytest.raises(DataError, match=r"begins with the newest row, .* no room in .* TMPDIR"):
            read_feed(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("share", [0.5, 1])
def test_a_row_out_of_its_time_does_not_turn_a_file(tmp_path: Path, share: float) -> None:
    times = [0, 1, 2, 1, 3, 4]
    path = csv(tmp_path / "BTCUSDT.csv", "ts_ms,price,qty", [f"{T0 + t},1,1" for t in times])
    feed = RecordedFeed([path], max_bad_share=share, now_ns=NOW)
    assert [e.ts // MILLISECOND - T0 for b in feed.batches() for e in b] == [0, 1, 2, 3, 4]


# --- no header ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1, 1000], ids=["ms", "us"])
def test_candles_of_binance_need_no_header(tmp_path: Path, unit: int) -> None:
    rows = [
        f"{(T0 + n * 3_600_000) * unit},100,103,99,{100 + n},5,"
        f"{(T0 + (n + 1) * 3_600_000) * unit - 1},1,1,1,1,0"
        for n in range(3)
    ]
    bars = closes(read_feed(csv(tmp_path / "BTCUSDT-1h-2025-01.csv", "", rows)))
    assert [str(bar.price) for bar in bars] == ["100", "101", "102"]
    assert {str(bar.volume) for bar in bars} == {"5"}
    assert [bar.ts for bar in bars] == [(T0 + n * 3_600_000) * MILLISECOND for n in (1, 2, 3)]
    assert bars[0].interval == 3600 * SECOND


@each_row(
    "row",
    [
        f"{T0},1,2,3,4,5",
        f"{T0},100,99,103,100,5,{T0 + 3_599_999},1,1,1,1,0",
        f"{T0},100,103,99,100,5,{T0 - 1},1,1,1,1,0",
        f"{T0},100,103,99,x,5,{T0 + 3_599_999},1,1,1,1,0",
        f"12410770,sell,25.3,7.5,{T0}",
    ],
)
def test_other_rows_without_a_header_are_refused(tmp_path: Path, row: str) -> None:
    path = csv(tmp_path / "BTCUSDT.csv", "", [row, row])
    assert "its first line is a row" in refusal(path)


# --- order books ----------------------------------------------------------------------------------

LEVELS = "exchange,symbol,timestamp,side,price,amount"


def levels(count: int, drift: float = 0) -> list[str]:
    """Rows of a book around a price that moves by `drift` a row."""
    rows = []
    for n in range(count):
        middle = 60_000 + drift * n
        side, price = ("sell", middle + 50 + n % 7) if n % 3 else ("buy", middle - 50 - n % 5)
        rows.append(f"x,BTCUSDT,{T0 + n},{side},{price:.2f},1")
    return rows


@pytest.mark.parametrize("drift", [0, 2, -2])
def test_rows_of_a_book_are_no_trades(tmp_path: Path, drift: float) -> None:
    path = csv(tmp_path / "x.csv", LEVELS, levels(200, drift))
    message = refusal(path)
    assert "looks like the rows of an order book" in message
    assert "--set feed.rows=trades" in message


def test_who_says_that_they_are_trades_is_believed(tmp_path: Path) -> None:
    path = csv(tmp_path / "x.csv", LEVELS, levels(200))
    events: list[MarketDataEvent] = []
    for batch in RecordedFeed([path], are_trades=True, now_ns=NOW).batches():
        events += batch
    assert len(events) == 200


@each_row("sides", ["buy sell", "buy", "sell", "buy buy sell sell sell"])
def test_trades_are_not_taken_for_a_book(tmp_path: Path, sides: str) -> None:
    """Who buys pays the ask, who sells gets the bid, whatever the market does meanwhile."""
    rows, words = [], sides.split()
    for n in range(300):
        side = words[n % len(words)]
        middle = 60_000 + (n // 40) * (5 if n < 150 else -5)
        rows.append(f"x,BTCUSDT,{T0 + n},{side},{middle + (1 if side == 'buy' else -1)},1")
    assert len(read_feed(csv(tmp_path / "x.csv", LEVELS, rows))) == 300


@pytest.mark.parametrize(
    "header",
    [
        "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount",
        "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu",
    ],
)
def test_what_has_the_columns_of_a_book_is_refused_by_them(tmp_path: Path, header: str) -> None:
    path = csv(tmp_path / "x.csv", header, [",".join("1" for _ in header.split(","))])
    assert "is an order book's, which is not played" in refusal(path)


# --- whose prices ---------------------------------------------------------------------------------


def test_a_file_that_names_no_symbol_is_of_the_one_that_is_said(tmp_path: Path) -> None:
    path = csv(tmp_path / "prices.csv", "ts_ms,price,qty", [f"{T0},7,2"])
    assert "--symbol BTCUSDT" in refusal(path)
    feed = RecordedFeed([path], unnamed="GOOGUSDT", now_ns=NOW)
    assert [event.symbol for batch in feed.batches() for event in batch] == ["GOOGUSDT"]


@pytest.mark.parametrize("name", ["XBTUSD", "BTCJPY", "SOLEUR"])
def test_a_symbol_of_any_currency_may_stand_in_the_file_name(tmp_path: Path, name: str) -> None:
    path = csv(tmp_path / f"{name}.csv", "ts_ms,price,qty", [f"{T0},7,2"])
    assert [event.symbol for event in read_feed(path)] == [name]


def test_an_archive_that_unpacks_to_anything_is_read_as_far_as_data_expands(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(64):
            file.write(b"\n" * (1 << 20))
    sizes: list[int] = []
    with pytest.raises(BrokenArchiveError, match="far more than data does"):
        sizes.extend(len(piece) for piece in pieces(path, Progress()))
    assert sum(sizes) <= 1 << 25
