"""Equity at every mark: the largest drawdowns, the days, and a curve short enough to be drawn.

A mark is a moment at which something that is held has a new price: all that has the same time counts
together, and of a candle only its close (while only its open is known it is no mark; the books measure by
the same rule). Extremes are exact; the curve keeps the extremes of its parts.

Money that is put in or taken out is neither profit nor loss: peaks move with it, and returns are those of
the time between two such movements, compounded (time-weighted). A day ends at UTC midnight: a mark at
midnight is the last one of the day before. Days without a mark have a return of zero.
"""

from __future__ import annotations

from decimal import Decimal
from heapq import heappush, heappushpop

from msgspec import Struct

from tradectl.analysis.downsampling import Downsampled
from tradectl.domain.money import ZERO
from tradectl.domain.time import DAY
from tradectl.state.books_view import drawdown_from

WORST = 5
"""Drawdowns that are kept."""
MOST_POINTS = 2048


class Day(Struct, frozen=True):
    """`day` counts from 1970. `equity` is at its end, `pnl` what was made in it, `change` its return,
    0.01 for 1 %; `hold` is how far buy-and-hold was then (`benchmark`). Of a day without a `mark` all is
    as before."""

    day: int
    equity: Decimal
    pnl: Decimal
    change: float
    hold: float
    mark: bool


class Drawdown(Struct, frozen=True, order=True):
    """From a peak to its trough, a share (0 to 1) and money; `recovered_at` is 0 where the peak was not
    reached again. Times in ns UTC."""

    depth: Decimal
    amount: Decimal
    peak_at: int
    trough_at: int
    recovered_at: int


class Point(Struct):
    """A part of the curve, of one mark or many: the time and the values of its last one, and the extremes
    of all. `drawdown` is the deepest (0 to 1), `exposure` the mean of the `marks` in it, `hold` as a
    day's."""

    at: int
    equity: float
    low: float
    high: float
    drawdown: float
    exposure: float
    hold: float
    marks: int = 1


class EquityCurve:
    """Takes what the account is worth, mark by mark, from the `start` on (ns UTC). `worst_day` is the
    largest share of the equity that a day began with that was lost at a mark of that day."""

    def __init__(self, start: int, equity: Decimal, most_points: int = MOST_POINTS) -> None:
        self.start = self.at = start
        self.first = self.equity = equity
        self.peak, self.peak_at = equity, start
        self.max_drawdown = ZERO
        self.worst_day = 0.0
        self.lowest = self.highest = equity
        self.exposed_ns = 0
        self.max_leverage = self.max_exposure = 0.0
        self.leverage_time = 0.0
        self.days: list[Day] = []
        self.transferred = ZERO
        self._worst: list[Drawdown] = []
        self._trough, self._trough_at = equity, start
        self._points = Downsampled(most_points, _joined)
        self._growth, self._base = 1.0, equity
        self._day = start // DAY
        self._day_start, self._day_moved, self._day_growth = equity, ZERO, 1.0
        self._hold = 0.0
        self._marked = False
        self._leverage = 0.0
        self._add_point(start, equity, ZERO, ZERO)

    # --- what comes ------------------------------------------------------------------------------------

    def mark(self, at: int, equity: Decimal, exposure: Decimal, hold: float) -> None:
        """What the account is worth at `at`, and how much of it is exposed."""
        self._end_days_before(at)
        self._spend_time(at)
        self._hold, self._marked = hold, True
        self.equity = equity
        self.lowest, self.highest = min(self.lowest, equity), max(self.highest, equity)
        drawdown = self._measure(at, equity)
        lost = self._day_start + self._day_moved - equity
        if lost > 0 and self._day_start > 0:
            self.worst_day = max(self.worst_day, float(lost / self._day_start))
        self.expose(at, equity, exposure)
        self._add_point(at, equity, drawdown, exposure)

    def expose(self, at: int, equity: Decimal, exposure: Decimal) -> None:
        """From `at` on this much is held, at a moment that is no mark."""
        self._spend_time(at)
        self._leverage = float(exposure / equity) if exposure and equity > 0 else 0.0
        self.max_leverage = max(self.max_leverage, self._leverage)
        self.max_exposure = max(self.max_exposure, float(exposure))

    def moved(self, at: int, before: Decimal, amount: Decimal) -> None:
        """`amount` was put in (+) or taken out; the account was worth `before` until then."""
        self._end_days_before(at)
        self._growth *= _factor(before, self._base)
        self._base = before + amount
        self.peak += amount
        self._trough += amount
        self.equity = before + amount
        self.transferred += amount
        self._day_moved += amount

    def end(self, at: int) -> None:
        """The run is over: its last day ends here."""
        self._end_days_before(at)
        self._spend_time(at)
        if at > self.start or self.equity != self.first:
            self._end_day()
        if self._trough < self.peak:
            self._keep_drawdown(0)

    # --- what is asked ---------------------------------------------------------------------------------

    @property
    def growth(self) -> float:
        """What 1 has become, transfers apart."""
        return self._growth * _factor(self.equity, self._base)

    @property
    def returns(self) -> list[float]:
        """Of the days."""
        return [day.change for day in self.days]

    @property
    def points(self) -> list[Point]:
        return self._points.all()

    @property
    def worst(self) -> list[Drawdown]:
        """The deepest drawdowns, the deepest first."""
        return sorted(self._worst, reverse=True)

    @property
    def duration(self) -> int:
        """ns."""
        return self.at - self.start

    # --- how -------------------------------------------------------------------------------------------

    def _spend_time(self, at: int) -> None:
        """What was held since the last mark was held until now."""
        passed = max(at - self.at, 0)
        if self._leverage:
            self.exposed_ns += passed
            self.leverage_time += self._leverage * passed
        self.at = max(self.at, at)

    def _measure(self, at: int, equity: Decimal) -> Decimal:
        if equity >= self.peak:
            if self._trough < self.peak:
                self._keep_drawdown(at)
            self.peak = self._trough = equity
            self.peak_at = self._trough_at = at
            return ZERO
        share = drawdown_from(self.peak, equity)
        if equity < self._trough:
            self._trough, self._trough_at = equity, at
        self.max_drawdown = max(self.max_drawdown, share)
        return share

    def _keep_drawdown(self, recovered_at: int) -> None:
        found = Drawdown(
            drawdown_from(self.peak, self._trough),
            self.peak - self._trough,
            self.peak_at,
            self._trough_at,
            recovered_at,
        )
        keep = heappush if len(self._worst) < WORST else heappushpop
        keep(self._worst, found)

    def _end_days_before(self, at: int) -> None:
        """Days that are over at `at`: one that ends just then goes on to its last mark."""
        while (self._day + 1) * DAY < at:
            self._end_day()

    def _end_day(self) -> None:
        growth = self.growth
        self.days.append(
            Day(
                self._day,
                self.equity,
                self.equity - self._day_start - self._day_moved,
                growth / self._day_growth - 1.0 if self._day_growth else 0.0,
                self._hold,
                self._marked,
            )
        )
        self._day += 1
        self._day_start, self._day_moved, self._day_growth = self.equity, ZERO, growth
        self._marked = False

    def _add_point(self, at: int, equity: Decimal, drawdown: Decimal, exposure: Decimal) -> None:
        worth = float(equity)
        self._points.add(
            Point(at, worth, worth, worth, float(drawdown), float(exposure), self._hold)
        )


def _joined(first: Point, second: Point) -> Point:
    marks = first.marks + second.marks
    exposed = first.exposure * first.marks + second.exposure * second.marks
    return Point(
        second.at,
        second.equity,
        min(first.low, second.low),
        max(first.high, second.high),
        max(first.drawdown, second.drawdown),
        exposed / marks,
        second.hold,
        marks,
    )


def _factor(now: Decimal, base: Decimal) -> float:
    return float(now / base) if base > 0 else 1.0


__all__ = ["WORST", "Day", "Drawdown", "EquityCurve", "Point"]
