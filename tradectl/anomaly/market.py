"""A symbol's market against itself: jumps, ranges, volume, spread and silence of a minute or a candle.

Each figure is compared with what is usual for it of late. A jump is told at the tick that makes it; the
others once their stretch of time is over. What is unusual only taken together is for the trees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

from tradectl.anomaly.finding import Finding, Kind
from tradectl.anomaly.half_space_trees import HalfSpaceTrees
from tradectl.anomaly.usual import Usual
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND

ENOUGH = {Kind.PRICE: 1.0, Kind.RANGE: 1.2, Kind.VOLUME: 0.8, Kind.SPREAD: 1.0, Kind.SILENCE: 1.0}
"""Of the asked-for score: by how heavy the tails of each are on calm days."""
LEAST = {
    Kind.PRICE: 0.0003,
    Kind.RANGE: 0.1,
    Kind.VOLUME: 0.25,
    Kind.SPREAD: 0.2,
    Kind.SILENCE: 0.3,
}
"""Deviations below which nothing is unusual; of logarithms."""
NARROW = 1e-4
"""Added to a range: where a market hardly moves, a little more is not many times as much."""
UNLIKE = 0.65
NEAR = 0.25
"""A pattern's own figures are unusual at least by this share of what makes one of them a finding."""


class Stretch:
    """What happened in one stretch of time."""

    def __init__(self, price: float, at: int) -> None:
        self.open = self.high = self.low = self.close = price
        self.turnover = 0.0
        self.spreads = self.quotes = 0.0
        self.last, self.silence = at, 0

    def take(self, event: MarketDataEvent, price: float) -> None:
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.turnover += price * float(event.volume)
        if event.bid and event.ask and event.ask > event.bid:
            self.spreads += math.log(float((event.ask - event.bid) / event.price))
            self.quotes += 1
        self.silence = max(self.silence, event.ts - self.last)
        self.last = event.ts


class MarketWatch:
    """One symbol. `seconds` is the length of a stretch where the data is no candles; `limit` the score
    from which a figure is unusual."""

    def __init__(self, symbol: str, *, seconds: float, limit: float, seed: int = 0) -> None:
        self._symbol = symbol
        self._length = int(seconds * SECOND)
        self.limit = limit
        self._usual = {kind: Usual(least) for kind, least in LEAST.items()}
        self._seed = seed
        self._stretch: Stretch | None = None
        self._before = 0.0
        self._heard = 0
        self._jumped = False

    @cached_property
    def _trees(self) -> HalfSpaceTrees:
        """Grown when the first stretch is over: a run that is asked for a minute needs none."""
        return HalfSpaceTrees(len(LEAST), self._seed)

    def take(self, event: MarketDataEvent) -> list[Finding]:
        """What is unusual since the last event of the symbol."""
        price = float(event.price)
        if not price > 0:
            return []
        if isinstance(event, BarEvent):
            return list(self._candle(event, price))
        found = list(self._ended()) if self._is_over(event.ts) else []
        if self._stretch is None:
            self._stretch = Stretch(price, self._heard or event.ts)
        self._stretch.take(event, price)
        if not self._jumped:
            found += self._jump(price)
        return found

    def _is_over(self, at: int) -> bool:
        return self._stretch is not None and at // self._length > self._stretch.last // self._length

    def _candle(self, event: BarEvent, price: float) -> Iterator[Finding]:
        stretch = Stretch(float(event.open), self._heard or event.ts)
        stretch.take(event, price)
        stretch.high, stretch.low = float(event.high), float(event.low)
        self._stretch = stretch
        yield from self._jump(price)
        yield from self._ended()

    def _jump(self, price: float) -> Iterator[Finding]:
        """At the tick: from where the last stretch ended."""
        if not self._before:
            return
        moved = math.log(price / self._before)
        score = self._usual[Kind.PRICE].score(moved)
        if abs(score) >= self.limit * ENOUGH[Kind.PRICE]:
            self._jumped = True
            usual = self._usual[Kind.PRICE].spread
            yield self._finding(
                Kind.PRICE, score,
                f"moved {_pct(moved)} to {price:.10g}, {abs(score):.0f} times its usual {_pct(usual)}",
            )  # fmt: skip

    def _ended(self) -> Iterator[Finding]:
        """The stretch is over: each of its figures against what is usual, then it is a part of that."""
        stretch = self._stretch
        assert stretch is not None
        silence = stretch.silence / SECOND
        figures = {
            Kind.RANGE: math.log(stretch.high / stretch.low - 1 + NARROW),
            Kind.VOLUME: math.log(1 + stretch.turnover),
            Kind.SILENCE: math.log(1 + silence),
        }
        if self._before:
            figures[Kind.PRICE] = math.log(stretch.close / self._before)
        if stretch.quotes:
            figures[Kind.SPREAD] = stretch.spreads / stretch.quotes
        scores = {kind: self._usual[kind].score(figure) for kind, figure in figures.items()}
        told = self._jumped
        for kind, score in scores.items():
            # a jump was told at its tick; less than usual is no alarm
            if kind is not Kind.PRICE and score >= self.limit * ENOUGH[kind]:
                told = True
                yield self._finding(kind, score, self._words(kind, stretch, silence, score))
        if not told:
            yield from self._pattern(scores)
        self._trees.add(_point(scores))
        for kind, figure in figures.items():
            self._usual[kind].add(figure)
        self._before, self._heard = stretch.close, stretch.last
        self._stretch, self._jumped = None, False

    def _pattern(self, scores: dict[Kind, float]) -> Iterator[Finding]:
        largest = sorted(scores, key=lambda kind: -abs(scores[kind]))[:2]
        near = all(abs(scores[kind]) >= self.limit * ENOUGH[kind] * NEAR for kind in largest)
        if len(largest) < 2 or not near:
            return
        if (unlike := self._trees.score(_point(scores))) >= UNLIKE:
            words = " and ".join(f"{kind} {scores[kind]:+.1f}" for kind in largest)
            yield self._finding(
                Kind.PATTERN, unlike, f"unlike the last hours: {words} usual deviations"
            )

    def _words(self, kind: Kind, stretch: Stretch, silence: float, score: float) -> str:
        usual = math.exp(self._usual[kind].middle)
        if kind is Kind.VOLUME:
            return f"turnover {stretch.turnover:,.0f}, usually {usual - 1:,.0f} (score {score:.0f})"
        if kind is Kind.SPREAD:
            spread = math.exp(stretch.spreads / stretch.quotes) * 1e4
            return f"spread {spread:.2f} bps, usually {usual * 1e4:.2f} (score {score:.0f})"
        if kind is Kind.SILENCE:
            return (
                f"silent for {silence:.0f} s, usually {usual - 1:.1f} s at most (score {score:.0f})"
            )
        width = stretch.high / stretch.low - 1
        return f"ranged over {width:.2%}, usually {usual - NARROW:.2%} (score {score:.0f})"

    def _finding(self, kind: Kind, score: float, text: str) -> Finding:
        symbol = harmless(self._symbol, 40)
        return Finding(kind=kind, subject=symbol, score=score, text=f"{symbol} {text}")


def _point(scores: dict[Kind, float]) -> list[float]:
    """Each figure in 0 to 1: a half for none, as for what is usual."""
    return [0.5 + math.atan(scores.get(kind, 0.0) / 4) / math.pi for kind in LEAST]


def _pct(log: float) -> str:
    return f"{math.expm1(log):.2%}"


__all__ = ["MarketWatch"]
