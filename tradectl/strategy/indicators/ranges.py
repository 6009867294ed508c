"""Ranges and bands: how far the price goes, and how far is far."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from tradectl.domain.statistics import window
from tradectl.strategy.indicators.averages import Ema, Sma, Wilder
from tradectl.strategy.indicators.indicator import Indicator, multiple
from tradectl.strategy.indicators.moving_moments import MovingMoments


def true_range(high: float, low: float, close_before: float) -> float:
    """A bar's range with the gap before it (Wilder, New Concepts, 1978)."""
    return max(high, close_before) - min(low, close_before)


class Atr(Indicator[float]):
    """Average true range in Wilder's smoothing (New Concepts, 1978; TA-Lib's ATR): of the bars that have
    one before them, begun at the mean of the first n."""

    __slots__ = ("_average", "_close")

    def __init__(self, n: int = 14) -> None:
        self._average = Wilder(n)
        self._close: float | None = None
        super().__init__(n + 1, 10 * n + 1)

    def update(self, high: float, low: float, close: float) -> float | None:
        before, self._close = self._close, close
        if before is not None:
            self.value = self._average.update(true_range(high, low, before))
        return self.value


class Channel(NamedTuple):
    high: float
    low: float

    @property
    def middle(self) -> float:
        return (self.high + self.low) / 2


class Donchian(Indicator[Channel]):
    """Highest high and lowest low of the last n bars (Donchian's channel; TA-Lib's MAX and MIN)."""

    __slots__ = ("_count", "_highs", "_lows", "_n")

    def __init__(self, n: int) -> None:
        self._n = window(n)
        self._count = 0
        # (index, value), best first: whoever is older and no better can never be the extreme again
        self._highs: deque[tuple[int, float]] = deque()
        self._lows: deque[tuple[int, float]] = deque()
        super().__init__(n)

    def update(self, high: float, low: float) -> Channel | None:
        highs, lows = self._highs, self._lows
        while highs and highs[-1][1] <= high:
            highs.pop()
        while lows and lows[-1][1] >= low:
            lows.pop()
        highs.append((self._count, high))
        lows.append((self._count, low))
        self._count += 1
        oldest = self._count - self._n
        if oldest < 0:
            return None
        if highs[0][0] < oldest:
            highs.popleft()
        if lows[0][0] < oldest:
            lows.popleft()
        self.value = value = Channel(highs[0][1], lows[0][1])
        return value


class Bands(NamedTuple):
    """Prices."""

    upper: float
    middle: float
    lower: float


class Bollinger(Indicator[Bands]):
    """The mean of the last n, and `width` standard deviations (over n) above and below it (Bollinger on
    Bollinger Bands, 2001; TA-Lib's BBANDS)."""

    __slots__ = ("_moments", "_width")

    def __init__(self, n: int = 20, width: float = 2.0) -> None:
        self._moments = MovingMoments(n)
        self._width = multiple(width)
        super().__init__(n)

    def update(self, x: float) -> Bands | None:
        moments = self._moments
        if moments.update(x):
            middle, away = moments.mean, self._width * moments.deviation
            self.value = Bands(middle + away, middle, middle - away)
        return self.value


class Keltner(Indicator[Bands]):
    """An average of typical prices (high + low + close) / 3, and `width` times the same average of true
    ranges above and below it (Keltner, How to Make Money in Commodities, 1960; Raschke's with `Ema`;
    LEAN's is with `Sma`). The first bar's range is high - low.
    """

    __slots__ = ("_close", "_middle", "_range", "_width")

    def __init__(self, n: int = 20, width: float = 2.0, average: type[Ema | Sma] = Ema) -> None:
        self._middle, self._range = average(n), average(n)
        self._width = multiple(width)
        self._close: float | None = None
        super().__init__(n, self._middle.warm_up)

    def update(self, high: float, low: float, close: float) -> Bands | None:
        before, self._close = self._close, close
        middle = self._middle.update((high + low + close) / 3)
        away = self._range.update(true_range(high, low, close if before is None else before))
        if middle is not None and away is not None:
            away *= self._width
            self.value = Bands(middle + away, middle, middle - away)
        return self.value


class Trend(NamedTuple):
    """`line` is the price at which the trend ends, `side` 1 while it goes up and -1 while down."""

    line: float
    side: int


class Supertrend(Indicator[Trend]):
    """A line that follows the price at `width` average true ranges from the bar's middle, and never goes
    back; a close beyond it turns the trend (Seban; as LEAN's and TradingView's).

    The ranges are in Wilder's smoothing and begin with the first bar's, high - low. The first trend is
    down, whatever the price does. A trend older than `warm_up` has a line that only it remembers.
    """

    __slots__ = ("_close", "_lower", "_range", "_upper", "_width")

    def __init__(self, n: int = 10, width: float = 3.0) -> None:
        self._range = Wilder(n)
        self._width = multiple(width)
        self._close: float | None = None
        self._upper = self._lower = 0.0
        super().__init__(n, 10 * n)

    def update(self, high: float, low: float, close: float) -> Trend | None:
        before, self._close = self._close, close
        if before is None:
            before = close
        away = self._range.update(true_range(high, low, before))
        if away is None:
            return None
        self._move(before, (high + low) / 2, self._width * away)
        last = self.value
        if last is not None and last.side > 0:
            side = 1 if close >= self._lower else -1
        else:
            side = -1 if last is None or close <= self._upper else 1
        self.value = Trend(self._lower if side > 0 else self._upper, side)
        return self.value

    def _move(self, before: float, middle: float, away: float) -> None:
        """A band stays where it was if the new one is further away and the close did not go beyond."""
        upper, lower = middle + away, middle - away
        if self.value is not None:
            if before <= self._upper:
                upper = min(upper, self._upper)
            if before >= self._lower:
                lower = max(lower, self._lower)
        self._upper, self._lower = upper, lower
