"""Following a trend that is one: the Supertrend says which way, the ADX whether it is worth following."""

from __future__ import annotations

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Adx, Supertrend
from tradectl.strategy.parameters import param


class SupertrendAdx(Strategy):
    """Long while the Supertrend points up and the ADX is at least `strong`, short in the mirror.

    It is left when the Supertrend turns, however weak the trend has become: the ADX decides about entries
    alone. In a market that goes sideways the Supertrend turns often, and every turn costs; that is what
    the filter is for, and it enters late for it.
    """

    length: int = param(10, 2, 1_000, "bars in the usual range of the Supertrend")
    factor: float = param(3.0, 0.1, 100, "usual ranges between the price and the Supertrend")
    adx: int = param(14, 2, 1_000, "bars in the ADX")
    strong: float = param(25.0, 0, 100, "ADX from which on a trend is followed")

    def start(self) -> None:
        self._trend = Supertrend(self.length, self.factor)
        self._adx = Adx(self.adx)
        self._side = 0

    def on_bar(self, bar: BarEvent) -> Signal | None:
        high, low, close = float(bar.high), float(bar.low), float(bar.price)
        trend = self._trend.update(high, low, close)
        strength = self._adx.update(high, low, close)
        if trend is None or strength is None:
            return None
        side = trend.side
        if side == self._side:
            return None
        self.note(supertrend=trend.line, adx=strength.adx)
        if strength.adx >= self.strong:
            self._side = side
            reason = f"Supertrend turned with an ADX of {strength.adx:.0f}"
            return self.long(reason=reason) if side > 0 else self.short(reason=reason)
        if self._side:
            self._side = 0
            return self.flat(reason="Supertrend turned, and the trend is weak")
        return None
