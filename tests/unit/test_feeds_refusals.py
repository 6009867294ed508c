"""What is no market, breaks off, runs ahead or is of nobody: refused with a reason, or left out alone."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from tests.fixtures.rows import each_row
from tests.unit.test_feeds_kinds import (
    CANDLES,
    COUNT,
    NOW,
    PLAIN,
    T0,
    candles,
    lines,
    read_feed,
    refusal,
    spelled,
    sums,
    trades,
    write,
    zipped,
)
from tradectl.domain.events import BarEvent
from tradectl.domain.time import SECOND
from tradectl.feeds.recorded import RecordedFeed

# --- what is refused ------------------------------------------------------------------------------


def sided(header: str, *more: str) -> str:
    """Trades with other columns beside them."""
    rows = ((t, "BTCUSDT", "buy", p, q, *more) for t, p, q, _ in trades())
    return lines(rows, f"time,symbol,side,price,qty{header}")


NO_TRADES: dict[str, tuple[str | bytes, str]] = {
    "an order's status": (sided(",status", "FILLED"), "an order's"),
    "an order's id": (sided(",order_id", "a1"), "an order's"),
    "a fee": (sided(",Fee", "0.1"), "an order's"),
    "profit": (sided(",realizedPnl", "-3"), "an order's"),
    "a cell": (sided(",note", "canceled"), "an order's"),
    "an action": (sided(",action", "insert"), "an order book's"),
    "a cell of updates": (sided(",type", "l2update"), "an order book's"),
    "a level": (sided(",level", "1"), "an order book's"),
    "a liquidation": (sided(",kind", "liquidation"), "a liquidation's"),
    "bids and asks": (sided("").replace("buy", "ask"), "an order book's"),
    "b and a": (sided("").replace("buy", "a"), "an order book's"),
    "days": (lines(((T0 - T0 % 86_400 + 86_400 * (i // 9), 1, 1) for i in range(40)), "ts,price,qty"),
             "its times are days"),
    "compact days": (lines((("20240713", 1, 1),) * 3, "date,price,qty"), "its times are days"),
    "a ticker": (lines(((t, *r, 1, 2) for t, *r in candles()), f"{CANDLES},bid,ask"), "a ticker's"),
    "two prices": (lines(((t, p, q, p) for t, p, q, _ in trades()), "time,price,qty,price"),
                   "two columns are called 'price'"),
    "funding": (lines(((t, 8, 1) for t, *_ in trades()), "calc_time,interval,last_funding_rate"),
                "no column of times"),
    "a time without a day": (lines(((spelled(t, "%H:%M:%S"), p, q) for t, p, q, _ in trades()),
                                   "time,price,qty"), "not_a_time"),
    "months": (lines(((f"2024-{month:02d}-01", 1, 1, 1, 1, 1) for month in range(1, 9)), CANDLES),
               "its candles are months"),
    "one json object": (json.dumps({"data": [1, 2]}), "no column of times"),
    "two files in a zip": (zipped(PLAIN, "a.csv", "b.csv"), "a zip of 2 files"),
    "a workbook": (zipped(PLAIN, "[Content_Types].xml", "b.xml"), "an Excel workbook"),
}  # fmt: skip


@each_row("name", NO_TRADES)
def test_what_is_something_else_is_refused(name: str, tmp_path: Path) -> None:
    content, why = NO_TRADES[name]
    assert why in refusal(write(tmp_path / "BTCUSDT.csv", content))


@each_row(
    "name",
    ["BTCUSDT_liquidations.csv", "orders_BTCUSDT.csv", "BTCUSDT-book_snapshot_5.csv", "l2_BTCUSDT.csv",
     "BTCUSDT_incremental_book.csv", "BTCUSDT-forceOrder.csv"],
)  # fmt: skip
def test_a_name_that_says_it_is_something_else_is_believed(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, sided(""))
    assert "if they are trades, say so: --set feed.rows=trades" in refusal(path)
    assert len(read_feed(path, are_trades=True)) == COUNT


# --- what breaks off, runs ahead or is of one symbol alone ----------------------------------------

LONG = lines(
    ((T0 + i * 60, 100 + i % 9, 110, 99, 100.5 + i % 7, i % 89) for i in range(5000)), CANDLES
)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(LONG.encode(), mtime=0), lzma.compress(LONG.encode()), zipped(LONG, "BTCUSDT.csv")],
    ids=["gzip", "xz", "zip"],
)  # fmt: skip
def test_what_breaks_off_is_refused_unless_that_is_allowed(content: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT.csv", content[: len(content) * 2 // 3])
    assert "--allow-truncated" in refusal(path)
    whole = read_feed(write(tmp_path / "whole_BTCUSDT.csv", LONG))
    found = list(read_feed(path, allow_truncated=True))
    assert 4000 < len(found) < len(whole)
    assert sums(found)[:4000] == sums(whole)[:4000]


def test_zstd_is_read_and_what_breaks_off_is_refused(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    content = arrow.compress(LONG.encode(), "zstd", asbytes=True)
    whole = read_feed(write(tmp_path / "whole_BTCUSDT.csv", LONG))
    assert read_feed(write(tmp_path / "BTCUSDT.csv.zst", content)) == whole
    assert "zstd" in refusal(write(tmp_path / "BTCUSDT.zst", content[: len(content) // 2]))


@pytest.mark.parametrize(
    "places", [[0], [1], [2000], [0, 1, 2], [700, 701, 5000], [*range(50, 70)]]
)
def test_rows_from_the_future_do_not_poison_those_after_them(
    places: list[int], tmp_path: Path
) -> None:
    rows = [(T0 + i, 100 + i % 3, 1) for i in range(9000)]
    for place in places:
        rows[place] = (T0 + 300 * 86_400 + place, 100, 1)
    path = write(tmp_path / "BTCUSDT.csv", lines(rows, "time,price,qty"))
    feed = RecordedFeed([path], now_ns=NOW)
    times = [event.ts // SECOND for batch in feed.batches() for event in batch]
    assert times == [time for i, (time, *_) in enumerate(rows) if i not in places]
    assert feed.progress.bad == {"time_runs_ahead": len(places)}


@each_row("first", range(2700, 2860, 4))
def test_wherever_a_block_ends_the_future_does_not_begin(first: int, tmp_path: Path) -> None:
    rows = [(T0 + i, 100 + i % 3, "1.00000000") for i in range(3000)]
    for place in range(first, first + 5):
        rows[place] = (T0 + 300 * 86_400 + place, 100, "1.00000000")
    path = write(tmp_path / "BTCUSDT.csv", lines(rows, "time,price,qty"))
    assert len(read_feed(path)) == 2995


def test_too_many_bad_rows_of_one_symbol_do_not_stop_the_others(tmp_path: Path) -> None:
    rows = [
        row
        for i in range(3000)
        for row in ((T0 + i, "BTCUSDT", 100), (T0 + i, "ETHUSDT", "nan" if i > 500 else 10))
    ]
    text = lines(((*row, 1) for row in rows), "time,symbol,price,qty")
    feed = RecordedFeed([write(tmp_path / "x.csv", text)], now_ns=NOW)
    symbols = [event.symbol for batch in feed.batches() for event in batch]
    assert symbols.count("BTCUSDT") == 3000
    assert symbols.count("ETHUSDT") <= 501
    assert [*feed.progress.left_out] == ["ETHUSDT"]


@pytest.mark.parametrize("counts", [(300, 200), (300, 400), (9000, 4000, 9000)])
@pytest.mark.parametrize("step", [1, -1])
def test_a_file_sorted_by_symbol_is_refused_by_that(
    counts: tuple[int, ...], step: int, tmp_path: Path
) -> None:
    rows = [
        (T0 + 100 * (n == 1) + i, symbol, 100 + n, 1)
        for n, (symbol, count) in enumerate(
            zip(("BTCUSDT", "ETHUSDT", "SOLUSDT"), counts, strict=False)
        )
        for i in range(count)
    ]
    path = write(tmp_path / "x.csv", lines(rows[::step], "time,symbol,price,qty"))
    assert "it is sorted by symbol: sort it by time" in refusal(path)


def test_a_file_of_several_symbols_out_of_order_is_not_sorted_by_symbol(tmp_path: Path) -> None:
    rows = [(T0 + i - i % 5 * 9, ("BTCUSDT", "ETHUSDT")[i % 2], 100, 1) for i in range(500)]
    path = write(tmp_path / "x.csv", lines(rows, "time,symbol,price,qty"))
    assert "sorted by symbol" not in refusal(path)


@each_row(
    ("steps", "interval"),
    [
        ([0, 2, 4, 7, 9], 1),
        ([0, 6, 10, 20], 2),
        ([0, 4, 8, 12, 18], 2),
        ([n * 24 + (n > 30) for n in range(60)], 24),
        ([n * 24 - (n > 30) for n in range(60)], 24),
        ([n * 168 for n in range(10)], 168),
    ],
    ids=["2 and 3", "6, 4, 10", "4 and 6", "to winter time", "to summer time", "weeks"],
)
def test_candles_last_the_greatest_common_divisor_of_their_steps(
    steps: list[int], interval: int, tmp_path: Path
) -> None:
    rows = ((T0 + step * 3600, 1, 1, 1, 1, 1) for step in steps)
    events = read_feed(write(tmp_path / "BTCUSDT.csv", lines(rows, CANDLES)))
    lengths = {event.interval for event in events if isinstance(event, BarEvent)}
    assert lengths == {interval * 3600 * SECOND}


def test_a_candle_out_of_its_time_does_not_make_the_others_short(tmp_path: Path) -> None:
    rows = [(T0 + i * 3600, 1, 1, 1, 1, 1) for i in range(50)]
    rows.insert(20, (T0 + 20 * 3600 - 1017, 1, 1, 1, 1, 1))
    events = read_feed(write(tmp_path / "BTCUSDT.csv", lines(rows, CANDLES)))
    assert {event.interval for event in events if isinstance(event, BarEvent)} == {3600 * SECOND}


# --- whose ----------------------------------------------------------------------------------------


@each_row("asked", ["BTCUSDT", "BTC-USDT", "BTC/USDT", "BTC_USDT"])
@each_row("named", ["BTCUSDT", "BTC-USDT", "BTC_USDT", "BTC/USDT"])
def test_a_symbol_is_found_however_it_is_spelled(asked: str, named: str, tmp_path: Path) -> None:
    rows = ((t, named, p, q) for t, p, q, _ in trades())
    events = read_feed(
        write(tmp_path / "x.csv", lines(rows, "time,symbol,price,qty")), symbols=(asked,)
    )
    assert {event.symbol for event in events} == {asked}
    if "/" not in named:
        path = write(tmp_path / f"{named}-2024.csv", lines(((t, p, q) for t, p, q, _ in trades())))
        assert {event.symbol for event in read_feed(path, symbols=(asked,))} == {asked}


@each_row(
    ("name", "symbol"),
    [
        ("BTC-USDT-1h.csv", "BTC-USDT"),
        ("XRP_USDT_USDT-1h-futures.json", "XRP_USDT"),
        ("somewhere_FOO_USDT.csv", "FOO_USDT"),
        ("BINANCE_BTC_EUR, 60.csv", "BTC_EUR"),
        ("btcusdt-trades.csv", "BTCUSDT"),
        ("my_eth-eur.csv", "ETH-EUR"),
        ("BTC-USDT-SWAP.csv", "BTC-USDT-SWAP"),
        ("KRW-BTC.csv", "KRW-BTC"),
        ("history_of_the_industry.csv", None),
        ("trades_usd.csv", None),
    ],
)
def test_a_symbol_is_found_in_a_files_name(name: str, symbol: str | None, tmp_path: Path) -> None:
    path = write(tmp_path / name, PLAIN)
    if symbol is None:
        assert "nor a symbol in its name" in refusal(path)
    else:
        assert {event.symbol for event in read_feed(path)} == {symbol}


# --- what a book's prices say ----------------------------------------------------------------------

BIDS = [60_000 - 5 * n for n in range(40)]
ASKS = [60_010 + 5 * n for n in range(40)]


def level(side: str, price: int, second: int = 0) -> tuple[int, str, int, int]:
    return T0 + second, side, price, 1 + price % 7


@each_row(
    "rows",
    [
        [level("sell", p) for p in ASKS] + [level("buy", p) for p in BIDS],
        [level("sell", p) for p in reversed(ASKS)] + [level("buy", p) for p in BIDS],
        [level("buy", p) for p in BIDS],
        [level("sell", p, s) for s in range(9) for p in ASKS[s:]],
        [level("s", p, s) for s in range(9) for p in ASKS[:2]]
        + [level("b", p, 9) for p in BIDS[:20]],
    ],
    ids=[
        "asks, then bids",
        "a ladder",
        "bids alone",
        "snapshots of one side",
        "a deep one at last",
    ],
)
def test_levels_of_a_book_are_no_trades(
    tmp_path: Path, rows: list[tuple[int, str, int, int]]
) -> None:
    path = write(tmp_path / "BTCUSDT.csv", lines(rows, "time,side,price,amount"))
    assert "looks like the rows of an order book" in refusal(path)
    assert len(read_feed(path, are_trades=True)) == len(rows)


@pytest.mark.parametrize("newest_first", [False, True])
def test_takers_of_many_levels_are_trades(tmp_path: Path, newest_first: bool) -> None:
    rows = [level("buy", p, s) for s in range(9) for p in ASKS[:9]]
    rows += [level("sell", p, 9 + s) for s in range(9) for p in BIDS[:9]]
    path = write(
        tmp_path / "BTCUSDT.csv", lines(rows[:: -1 if newest_first else 1], "time,side,price,qty")
    )
    assert len(read_feed(path)) == len(rows)
