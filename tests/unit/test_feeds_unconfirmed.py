"""A market that moves far is played to the row; a lone wild print is none of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.time import SECOND
from tradectl.feeds.base import Progress
from tradectl.feeds.csv.stored import BLOCK
from tradectl.feeds.price_band import PriceBand, UnconfirmedPrice
from tradectl.feeds.quality import Tally
from tradectl.feeds.recorded import RecordedFeed
from tradectl.feeds.unconfirmed import RowsInOrder, UnconfirmedRow

NOW = 1_750_000_000 * SECOND
T = 1_723_161_255_000


def played(
    path: Path, rows: list[str], *, header: str = "ts_ms,symbol,price,qty,side"
) -> RecordedFeed:
    path.write_text("\n".join([header, *rows]) + "\n")
    return RecordedFeed([path], max_bad_share=1.0, now_ns=NOW)


def trades(prices: Sequence[object], symbol: str = "BTCUSDT") -> list[str]:
    return [f"{T + n},{symbol},{price},1,buy" for n, price in enumerate(prices)]


def prices_of(feed: RecordedFeed) -> list[int]:
    return [int(event.price) for batch in feed.batches() for event in batch]


@each_row(
    ("rows", "kept"),
    [
        ([100, 500, 101], [100, 101]),
        ([100, 5, 101, 5, 101], [100, 101, 101]),
        ([100, 30, 31, 30, 29, 28, 27], [100, 30, 31, 30, 29, 28, 27]),
        ([100, 30, 31, 30, 29, 100], [100, 100]),
        ([100, 500, 30, 31, 30, 29, 28], [100, 30, 31, 30, 29, 28]),
        ([100, 30], [100]),
        ([100, 30, 31], [100, 30, 31]),
        ([100, 500, 31, 500, 31], [100]),
    ],
)
def test_what_is_confirmed_later_is_played_at_its_place(
    tmp_path: Path, rows: list[object], kept: list[int]
) -> None:
    feed = played(tmp_path / "x.csv", trades(rows))
    assert prices_of(feed) == kept
    assert feed.progress.bad == ({"price_spike": len(rows) - len(kept)} if kept != rows else {})


def test_the_others_wait_for_a_symbol_that_waits(tmp_path: Path) -> None:
    rows = [
        row
        for pair in zip(trades([100, 30, 30, 30, 30, 30]), trades([7] * 6, "ETHUSDT"), strict=True)
        for row in pair
    ]
    feed = played(tmp_path / "x.csv", rows)
    assert prices_of(feed) == [100, 7, *[30, 7] * 5]


def test_a_move_may_lie_across_the_blocks_that_a_file_is_read_in(tmp_path: Path) -> None:
    width = len(trades([100])[0]) + 1
    before = BLOCK // width - 2
    feed = played(tmp_path / "x.csv", trades([100] * before + [30] * 2_000))
    assert prices_of(feed) == [100] * before + [30] * 2_000
    assert feed.progress.bad == {}


@each_row(
    ("candle", "is_played"),
    [
        ("100,199,51,100", True),
        ("100,1000,100,100", False),
        ("100,100,10,100", False),
        ("100,100,100,100", True),
        ("100,1000,100,1000", False),
        ("100,101,45,48", False),
        ("1000,1000,1000,1000", False),
    ],
)
def test_a_candle_that_one_print_made_is_not_played(
    tmp_path: Path, candle: str, is_played: bool
) -> None:
    good = "100,101,99,100"
    rows = [f"{T + n * 60_000},{c},5" for n, c in enumerate([good, good, candle, good, good])]
    feed = played(tmp_path / "BTCUSDT.csv", rows, header="ts_ms,open,high,low,close,volume")
    events = [event for batch in feed.batches() for event in batch if isinstance(event, BarEvent)]
    assert len(events) == 4 + is_played
    assert feed.progress.bad.get("price_spike", 0) == 1 - is_played


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from([1, 2, 5, 30, 100, 1000])), max_size=40
    )
)
def test_rows_keep_their_order_and_each_is_played_or_counted(rows: list[tuple[str, int]]) -> None:
    progress = Progress()
    tally, band = Tally("x", progress, 1.0), PriceBand()
    in_order, taken = RowsInOrder(tally), []
    for n, (symbol, price) in enumerate(rows):
        event = MarketDataEvent(symbol=symbol, price=Decimal(price), volume=Decimal(1), ts=n + 1)
        try:
            in_order.add(event, confirms=band.check(symbol, event.price))
        except UnconfirmedPrice as fault:
            in_order.hold(n, UnconfirmedRow(event, fault))
        taken += in_order.take()
    taken += in_order.take_all()
    assert not in_order.is_waiting
    times = [event.ts for event in taken]
    assert times == sorted(set(times))
    assert len(taken) + tally.bad == len(rows)
