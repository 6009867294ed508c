"""Volume: what stands behind a price. Sums are compensated, so that they stay exact however long they
grow (Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, 1974)."""

from __future__ import annotations

from tradectl.strategy.bars import parse_timeframe
from tradectl.strategy.indicators.indicator import Indicator


class _Sum:
    """`total` with the digits that each addition would have lost."""

    __slots__ = ("_high", "_lost")

    def __init__(self) -> None:
        self._high = self._lost = 0.0

    @property
    def total(self) -> float:
        return self._high + self._lost

    def add(self, x: float) -> None:
        high = self._high + x
        if abs(self._high) >= abs(x):
            self._lost += (self._high - high) + x
        else:
            self._lost += (x - high) + self._high
        self._high = high


class Obv(Indicator[float]):
    """On-balance volume: volume is added as the close rises and taken off as it falls, begun at the first
    volume (Granville, New Key to Stock Market Profits, 1963; TA-Lib's OBV).

    How high it is depends on where it began: only its changes say something.
    """

    __slots__ = ("_close", "_sum")

    def __init__(self) -> None:
        self._sum = _Sum()
        self._close: float | None = None
        super().__init__(1)

    def update(self, close: float, volume: float) -> float | None:
        before, self._close = self._close, close
        if before is None or close > before:
            self._sum.add(volume)
        elif close < before:
            self._sum.add(-volume)
        self.value = self._sum.total
        return self.value


class Vwap(Indicator[float]):
    """The average price of the session, weighted by volume (Berkowitz, Logue and Noser, The total cost of
    transactions on the NYSE, 1988): sum of price x volume / sum of volume since the session began.

    Sessions are as long as `session` and aligned to midnight UTC. `update` takes a trade's price, or a
    bar's (high + low + close) / 3, the volume, and when it began, in ns: `trade.ts`, or
    `bar.ts - bar.interval`. Until a session has volume the value is the one before. Begun within a
    session it knows the rest of it; `every` is how long the bars are, from which it is known how many
    there are in one, and nothing else. Raises UsageError for a length that does not divide a day.
    """

    __slots__ = ("_index", "_paid", "_session", "_volume")

    def __init__(self, session: str = "1d", every: str = "1m") -> None:
        self._session = parse_timeframe(session)
        self._index = -1
        self._paid, self._volume = _Sum(), _Sum()
        super().__init__(1, -(-self._session // parse_timeframe(every)))

    def update(self, price: float, volume: float, began: int) -> float | None:
        index = began // self._session
        if index > self._index:
            self._index = index
            self._paid, self._volume = _Sum(), _Sum()
        self._paid.add(price * volume)
        self._volume.add(volume)
        total = self._volume.total
        if total > 0:
            self.value = self._paid.total / total
        return self.value
