from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.time import DAY, SECOND
from tradectl.strategy.bars import BarBuilder, parse_timeframe, spell_timeframe

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_723_161_240 * SECOND  # 2024-08-08T23:54:00Z


def tick(seconds: float, price: str = "100", volume: str = "1") -> MarketDataEvent:
    ts = START + int(seconds * SECOND)
    return MarketDataEvent(symbol="BTCUSDT", price=Decimal(price), volume=Decimal(volume), ts=ts)


def minute_bar(minute: int, first: str, high: str, low: str, close: str) -> BarEvent:
    return BarEvent(
        symbol="BTCUSDT",
        price=Decimal(close),
        volume=Decimal(1),
        ts=START + (minute + 1) * MINUTE,
        open=Decimal(first),
        high=Decimal(high),
        low=Decimal(low),
        interval=MINUTE,
    )


def ohlcv(bar: BarEvent) -> tuple[int, ...]:
    return tuple(map(int, (bar.open, bar.high, bar.low, bar.price, bar.volume)))


def feed(builder: BarBuilder, *events: MarketDataEvent) -> list[BarEvent]:
    return [bar for event in events for bar in builder.update(event)]


@each_row(
    ("text", "interval"),
    [("5s", 5 * SECOND), ("1m", MINUTE), ("4h", 4 * HOUR), ("1d", DAY), ("1440m", DAY)],
)
def test_a_timeframe_is_a_count_and_a_unit(text: str, interval: int) -> None:
    assert parse_timeframe(text) == interval
    assert parse_timeframe(spell_timeframe(interval)) == interval


@each_row(
    "text",
    [
        "",
        "m",
        "1",
        "0m",
        "7m",
        "2d",
        "1M",
        "1w",
        "-1m",
        "1.5m",
        " 1m",
        "1m\n",
        "٣m",
        "9" * 99 + "m",
    ],
)
def test_what_does_not_divide_a_day_is_no_timeframe(text: str) -> None:
    with pytest.raises(UsageError, match="is not a timeframe: expected one that divides a day"):
        parse_timeframe(text)


@pytest.mark.parametrize(
    ("interval", "text"), [(HOUR, "1h"), (90 * MINUTE, "90m"), (SECOND // 2, "0.5s")]
)
def test_an_interval_is_spelled_shortly(interval: int, text: str) -> None:
    assert spell_timeframe(interval) == text


def test_a_bar_is_finished_by_the_first_tick_of_a_later_interval() -> None:
    builder = BarBuilder(MINUTE)
    ticks = [tick(1, "100"), tick(20, "105", "2"), tick(30, "98"), tick(59.999, "101")]
    assert feed(builder, *ticks) == []
    (bar,) = builder.update(tick(60, "200"))
    assert ohlcv(bar) == (100, 105, 98, 101, 5)
    assert (bar.ts, bar.interval) == (START + MINUTE, MINUTE)
    assert bar.symbol == "BTCUSDT"
    assert builder.current is not None
    assert builder.current.price == 200


def test_bars_are_aligned_to_utc_whenever_the_first_tick_comes() -> None:
    builder = BarBuilder(DAY)
    (bar,) = feed(builder, tick(0), tick(6 * 60))
    assert bar.ts % DAY == 0


def test_a_quiet_market_gives_flat_bars() -> None:
    builder = BarBuilder(MINUTE)
    bars = feed(builder, tick(0, "100"), tick(1, "101"), tick(190, "120"))
    assert [(b.ts - START) // MINUTE for b in bars] == [1, 2, 3]
    for flat in bars[1:]:
        assert {flat.open, flat.high, flat.low, flat.price} == {Decimal(101)}
        assert flat.volume == 0


@pytest.mark.parametrize(("missing", "filled", "skipped"), [(10, 10, 0), (11, 0, 11)])
def test_a_gap_that_is_too_long_is_skipped_and_counted(
    missing: int, filled: int, skipped: int
) -> None:
    builder = BarBuilder(MINUTE, max_gap=10)
    bars = feed(builder, tick(0), tick(60 * (missing + 1)))
    assert len(bars) == 1 + filled
    assert builder.skipped == skipped


def test_a_tick_that_goes_back_in_time_is_counted_and_ignored() -> None:
    builder = BarBuilder(MINUTE)
    (bar,) = feed(builder, tick(10, "100"), tick(5, "500"), tick(10, "101"), tick(60))
    assert builder.late == 1
    assert ohlcv(bar) == (100, 101, 100, 101, 2)


def test_a_tick_without_a_time_happened_when_it_was_dispatched() -> None:
    builder = BarBuilder(MINUTE)
    timeless = MarketDataEvent(symbol="X", price=Decimal(1), volume=Decimal(1))
    assert list(builder.update(timeless, at=START)) == []
    (bar,) = builder.update(timeless, at=START + MINUTE)
    assert bar.ts == START + MINUTE


def test_a_longer_bar_is_finished_by_the_shorter_one_that_reaches_its_end() -> None:
    builder = BarBuilder(2 * MINUTE)
    assert list(builder.update(minute_bar(0, "10", "12", "9", "11"))) == []
    (bar,) = builder.update(minute_bar(1, "11", "15", "10", "14"))
    assert ohlcv(bar) == (10, 15, 9, 14, 2)
    assert (bar.ts, bar.interval) == (START + 2 * MINUTE, 2 * MINUTE)
    assert builder.current is None


def test_a_longer_bar_with_a_hole_is_finished_by_the_next_one() -> None:
    builder = BarBuilder(2 * MINUTE)
    bars = feed(
        builder, minute_bar(0, "10", "12", "9", "11"), minute_bar(4, "20", "20", "20", "20")
    )
    assert [(b.ts - START) // MINUTE for b in bars] == [2, 4]
    assert bars[1].price == 11


def test_a_shorter_bar_seen_twice_is_counted_and_ignored() -> None:
    builder = BarBuilder(2 * MINUTE)
    bar = minute_bar(0, "10", "12", "9", "11")
    assert feed(builder, bar, bar) == []
    assert builder.late == 1


def test_ticks_may_go_on_where_bars_ended() -> None:
    builder = BarBuilder(2 * MINUTE)
    (bar,) = feed(builder, minute_bar(0, "10", "12", "9", "11"), tick(61, "13"), tick(120, "14"))
    assert ohlcv(bar) == (10, 13, 9, 13, 2)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 200 * SECOND),
        st.decimals("0.01", "1000", places=2),
        st.decimals("0", "50", places=3),
    ),
    min_size=1,
    max_size=60,
)


def ticks_of(steps: list[tuple[int, Decimal, Decimal]]) -> list[MarketDataEvent]:
    ticks, ts = [], START
    for wait, price, volume in steps:
        ts += wait
        ticks.append(MarketDataEvent(symbol="X", price=price, volume=volume, ts=ts))
    return ticks


@given(STEPS)
def test_bars_conserve_volume_are_contiguous_and_contain_their_prices(
    steps: list[tuple[int, Decimal, Decimal]],
) -> None:
    builder = BarBuilder(MINUTE)
    ticks = ticks_of(steps)
    bars = feed(builder, *ticks)
    assert builder.current is not None
    bars.append(builder.current)
    assert sum(b.volume for b in bars) == sum(t.volume for t in ticks)
    assert all(b.low <= min(b.open, b.price) <= max(b.open, b.price) <= b.high for b in bars)
    assert all(later.ts - earlier.ts == MINUTE for earlier, later in pairwise(bars))
    assert all(b.ts % MINUTE == 0 for b in bars)
    assert bars[0].open == ticks[0].price
    assert bars[-1].price == ticks[-1].price


@given(STEPS)
def test_longer_bars_agree_whether_made_of_ticks_or_of_shorter_bars(
    steps: list[tuple[int, Decimal, Decimal]],
) -> None:
    minutes, direct, folded = BarBuilder(MINUTE), BarBuilder(5 * MINUTE), BarBuilder(5 * MINUTE)
    ticks = ticks_of([*steps, (5 * MINUTE, Decimal(1), Decimal(1))])
    from_ticks, from_bars = feed(direct, *ticks), feed(folded, *feed(minutes, *ticks))
    assert [(b.ts, b.price, b.volume) for b in from_bars] == [
        (b.ts, b.price, b.volume) for b in from_ticks
    ]
    # a flat minute begins at the price before it, so that the longer bar may reach back to that
    pairs = zip(from_bars, from_ticks, strict=True)
    assert all(bar.high >= tick.high and bar.low <= tick.low for bar, tick in pairs)
