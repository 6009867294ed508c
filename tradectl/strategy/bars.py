"""Time bars, built from ticks or from shorter bars.

Intervals are half open, `[start, end)`, and aligned to midnight UTC. Ticks cannot say that theirs was
the last of an interval, so a bar made of them is finished by the first tick of a later one; a bar made
of shorter bars is finished by the one that reaches its end, and one of the length that is wanted is
taken as it is. Where nothing traded there are flat bars, so that n bars are always n intervals, unless
the gap is so long that it is not a quiet market but a missing one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from tradectl.domain.errors import UsageError
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.money import ZERO
from tradectl.domain.time import DAY, SECOND

UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
MAX_GAP = 1_000

_TIMEFRAME = re.compile(r"([1-9][0-9]{0,4})([smhd])", re.ASCII)


def parse_timeframe(text: str) -> int:
    """Nanoseconds of `5s`, `1m`, `4h` or `1d`. Raises UsageError for what does not divide a day."""
    match = _TIMEFRAME.fullmatch(text)
    interval = int(match[1]) * UNITS[match[2]] if match else 0
    if not interval or DAY % interval:
        raise UsageError(
            f"{text[:20]!r} is not a timeframe: expected one that divides a day, as 5s, 1m, 4h or 1d"
        )
    return interval


def parse_interval(text: str) -> int:
    """Nanoseconds of `30s`, `5m`, `36h` or `7d`. Raises UsageError for what is no such length of time."""
    match = _TIMEFRAME.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text[:20]!r} is not a length of time: expected a number and s, m, h or d, as 30s or 7d"
        )
    return int(match[1]) * UNITS[match[2]]


def spell_timeframe(interval: int) -> str:
    """The shortest spelling of `interval` ns: `1h` for 3,600 seconds."""
    unit = next((u for u in "dhm" if interval % UNITS[u] == 0), "s")
    return f"{interval / UNITS[unit]:g}{unit}"


class BarBuilder:
    """Bars of `interval` ns of one symbol.

    `late` counts ticks older than one already seen: they are ignored. `skipped` counts the intervals
    of gaps longer than `max_gap` intervals, which are not filled.
    """

    __slots__ = (
        "_close", "_end", "_high", "_interrupted", "_last", "_low", "_max_gap", "_open", "_symbol",
        "_volume", "interval", "late", "skipped",
    )  # fmt: skip

    def __init__(self, interval: int, *, max_gap: int = MAX_GAP) -> None:
        self.interval = interval
        self.late = 0
        self.skipped = 0
        self._max_gap = max_gap
        self._symbol = ""
        self._end = self._last = 0
        self._interrupted = False
        self._open: Decimal | None = None
        """None while no bar is open."""
        self._high = self._low = self._close = self._volume = ZERO

    @property
    def current(self) -> BarEvent | None:
        """The bar that is still open, as it is now."""
        return None if self._open is None else self._bar(self._open)

    def interrupt(self) -> None:
        """The next event comes after a hole in the data: that is not filled with flat bars."""
        self._interrupted = True

    def update(self, event: MarketDataEvent, at: int = 0) -> Sequence[BarEvent]:
        """The bars that `event` finishes, oldest first. `at` stands in where it has no time."""
        if type(event) is BarEvent:
            return self._update_with_bar(event)
        ts = event.ts or at
        if ts < self._last:
            self.late += 1
            return ()
        self._last = ts
        price = event.price
        if ts < self._end:
            if price > self._high:
                self._high = price
            elif price < self._low:
                self._low = price
            self._close = price
            self._volume += event.volume
            return ()
        finished = self._move_to(ts)
        self._begin(event, price, price, price)
        return finished

    def _update_with_bar(self, bar: BarEvent) -> Sequence[BarEvent]:
        start = bar.ts - bar.interval
        if start < self._last:
            self.late += 1
            return ()
        self._last = bar.ts
        if bar.interval == self.interval and self._open is None:
            return self._take(bar, start)
        finished: Sequence[BarEvent] = ()
        if start < self._end:
            self._high = max(self._high, bar.high)
            self._low = min(self._low, bar.low)
            self._close = bar.price
            self._volume += bar.volume
        else:
            finished = self._move_to(start)
            self._begin(bar, bar.open, bar.high, bar.low)
        if bar.ts >= self._end and self._open is not None:
            finished = [*finished, self._bar(self._open)]
            self._open = None
        return finished

    def _take(self, bar: BarEvent, start: int) -> Sequence[BarEvent]:
        """A bar that is already what is wanted, after the flat ones before it."""
        finished = self._flat_bars(start)
        self._symbol, self._close, self._end = bar.symbol, bar.price, bar.ts
        return [*finished, bar] if finished else (bar,)

    def _begin(self, event: MarketDataEvent, first: Decimal, high: Decimal, low: Decimal) -> None:
        self._symbol = event.symbol
        self._open, self._high, self._low, self._close = first, high, low, event.price
        self._volume = event.volume

    def _move_to(self, ts: int) -> Sequence[BarEvent]:
        """Close the open bar and go to the interval of `ts`, over flat bars if there is a gap."""
        finished = []
        if self._open is not None:
            finished.append(self._bar(self._open))
        start = ts - ts % self.interval
        finished += self._flat_bars(start)
        self._end = start + self.interval
        return finished

    def _flat_bars(self, start: int) -> list[BarEvent]:
        """Those of the intervals without trades before `start`."""
        finished: list[BarEvent] = []
        missing = (start - self._end) // self.interval if self._end else 0
        if missing > self._max_gap or (missing > 0 and self._interrupted):
            self.skipped += missing
        elif missing > 0:
            self._high = self._low = self._close
            self._volume = ZERO
            for _ in range(missing):
                self._end += self.interval
                finished.append(self._bar(self._close))
        self._interrupted = False
        return finished

    def _bar(self, first: Decimal) -> BarEvent:
        return BarEvent(
            symbol=self._symbol,
            price=self._close,
            volume=self._volume,
            ts=self._end,
            open=first,
            high=self._high,
            low=self._low,
            interval=self.interval,
        )
