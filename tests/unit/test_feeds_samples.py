"""Files as exchanges, sites and other bots write them, read row by row as another reader reads them.

The excerpts are carried along (`tests/data/formats`); with TRADECTL_TEST_DATA the whole files, too.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.rows import each_row
from tests.real_data import real_data
from tradectl.domain.errors import DataError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.money import Side
from tradectl.domain.time import HOUR, MILLISECOND, SECOND
from tradectl.feeds.csv.names import parse_columns
from tradectl.feeds.recorded import RecordedFeed

FORMATS = Path(__file__).parents[1] / "data" / "formats"
NOW = 1_796_000_000 * SECOND
MINUTE, DAY = 60 * SECOND, 24 * HOUR
Row = tuple[Any, ...]
"""Of a candle: when it opened (ns), open, high, low, close, volume. Of a trade: when, price, quantity,
side."""
Reader = Callable[[Path], list[Row]]


def played(path: Path, columns: str = "", symbol: str = "") -> tuple[list[Row], RecordedFeed]:
    feed = RecordedFeed([path], columns=parse_columns(columns), unnamed=symbol, now_ns=NOW)
    events = [event for batch in feed.batches() for event in batch]
    bars = [event for event in events if isinstance(event, BarEvent)]
    return ([_candle(bar) for bar in bars] or [_trade(event) for event in events]), feed


def _candle(bar: BarEvent) -> Row:
    return bar.ts - bar.interval, bar.open, bar.high, bar.low, bar.price, bar.volume


def _trade(event: MarketDataEvent) -> Row:
    return event.ts, event.price, event.volume, event.side


def length(path: Path, **options: Any) -> int:
    feed = RecordedFeed([path], now_ns=NOW, **options)
    return next(e.interval for batch in feed.batches() for e in batch if isinstance(e, BarEvent))


def ns(moment: datetime) -> int:
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * SECOND


def cells(path: Path, skip: int = 0) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[skip:]


def candle_of(row: list[str], places: Iterable[int], opened: int) -> Row:
    return opened, *(Decimal(row[place]) for place in places)


def binance(path: Path) -> list[Row]:
    return [candle_of(row, range(1, 6), int(row[0]) * 1000) for row in cells(path)]


def kraken(path: Path) -> list[Row]:
    return [candle_of(row, range(1, 6), int(row[0]) * SECOND) for row in cells(path)]


def cryptodatadownload_2019(path: Path) -> list[Row]:
    return [
        candle_of(row, range(2, 7), ns(datetime.strptime(row[0], "%Y-%m-%d %I-%p")))  # noqa: DTZ007
        for row in reversed(cells(path, 1))
    ]


def cryptodatadownload_unix(path: Path) -> list[Row]:
    return [
        candle_of(row, range(3, 8), int(row[0]) * MILLISECOND) for row in reversed(cells(path, 2))
    ]


def yahoo(path: Path) -> list[Row]:
    return [
        candle_of(row, (1, 2, 3, 4, 6), ns(datetime.fromisoformat(row[0])))
        for row in cells(path, 1)
        if "null" not in row
    ]


def tradingview(path: Path) -> list[Row]:
    rows = cells(path, 1)
    return [
        (*candle_of(r, range(1, 5), ns(datetime.fromisoformat(r[0]))), Decimal(0)) for r in rows
    ]


def freqtrade_json(path: Path) -> list[Row]:
    rows = json.loads(gzip.decompress(path.read_bytes()), parse_float=Decimal)
    return [(row[0] * MILLISECOND, *row[1:6]) for row in rows]


def freqtrade_feather(path: Path) -> list[Row]:
    feather = pytest.importorskip("pyarrow.feather")
    rows = feather.read_table(path).to_pylist()
    numbers = ("open", "high", "low", "close", "volume")
    return [(ns(row["date"]), *(Decimal(repr(row[name])) for name in numbers)) for row in rows]


def nautilus(path: Path) -> list[Row]:
    parquet = pytest.importorskip("pyarrow.parquet")
    return [
        (
            round(row["timestamp"].timestamp() * 1000) * MILLISECOND,
            Decimal(repr(row["price"])),
            Decimal(repr(row["quantity"])),
            Side.SELL if row["buyer_maker"] == "True" else Side.BUY,
        )
        for row in parquet.read_table(path).to_pylist()
    ]


def metatrader(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names = ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>")
    form = "%Y.%m.%d %H:%M:%S"
    return [
        (
            ns(datetime.strptime(f"{row['<DATE>']} {row['<TIME>']}", form)),  # noqa: DTZ007
            *(Decimal(row[name]) for name in names),
        )
        for row in rows
    ]


def jesse(path: Path) -> list[Row]:
    return [candle_of(row, (1, 3, 4, 2, 5), int(row[0]) * MILLISECOND) for row in cells(path)]


def trade_of(row: list[str], time: int, unit: int, price: int, quantity: int, side: int) -> Row:
    return int(row[time]) * unit, Decimal(row[price]), Decimal(row[quantity]), Side(row[side])


def tardis(path: Path) -> list[Row]:
    return [trade_of(row, 2, 1000, 6, 7, 5) for row in cells(path, 1)]


def bbgo(path: Path) -> list[Row]:
    return [trade_of(row, 4, MILLISECOND, 3, 2, 1) for row in cells(path)]


READ: dict[str, tuple[str, Reader, str, int]] = {
    "BTCUSDT-1h-2025-01.csv": (
        "binance_vision_BTCUSDT-1h-2025-01.csv", binance, "BTCUSDT", HOUR),
    "XBTUSD_60.csv": ("kraken_ohlcvt_XBTUSD_60.csv", kraken, "XBTUSD", HOUR),
    "Coinbase_BTCUSD_1h.csv": (
        "cryptodatadownload_2019_Coinbase_BTCUSD_1h.csv", cryptodatadownload_2019, "BTCUSD", HOUR),
    "gemini_BTCUSD_1hr.csv": (
        "cryptodatadownload_unixms_gemini_BTCUSD_1hr.csv", cryptodatadownload_unix, "BTCUSD", HOUR),
    "BTC-USD.csv": ("yahoo_BTC-USD.csv", yahoo, "BTC-USD", DAY),
    "BINANCE_BTCUSDT, 60.csv": ("tradingview_BINANCE_BTCUSDT_60.csv", tradingview, "BTCUSDT", HOUR),
    "XRP_USDT_USDT-1h-futures.json.gz": (
        "freqtrade_XRP_USDT_USDT-1h-futures.json.gz", freqtrade_json, "XRP_USDT", HOUR),
    "XRP_ETH-1m.feather": ("freqtrade_XRP_ETH-1m.feather", freqtrade_feather, "XRP_ETH", MINUTE),
    "btcusdt-trades.parquet": ("nautilus_btcusdt-trades.parquet", nautilus, "BTCUSDT", 0),
    "BTCUSD_M1.csv": ("", metatrader, "BTCUSD", MINUTE),
    "jesse_ETH-USDT.csv": ("", jesse, "ETH-USDT", MINUTE),
    "tardis_trades.csv": ("tardis_trades_bitmex_XBTUSD.csv", tardis, "XBTUSD", 0),
}  # fmt: skip
"""By the excerpt: the whole file if there is one, how another reader reads it, its symbol, and how long
its candles last."""


def assert_read_rightly(path: Path, reader: Reader, symbol: str, lasting: int) -> None:
    wanted = reader(path)  # which skips where the library for it is missing
    rows, feed = played(path)
    assert rows == wanted
    assert feed.symbols == (symbol,)
    assert not lasting or length(path) == lasting


@pytest.mark.parametrize("name", READ)
def test_an_excerpt_is_read_as_another_reader_reads_it(name: str) -> None:
    _, reader, symbol, lasting = READ[name]
    assert_read_rightly(FORMATS / name, reader, symbol, lasting)


@pytest.mark.parametrize("name", [name for name, (whole, *_) in READ.items() if whole])
def test_the_whole_file_is_read_as_another_reader_reads_it(name: str) -> None:
    whole, reader, symbol, lasting = READ[name]
    assert_read_rightly(real_data(f"formats/{whole}"), reader, symbol, lasting)


REFUSED = {
    "depth_btcusdt.csv": ("depth_snapshot_btcusdt_NOT_TRADES.csv", "is an order book's"),
    "tardis_book.csv": ("tardis_incremental_book_NOT_TRADES.csv", "is an order book's"),
    "bbgo_trades_FXSUSDT.csv": ("bbgo_trades_noheader_FXSUSDT.csv", "its first line is a row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_or_is_no_market_is_refused(name: str) -> None:
    whole, why = REFUSED[name]
    assert_refused(FORMATS / name, why)
    assert_refused(real_data(f"formats/{whole}"), why)


def assert_refused(path: Path, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        played(path)
    assert "; seen: " in str(caught.value)
    assert str(caught.value).isprintable()


def test_columns_without_names_are_told_by_their_numbers() -> None:
    path = FORMATS / "bbgo_trades_FXSUSDT.csv"
    assert played(path, "time=5,side=2,qty=3,price=4")[0] == bbgo(path)


README = (FORMATS.parents[2] / "README.md").read_text()


@each_row("line", re.findall(r"\| `tradectl (run --headless --data .*)` \|", README))
def test_each_sample_of_the_readme_is_played_and_none_is_missing(line: str) -> None:
    words = shlex.split(line)
    if "parquet" in line:
        pytest.importorskip("pyarrow")
    columns = words[words.index("--columns") + 1] if "--columns" in words else ""
    rows, feed = played(FORMATS.parents[2] / words[words.index("--data") + 1], columns)
    assert len(rows) >= 9
    assert feed.progress.bad_count <= 1


CASES = {
    "XBTUSD": "XBTUSD",
    "ETHUSDT": "ETHUSDT",
    "hourly_BTCUSDT": "BTCUSDT",
    "jpy_symbol_column": "BTCJPY",
    "newest_first_BTCUSDT": "BTCUSDT",
    "no_header_us_BTCUSDT": "BTCUSDT",
    "date_time_trades_BTCUSDT": "BTCUSDT",
}


@each_row("name", CASES)
def test_a_case_is_read_as_another_reader_reads_it(name: str) -> None:
    path = real_data(f"../cases/data/formats/{name}.csv")
    rows, feed = played(path)
    assert feed.symbols == (CASES[name],)
    table = cells(path)
    if name.startswith("date_time"):
        wanted = [
            (ns(datetime.fromisoformat(f"{day} {clock}")), Decimal(price), Decimal(volume), None)
            for day, clock, price, volume in table[1:]
        ]
    elif name.startswith("no_header"):
        wanted = binance(path)
    else:
        first = 2 if "symbol" in table[0] else 1
        wanted = [
            candle_of(row, range(first, first + 5), int(row[0]) * MILLISECOND) for row in table[1:]
        ]
    assert rows == sorted(wanted)


def test_updates_of_a_book_are_no_trades() -> None:
    assert_refused(real_data("../cases/data/formats/l2_updates.csv"), "order book")
