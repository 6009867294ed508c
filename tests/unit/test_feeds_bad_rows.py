from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import DataError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.time import SECOND
from tradectl.feeds.base import BadRow
from tradectl.feeds.price_band import PriceBand
from tradectl.feeds.quality import RowError
from tradectl.feeds.recorded import RecordedFeed

NOW = 1_750_000_000 * SECOND
T = 1_723_161_255_000
HEADERS = {
    "trades": "ts_ms,symbol,price,qty,side",
    "quotes": "ts_ms,symbol,bid,bid_qty,ask,ask_qty",
    "candles": "ts_ms,symbol,open,high,low,close,volume",
}
GOOD = {
    "trades": "{},BTCUSDT,100.5,0.25,buy",
    "quotes": "{},BTCUSDT,100,1,101,2",
    "candles": "{},BTCUSDT,100,102,99,101,5",
}


def feed_of(path: Path, lines: list[str], max_bad_share: float = 0.01) -> RecordedFeed:
    path.write_text("\n".join(lines) + "\n")
    return RecordedFeed([path], max_bad_share=max_bad_share, now_ns=NOW)


def read_feed(feed: RecordedFeed) -> list[MarketDataEvent]:
    return [event for batch in feed.batches() for event in batch]


BAD_TRADES = [
    (f"{T},BTCUSDT,100.5,0.25", "wrong_column_count"),
    (f"{T},BTCUSDT,100.5,0.25,buy,9", "wrong_column_count"),
    (f"{T},BTCUSDT,100,5,0.25,buy", "wrong_column_count"),
    ("garbage", "wrong_column_count"),
    (f"{T},BTCUSDT,cheap,0.25,buy", "not_a_number"),
    (f"{T},BTCUSDT,,0.25,buy", "not_a_number"),
    (f"{T},BTCUSDT,0x10,0.25,buy", "not_a_number"),
    (f"{T},BTCUSDT,1.2.3,0.25,buy", "not_a_number"),
    (f"{T},BTCUSDT,NaN,0.25,buy", "not_finite"),
    (f"{T},BTCUSDT,100.5,nan,buy", "not_finite"),
    (f"{T},BTCUSDT,sNaN,0.25,buy", "not_finite"),
    (f"{T},BTCUSDT,Infinity,0.25,buy", "not_finite"),
    (f"{T},BTCUSDT,-inf,0.25,buy", "not_finite"),
    (f"{T},BTCUSDT,1e400,0.25,buy", "not_finite"),
    (f"{T},BTCUSDT,100.5,1e15,buy", "not_finite"),
    (f"{T},BTCUSDT,{'1' * 41},0.25,buy", "number_too_long"),
    (f"{T},BTCUSDT,100.5,0.{'0' * 5000}1,buy", "number_too_long"),
    (f"{T},BTCUSDT,{'9' * 20_000},0.25,buy", "line_too_long"),
    (f"{T},BTCUSDT,0,0.25,buy", "not_positive"),
    (f"{T},BTCUSDT,-100.5,0.25,buy", "not_positive"),
    (f"{T},BTCUSDT,100.5,0,buy", "not_positive"),
    (f"{T},BTCUSDT,100.5,-0.25,buy", "not_positive"),
    (f"{T},BTCUSDT,100.5,0.25,up", "unknown_side"),
    (f"{T},BTCUSDT,100.5,0.25,", "unknown_side"),
    (f"{T},,100.5,0.25,buy", "bad_symbol"),
    (f"{T},\x1b[31mBTC,100.5,0.25,buy", "bad_symbol"),
    (f"{T},BTC\u202eUSDT,100.5,0.25,buy", "bad_symbol"),
    (f"{T},{'B' * 33},100.5,0.25,buy", "bad_symbol"),
    ("soon,BTCUSDT,100.5,0.25,buy", "not_a_time"),
    (",BTCUSDT,100.5,0.25,buy", "not_a_time"),
    ("nan,BTCUSDT,100.5,0.25,buy", "not_a_time"),
    ("1e400,BTCUSDT,100.5,0.25,buy", "not_a_time"),
    ("0,BTCUSDT,100.5,0.25,buy", "not_a_time"),
    ("-5,BTCUSDT,100.5,0.25,buy", "not_a_time"),
    (f"{T - 1},BTCUSDT,100.5,0.25,buy", "time_goes_back"),
    (f"{NOW // 1_000_000 + 86_400_001},BTCUSDT,100.5,0.25,buy", "in_the_future"),
    (f"{'9' * 4000},BTCUSDT,100.5,0.25,buy", "in_the_future"),
    (f"{T},BTCUSDT,1005.1,0.25,buy", "price_spike"),
    (f"{T},BTCUSDT,10.04,0.25,buy", "price_spike"),
]
BAD_QUOTES = [
    (f"{T},BTCUSDT,101,1,101,2", "crossed_quote"),
    (f"{T},BTCUSDT,102,1,101,2", "crossed_quote"),
    (f"{T},BTCUSDT,100,0,101,2", "not_positive"),
    (f"{T},BTCUSDT,0,1,101,2", "not_positive"),
    (f"{T},BTCUSDT,100,1,NaN,2", "not_finite"),
    (f"{T},BTCUSDT,10000,1,10100,2", "price_spike"),
]
BAD_CANDLES = [
    (f"{T},BTCUSDT,nan,nan,nan,nan,5", "not_finite"),
    (f"{T},BTCUSDT,100,102,99,nan,0", "not_finite"),
    (f"{T},BTCUSDT,100,99,102,101,5", "impossible_candle"),
    (f"{T},BTCUSDT,100,102,101,101,5", "impossible_candle"),
    (f"{T},BTCUSDT,100,100.5,99,101,5", "impossible_candle"),
    (f"{T},BTCUSDT,98,102,99,101,5", "impossible_candle"),
    (f"{T},BTCUSDT,100,102,99,101,-1", "not_positive"),
    (f"{T},BTCUSDT,100,102,0,101,1", "not_positive"),
    (f"{T},BTCUSDT,100,inf,99,101,1", "not_finite"),
    (f"{T - 60_000},BTCUSDT,100,102,99,101,5", "repeated_candle"),
    (f"{T - 120_000},BTCUSDT,100,102,99,101,5", "time_goes_back"),
]


@each_row(
    ("kind", "row", "fault"),
    [("trades", *case) for case in BAD_TRADES]
    + [("quotes", *case) for case in BAD_QUOTES]
    + [("candles", *case) for case in BAD_CANDLES],
)
def test_a_bad_row_is_left_out_counted_and_shown(
    tmp_path: Path, kind: str, row: str, fault: str
) -> None:
    step = 60_000 if kind == "candles" else 0
    before, after = GOOD[kind].format(T - step), GOOD[kind].format(T)
    path = tmp_path / "x.csv"
    good = read_feed(feed_of(path, [HEADERS[kind], before, after]))
    feed = feed_of(path, [HEADERS[kind], before, row, after])
    assert read_feed(feed) == good
    assert feed.progress.bad == {fault: 1}
    assert feed.progress.rows == 3
    (bad,) = feed.progress.bad_rows
    assert (bad.file, bad.line) == (str(path), 3)
    assert bad.reason.startswith(f"{fault}: ")
    assert bad.reason.isascii()
    assert bad.reason.isprintable()


def test_bytes_that_are_no_text_are_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    good = GOOD["trades"].format(T).encode()
    path.write_bytes(
        HEADERS["trades"].encode() + b"\n" + good + b"\n\xff\xfe\0" + good + b"\n" + good
    )
    feed = RecordedFeed([path], now_ns=NOW)
    assert len(read_feed(feed)) == 2
    assert feed.progress.bad_count == 1


@pytest.mark.parametrize("kind", ["trades", "quotes"])
def test_repeated_times_are_fine_but_for_candles(tmp_path: Path, kind: str) -> None:
    feed = feed_of(tmp_path / "x.csv", [HEADERS[kind], *[GOOD[kind].format(T)] * 50])
    assert len(read_feed(feed)) == 50


@pytest.mark.parametrize("empty", ["NaN,NaN,NaN,NaN,NaN", ",,,,", "null,null,null,null,0.0"])
def test_candles_without_a_price_are_gaps(tmp_path: Path, empty: str) -> None:
    full = [n for n in range(400) if n % 3 and not 100 < n < 200]
    header = "ts_ms,open,high,low,close,volume"
    rows = [f"{T + n * 60_000},{'100,102,99,101,5' if n in full else empty}" for n in range(400)]
    gaps = feed_of(tmp_path / "a_BTCUSDT.csv", [header, *(rows[n] for n in full)])
    feed = feed_of(tmp_path / "b_BTCUSDT.csv", [header, *rows])
    found = read_feed(feed)
    assert found == read_feed(gaps)
    assert feed.progress.empty_candles == 400 - len(full)
    bare = feed_of(tmp_path / "c_BTCUSDT.csv", rows)
    assert read_feed(bare) == found
    assert not feed.progress.bad


def test_candles_that_all_have_no_price_are_refused(tmp_path: Path) -> None:
    rows = [f"{T + n * 60_000},BTCUSDT,nan,nan,nan,nan,nan" for n in range(400)]
    with pytest.raises(DataError, match="no row that can be played; its candles have no prices"):
        read_feed(feed_of(tmp_path / "x.csv", [HEADERS["candles"], *rows]))


def test_candles_of_two_symbols_may_share_their_time(tmp_path: Path) -> None:
    rows = [
        GOOD["candles"].format(T + minute * 60_000).replace("BTC", coin)
        for minute in range(5)
        for coin in ("BTC", "ETH", "ETH")
    ]
    feed = feed_of(tmp_path / "x.csv", [HEADERS["candles"], *rows], max_bad_share=0.5)
    assert sum(isinstance(event, BarEvent) for event in read_feed(feed)) == 10
    assert feed.progress.bad == {"repeated_candle": 5}


# --- how many are too many -----------------------------------------------------------------------


def with_bad_rows(good: int, bad: int) -> list[str]:
    bad_row = f"{T},BTCUSDT,oops,1,buy"
    return [HEADERS["trades"], *[GOOD["trades"].format(T)] * good, *[bad_row] * bad]


@pytest.mark.parametrize(("good", "bad"), [(1, 1), (999, 10), (990, 10), (20_000, 200)])
def test_few_bad_rows_do_not_stop_a_feed(tmp_path: Path, good: int, bad: int) -> None:
    feed = feed_of(tmp_path / "x.csv", with_bad_rows(good, bad))
    assert len(read_feed(feed)) == good
    assert feed.progress.bad == {"not_a_number": bad}


@pytest.mark.parametrize(("good", "bad"), [(2, 2), (980, 11), (5, 5000)])
def test_too_many_bad_rows_stop_it_with_the_first_of_them(
    tmp_path: Path, good: int, bad: int
) -> None:
    feed = feed_of(tmp_path / "x.csv", with_bad_rows(good, bad))
    with pytest.raises(DataError) as caught:
        read_feed(feed)
    message = str(caught.value)
    assert f"the first is line {good + 2}, not_a_number: 'oops'" in message
    assert "allowed 1.0%" in message


def test_the_allowed_share_is_a_choice(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "x.csv", with_bad_rows(100, 90), max_bad_share=0.5)
    assert len(read_feed(feed)) == 100
    with pytest.raises(DataError):
        read_feed(feed_of(tmp_path / "x.csv", with_bad_rows(100, 1), max_bad_share=0.0))


def test_a_bad_file_is_not_excused_by_a_good_one(tmp_path: Path) -> None:
    feed_of(tmp_path / "good.csv", with_bad_rows(5000, 0))
    feed_of(tmp_path / "bad.csv", with_bad_rows(50, 20))
    feed = RecordedFeed([tmp_path / "good.csv", tmp_path / "bad.csv"], now_ns=NOW)
    with pytest.raises(DataError, match=r"bad\.csv: 20 of 70 rows are bad"):
        read_feed(feed)


def test_the_first_twenty_bad_rows_are_kept(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "x.csv", with_bad_rows(3000, 25))
    read_feed(feed)
    assert feed.progress.bad == {"not_a_number": 25}
    assert [row.line for row in feed.progress.bad_rows] == list(range(3002, 3022))
    assert feed.progress.bad_rows[0] == BadRow(
        str(tmp_path / "x.csv"), 3002, "not_a_number: 'oops'"
    )


# --- the band ----------------------------------------------------------------------------------


def believed(prices: list[str], band: PriceBand | None = None) -> list[str]:
    band, passed = band or PriceBand(), []
    for price in prices:
        with contextlib.suppress(RowError):
            band.check("BTCUSDT", Decimal(price))
            passed.append(price)
    return passed


@each_row(
    ("prices", "passed"),
    [
        (["100", "200", "400", "210"], ["100", "200", "400", "210"]),
        (["100", "1000", "10000"], ["100"]),
        (["100", "1001", "101"], ["100", "101"]),
        (["100", "9.9", "101"], ["100", "101"]),
        (["100", "10000", "10000", "10000", "10000", "101"], ["100", "101"]),
        (["100", "5000", "5100", "5050", "5000", "5001", "5002"], ["100", "5001", "5002"]),
        (["100", "5000", "1", "5000", "1", "5000", "1", "5000", "1"], ["100"]),
        (["100", *["5000"] * 4, "100", *["5000"] * 4, "100"], ["100", "100", "100"]),
        (["100", *["5000"] * 5, "100", "5000"], ["100", "5000", "5000"]),
        (["9999", *["100"] * 6], ["9999", "100", "100"]),
    ],
)
def test_a_spike_is_dropped_and_a_new_level_is_believed_by_its_fifth_witness(
    prices: list[str], passed: list[str]
) -> None:
    assert believed(prices) == passed


@each_row(
    ("prices", "passed"),
    [
        (["1000", "101"], ["101"]),
        (["199", "100"], ["199", "100"]),
        ([*["1000"] * 4, "100"], ["100"]),
        (["1000"] * 6, ["1000", "1000"]),
    ],
)
def test_where_a_price_was_known_before_the_first_one_is_no_exception(
    prices: list[str], passed: list[str]
) -> None:
    band = PriceBand({"BTCUSDT": Decimal(100), "ETHUSDT": Decimal(0)})
    assert believed(prices, band) == passed
    band.check("ETHUSDT", Decimal(5))
    band.check("SOLUSDT", Decimal(5))


def test_a_whole_block_is_believed_only_if_no_price_needs_a_judge() -> None:
    band = PriceBand()
    band.check_all(["A", "B", "A"], [Decimal(1), Decimal(1000), Decimal(2)])
    assert band.symbols == ["A", "B"]
    with pytest.raises(RowError):
        band.check_all(["A", "B"], [Decimal(3), Decimal(1)])
    with pytest.raises(RowError):
        band.check("A", Decimal("0.1"))
    band.check("A", Decimal(4))


def test_symbols_with_far_apart_prices_share_a_file(tmp_path: Path) -> None:
    rows = [
        f"{T},{s}USDT,{p},1,buy" for _ in range(200) for s, p in (("BTC", 60_000), ("DOGE", 0.1))
    ]
    feed = feed_of(tmp_path / "x.csv", [HEADERS["trades"], *rows])
    assert len(read_feed(feed)) == 400
    assert feed.progress.bad == {}
