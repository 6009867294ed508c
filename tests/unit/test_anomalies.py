"""What is unlike before: figures whose usual is known, models on made streams, and real crashes."""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_data import real_data
from tradectl.anomaly.finding import Finding, Kind
from tradectl.anomaly.half_space_trees import WINDOW, HalfSpaceTrees
from tradectl.anomaly.market import MarketWatch
from tradectl.anomaly.trading import OF_LATE, TradingWatch
from tradectl.anomaly.usual import SIZE, WARM, Usual
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.time import SECOND

LIMIT = 10.0
MINUTE = 60


@given(st.lists(st.floats(-1e6, 1e6), min_size=WARM, max_size=SIZE + 50))
def test_the_usual_is_the_median_and_its_deviation(values: list[float]) -> None:
    usual = Usual(least=1e-3)
    for value in values:
        usual.add(value)
    kept = values[-SIZE:]
    middle = median(kept)
    assert usual.middle == middle
    deviation = 1.4826 * median(abs(value - middle) for value in kept)
    assert usual.spread == max(deviation, 1e-3)
    assert usual.score(middle) == 0


def test_nothing_is_unusual_before_enough_was_seen() -> None:
    usual = Usual(least=1.0)
    for _ in range(WARM - 1):
        usual.add(0.0)
    assert usual.score(1e9) == 0
    usual.add(0.0)
    assert usual.score(5.0) == 5


def test_outliers_do_not_become_usual() -> None:
    usual, random = Usual(least=1e-9), Random(1)
    for n in range(SIZE):
        usual.add(1000.0 if n % 3 == 0 else random.gauss(0, 1))
    assert usual.spread < 3


def test_trees_score_what_is_unlike_and_the_same_again() -> None:
    def scores(seed: int) -> list[float]:
        trees, random = HalfSpaceTrees(3, seed), Random(5)
        for _ in range(3 * WINDOW):
            trees.add([min(max(random.gauss(0.5, 0.05), 0), 1) for _ in range(3)])
        return [
            trees.score([0.5] * 3),
            trees.score([0.55, 0.45, 0.5]),
            trees.score([0.95, 0.05, 0.9]),
        ]

    usual, near, far = scores(3)
    assert usual < 0.3
    assert near < 0.8
    assert far > 0.95
    assert scores(3) == [usual, near, far]


# --- a market -------------------------------------------------------------------------------------------


def ticks(
    random: Random, minutes: int, price: float = 100.0, at: int = 0
) -> Iterator[MarketDataEvent]:
    """Four trades and quotes a minute, calm."""
    for n in range(minutes * 4):
        price *= math.exp(random.gauss(0, 0.0004))
        yield tick(price, at + n * 15, random.uniform(0.5, 2.0), spread=random.uniform(0.9, 1.1))


def tick(price: float, seconds: float, volume: float = 1.0, spread: float = 1.0) -> MarketDataEvent:
    middle, half = Decimal(str(round(price, 6))), Decimal(str(round(price * spread * 5e-5, 8)))
    return MarketDataEvent(
        symbol="BTCUSDT", price=middle, volume=Decimal(str(round(volume, 4))),
        bid=middle - half, ask=middle + half, ts=int(seconds * SECOND) + SECOND,
    )  # fmt: skip


def after_calm(*then: tuple[float, float, float, float]) -> list[Finding]:
    """What is found in ticks (price as a share of the last, seconds later, volume, spread)."""
    watch, last = MarketWatch("BTCUSDT", seconds=MINUTE, limit=LIMIT), None
    for last in ticks(Random(7), 400):
        assert watch.take(last) == [], last
    assert last is not None
    price, at = float(last.price), last.ts / SECOND
    found = []
    for share, later, volume, spread in then:
        price, at = price * share, at + later
        found += watch.take(tick(price, at, volume, spread))
    return found


@pytest.mark.parametrize(
    ("then", "kind", "words"),
    [
        ([(0.97, 5, 1, 1)], Kind.PRICE, "BTCUSDT moved -"),
        ([(1.03, 5, 1, 1)], Kind.PRICE, "BTCUSDT moved 2.9"),
        ([(1, 15, 900, 1), (1, 60, 1, 1)], Kind.VOLUME, "turnover"),
        ([(1, 15, 1, 60), (1, 15, 1, 60), (1, 60, 1, 1)], Kind.SPREAD, "bps, usually 1.0"),
        ([(1, 3600, 1, 1), (1, 60, 1, 1)], Kind.SILENCE, "silent for 3601 s, usually 15"),
    ],
)
def test_each_is_told_with_its_figures(
    then: list[tuple[float, float, float, float]], kind: Kind, words: str
) -> None:
    found = after_calm(*then)
    assert [each.kind for each in found if each.kind is not Kind.PATTERN][:1] == [kind]
    assert words in found[0].text
    assert abs(found[0].score) >= LIMIT * 0.8


def test_a_jump_is_told_at_its_tick_and_once() -> None:
    assert [each.kind for each in after_calm((0.97, 5, 1, 1))] == [Kind.PRICE]
    assert [each.kind for each in after_calm((0.97, 2, 1, 1), (0.99, 2, 1, 1))] == [Kind.PRICE]


def test_what_is_odd_only_taken_together_is_a_pattern() -> None:
    watch, last = MarketWatch("BTCUSDT", seconds=MINUTE, limit=LIMIT), None
    for last in ticks(Random(7), 3 * WINDOW):
        assert watch.take(last) == []
    assert last is not None
    price, at = float(last.price) * 0.995, last.ts / SECOND
    found = [
        each
        for n, part in enumerate((0.9985, 1, 1.0015, 1, 1, 1))
        for each in watch.take(tick(price * part, at + 15 * n, 6, 3))
    ]
    assert [each.kind for each in found] == [Kind.PATTERN]
    assert "unlike the last hours: price" in found[0].text


def test_a_little_more_than_next_to_nothing_is_no_range() -> None:
    """Minutes of a basis point or less, then one of five."""
    watch, random, at = MarketWatch("BTCUSDT", seconds=MINUTE, limit=LIMIT), Random(2), 0
    for width in [*(random.uniform(0, 1.5e-4) for _ in range(300)), 5e-4, 0]:
        for part in (0.0, width):
            at += 30
            found = watch.take(tick(100 * (1 + part), at))
            assert [each for each in found if each.kind is Kind.RANGE] == []


def test_prices_that_are_none_are_passed_over() -> None:
    watch = MarketWatch("BTCUSDT", seconds=MINUTE, limit=LIMIT)
    assert watch.take(tick(0, 1)) == []


def test_a_symbols_name_is_made_harmless() -> None:
    watch = MarketWatch("BTC\x1b[2J", seconds=MINUTE, limit=LIMIT)
    for last in ticks(Random(7), 400):
        watch.take(last)
    (found,) = watch.take(tick(float(last.price) * 0.9, last.ts / SECOND))
    assert "\x1b" not in found.text + found.subject


# --- our own trading ------------------------------------------------------------------------------------


def traded(watch: TradingWatch, number: int, ms: float = 20, slip: float = 0.0) -> list[Finding]:
    name, at = f"o{number}", number * SECOND
    watch.sent(name, at, 100.0)
    found = watch.answered(name, at + int(ms * 1e6), rejected=False)
    found += watch.filled(name, 100.0 * (1 + slip / 1e4), is_buy=True)
    return found


def test_slow_answers_and_dear_fills_are_told() -> None:
    watch, random = TradingWatch(limit=LIMIT), Random(1)
    for n in range(WARM + 20):
        assert traded(watch, n, random.uniform(15, 30), random.uniform(-2, 4)) == []
    (slow,) = traded(watch, 1000, ms=4000)
    assert slow.kind is Kind.LATENCY
    assert "after 4,000 ms, usually 2" in slow.text
    (dear,) = traded(watch, 1001, slip=60)
    assert dear.kind is Kind.SLIPPAGE
    assert "slipped 60.0 bps" in dear.text
    assert traded(watch, 1002, ms=1, slip=-60) == []  # what is better is no alarm


def test_many_rejects_are_told_once() -> None:
    watch = TradingWatch(limit=LIMIT)
    found = []
    for n in range(OF_LATE + 5):
        watch.sent(f"o{n}", 0, 100.0)
        found += watch.answered(f"o{n}", 1, rejected=n % 2 == 0)
    assert [each.kind for each in found] == [Kind.REJECTS]


def test_a_loss_is_told_and_a_gain_is_not() -> None:
    watch, random, equity = TradingWatch(limit=LIMIT), Random(3), 100_000.0
    for _ in range(WARM + 20):
        equity *= 1 + random.gauss(0, 1e-4)
        assert watch.worth(equity) == []
    assert watch.worth(equity * 1.01) == []
    (found,) = watch.worth(equity)
    assert found.kind is Kind.PROFIT
    assert "-0.99%" in found.text


# --- real markets ---------------------------------------------------------------------------------------


def found_in(name: str, first: date, last: date) -> list[tuple[date, Finding]]:
    """By day (UTC), in real candles of a minute, which stand by their time."""
    begin = datetime.combine(first, time(), UTC).timestamp() * 1000
    found: list[tuple[date, Finding]] = []
    watch = MarketWatch(Path(name).stem.split(".")[0], seconds=MINUTE, limit=LIMIT)
    with gzip.open(real_data(name), "rt") as file:
        for row in csv.DictReader(file):
            if int(row["ts_ms"]) < begin:
                continue
            if (day := datetime.fromtimestamp(int(row["ts_ms"]) / 1000, UTC).date()) > last:
                break
            found += [(day, each) for each in watch.take(candle(row))]
    return found


def candle(row: dict[str, str]) -> BarEvent:
    return BarEvent(
        symbol=row["symbol"], ts=int(row["ts_ms"]) * 1_000_000, interval=MINUTE * SECOND,
        open=Decimal(row["open"]), high=Decimal(row["high"]), low=Decimal(row["low"]),
        price=Decimal(row["close"]), volume=Decimal(row["volume"]),
    )  # fmt: skip


def test_a_crash_is_found_and_calm_days_are_left_alone() -> None:
    """On 19 May 2021 the market fell by a third within hours."""
    crash = date(2021, 5, 19)
    name = "candles/binance_1m_20210420_20210520/BCHUSDT.csv.gz"
    days = Counter(day for day, _ in found_in(name, date(2021, 5, 16), crash))
    assert days.pop(crash) >= 10
    assert days.total() <= 3  # one a day of 1,440 minutes


def test_an_outage_of_the_exchange_is_found() -> None:
    """On 24 March 2023 it stood still, and prices jumped when it went on."""
    name = "candles/binance_1m_20230316_20230501/ADAUSDT.csv.gz"
    day = date(2023, 3, 24)
    kinds = [each.kind for _, each in found_in(name, date(2023, 3, 23), day)]
    assert kinds.count(Kind.SILENCE) == 1
    assert Kind.PRICE in kinds
