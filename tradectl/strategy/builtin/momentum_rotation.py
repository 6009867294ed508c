"""Rotation: of many symbols, hold those that rose most."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Answer, Signal, Strategy
from tradectl.strategy.own_events import Timer
from tradectl.strategy.parameters import param


class MomentumRotation(Strategy):
    """Every `every` it is long of the `top` symbols that rose most over `lookback` bars, in equal
    parts, and out of all others; of none that fell.

    One object sees all its symbols. With few of them it is little more than being long of the market, and
    each rotation pays fees and the spread: a longer `every` trades less.
    """

    per_symbol: ClassVar[bool] = False
    timeframe: str = "1h"
    every: str = "1d"
    lookback: int = param(168, 1, 10_000, "bars over which the rise is measured")
    top: int = param(2, 1, 100, "how many symbols are held at most")

    def start(self) -> None:
        self._closes: dict[str, deque[float]] = {}
        self._held: tuple[str, ...] = ()

    def warm_up(self) -> int:
        return self.lookback + 1

    def on_bar(self, bar: BarEvent) -> Answer:
        closes = self._closes.get(bar.symbol)
        if closes is None:
            closes = self._closes[bar.symbol] = deque(maxlen=self.lookback + 1)
        closes.append(float(bar.price))
        return None

    def on_timer(self, timer: Timer) -> list[Signal]:
        rises = {
            symbol: closes[-1] / closes[0] - 1
            for symbol, closes in self._closes.items()
            if len(closes) == self.lookback + 1
        }
        # equal rises go by the name: the same on every machine
        best = sorted(rises, key=lambda symbol: (-rises[symbol], symbol))[: self.top]
        wanted = tuple(sorted(symbol for symbol in best if rises[symbol] > 0))
        if wanted == self._held:
            return []
        out = [symbol for symbol in self._held if symbol not in wanted]
        self._held = wanted
        self.note(**{symbol[:24]: round(rises[symbol], 6) for symbol in best})
        share = 1 / self.top
        return [
            *(self.flat("no longer among the strongest", symbol=symbol) for symbol in out),
            *(
                self.long(share, reason=f"rose {rises[symbol]:.1%}", symbol=symbol)
                for symbol in wanted
            ),
        ]
