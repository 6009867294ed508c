"""What round trips come to, all together: how many won, how much, how long they took.

Of each trip two numbers are kept, its result and its return, and nothing else: sixteen bytes.
"""

from __future__ import annotations

from array import array
from decimal import Decimal

from tradectl.analysis import statistics
from tradectl.analysis.round_trips import RoundTrip
from tradectl.domain.money import ZERO, plus_exactly


class TripFigures:
    """Of the trips that are over. Money in the account's currency, shares 0 to 1, durations in ns."""

    def __init__(self) -> None:
        self.count = 0
        self.profit = self.loss = ZERO
        """what the winners won, and what the losers lost, both above zero"""
        self.best: RoundTrip | None = None
        self.worst: RoundTrip | None = None
        self.total_duration = self.longest = 0
        self.results, self.returns = array("d"), array("d")
        self.longest_losing = self.longest_winning = 0
        self._losing = self._winning = 0

    def add(self, trip: RoundTrip) -> None:
        self.count += 1
        if trip.pnl > 0:
            self.profit = plus_exactly(self.profit, trip.pnl)
            self._winning, self._losing = self._winning + 1, 0
        elif trip.pnl < 0:
            self.loss = plus_exactly(self.loss, -trip.pnl)
            self._losing, self._winning = self._losing + 1, 0
        self.longest_winning = max(self.longest_winning, self._winning)
        self.longest_losing = max(self.longest_losing, self._losing)
        if self.best is None or trip.pnl > self.best.pnl:
            self.best = trip
        if self.worst is None or trip.pnl < self.worst.pnl:
            self.worst = trip
        self.total_duration += trip.duration
        self.longest = max(self.longest, trip.duration)
        self.results.append(float(trip.pnl))
        self.returns.append(trip.return_)

    @property
    def win_rate(self) -> float | None:
        return statistics.win_rate(self.results)

    @property
    def profit_factor(self) -> float | None:
        return statistics.profit_factor(self.results)

    @property
    def expectancy(self) -> Decimal | None:
        """The mean result, in money."""
        return (self.profit - self.loss) / self.count if self.count else None

    @property
    def mean_duration(self) -> int | None:
        return self.total_duration // self.count if self.count else None

    @property
    def sqn(self) -> float | None:
        return statistics.sqn(self.results)


__all__ = ["TripFigures"]
