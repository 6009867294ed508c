from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import pytest

from tests.profiles import in_turn
from tests.real_data import real_data
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.feeds.recorded import RecordedFeed

NOW = 1_900_000_000 * SECOND
MESSY = "candles/messy/BTCUSDT_1m_20191015_20191114_dup143.csv.gz"
FILES = [
    "trades/binance_ETHUSDT_20230202.csv.gz",
    "trades/binance_coinm_BTCUSD_PERP_20240808T2354_20240809T0005.csv.gz",
    "trades/binance_spot_BTCUSDT_20240808T2354_20240809T0005.csv.gz",
    "trades/binance_spot_ETHUSDT_20240808T2354_20240809T0005.csv.gz",
    "trades/binance_usdm_BTCUSDT_20200222_tardis.csv.gz",
    "trades/binance_usdm_BTCUSDT_20240808T2354_0000.csv.gz",
    "quotes/binance_coinm_BTCUSD_PERP_20240808T2354_20240809T0005.csv.gz",
    "quotes/binance_spot_ETHUSDT_20240808T2354_20240809T0005.csv.gz",
    "quotes/binance_usdm_BTCUSDT_20200222_tardis.csv.gz",
    "candles/binance_1h_20201201_20210717/LUNAUSDT.csv.gz",
    "candles/binance_1m_20210420_20210520/BTCUSDT.csv.gz",
    "candles/binance_1m_20230316_20230501/SOLUSDT.csv.gz",
    "candles/binance_5m_20230810_20230820/XRPUSDT.csv.gz",
    "candles/binance_usdm_1m_202602/ALGOUSDT.csv.gz",
    "candles/bittrex_1m_20171130_20171210/ZECBTC.csv.gz",
    "candles/bitvavo_1h_2020_2024/BTCEUR.csv.gz",
]
INTERVALS = {"1m": 60, "5m": 300, "1h": 3600}


def rows_of(name: str) -> int:
    with real_data("MANIFEST.csv").open(newline="") as file:
        return next(int(row["rows"]) for row in csv.DictReader(file) if row["file"] == name)


def read_feed(*paths: Path) -> tuple[list[MarketDataEvent], RecordedFeed]:
    feed = RecordedFeed(paths, now_ns=NOW)
    return [event for batch in feed.batches() for event in batch], feed


def read_rows(name: str) -> tuple[list[MarketDataEvent], RecordedFeed]:
    """What is played of a file but for the opens of its candles, which are in the same rows."""
    events, feed = read_feed(real_data(name))
    return [event for event in events if not isinstance(event, BarOpened)], feed


@pytest.mark.parametrize("name", in_turn(FILES, 4))
def test_every_row_of_a_real_file_is_played(name: str) -> None:
    events, feed = read_rows(name)
    assert len(events) == rows_of(name)
    assert feed.progress.bad == {}
    assert feed.progress.fraction == 1.0
    if "candles" in name:
        length = next(seconds for word, seconds in INTERVALS.items() if f"_{word}_" in name)
        assert all(isinstance(e, BarEvent) and e.interval == length * SECOND for e in events)


def test_the_repeated_candles_of_a_messy_file_are_dropped_and_counted() -> None:
    events, feed = read_rows(MESSY)
    assert feed.progress.bad == {"repeated_candle": 143}
    assert len(events) == rows_of(MESSY) - 143
    assert len(feed.progress.bad_rows) == 20
    times = [event.ts for event in events]
    assert all(a < b for a, b in pairwise(times))


def test_trades_and_quotes_of_two_symbols_are_merged_by_time() -> None:
    stem = "binance_spot_{}_20240808T2354_20240809T0005.csv.gz"
    names = [
        f"{kind}/{stem.format(s)}" for kind in ("trades", "quotes") for s in ("BTCUSDT", "ETHUSDT")
    ]
    events, feed = read_feed(*map(real_data, names))
    assert len(events) == sum(map(rows_of, names))
    assert feed.symbols == ("BTCUSDT", "ETHUSDT")
    assert all(a.ts <= b.ts for a, b in pairwise(events))


def test_a_real_file_is_read_to_the_digit() -> None:
    path = real_data(FILES[2])
    events, _ = read_feed(path)
    assert events[0].ts == 1_723_161_255_342 * MILLISECOND
    assert str(events[0].price) == "61837.63000000"
    assert str(events[0].volume) == "0.02000000"
