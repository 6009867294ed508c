"""Buying weakness and selling strength: what moved too far comes back to the middle."""

from __future__ import annotations

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Rsi
from tradectl.strategy.parameters import param


class RsiReversion(Strategy):
    """Long when the RSI of bars falls below `oversold`, short above `overbought`, out at `middle`.

    In a trend the RSI stays beyond its bounds, and it holds against the trend. It has no stop of its own;
    set `portfolio.stop_loss_pct`, or a bracket.
    """

    period: int = param(14, 2, 10_000, "bars in the RSI")
    oversold: float = param(30.0, 0, 100, "below it: long")
    middle: float = param(50.0, 0, 100, "where it is left again")
    overbought: float = param(70.0, 0, 100, "above it: short")

    def check(self) -> None:
        if not self.oversold < self.middle < self.overbought:
            raise ValueError("expected oversold < middle < overbought: mend the one out of order")

    def start(self) -> None:
        self._rsi = Rsi(self.period)
        self._side = 0

    def on_bar(self, bar: BarEvent) -> Signal | None:
        rsi = self._rsi.update(float(bar.price))
        side = self._side
        if rsi is None:
            return None
        if rsi < self.oversold and side <= 0:
            self._turn(1, rsi)
            return self.long(reason=f"RSI {rsi:.1f} is below {self.oversold:g}")
        if rsi > self.overbought and side >= 0:
            self._turn(-1, rsi)
            return self.short(reason=f"RSI {rsi:.1f} is above {self.overbought:g}")
        if (side > 0 and rsi > self.middle) or (side < 0 and rsi < self.middle):
            self._turn(0, rsi)
            return self.flat(reason=f"RSI {rsi:.1f} is back past {self.middle:g}")
        return None

    def _turn(self, side: int, rsi: float) -> None:
        self._side = side
        self.note(rsi=rsi)
