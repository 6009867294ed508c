"""Pairs: two symbols that usually move together, traded when they have parted."""

from __future__ import annotations

import math
from typing import ClassVar

from tradectl.domain.events import BarEvent
from tradectl.strategy.base import Answer, Signal, Strategy
from tradectl.strategy.indicators import ZScore
from tradectl.strategy.parameters import param


class Pairs(Strategy):
    """Of the spread ln(first) - `ratio` x ln(second) it goes by the z-score of the last `length` bars:
    above `enter` it is short of the first and long of the second, below -`enter` the other way round, out
    once the z-score is within `leave`.

    `first` and `second` are the names of the symbols. What can be sold short is needed on both sides, so
    perpetuals: on spot a short is only out, and what is left is no pair. That two symbols moved together
    is no promise that they will.
    """

    per_symbol: ClassVar[bool] = False
    first: str = param("BTCUSDT_PERP", meaning="the symbol that is sold when the spread is high")
    second: str = param("ETHUSDT_PERP", meaning="the symbol that is bought then")
    ratio: float = param(1.0, 0.01, 100, "how much of the second's move is in the spread")
    length: int = param(240, 10, 100_000, "bars in the z-score")
    enter: float = param(2.0, 0.1, 20, "z-score at which the spread is traded")
    leave: float = param(0.5, 0, 20, "z-score within which it is left")
    strength: float = param(0.5, 0.01, 1, "of each leg")

    def check(self) -> None:
        if self.first == self.second:
            raise ValueError("first and second are one symbol: name two")
        if self.leave >= self.enter:
            raise ValueError(f"leave, {self.leave:g}, must be below enter, {self.enter:g}")

    def start(self) -> None:
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
        score = self._score.update(math.log(first) - self.ratio * math.log(second))
        return None if score is None else self._judge(score)

    def _judge(self, score: float) -> list[Signal] | None:
        side = self._side
        if score > self.enter and side >= 0:
            return self._turn(-1, score)
        if score < -self.enter and side <= 0:
            return self._turn(1, score)
        if side and abs(score) <= self.leave:
            return self._turn(0, score)
        return None

    def _turn(self, side: int, score: float) -> list[Signal]:
        self._side = side
        self.note(score=score)
        reason = f"the spread's z-score is {score:.2f}"
        if not side:
            return [self.flat(reason, symbol=each) for each in (self.first, self.second)]
        bought, sold = (self.first, self.second) if side > 0 else (self.second, self.first)
        return [
            self.long(self.strength, reason=reason, symbol=bought),
            self.short(self.strength, reason=reason, symbol=sold),
        ]
