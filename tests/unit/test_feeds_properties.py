"""Whatever happens to a file, what a feed yields is fit to trade on, or it says why not."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tradectl.domain.errors import DataError
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.money import is_sane
from tradectl.domain.time import SECOND
from tradectl.feeds.csv.columns import NOT_ALL_GOOD, read_block
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.layout import read_header
from tradectl.feeds.csv.rows import read_row
from tradectl.feeds.quality import RowError
from tradectl.feeds.recorded import RecordedFeed

DATA = Path(__file__).parents[1] / "data"
NOW = 1_750_000_000 * SECOND
FILES = ("btcusdt_trades", "btcusdt_quotes", "btcusdt_candles")
ROWS = 60


def excerpt(name: str) -> bytes:
    with gzip.open(DATA / f"{name}.csv.gz") as file:
        return b"".join(file.readlines()[: ROWS + 1])


GOOD = {name: excerpt(name) for name in FILES}
JUNK = [
    b'"1"', b"_", b"+", b"2024-08-08",
    b"", b",", b"\n", b"\r", b'"', b"-", b"0", b"9" * 50, b"nan", b"inf", b"1e400", b"\0", b"\xff",
    "\u202e".encode(), b"\x1b[2J", b"1e-400", b".", b" ",
]  # fmt: skip


@contextmanager
def file_with(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        yield path


def assert_fit_to_trade_on(events: list[MarketDataEvent]) -> None:
    times = [event.ts for event in events]
    assert times == sorted(times)
    assert all(0 < ts <= NOW + 40 * 86_400 * SECOND for ts in times)
    for event in events:
        numbers = [event.price, event.volume, event.bid, event.ask]
        if isinstance(event, BarEvent):
            numbers += [event.open, event.high, event.low]
            assert event.low <= event.price <= event.high
        assert all(is_sane(number) for number in numbers if number is not None)
        assert event.price > 0
        assert event.volume >= 0
        assert event.bid is None or event.ask is None or 0 < event.bid < event.ask


mutations = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 8),
        st.sampled_from(JUNK) | st.binary(max_size=6) | st.text("0123456789.,-e\n").map(str.encode),
    ),
    min_size=1,
    max_size=4,
)


def mutated(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for where, length, junk in changes:
        at = where % (len(content) + 1)
        content = content[:at] + junk + content[at + length :]
    return content


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("zipped", [False, True])
@given(changes=mutations)
def test_a_damaged_file_is_played_fit_to_trade_on_or_refused(
    name: str, zipped: bool, changes: list[tuple[int, int, bytes]]
) -> None:
    content = gzip.compress(GOOD[name], mtime=0) if zipped else GOOD[name]
    with file_with(mutated(content, changes)) as path:
        events: list[MarketDataEvent] = []
        refusal = ""
        try:
            feed = RecordedFeed([path], max_bad_share=0.2, now_ns=NOW)
            for batch in feed.batches():
                events += batch
            assert feed.progress.events == len(events)
            rows_bad = feed.progress.bad_count - feed.progress.bad.get("broken_off", 0)
            played = sum(type(event) is not BarOpened for event in events)
            assert feed.progress.rows == played + rows_bad
        except DataError as error:
            refusal = str(error)
        assert refusal.isprintable()
        assert_fit_to_trade_on(events)


@pytest.mark.parametrize("name", FILES)
@given(changes=mutations)
def test_the_fast_way_accepts_a_block_only_if_the_careful_way_accepts_each_row(
    name: str, changes: list[tuple[int, int, bytes]]
) -> None:
    header, _, rows = GOOD[name].decode().partition("\n")
    text = mutated(rows.encode(), changes).decode(errors="replace").rstrip("\n") + "\n"
    fast, careful = new_state(header), new_state(header)
    try:
        events = read_block(fast, text)
    except NOT_ALL_GOOD:
        return
    assert events == [read_row(careful, line) for line in text.split("\n")[:-1]]
    assert fast.last_time == careful.last_time
    assert fast.symbols == careful.symbols


@pytest.mark.parametrize("name", FILES)
def test_the_fast_way_is_the_one_taken_with_good_data(name: str) -> None:
    header, _, rows = GOOD[name].decode().partition("\n")
    assert len(read_block(new_state(header), rows)) == ROWS


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=examples(10))
@given(broken=st.integers(0, ROWS - 1))
def test_a_block_in_doubt_leaves_nothing_behind(name: str, broken: int) -> None:
    header, _, text = GOOD[name].decode().partition("\n")
    lines = text.split("\n")[:-1]
    lines[broken] = lines[broken].replace(",", ",x", 2)
    state, untouched = new_state(header), new_state(header)
    with pytest.raises(NOT_ALL_GOOD):
        read_block(state, "\n".join(lines) + "\n")
    after = [judged(state, line) for line in lines]
    assert after == [judged(untouched, line) for line in lines]
    assert after.count(None) == 1


def judged(state: FileState, line: str) -> MarketDataEvent | None:
    try:
        return read_row(state, line)
    except RowError:
        return None


def new_state(header: str) -> FileState:
    state = FileState(read_header(header.split(",")), "", NOW)
    state.interval = 60 * SECOND
    return state


@settings(max_examples=examples(16))
@given(
    files=st.lists(
        st.lists(st.integers(0, 30), min_size=1, max_size=40).map(sorted), min_size=1, max_size=4
    ),
    batch_size=st.integers(1, 7),
)
def test_a_merge_loses_nothing_and_is_a_stable_sort(
    files: list[list[int]], batch_size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, times in enumerate(files):
            path = Path(folder) / f"{number}.csv"
            rows = [f"{1_700_000_000_000 + t},S{number},{i + 1},1" for i, t in enumerate(times)]
            path.write_text("\n".join(["ts_ms,symbol,price,qty", *rows]))
            paths.append(path)
        feed = RecordedFeed(paths, max_bad_share=1, batch_size=batch_size, now_ns=NOW)
        merged = [(event.ts, event.symbol) for batch in feed.batches() for event in batch]
        separate = [
            (event.ts, event.symbol)
            for path in paths
            for batch in RecordedFeed([path], max_bad_share=1, now_ns=NOW).batches()
            for event in batch
        ]
    assert merged == sorted(separate, key=lambda pair: pair[0])
