"""One market, spelled in the many ways that files have: each is read as it is meant, or refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import DataError
from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.time import SECOND
from tradectl.feeds.csv.names import parse_columns
from tradectl.feeds.recorded import RecordedFeed

NOW = 1_796_000_000 * SECOND
T0 = 1_720_886_400
"""2024-07-13T16:00:00Z in s."""
COUNT = 40
Cells = tuple[Any, ...]


def read_feed(path: Path, columns: str = "", **options: Any) -> list[MarketDataEvent]:
    feed = RecordedFeed([path], columns=parse_columns(columns), now_ns=NOW, **options)
    return [event for batch in feed.batches() for event in batch]


def refusal(path: Path, columns: str = "", **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_feed(path, columns, **options)
    assert str(caught.value).isprintable()
    return str(caught.value)


def spelled(moment: int, form: str) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime(form)


def candles() -> Iterator[tuple[int, float, float, float, float, int]]:
    """Time in s, open, high, low, close, volume."""
    return ((T0 + i * 60, 100 + i, 101 + i, 99 + i, 100.5 + i, 3 + i) for i in range(COUNT))


def trades() -> Iterator[tuple[int, int, float, bool]]:
    """Time in s, price, quantity, whether the buyer's order rested."""
    return ((T0 + i, 60_000 + i % 7, (1 + i * 37 % 11) / 100, i % 2 == 1) for i in range(COUNT))


def lines(rows: Iterable[Cells], header: str = "", separator: str = ",") -> str:
    texts = [separator.join(map(str, row)) for row in rows]
    return "\n".join([*([header] if header else []), *texts]) + "\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sums(events: list[MarketDataEvent]) -> list[Cells]:
    """What each event says, but for its symbol."""
    found: list[Cells] = []
    for event in events:
        if isinstance(event, BarEvent):
            times = (event.ts // SECOND, event.interval // SECOND)
            found.append((*times, event.open, event.high, event.low, event.price, event.volume))
        else:
            found.append((event.ts // SECOND, event.price, event.volume, event.side))
    return found


CANDLES = "time,open,high,low,close,volume"
TRADES = "time,price,qty,side"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Cells]]:
    folder = tmp_path_factory.mktemp("plain")
    sided = [(t, p, q, "sell" if rested else "buy") for t, p, q, rested in trades()]
    return {
        "candles": sums(read_feed(write(folder / "BTCUSDT.csv", lines(candles(), CANDLES)))),
        "trades": sums(read_feed(write(folder / "ETHUSDT.csv", lines(sided, TRADES)))),
    }


def of_candles(form: Callable[..., Cells], header: str = "", separator: str = ",") -> str:
    return lines((form(*row) for row in candles()), header, separator)


def of_trades(form: Callable[..., Cells], header: str = "") -> str:
    return lines((form(i, *row) for i, row in enumerate(trades())), header)


def dated(form: str, header: str = "Date,Open,High,Low,Close,Volume", separator: str = ",") -> str:
    return of_candles(lambda t, *rest: (spelled(t, form), *rest), header, separator)


def zipped(text: str, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)
    return buffer.getvalue()


PLAIN = lines(candles(), CANDLES)
CANDLE_FILES: dict[str, str | bytes] = {
    "semicolons": lines(candles(), "Time;Open;High;Low;Close;Vol.", ";"),
    "tabs": lines(candles(), CANDLES.replace(",", "\t"), "\t"),
    "bars": lines(candles(), CANDLES.replace(",", "|"), "|"),
    "decimal commas": lines(candles(), CANDLES.replace(",", ";"), ";").replace(".", ","),
    "no header": lines(candles()),
    "no header, ms, semicolons": of_candles(lambda t, *rest: (t * 1000, *rest), separator=";"),
    "open close high low": of_candles(lambda t, o, h, low, c, v: (t, o, c, h, low, v)),
    "low high open close": of_candles(lambda t, o, h, low, c, v: (t, low, h, o, c, v)),
    "volume close high low open": of_candles(lambda t, o, h, low, c, v: (t, v, c, h, low, o)),
    "count": of_candles(lambda *row: (*row, 12)),
    "vwap and count": of_candles(lambda t, o, h, low, c, v: (t, o, h, low, c, 100, v, 12)),
    "klines": of_candles(lambda t, *rest: (t * 10**6, *rest, t * 10**6 + 59_999_999, 1, 1, 1, 1, 0)),
    "klines with header": of_candles(
        lambda t, *rest: (t * 1000, *rest, t * 1000 + 59_999, 1.5, 1),
        "open_time,open,high,low,close,volume,close_time,quote_volume,count",
    ),
    "camel case": of_candles(
        lambda *row: row, "openTime,openPrice,highPrice,lowPrice,closePrice,baseVolume"),
    "a date of a site": "https://www.example.com\n" + dated("%Y-%m-%d %H:%M:%S"),
    "12-hour clock": dated("%m/%d/%Y %I:%M %p"),
    "12-hour clock, dashes": dated("%Y-%m-%d %I:%M-%p"),
    "dots": dated("%d.%m.%Y %H:%M:%S.000", "Gmt time,Open,High,Low,Close,Volume"),
    "zones": dated("%Y-%m-%d %H:%M:%S UTC"),
    "another zone": of_candles(
        lambda t, *rest: (datetime.fromtimestamp(t, timezone(timedelta(hours=9))).isoformat(), *rest),
        CANDLES,
    ),
    "two columns": of_candles(
        lambda t, *rest: (spelled(t, "%Y.%m.%d"), spelled(t, "%H:%M"), *rest),
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>", "\t"),
    "two columns, no header": of_candles(
        lambda t, *rest: (spelled(t, "%Y.%m.%d"), spelled(t, "%H:%M"), *rest)),
    "compact": of_candles(
        lambda t, *rest: (spelled(t, "%Y%m%d"), spelled(t, "%H%M%S"), *rest),
        "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"),
    "several times": of_candles(
        lambda t, *rest: (t, spelled(t, "%Y-%m-%d %H:%M:%S"), "BTC/USDT", *rest),
        "unix,date,symbol,open,high,low,close,volume"),
    "several volumes": of_candles(
        lambda *row: (*row, row[4] * row[5]), "date,open,high,low,close,Volume BTC,Volume USDT"),
    "the other volume first": of_candles(
        lambda t, o, h, low, c, v: (t, o, h, low, c, c * v, v), "date,open,high,low,close,amount,volume"),
    "close called price": of_candles(
        lambda t, o, h, low, c, v: (t, c, o, h, low, v), '"Date","Price","Open","High","Low","Vol."'),
    "newest first": lines(reversed([*candles()]), CANDLES),
    "utf-16": lines(candles(), CANDLES.replace(",", "\t"), "\t").encode("utf-16"),
    "another encoding": lines(
        ((*row, "é") for row in candles()), f"{CANDLES},qualité").encode("latin-1"),
    "windows": PLAIN.replace("\n", "\r\n"),
    "gzip": gzip.compress(PLAIN.encode()),
    "xz": lzma.compress(PLAIN.encode()),
    "bzip2": bz2.compress(PLAIN.encode()),
    "zip": zipped(PLAIN, "BTCUSDT-1m.csv"),
    "json": json.dumps([[t * 1000, *rest] for t, *rest in candles()]),
    "json over many lines": json.dumps([[t, *rest] for t, *rest in candles()], indent=2),
    "json, texts": json.dumps([[t * 1000, *map(str, rest)] for t, *rest in candles()]),
    "json objects": json.dumps(
        [dict(zip(CANDLES.split(","), row, strict=True)) for row in candles()]),
    "json lines": "\n".join(
        json.dumps(dict(zip(CANDLES.split(","), row, strict=True))) for row in candles()),
}  # fmt: skip


@each_row("name", CANDLE_FILES)
def test_the_same_candles_are_read(
    name: str, tmp_path: Path, plain: dict[str, list[Cells]]
) -> None:
    path = write(tmp_path / "BTCUSDT_1m.any", CANDLE_FILES[name])
    assert sums(read_feed(path)) == plain["candles"]


TRADE_FILES = {
    "trades of a site": of_trades(
        lambda i, t, p, q, m: (i, f"{p}.00", f"{q:.8f}", f"{p * q:.8f}", t * 1000, m, True)),
    "the same, futures": of_trades(
        lambda i, t, p, q, m: (i, p, q, f"{p * q:.5f}", t * 10**6, str(m).lower())),
    "aggregated trades": of_trades(
        lambda i, t, p, q, m: (i, p, q, 2 * i, 2 * i + 1, t * 1000, m, True)),
    "aggregated, with header": of_trades(
        lambda i, t, p, q, m: (i, p, q, 2 * i, 2 * i + 1, t * 1000, m),
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"),
    "by symbol": of_trades(
        lambda i, t, p, q, m: (f"{t}.0000", "ETHUSDT", "Sell" if m else "Buy", q, p, "x-1", "1.2e+10"),
        "timestamp,symbol,side,size,price,trdMatchID,grossValue"),
    "both sorts of names": of_trades(
        lambda i, t, p, q, m: ("ETH-USDT", i, "sell" if m else "buy", p, q, t * 1000),
        "instrument_name/合约,trade_id/编号,side/方向,price/价格,size/数量,created_time/时间"),
    "empty cells of an order": of_trades(
        lambda i, t, p, q, m: (i, t * 1000, "ETH/USDT", "", "", "sell" if m else "buy", p, q, ""),
        ",timestamp,symbol,order,type,side,price,amount,fee"),
    "clock of 12 hours": of_trades(
        lambda i, t, p, q, m: (
            spelled(t, "%Y-%m-%d"), spelled(t, "%I:%M:%S %p"), p, q, "sell" if m else "buy"),
        "date,time,price,volume,side"),
    "ms, then us": of_trades(
        lambda i, t, p, q, m: (t * (1000 if i < 20 else 10**6), p, q, "SELL" if m else "BUY"),
        TRADES),
    "json of freqtrade": json.dumps(
        [[t * 1000, str(i), None, "sell" if m else "buy", p, q, p * q]
         for i, (t, p, q, m) in enumerate(trades())]),
}  # fmt: skip


@each_row("name", TRADE_FILES)
def test_the_same_trades_are_read(name: str, tmp_path: Path, plain: dict[str, list[Cells]]) -> None:
    path = write(tmp_path / "ETH_USDT.any", TRADE_FILES[name])
    assert sums(read_feed(path)) == plain["trades"]


def test_three_numbers_are_time_price_and_quantity_if_the_price_is_the_steady_one(
    tmp_path: Path, plain: dict[str, list[Cells]]
) -> None:
    path = write(tmp_path / "XBTUSD.csv", lines((t, p, q) for t, p, q, _ in trades()))
    assert [row[:3] for row in sums(read_feed(path))] == [row[:3] for row in plain["trades"]]
    for told in (
        lines((t, q, p) for t, p, q, _ in trades()),
        lines((t, 1, p) for t, p, _, _ in trades()),
        lines((t, 5, 1) for t, _, _, _ in trades()),
        f"{T0},5,1\n",
    ):
        assert "of no known shape" in refusal(write(tmp_path / "XBTEUR.csv", told))


@pytest.mark.parametrize("dates", ["dmy", "mdy"])
def test_a_date_that_may_be_another_is_told_by_an_option(tmp_path: Path, dates: str) -> None:
    form = {"dmy": "%d/%m/%Y %H:%M", "mdy": "%m/%d/%Y %H:%M"}[dates]
    rows = ((spelled(t - 8 * 86_400, form), *rest) for t, *rest in candles())
    path = write(tmp_path / "BTCUSDT.csv", lines(rows, CANDLES))
    assert "--columns dates=dmy or --columns dates=mdy" in refusal(path)
    assert read_feed(path, f"dates={dates}")[0].ts == (T0 - 8 * 86_400) * SECOND


def test_a_date_far_down_the_file_tells_the_others(tmp_path: Path) -> None:
    moments = [1_719_878_400 + 3600 * n for n in range(400)]
    rows = ((spelled(t, "%m/%d/%Y %H:%M"), 1, 1, 1, 1, 1) for t in moments)
    events = read_feed(write(tmp_path / "BTCUSDT.csv", lines(rows, CANDLES)))
    assert events[0].ts == moments[0] * SECOND


def test_a_price_that_is_a_candles_close_is_not_known_at_its_open(
    tmp_path: Path, plain: dict[str, list[Cells]]
) -> None:
    path = write(tmp_path / "BTCUSDT.csv", lines(candles(), "Open time,Open,High,Low,Close,Volume"))
    assert sums(read_feed(path, "time=Open time,price=Close")) == plain["candles"]


def test_columns_are_said_by_name_or_number(tmp_path: Path) -> None:
    rows = ((p, t * 1000, "x", q) for t, p, q, _ in trades())
    path = write(tmp_path / "BTCUSDT.csv", lines(rows, "Kurs,Zeit,,Menge"))
    for columns in ("time=Zeit,price=Kurs,qty=Menge", "time=2,price=1,qty=4", "time=zeit,price=1"):
        events = read_feed(path, columns)
        assert [event.price for event in events] == [p for _, p, _, _ in trades()]
    assert {event.volume for event in read_feed(path, "time=2,price=1")} == {0}
    for columns, why in (
        ("time=2,price=Preis", "price=Preis: there is no one column"),
        ("", "seen: "),
    ):
        assert why in refusal(path, columns)


@each_row("text", ["time", "time=", "when=1", "time=1,time=2", "price"])
def test_columns_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected each of time, clock"):
        parse_columns(text)


def test_quotes_with_an_update_id_are_quotes(tmp_path: Path) -> None:
    header = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time"
    rows = ((i, 100, 1, 101, 2, (T0 + i) * 1000) for i in range(3))
    events = read_feed(write(tmp_path / "BTCUSDT-bookTicker.csv", lines(rows, header)))
    assert {type(event) for event in events} == {QuoteEvent}
    assert {(event.bid, event.ask) for event in events} == {(Decimal(100), Decimal(101))}


def test_a_header_in_three_lines_says_the_symbol(tmp_path: Path) -> None:
    head = "Price,Close,High,Low,Open,Volume\nTicker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\nDate,,,,,\n"
    rows = (f"2024-01-{day:02d},100.5,101,99,100,7\n" for day in range(1, 10))
    events = read_feed(write(tmp_path / "x.csv", head + "".join(rows)))
    assert {(event.symbol, event.price) for event in events if isinstance(event, BarEvent)} == {
        ("BTC-USD", events[1].price)
    }
