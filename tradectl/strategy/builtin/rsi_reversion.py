"""Buying weakness and selling strength: what moved too far comes back to the middle."""

from __future__ import annotations

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Rsi


class RsiReversion(Strategy):
    """Long when the RSI of bars falls below `oversold`, short above `overbought`, out at `middle`."""

    period: int = 14
    oversold: float = 30.0
    middle: float = 50.0
    overbought: float = 70.0

    def check(self) -> None:
        if self.period < 2:
            raise ValueError("period must be at least 2")
        if not 0 <= self.oversold < self.middle < self.overbought <= 100:
            raise ValueError("expected 0 <= oversold < middle < overbought <= 100")

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
