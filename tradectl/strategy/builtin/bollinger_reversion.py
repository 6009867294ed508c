"""Buying what is unusually low and selling what is unusually high, by the Bollinger bands."""

from __future__ import annotations

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Bollinger
from tradectl.strategy.parameters import param


class BollingerReversion(Strategy):
    """Long when a bar closes below the lower band, short above the upper one, out at the average.

    What is unusual may stay so: in a trend it buys all the way down. It has no stop of its own; set
    `portfolio.stop_loss_pct`, or a bracket.
    """

    length: int = param(20, 2, 10_000, "bars in the bands")
    width: float = param(2.0, 0.1, 10, "standard deviations from the average to a band")

    def start(self) -> None:
        self._bands = Bollinger(self.length, self.width)
        self._side = 0

    def on_bar(self, bar: BarEvent) -> Signal | None:
        close = float(bar.price)
        bands = self._bands.update(close)
        if bands is None or bands.upper == bands.lower:
            return None
        side = self._side
        if close < bands.lower and side <= 0:
            return self._turn(1, bands.lower, self.long(reason="closed below the lower band"))
        if close > bands.upper and side >= 0:
            return self._turn(-1, bands.upper, self.short(reason="closed above the upper band"))
        if (side > 0 and close >= bands.middle) or (side < 0 and close <= bands.middle):
            return self._turn(0, bands.middle, self.flat(reason="back at the average"))
        return None

    def _turn(self, side: int, band: float, signal: Signal) -> Signal:
        self._side = side
        self.note(band=band)
        return signal
