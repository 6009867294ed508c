"""The strategies of two published runs, each in the conventions of who published it."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from tradectl.events import BarEvent, MarketDataEvent
from tradectl.strategy import Signal, Strategy


class SmaCross(Strategy):
    """Long once the fast mean of closes has crossed above the slow one, short once below."""

    fast: int = 10
    slow: int = 30

    def start(self) -> None:
        self._closes: deque[Decimal] = deque(maxlen=self.slow)
        self._above: bool | None = None

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        self._closes.append(trade.price)
        if len(self._closes) < self.slow:
            return None
        newest = list(self._closes)[-self.fast :]
        fast, slow = sum(newest) / self.fast, sum(self._closes) / self.slow
        before = self._above
        if fast != slow:
            self._above = fast > slow
        if before is None or before is self._above:
            return None
        return self.long() if self._above else self.short()


class EmaCross(Strategy):
    """Long while the fast average is not below the slow one, else short. Averages begin at the first
    close; where a bar has but one price nothing is decided."""

    fast: int = 10
    slow: int = 20

    def start(self) -> None:
        self._seen = 0
        self._fast = self._slow = 0.0

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        price = float(trade.price)
        self._seen += 1
        if self._seen == 1:
            self._fast = self._slow = price
        self._fast += 2 / (self.fast + 1) * (price - self._fast)
        self._slow += 2 / (self.slow + 1) * (price - self._slow)
        one_price = isinstance(trade, BarEvent) and trade.high == trade.low
        if self._seen < self.slow or one_price:
            return None
        return self.long() if self._fast >= self._slow else self.short()
