"""A readable file, written again in any other readable way, gives the same events; anything else gives
none of which the price cannot be known, and never an error without words."""

from __future__ import annotations

import bz2
import functools
import gzip
import json
import lzma
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tests.unit.test_feeds_properties import NOW, assert_fit_to_trade_on
from tests.unit.test_feeds_samples import FORMATS, READ
from tradectl.domain.errors import TradectlError
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.money import Side
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.feeds.recorded import RecordedFeed

Cell = str | None


@functools.cache
def events_of(name: str) -> list[MarketDataEvent]:
    return read_feed(FORMATS / name)


def read_feed(path: Path) -> list[MarketDataEvent]:
    feed = RecordedFeed([path], now_ns=1_796_000_000 * SECOND)
    return [event for batch in feed.batches() for event in batch]


HAS_ARROW = find_spec("pyarrow") is not None
NAMES = [name for name in READ if HAS_ARROW or not name.endswith((".feather", ".parquet"))]

TIMES: dict[str, Callable[[int], str]] = {
    "s": lambda ns: f"{ns // SECOND}.{ns % SECOND:09d}".rstrip("0").rstrip("."),
    "ms": lambda ns: f"{ns // MILLISECOND}",
    "us": lambda ns: f"{ns // 1000}",
    "iso": lambda ns: datetime.fromtimestamp(ns // MILLISECOND / 1000, UTC).isoformat(),
    "written": lambda ns: _written(ns, "%d.%m.%Y %H:%M:%S"),
    "12 hours": lambda ns: _written(ns, "%Y/%m/%d %I:%M:%S", " %p"),
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
SEPARATORS = [",", ";", "\t", "|"]


def _written(ns: int, form: str, half: str = "") -> str:
    moment = datetime.fromtimestamp(ns // SECOND, UTC)
    return f"{moment:{form}}.{ns % SECOND // MILLISECOND:03d}" + (
        f"{moment:{half}}" if half else ""
    )


def rows_of(events: list[MarketDataEvent], spell: Any) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the rows."""
    shown = [event for event in events if not isinstance(event, BarOpened)]
    if isinstance(shown[0], BarEvent):
        return ["time", "open", "high", "low", "close", "volume"], [
            [spell(e.ts - e.interval), *map(str, (e.open, e.high, e.low, e.price, e.volume))]
            for e in shown
            if isinstance(e, BarEvent)
        ]
    names = ["time", "price", "qty", "side"]
    rows = [[spell(e.ts), str(e.price), str(e.volume), (e.side or Side.BUY).value] for e in shown]
    return names, rows


@settings(max_examples=examples(16))
@given(
    name=st.sampled_from(NAMES),
    spelling=st.sampled_from([*TIMES]),
    separator=st.sampled_from(SEPARATORS),
    compression=st.sampled_from([*COMPRESSIONS]),
    order=st.randoms(use_true_random=False),
    reverse=st.booleans(),
    quoted=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    as_json=st.booleans(),
)
def test_a_file_written_again_gives_the_same_events(
    name: str, spelling: str, separator: str, compression: str, order: Any, reverse: bool,
    quoted: bool, line_end: str, as_json: bool,
) -> None:  # fmt: skip
    events = events_of(name)
    names, rows = rows_of(events, TIMES[spelling])
    places = [*range(len(names))]
    order.shuffle(places)
    if reverse and len({row[0] for row in rows}) == len(rows):
        rows.reverse()
    if as_json:
        text = json.dumps([{names[i]: row[i] for i in places} for row in rows])
    else:
        mark = '"' if quoted else ""
        table = [[f"{mark}{row[i]}{mark}" for i in places] for row in (names, *rows)]
        text = line_end.join(map(separator.join, table)) + line_end
    with tempfile.TemporaryDirectory() as folder:
        symbol = events[0].symbol.replace("/", "-")
        path = Path(folder) / f"{symbol}.any"
        path.write_bytes(COMPRESSIONS[compression](text.encode()))
        assert said(read_feed(path)) == said(events)


def said(events: list[MarketDataEvent]) -> list[tuple[Any, ...]]:
    return [
        (type(e), e.symbol, e.ts, e.price, e.volume, e.side)
        + ((e.open, e.high, e.low, e.interval) if isinstance(e, BarEvent) else ())
        for e in events
    ]


WORDS = st.sampled_from((
    "time", "ts_ms", "date", "Date", "timestamp", "open", "High", "low", "close", "volume", "price",
    "qty", "amount", "side", "symbol", "bid", "ask", "bid_qty", "ask_qty", "is_buyer_maker", "id",
    "level", "", "x",
))  # fmt: skip
VALUES = st.sampled_from((
    "1720886400", "1720886400000", "2024-07-13", "2024-07-13 16:00", "07/13/2024", "12:00:01", "60000",
    "60001.5", "0.1", "1,5", "-1", "0", "nan", "", "buy", "sell", "ask", "BTCUSDT", "True", "null", '"',
    "é", "\ufeff", "1e3",
)) | st.text(max_size=5)  # fmt: skip
LEADS = (b"", b"[", b"{", b"[[", b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"ARROW1", b"BZh9")


@settings(max_examples=examples(60))
@given(
    header=st.lists(WORDS, max_size=8),
    rows=st.lists(st.lists(VALUES, max_size=8), max_size=6),
    separator=st.sampled_from(SEPARATORS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    lead=st.sampled_from(
        [b"", b"[", b"{", b"[[", b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"ARROW1", b"BZh9"]
    ),
    junk=st.binary(max_size=30),
)
def test_whatever_is_in_a_file_it_is_refused_in_words_or_fit_to_trade_on(
    header: list[str],
    rows: list[list[str]],
    separator: str,
    encoding: str,
    lead: bytes,
    junk: bytes,
) -> None:
    text = "\n".join(map(separator.join, [*([header] if header else []), *rows]))
    content = lead + text.encode(encoding, errors="replace") + junk
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BTCUSDT.csv"
        path.write_bytes(content)
        events: list[MarketDataEvent] = []
        refusal = ""
        try:
            for batch in RecordedFeed([path], max_bad_share=0.5, now_ns=NOW).batches():
                events += batch
        except TradectlError as error:
            refusal = str(error)
        assert refusal.isprintable()
        assert_fit_to_trade_on(events)
        cells = {cell.strip(' "\ufeff') for row in rows for cell in row}
        prices = {_number(cell) for cell in cells} | {
            _number(cell.replace(",", ".")) for cell in cells
        }
        if not lead and not junk:
            assert {event.price for event in events if event.bid is None} <= prices


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except ArithmeticError:
        return None


def _has_a_product(row: list[str]) -> bool:
    triples = permutations(map(Decimal, row), 3)
    return any(price * quantity == notional for price, quantity, notional in triples)


NUMBERS = st.integers(1, 10**6).map(str) | st.decimals(0, 10**6, places=3).map(str)


@settings(max_examples=examples(40))
@given(
    width=st.integers(1, 9),
    count=st.integers(1, 12),
    data=st.data(),
    time=st.integers(0, 8),
)
def test_numbers_without_names_are_no_trades_unless_the_file_proves_them(
    width: int, count: int, data: st.DataObject, time: int
) -> None:
    """Those in which a number is the product of two others prove it; three numbers are told by their
    steadiness."""
    if width == 3:
        width = 4
    rows = [data.draw(st.lists(NUMBERS, min_size=width, max_size=width)) for _ in range(count)]
    for i, row in enumerate(rows):
        row[time % width] = str(1_720_886_400 + i)
    assume(not all(_has_a_product(row) for row in rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "BTCUSDT.csv"
        path.write_text("\n".join(map(",".join, rows)) + "\n")
        try:
            events = read_feed(path)
        except TradectlError:
            return
    assert all(isinstance(event, (BarEvent, BarOpened)) for event in events)
