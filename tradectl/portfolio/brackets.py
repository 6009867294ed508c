"""What strategies' brackets come to in a symbol: who is to be out at which price, and what of it rests.

A bracket is of one strategy's virtual position, and an exchange knows one position of us. What rests
there is the part that takes this one nearer to zero, the nearest price first:

    stops      rest at the exchange
    targets    rest beside them on a perpetual, reduce-only as they are; on spot, where a stop binds the
               coins, they are watched, but on recorded candles, in which nobody can watch
    the rest   of a strategy that holds against the others, or too little for an order: it is watched

What is watched is done by an order of ours once a price has touched it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import NamedTuple

from tradectl.domain.brackets import NO_STATE, Bracket
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import Leg
from tradectl.domain.positions import Position
from tradectl.domain.views import AccountView


class Levels(NamedTuple):
    """Of one strategy's position: where it is stopped, by which leg, and where it takes its profit. The
    trailing stop is at `trail`, None before it is armed."""

    strategy: str
    own: Position
    bracket: Bracket
    stop: Decimal | None
    stop_leg: Leg
    target: Decimal | None
    trail: Decimal | None

    @property
    def long(self) -> bool:
        return self.own.quantity > 0

    def reason(self, leg: Leg) -> str:
        """Of an order of the leg: `take profit, 3% from the entry price`."""
        bracket = self.bracket
        if leg is Leg.TRAILING_STOP:
            return f"{leg.words}, {plain(bracket.trailing_pct or ZERO)}% from the best price"
        percent = bracket.take_profit_pct if leg is Leg.TAKE_PROFIT else bracket.stop_loss_pct
        price = self.target if leg is Leg.TAKE_PROFIT else self.stop
        if percent is not None:
            return f"{leg.words}, {plain(percent)}% from the entry price"
        return f"{leg.words} at {plain(price or ZERO)}"


class Brackets:
    """`configured` are those of strategies, by name; who has a bracket, and no stop-loss in it, has that
    of all positions, `stop_loss_pct`."""

    def __init__(
        self, configured: Mapping[str, Bracket], stop_loss_pct: Decimal | None = None
    ) -> None:
        self._usual = Bracket(stop_loss_pct=stop_loss_pct)
        self._configured = {
            name: each.over(self._usual) for name, each in configured.items() if each.has_legs
        }

    @property
    def configured(self) -> bool:
        """Some strategy has one by its configuration."""
        return bool(self._configured)

    def is_active(self, view: AccountView) -> bool:
        """There may be one."""
        return bool(self._configured or view.brackets)

    def levels(self, symbol: str, view: AccountView) -> list[Levels]:
        """Of the strategies that hold something of the symbol and have a bracket for it."""
        if not self.is_active(view) or not view.knows(symbol):
            return []  # what is held of a symbol that this run does not know is not looked at
        states, found = view.brackets.get(symbol, {}), []
        for name, own in view.holdings(symbol).items():
            if not own.quantity:
                continue
            state = states.get(name, NO_STATE)
            said, bracket = state.of(own), self._configured.get(name)
            if said is not None:
                bracket = said.over(bracket or self._usual)
            if bracket is None or view.instrument(symbol).is_dust(
                abs(own.quantity), view.mark(symbol)
            ):
                continue
            found.append(_levels(name, own, bracket, state.trail_of(own), view.instrument(symbol)))
        return found

    def resting_stops(
        self, levels: Collection[Levels], symbol: str, view: AccountView
    ) -> dict[str, Decimal]:
        """How much of whose stops is to rest, unsigned; the nearest first."""
        return _parts(levels, _stop, symbol, view)

    def resting_targets(
        self, levels: Collection[Levels], symbol: str, view: AccountView
    ) -> dict[str, Decimal]:
        """The same of targets."""
        if not levels or not (view.instrument(symbol).can_short or view.has_opens(symbol)):
            return {}
        return _parts(levels, _target, symbol, view)


def _levels(
    name: str, own: Position, bracket: Bracket, trail: Decimal | None, instrument: Instrument
) -> Levels:
    stop, leg = bracket.stop(own, instrument), Leg.STOP_LOSS
    if trail is not None:
        trail = instrument.round_price(trail)  # its rules may be others by now
    if trail is not None and (stop is None or (trail > stop if own.quantity > 0 else trail < stop)):
        stop, leg = trail, Leg.TRAILING_STOP
    return Levels(name, own, bracket, stop, leg, bracket.target(own, instrument), trail)


def _stop(each: Levels) -> Decimal | None:
    return each.stop


def _target(each: Levels) -> Decimal | None:
    return each.target


def _parts(
    levels: Collection[Levels],
    price_of: Callable[[Levels], Decimal | None],
    symbol: str,
    view: AccountView,
) -> dict[str, Decimal]:
    if not levels:
        return {}
    net, instrument, mark = view.free(symbol), view.instrument(symbol), view.mark(symbol)
    left, parts = instrument.floor_quantity(abs(net)), dict[str, Decimal]()
    priced = [(price, each) for each in levels if (price := price_of(each)) is not None]
    # stops of what is long are below the market, its targets above it
    highest_first = (net > 0) is (price_of is _stop)
    for _, each in sorted(priced, key=lambda found: found[0], reverse=highest_first):
        if each.own.quantity * net <= 0:
            continue
        part = min(instrument.floor_quantity(abs(each.own.quantity)), left)
        if not instrument.is_dust(part, mark):
            parts[each.strategy] = part
            left -= part
    return parts


NO_BRACKETS = Brackets({})

__all__ = ["NO_BRACKETS", "Brackets", "Levels"]
