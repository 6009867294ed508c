"""The history that a strategy needs before recorded data is traded on: of what comes before the part that
is played, as much as it takes until every strategy is warm.

It is heard in the order of time, and what is too old by then is dropped as newer comes. The run begins
with it, as an input of its own, so that its journal still replays alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain

from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent, QuoteEvent, WarmUpReceived
from tradectl.feeds.time_range import began
from tradectl.recovery.warm_up import IN_ONE_RECORD, SymbolNeed
from tradectl.strategy.instances import WarmUpNeed

MOST_OF_A_SYMBOL = 500_000
"""Events, of about 300 bytes each."""


class History:
    """What `needs` ask for of the market data that `hear` is given. With `decides_on` prices are those
    candles alone, of so many ns."""

    def __init__(self, needs: Iterable[WarmUpNeed], decides_on: int = 0) -> None:
        self._needs = list(needs)
        self._decides_on = decides_on
        self._kept: dict[str, _Kept | None] = {}

    def hear(self, events: list[MarketDataEvent]) -> None:
        """Events in time order; the files of a recording may take turns."""
        for event in events:
            if not self._is_passed_over(event):
                kept = self._of(event.symbol)
                if kept is not None:
                    kept.add(event)

    def _is_passed_over(self, event: MarketDataEvent) -> bool:
        if isinstance(event, QuoteEvent) or not self._decides_on:
            return isinstance(event, BarOpened)
        return not isinstance(event, BarEvent) or event.interval != self._decides_on

    def inputs(self) -> list[WarmUpReceived]:
        """Those that the run begins with."""
        kept = (one.events() for one in self._kept.values() if one is not None)
        events = sorted(chain.from_iterable(kept), key=lambda event: event.ts)
        return [
            WarmUpReceived(
                source_component="feed",
                run_id="",
                events=tuple(events[first : first + IN_ONE_RECORD]),
            )
            for first in range(0, len(events), IN_ONE_RECORD)
        ]

    def _of(self, symbol: str) -> _Kept | None:
        if symbol not in self._kept:
            own = [need for need in self._needs if not need.symbols or symbol in need.symbols]
            self._kept[symbol] = _Kept(own) if own else None
        return self._kept[symbol]


class _Kept:
    """Of one symbol: the newest quotes, and the newest prices, both as many and as far back as needed."""

    def __init__(self, needs: list[WarmUpNeed]) -> None:
        need = SymbolNeed(needs)
        self._bars = [each for each in needs if each.callback == "on_bar"]
        self._most, self._span = need.trades, need.span
        self._interval = 0
        self._is_cut = False
        self._prices: deque[MarketDataEvent] = deque(maxlen=MOST_OF_A_SYMBOL)
        self._quotes: deque[MarketDataEvent] = deque(maxlen=min(need.quotes, MOST_OF_A_SYMBOL))

    def add(self, event: MarketDataEvent) -> None:
        if isinstance(event, QuoteEvent):
            self._quotes.append(event)
            return
        if isinstance(event, BarEvent) and event.interval != self._interval:
            self._come_as_candles(event.interval)
        prices = self._prices
        prices.append(event)
        oldest = event.ts - self._span
        while len(prices) > self._most and (not self._span or prices[0].ts < oldest):
            prices.popleft()
            self._is_cut = True

    def _come_as_candles(self, interval: int) -> None:
        """Bars are made of these, and where they are longer than what is asked for, they are the bars."""
        self._interval = interval
        for need in self._bars:
            bars, length = need.count + 1, max(need.timeframe, interval)
            self._most = max(self._most, bars * length // interval)
            self._span = max(self._span, bars * length)

    def events(self) -> Iterable[MarketDataEvent]:
        return chain(self._whole_bars(), self._quotes)

    def _whole_bars(self) -> Iterable[MarketDataEvent]:
        """Prices; what is left of a bar of which the beginning was dropped would be another bar."""
        longest = max((need.timeframe for need in self._bars), default=0)
        if not self._is_cut or longest <= self._interval:
            return self._prices
        first = self._prices[0]
        before = began(first) - began(first) % longest
        if before == began(first):
            return self._prices
        return (event for event in self._prices if began(event) >= before + longest)


__all__ = ["History"]
