"""Two moving averages that cross: the default strategy, since it needs nothing but trades."""

from __future__ import annotations

from tradectl.domain.events import MarketDataEvent, SignalAction
from tradectl.domain.money import BPS
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.indicators import Ema
from tradectl.strategy.parameters import param

BUY, SELL = SignalAction.BUY, SignalAction.SELL


class EmaCross(Strategy):
    """Long while the fast average of trades is above the slow one, short while it is below.

    `fast` and `slow` count trades. To change sides the averages must be `band_bps` apart; the first
    side is taken as it is found, so that a run starts trading as soon as the averages are warm.

    Without a trend the averages cross often, and each crossing pays fees and the spread: it shows the
    whole at work, and is not made to earn.
    """

    fast: int = param(10, 1, 100_000, "trades in the fast average")
    slow: int = param(30, 2, 100_000, "trades in the slow one")
    band_bps: float = param(1.0, 0, 10_000, "how far apart they must be to change sides, in bps")

    def check(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast, {self.fast}, must be below slow, {self.slow}: lower fast")

    def start(self) -> None:
        self._fast = Ema(self.fast)
        self._slow = Ema(self.slow)
        self._band = 0.0
        self._target: SignalAction | None = None

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        price = float(trade.price)
        fast = self._fast.update(price)
        slow = self._slow.update(price)
        if slow is None or fast is None:
            return None
        gap = fast - slow
        band = self._band * slow
        if gap > band:
            return None if self._target is BUY else self._turn(BUY, fast, slow)
        if gap < -band:
            return None if self._target is SELL else self._turn(SELL, fast, slow)
        return None

    def _turn(self, target: SignalAction, fast: float, slow: float) -> Signal:
        self._target = target
        self.note(fast=fast, slow=slow)
        self._band = self.band_bps * float(BPS)
        if target is BUY:
            return self.long(reason="fast average above slow")
        return self.short(reason="fast average below slow")
