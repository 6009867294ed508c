"""What is done about a bracket as prices come: trailing stops are tightened, what does not rest triggers.

A price matters where it is as far as one of a symbol's two marks, the next one below and the next one
above: between them nothing is worked out. What it means is decided after the exits that it brought at the
exchange: a candle's high moves a trailing stop for the candle after it, and where a candle reached both
the stop and the target it was the stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from tradectl.domain.brackets import BracketState
from tradectl.domain.events import (
    BarEvent,
    BracketTriggered,
    Event,
    MarketDataEvent,
    QuoteEvent,
    TrailMoved,
)
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Leg
from tradectl.domain.positions import Position
from tradectl.domain.views import AccountView
from tradectl.portfolio.brackets import Brackets, Levels
from tradectl.portfolio.decisions import NAME


class Marks(NamedTuple):
    """Nothing happens between `below` and `above`, as long as these are what is `held` and what was
    `said` of it, by strategy: the books change neither in place."""

    below: Decimal | None
    above: Decimal | None
    held: Mapping[str, Position]
    said: Mapping[str, BracketState] | None


Range = tuple[Decimal, Decimal]
"""The lowest and the highest price."""


class BracketWatch:
    """Remembers by symbol the prices that wait to be judged, and whose trailing stops move that the books
    do not have yet: what follows from one of several moves comes before the next."""

    def __init__(self, brackets: Brackets) -> None:
        self._brackets = brackets
        self._marks: dict[str, Marks] = {}
        self._traded: set[str] = set()
        self._touched: dict[str, Range] = {}
        self._moving: set[tuple[str, str]] = set()

    def hears(self, event: MarketDataEvent, view: AccountView) -> bool:
        """Whether `judge` is to be called, after what comes of the event at the exchange. Quotes count
        where there are no trades."""
        symbol = event.symbol
        if isinstance(event, QuoteEvent):
            if symbol in self._traded:
                return False
        else:
            self._traded.add(symbol)
        held = view.holdings(symbol)
        if not held:
            return False
        said, marks = view.brackets.get(symbol), self._marks.get(symbol)
        if marks is None or marks.held is not held or marks.said is not said:
            below, above = self._look(symbol, view)
            marks = self._marks[symbol] = Marks(below, above, held, said)
        low, high = (
            (event.low, event.high) if type(event) is BarEvent else (event.price, event.price)
        )
        below, above = marks.below, marks.above
        if (below is None or low > below) and (above is None or high < above):
            return False
        if next(iter(self._of(symbol, low, high, view)), None) is None:
            return False  # a halt, or an exit that is on its way already
        waits = self._touched.get(symbol)
        self._touched[symbol] = (
            (low, high) if waits is None else (min(low, waits[0]), max(high, waits[1]))
        )
        return waits is None

    def judge(self, view: AccountView) -> list[Event]:
        """What the prices since then come to, by what is held now."""
        touched, self._touched = self._touched, {}
        return self._moves(
            event
            for symbol, (low, high) in touched.items()
            for event in self._of(symbol, low, high, view)
        )

    def has_moved(self, event: TrailMoved) -> None:
        """The books have it."""
        self._moving.discard((event.symbol, event.strategy))

    def begin(self, symbol: str, view: AccountView) -> list[Event]:
        """A trailing stop that begins with the entry: with a fill, before any price comes. Of several the
        first: what follows from it comes to the next."""
        for each in self._brackets.levels(symbol, view):
            begins = each.trail is None and each.bracket.activate_pct is None
            if not begins or (symbol, each.strategy) in self._moving:
                continue
            if events := self._moves(_trails(each, each.own.entry_price, view)):
                return events
        return []

    def _moves(self, decided: Iterable[Event]) -> list[Event]:
        events = [*decided]
        moved = (event for event in events if isinstance(event, TrailMoved))
        self._moving.update((event.symbol, event.strategy) for event in moved)
        return events

    def _look(self, symbol: str, view: AccountView) -> tuple[Decimal | None, Decimal | None]:
        levels = self._brackets.levels(symbol, view)
        stops = self._brackets.resting_stops(levels, symbol, view)
        targets = self._brackets.resting_targets(levels, symbol, view)
        below: list[Decimal] = []
        above: list[Decimal] = []
        for each in levels:
            against, in_favour = (below, above) if each.long else (above, below)
            if each.stop is not None and each.strategy not in stops:
                against.append(each.stop)
            if each.target is not None and each.strategy not in targets:
                in_favour.append(each.target)
            moves_at = each.bracket.moves_at(each.own, each.trail)
            if moves_at is not None:
                in_favour.append(moves_at)
        return max(below, default=None), min(above, default=None)

    def _of(self, symbol: str, low: Decimal, high: Decimal, view: AccountView) -> Iterable[Event]:
        if view.trading_state.is_halt and not view.trading_state.only_reduces:
            return
        levels = self._brackets.levels(symbol, view)
        stops = self._brackets.resting_stops(levels, symbol, view)
        targets = self._brackets.resting_targets(levels, symbol, view)
        for each in levels:
            worst, best = (low, high) if each.long else (high, low)
            if _is_out(each, view):
                continue
            stop, target = each.stop, each.target
            if (
                stop is not None
                and each.strategy not in stops
                and _reaches(worst, stop, not each.long)
            ):
                yield _triggered(each, each.stop_leg, stop)
            elif (
                target is not None
                and each.strategy not in targets
                and _reaches(best, target, each.long)
            ):
                yield _triggered(each, Leg.TAKE_PROFIT, target)
            else:
                yield from _trails(each, best, view)


def _trails(each: Levels, best: Decimal, view: AccountView) -> Iterable[Event]:
    instrument = view.instrument(each.own.symbol)
    moved = each.bracket.trailed(each.own, instrument, best, each.trail)
    if moved is not None and moved > 0:
        yield TrailMoved(
            source_component=NAME, symbol=each.own.symbol, strategy=each.strategy, price=moved
        )


def _triggered(each: Levels, leg: Leg, price: Decimal) -> Event:
    return BracketTriggered(
        source_component=NAME,
        symbol=each.own.symbol,
        strategy=each.strategy,
        leg=leg,
        price=price,
    )


def _is_out(each: Levels, view: AccountView) -> bool:
    """It wants to hold nothing any more: an exit is on its way, or waits for its turn. Who quotes has no
    target, and holds what its quotes brought; of anybody else without one nothing is known here."""
    symbol = each.own.symbol
    target = view.targets(symbol).get(each.strategy)
    if target is None:
        return each.strategy not in view.quotes(symbol)
    return target.quantity == ZERO


def _reaches(price: Decimal, level: Decimal, upward: bool) -> bool:
    return price >= level if upward else price <= level


__all__ = ["BracketWatch"]
