"""Trades of a market, and the candles made of them, give the same bars and the same signals."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.domain.events import BarEvent, MarketDataEvent, Record, StrategySignalEvent
from tradectl.domain.time import SECOND
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

MINUTE = 60 * SECOND
START = 1_720_886_400 * SECOND
Seen = list[tuple[int, str, str, str, str, str]]

ticks = st.lists(st.tuples(st.integers(1, 200), st.integers(95, 105)), min_size=2, max_size=80)
"""Seconds since the trade before, mostly a minute or more apart, and a price."""


def trades(steps: Iterable[tuple[int, int]]) -> list[MarketDataEvent]:
    events, ts = [], START
    for seconds, price in steps:
        ts += seconds * SECOND
        events.append(
            MarketDataEvent(symbol="BTCUSDT", price=Decimal(price), volume=Decimal(2), ts=ts)
        )
    return events


def candles(events: Iterable[MarketDataEvent], interval: int = MINUTE) -> list[BarEvent]:
    """As an exchange makes them: none where nothing traded."""
    made = []
    for opened, group in groupby(events, key=lambda event: event.ts - event.ts % interval):
        held = list(group)
        prices = [event.price for event in held]
        made.append(
            BarEvent(
                symbol="BTCUSDT",
                price=prices[-1],
                volume=sum((event.volume for event in held), Decimal(0)),
                open=prices[0],
                high=max(prices),
                low=min(prices),
                interval=interval,
                ts=opened + interval,
            )
        )
    return made


def told(events: Iterable[MarketDataEvent], timeframe: str) -> tuple[Seen, list[str]]:
    """The bars that a strategy hears, and what it signals."""
    bars: Seen = []

    class Watcher(Strategy):
        def start(self) -> None:
            self._last = Decimal(0)

        def on_bar(self, bar: BarEvent) -> Signal | None:
            numbers = (bar.open, bar.high, bar.low, bar.price, bar.volume)
            bars.append((bar.ts, *map(str, numbers)))  # type: ignore[arg-type]  # five of them
            before, self._last = self._last, bar.price
            if before == bar.price:
                return self.flat(reason=str(bar.ts))
            return (self.long if bar.price > before else self.short)(reason=str(bar.ts))

    engine = StrategyEngine(
        [StrategyInstance("watcher", "watcher", parameters={"timeframe": timeframe})],
        find=lambda _: Watcher,
        max_signals_per_second=10_000,
    )
    signals = [
        f"{signal.action} {signal.reason}"
        for event in events
        for signal in engine.on_market(event, Record(0, event.ts, event)) or ()
        if isinstance(signal, StrategySignalEvent)
    ]
    return bars, signals


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h"])
@given(steps=ticks)
def test_trades_and_their_candles_are_one_market(
    timeframe: str, steps: list[tuple[int, int]]
) -> None:
    market = trades(steps)
    from_trades, signals_of_trades = told(market, timeframe)
    from_candles, signals_of_candles = told(candles(market), timeframe)
    # a trade cannot say that it was the last of its bar: there may be one bar more of candles
    assert from_candles[: len(from_trades)] == from_trades
    assert len(from_candles) - len(from_trades) in (0, 1)
    assert signals_of_candles[: len(signals_of_trades)] == signals_of_trades


def test_a_gap_between_candles_has_flat_bars() -> None:
    market = candles(trades([(10, 100), (10, 102), (200, 101)]))
    bars, _ = told(market, "1m")
    assert [bar[1:] for bar in bars] == [
        ("100", "102", "100", "102", "4"),
        ("102", "102", "102", "102", "0"),
        ("102", "102", "102", "102", "0"),
        ("101", "101", "101", "101", "2"),
    ]
    assert [b - a for (a, *_), (b, *_) in pairwise(bars)] == [MINUTE] * 3


def test_candles_keep_the_moments_that_they_have() -> None:
    """Of sessions that open at half past, say."""
    off = 30 * 60 * SECOND
    market = [
        BarEvent(
            symbol="BTCUSDT", price=Decimal(100), volume=Decimal(1), open=Decimal(100),
            high=Decimal(100), low=Decimal(100), interval=3600 * SECOND,
            ts=START + off + n * 3600 * SECOND,
        )
        for n in (1, 2, 4)
    ]  # fmt: skip
    bars, _ = told(market, "1h")
    assert [(ts - START - off) // (3600 * SECOND) for ts, *_ in bars] == [1, 2, 3, 4]
