"""Momentum: how hard the price moves, and which way."""

from __future__ import annotations

from typing import NamedTuple

from tradectl.domain.statistics import window
from tradectl.strategy.indicators.averages import Ema, Sma, Wilder
from tradectl.strategy.indicators.indicator import Indicator
from tradectl.strategy.indicators.ranges import Donchian, true_range


class Rsi(Indicator[float]):
    """Relative strength index, 0 to 100, in Wilder's smoothing (New Concepts, 1978; TA-Lib's RSI).

    A market that never moved has 50: TA-Lib says 0 there, which would read as oversold.
    """

    __slots__ = ("_gain", "_last", "_loss")

    def __init__(self, n: int) -> None:
        self._gain, self._loss = Wilder(n), Wilder(n)
        self._last: float | None = None
        super().__init__(n + 1, 10 * n + 1)

    def update(self, x: float) -> float | None:
        last, self._last = self._last, x
        if last is None:
            return None
        gain = self._gain.update(max(x - last, 0.0))
        loss = self._loss.update(max(last - x, 0.0))
        if gain is not None and loss is not None:
            moved = gain + loss
            self.value = 100.0 * (gain / moved) if moved else 50.0
        return self.value


class MacdLines(NamedTuple):
    """In the price's units. `histogram` is line - signal."""

    line: float
    signal: float
    histogram: float


class Macd(Indicator[MacdLines]):
    """Convergence and divergence of two EMAs: fast - slow, and the EMA of that (Appel; TA-Lib's MACD).

    As TA-Lib has it, both averages have their first value at the same time: the fast one leaves out what
    came before.
    """

    __slots__ = ("_fast", "_left_out", "_signal", "_slow")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        self._slow = Ema(window(slow, fast))
        self._fast, self._signal = Ema(fast), Ema(signal)
        self._left_out = slow - fast
        super().__init__(slow + signal - 1, 5 * (slow + signal))

    def update(self, x: float) -> MacdLines | None:
        slow = self._slow.update(x)
        if self._left_out:
            self._left_out -= 1
            return None
        fast = self._fast.update(x)
        if fast is None or slow is None:
            return None
        line = fast - slow
        signal = self._signal.update(line)
        if signal is not None:
            self.value = MacdLines(line, signal, line - signal)
        return self.value


class KAndD(NamedTuple):
    """Both 0 to 100."""

    k: float
    d: float


class Stochastic(Indicator[KAndD]):
    """Where the close is in the range of the last n bars, 0 at its low and 100 at its high: k the mean of
    `smooth` of these, d the mean of `signal` k's (Lane's stochastics; TA-Lib's STOCH with simple means).

    A range without any width has 50: TA-Lib says 0 there, which would read as oversold.
    """

    __slots__ = ("_d", "_k", "_range")

    def __init__(self, n: int = 14, smooth: int = 3, signal: int = 3) -> None:
        self._range, self._k, self._d = Donchian(n), Sma(smooth), Sma(signal)
        super().__init__(n + smooth + signal - 2)

    def update(self, high: float, low: float, close: float) -> KAndD | None:
        span = self._range.update(high, low)
        if span is None:
            return None
        width = span.high - span.low
        k = self._k.update(100.0 * ((close - span.low) / width) if width else 50.0)
        d = None if k is None else self._d.update(k)
        if k is not None and d is not None:
            self.value = KAndD(k, d)
        return self.value


class Directions(NamedTuple):
    """All 0 to 100: the strength of the trend whichever way, and of its ups and downs."""

    adx: float
    plus_di: float
    minus_di: float


class Adx(Indicator[Directions]):
    """Average directional index with +DI and -DI (Wilder, New Concepts, 1978; TA-Lib's ADX, PLUS_DI and
    MINUS_DI). A market without a range, or that goes neither up nor down, has no direction: 0.

    A bar's movement is what it adds above the high before it, or below the low, whichever is more. The
    first sums are of n - 1 movements, as in TA-Lib.
    """

    __slots__ = ("_adx", "_before", "_count", "_minus", "_n", "_plus", "_range")

    def __init__(self, n: int = 14) -> None:
        self._n = window(n, 2)
        self._plus = self._minus = self._range = 0.0
        self._before: tuple[float, float, float] | None = None
        self._count = 0
        self._adx = Wilder(n)
        super().__init__(2 * n, 13 * n)

    def update(self, high: float, low: float, close: float) -> Directions | None:
        before, self._before = self._before, (high, low, close)
        if before is None:
            return None
        self._count += 1
        self._add(high, low, before)
        if self._count < self._n:
            return None
        plus, minus = self._share(self._plus), self._share(self._minus)
        moved = plus + minus
        adx = self._adx.update(100.0 * (abs(plus - minus) / moved) if moved else 0.0)
        if adx is not None:
            self.value = Directions(adx, plus, minus)
        return self.value

    def _add(self, high: float, low: float, before: tuple[float, float, float]) -> None:
        up, down = high - before[0], before[1] - low
        kept = 1.0 if self._count < self._n else 1.0 - 1.0 / self._n
        self._plus = kept * self._plus + (up if up > down and up > 0 else 0.0)
        self._minus = kept * self._minus + (down if down > up and down > 0 else 0.0)
        self._range = kept * self._range + true_range(high, low, before[2])

    def _share(self, movement: float) -> float:
        return 100.0 * (movement / self._range) if self._range else 0.0
