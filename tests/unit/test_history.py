"""Of what recorded data has before the part that is played, strategies are shown as much as they need."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent, QuoteEvent
from tradectl.domain.time import SECOND
from tradectl.feeds.time_range import TimeRange
from tradectl.recovery.history import History
from tradectl.strategy.instances import WarmUpNeed

START = 1_700_000_040 * SECOND
"""A whole minute."""
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
ONE = Decimal(1)


def trade(n: int, every: int = 7 * SECOND, symbol: str = "BTC") -> MarketDataEvent:
    return MarketDataEvent(symbol=symbol, price=Decimal(100 + n), volume=ONE, ts=START + n * every)


def quote(n: int) -> QuoteEvent:
    return QuoteEvent(symbol="BTC", price=ONE, volume=ONE, bid=ONE, ask=ONE, ts=START + n * SECOND)


def candle(n: int, interval: int = MINUTE) -> BarEvent:
    return BarEvent(
        symbol="BTC", price=ONE, volume=ONE, open=ONE, high=ONE, low=ONE, interval=interval,
        ts=START + (n + 1) * interval,
    )  # fmt: skip


def shown(need: WarmUpNeed, events: Sequence[MarketDataEvent], **more: int) -> list[object]:
    history = History([need], **more)
    for first in range(0, len(events), 3):
        history.hear(list(events[first : first + 3]))
    inputs = history.inputs()
    assert all(not each.run_id for each in inputs)
    return [event for each in inputs for event in each.events]


def test_the_newest_trades_as_many_as_needed() -> None:
    events = [trade(n) for n in range(50)]
    assert shown(WarmUpNeed("on_trade", 8, MINUTE), events) == events[-8:]


def test_the_newest_quotes_as_many_as_needed() -> None:
    events = [quote(n) for n in range(50)]
    assert shown(WarmUpNeed("on_quote", 5, MINUTE), events) == events[-5:]


def test_trades_for_bars_begin_with_a_whole_one() -> None:
    events = [trade(n) for n in range(200)]
    found = shown(WarmUpNeed("on_bar", 3, MINUTE), events)
    (first, *_) = [event for event in found if isinstance(event, MarketDataEvent)]
    assert first.ts - first.ts % MINUTE + 7 * SECOND > first.ts
    assert found == events[events.index(first) :]
    assert events[-1].ts - first.ts >= 3 * MINUTE


def test_all_there_is_where_that_is_less() -> None:
    events = [trade(n) for n in range(5, 9)]
    assert shown(WarmUpNeed("on_bar", 3, MINUTE), events) == events


@pytest.mark.parametrize(("interval", "bars"), [(MINUTE, 241), (HOUR, 5), (24 * HOUR, 5)])
def test_candles_for_bars_of_an_hour(interval: int, bars: int) -> None:
    """Longer ones are the bars themselves."""
    events = [candle(n, interval) for n in range(600)]
    found = shown(WarmUpNeed("on_bar", 3, HOUR), events)
    assert 3 * max(HOUR, interval) <= len(found) * interval
    assert len(found) <= bars
    assert found == events[-len(found) :]


def test_coarse_candles_alone_where_they_are_decided_on() -> None:
    events: list[MarketDataEvent] = []
    for hour in range(6):
        events += [candle(60 * hour + n) for n in range(60)]
        events.append(candle(hour, HOUR))
    found = shown(WarmUpNeed("on_bar", 3, HOUR), events, decides_on=HOUR)
    assert found == [candle(hour, HOUR) for hour in range(1, 6)]


def test_nothing_of_symbols_that_nobody_asks_for() -> None:
    need = WarmUpNeed("on_trade", 2, MINUTE, ("ETH",))
    events = [trade(n, symbol=symbol) for n in range(9) for symbol in ("BTC", "ETH")]
    found = shown(need, events)
    assert found == [trade(7, symbol="ETH"), trade(8, symbol="ETH")]


# --- the part that is played -------------------------------------------------------------------------


def test_a_candle_belongs_to_the_moment_at_which_it_opened() -> None:
    opens = [BarOpened(symbol="BTC", price=ONE, volume=ONE, ts=START + n * HOUR) for n in range(6)]
    events: list[MarketDataEvent] = []
    for n, opened in enumerate(opens):
        events += [candle(n - 1, HOUR), opened] if n else [opened]
    heard: list[MarketDataEvent] = []
    part = TimeRange(START + 2 * HOUR, START + 4 * HOUR)
    blocks = [events[first : first + 2] for first in range(0, len(events), 2)]
    found = [event for block in part.of(iter(blocks), heard.extend) for event in block]
    assert found == [opens[2], candle(2, HOUR), opens[3], candle(3, HOUR)]
    assert heard == [opens[0], candle(0, HOUR), opens[1], candle(1, HOUR)]


def test_of_trades_the_first_moment_is_in_and_the_last_is_not() -> None:
    events = [trade(n, SECOND) for n in range(10)]
    part = TimeRange(START + 2 * SECOND, START + 5 * SECOND)
    found = [event for block in part.of(iter([events])) for event in block]
    assert found == events[2:5]
