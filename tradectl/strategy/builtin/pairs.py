"""Pairs: two symbols that usually move together, traded when they have parted."""

from __future__ import annotations

import math
from decimal import Decimal

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Answer
from tradectl.strategy.indicators import ZScore
from tradectl.strategy.parameters import param
from tradectl.strategy.two_legs import TwoLegs


class Pairs(TwoLegs):
    """Of the spread ln(first) - `hedge` x ln(second) it goes by the z-score of the last `length` bars:
    above `enter` it is short of the first and long of the second, below -`enter` the other way round, out
    once the z-score is within `leave`.

    The second leg follows the first one's fills: no more than `max_unhedged` is ever without its other
    leg, and for no longer than `max_seconds`. `first` and `second` are the names of the symbols. What can
    be sold short is needed on both sides, so perpetuals: a run with others is refused. That two symbols
    moved together is no promise that they will.
    """

    first: str = param("BTCUSDT_PERP", meaning="the leg that leads", names="perpetual")
    second: str = param("ETHUSDT_PERP", meaning="the leg that follows", names="perpetual")
    length: int = param(240, 10, 100_000, "bars in the z-score")
    enter: float = param(2.0, 0.1, 20, "z-score at which the spread is traded")
    leave: float = param(0.5, 0, 20, "z-score within which it is left")
    size: float = param(0.2, 0.001, 1, "share of its budget in the first leg")

    def check(self) -> None:
        super().check()
        if self.leave >= self.enter:
            raise ValueError(f"leave, {self.leave:g}, must be below enter, {self.enter:g}")

    def start(self) -> None:
        super().start()
        self._score = ZScore(self.length)
        self._closes: dict[str, tuple[int, float]] = {}
        self._side = 0

    def on_bar(self, bar: BarEvent) -> Answer:
        if bar.symbol not in (self.first, self.second):
            return None
        self._closes[bar.symbol] = bar.ts, float(bar.price)
        if len(self._closes) < 2:
            return None
        (at, first), (then, second) = self._closes[self.first], self._closes[self.second]
        if at != then:  # the other bar of this moment is yet to come
            return None
        score = self._score.update(math.log(first) - self.hedge * math.log(second))
        return None if score is None else self._judge(score)

    def _judge(self, score: float) -> Answer:
        side = self._side
        if score > self.enter and side >= 0:
            return self._turn(-1, score)
        if score < -self.enter and side <= 0:
            return self._turn(1, score)
        if side and abs(score) <= self.leave:
            return self._turn(0, score)
        return None

    def _turn(self, side: int, score: float) -> Answer:
        words = self.aim(side * self.budget * Decimal(str(self.size)))
        if words is not None:
            self._side = side
            self.note(score=score)
        return words
