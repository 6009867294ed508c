"""Which stops a position should have, and which of those that there are serve.

Where strategies have stops of their own, each of them one for its part; for what is left the one of
`stop_loss_pct`, from the account's entry price, or one where the one was that made room for an exit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, HUNDRED, ONE, ZERO, Side, plain, side_of
from tradectl.domain.orders import PROTECTOR, Leg, Order, OrderStatus
from tradectl.domain.positions import Position, leaving
from tradectl.domain.protection import RESTS
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import WorkingOrders
from tradectl.portfolio.brackets import Brackets, Levels
from tradectl.portfolio.position_delta import PositionDelta
from tradectl.portfolio.shared_delta import SharedDelta

NEAR_ENOUGH = 10 * BPS
"""A stop whose price is off by less than this part of it is left where it is."""
PENDING_CANCEL, UNKNOWN = OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN


class NeededStop(Struct, frozen=True):
    """The stop that a position should have, or a strategy's part of it (`owner`; `leg` of its bracket).
    Quantities in coins, price in the quote currency; `staying` is the part that is not on its way out, of
    which there may be none where `waiting` is: what is on its way out at a price of its own."""

    side: Side
    quantity: Decimal
    staying: Decimal
    price: Decimal
    owner: str = PROTECTOR
    leg: Leg | None = None
    reason: str = ""
    waiting: Decimal = ZERO

    def within(self, most: Decimal, instrument: Instrument) -> NeededStop:
        """Of no more than that."""
        most = instrument.floor_quantity(max(most, ZERO))
        return replace(self, quantity=min(self.quantity, most), staying=min(self.staying, most))

    def is_reached(self, mark: Decimal) -> bool:
        """The market is there already: an exchange refuses such a stop."""
        return mark <= self.price if self.side is Side.SELL else mark >= self.price

    def is_covered(self, stops: Iterable[Order]) -> bool:
        """By those of them that rest."""
        return leaving((o for o in stops if o.status in RESTS), self.side) >= self.staying


def stop_price(position: Position, instrument: Instrument, stop_loss_pct: Decimal) -> Decimal:
    away = stop_loss_pct / HUNDRED if position.quantity > 0 else -stop_loss_pct / HUNDRED
    return instrument.round_price(position.entry_price * (ONE - away))


def price_of_stop(position: Position, view: AccountView, away: Decimal | None) -> Decimal | None:
    """Where the position should have its stop: so many percent `away` from its entry price; without that
    where the one was that made room for an exit. None: it is to have none."""
    if away is None:
        return view.lifted_stops.get(position.symbol)
    return stop_price(position, view.instrument(position.symbol), away)


class Needs(NamedTuple):
    """The stops of a position; `owners` are the strategies that have one of their own, needed now or with
    an exit on its way."""

    stops: list[NeededStop]
    owners: Collection[str] = ()


def needed_stops(
    symbol: str,
    view: AccountView,
    away: Decimal | None,
    brackets: Brackets,
    *,
    halted: bool = False,
) -> Needs:
    """Of the position, as far as it is there and free."""
    position = replace(view.position(symbol), quantity=view.free(symbol))
    if not position.quantity:
        return Needs([])
    levels = brackets.levels(symbol, view)
    parts = brackets.resting_stops(levels, symbol, view)
    price = price_of_stop(view.position(symbol), view, away)
    reason = "as before" if away is None else f"{plain(away)}% from the entry price"
    if parts:
        own = [*_of_strategies(position, levels, parts, view, halted)]
        rest = [replace(r, reason=reason) for r in _rest(position, parts, price, view, halted)]
        return Needs(own + rest, parts)
    if price is None:
        return Needs([])
    working = view.working_in(symbol)
    one = needed_stop(position, view.instrument(symbol), price, working, halted=halted)
    return Needs([] if one is None else [replace(one, reason=reason)])


def needed_stop(
    position: Position,
    instrument: Instrument,
    price: Decimal,
    working: WorkingOrders,
    *,
    halted: bool = False,
) -> NeededStop | None:
    """On spot for what is not already on its way out; None where nothing stays. On a perpetual that has
    none an exit that waits for its price is none: it limits no loss, and binds nothing. There may be too
    little of it for an order. An exit of which nobody knows whether it arrived is none once trading is
    halted: if it did, the exchange refuses the stop, and if it did not, nothing else limits the loss."""
    side = position.closing_side
    going = leaving(working.on(side), side)  # what rests for a strategy is no exit
    if halted:
        unknown = (o for o in working.unsettled.values() if o.status is UNKNOWN)
        going -= leaving((o for o in unknown if not o.spec.waits_apart), side)
    return _needed(
        side, abs(position.quantity), going, price, instrument, _waiting(position, working)
    )


def _needed(
    side: Side,
    size: Decimal,
    going: Decimal,
    price: Decimal,
    instrument: Instrument,
    waiting: Decimal,
) -> NeededStop | None:
    """For a size that is `going` in part, and `waiting` for a price in part of that."""
    staying = instrument.floor_quantity(max(size - going, ZERO))
    if not instrument.can_short or instrument.is_dust(max(waiting, ZERO), price):
        waiting = ZERO
    if not (staying or waiting):
        return None
    quantity = instrument.floor_quantity(size) if instrument.can_short else staying
    waits = instrument.floor_quantity(waiting)
    return NeededStop(side, quantity, staying, price, waiting=waits)


def _exits(working: WorkingOrders, side: Side, halted: bool) -> list[Order]:
    """The orders by which the position is on its way out."""
    return [o for o in working.on(side) if not halted or o.status is not UNKNOWN]


def _waiting(position: Position, working: WorkingOrders) -> Decimal:
    """What of it no order closes that waits for nothing; none where a stop closes it."""
    side = position.closing_side
    if any(stop.spec.side is side for stop in cancellable(working.stops.values())):
        return ZERO
    return abs(position.quantity) - leaving(_at_once(working.on(side)), side)


def _at_once(exits: Iterable[Order]) -> list[Order]:
    return [o for o in exits if o.spec.is_at_once or o.status not in RESTS]


# --- of strategies ----------------------------------------------------------------------------------


def _of_strategies(
    position: Position,
    levels: Iterable[Levels],
    parts: dict[str, Decimal],
    view: AccountView,
    halted: bool,
) -> Iterable[NeededStop]:
    side, instrument = position.closing_side, view.instrument(position.symbol)
    working = view.working_in(position.symbol)
    exits = _exits(working, side, halted)
    for each in levels:
        size = parts.get(each.strategy)
        if size is None or each.stop is None:
            continue
        own = [o for o in cancellable(working.stops.values()) if o.spec.strategy == each.strategy]
        leaves = going_of(each.strategy, _at_once(exits), each.own, position, instrument)
        going = going_of(each.strategy, exits, each.own, position, instrument)
        waiting = ZERO if own else size - leaves
        need = _needed(side, size, going, each.stop, instrument, waiting)
        if need is not None:
            yield replace(
                need, owner=each.strategy, leg=each.stop_leg, reason=each.reason(each.stop_leg)
            )


def _rest(
    position: Position,
    parts: dict[str, Decimal],
    price: Decimal | None,
    view: AccountView,
    halted: bool,
) -> Iterable[NeededStop]:
    """What no strategy has a stop for."""
    symbol, side = position.symbol, position.closing_side
    instrument, holdings = view.instrument(symbol), view.holdings(symbol)
    size = instrument.floor_quantity(abs(position.quantity)) - sum(parts.values(), ZERO)
    if price is None or size <= 0 or instrument.is_dust(size, view.mark(symbol)):
        return
    exits = _exits(view.working_in(symbol), side, halted)
    going = leaving(exits, side) - sum(
        (going_of(name, exits, holdings[name], position, instrument) for name in parts), ZERO
    )
    need = _needed(side, size, going, price, instrument, waiting=ZERO)
    if need is not None:
        yield need


def going_of(
    strategy: str,
    orders: Iterable[Order],
    own: Position,
    position: Position,
    instrument: Instrument,
) -> Decimal:
    """What the `orders` take of the strategy's position, unsigned; one for all its share."""
    total = ZERO
    for order in orders:
        if order.spec.is_for_all:
            total += order.remaining * abs(own.quantity) / abs(position.quantity)
        else:
            total += abs(order.coming_for(instrument.lot_size).get(strategy, ZERO))
    return total


# --- those that there are ---------------------------------------------------------------------------


def serves(order: Order, stop: NeededStop) -> bool:
    """It is as good as the one that is needed, and nobody asked to cancel it. While an exit is on its way
    it may be larger than what will stay."""
    size = order.remaining
    return (
        order.status is not PENDING_CANCEL
        and (size == stop.quantity or stop.quantity > stop.staying <= size)
        and is_near(order, stop)
    )


def is_near(order: Order, stop: NeededStop) -> bool:
    """Its price is as good as the one that is needed, and it is the same strategy's. One that trails is
    where it is to be: its steps are chosen."""
    at, is_leg = order.spec.stop_price, order.spec.leg is not None
    if at is None or is_leg is (stop.leg is None) or (is_leg and order.spec.strategy != stop.owner):
        return False
    if stop.leg is Leg.TRAILING_STOP:
        return at == stop.price
    return abs(at - stop.price) <= NEAR_ENOUGH * stop.price


def in_the_way(change: PositionDelta, view: AccountView) -> list[Order]:
    """The stops that bind the coins of an exit on spot: none where the coins are free, else all of them;
    where strategies have their own, and that is enough, those of who exits."""
    working = view.working_in(change.instrument.symbol)
    stops, side = [*working.stops.values()], side_of(change.quantity)
    free = abs(view.free(change.instrument.symbol)) - working.leaving(side)
    if abs(change.quantity) <= free:
        return []
    if not any(stop.spec.leg is not None for stop in stops):
        return stops
    owners = change.ordered() if isinstance(change, SharedDelta) else {}
    own = [stop for stop in stops if not owners or owner_of(stop) in owners]
    return own if abs(change.quantity) <= free + leaving(own, side) else stops


def binds_called_off(change: PositionDelta, view: AccountView) -> bool:
    """An exit on spot lacks coins that quotes have which nobody wants any more: they are to go first."""
    symbol, side = change.instrument.symbol, side_of(change.quantity)
    working = view.working_in(symbol)
    if not working.quotes:
        return False
    stops = leaving(working.stops.values(), side)
    if abs(change.quantity) <= abs(view.free(symbol)) - (working.leaving(side) - stops):
        return False
    wished = view.quotes(symbol)
    return any(
        order.spec.side is side and not wished.get(order.spec.strategy)
        for order in working.quotes.values()
    )


def of_owner(stops: Iterable[Order], owner: str, owners: Collection[str]) -> list[Order]:
    """Those of one that has a stop of its own; where nobody has, all."""
    return [o for o in stops if not owners or owner_of(o) == owner]


def owner_of(stop: Order) -> str:
    return stop.spec.strategy if stop.spec.leg is not None else PROTECTOR


def without_those_of_absent(
    outdated: list[Order], needs: Needs, symbol: str, view: AccountView, brackets: Brackets
) -> list[Order]:
    """Of stops that are nobody's any more those that may go. A strategy that was taken out of the
    configuration, or `stop_loss_pct` that was, leaves its stop, and nobody else sees to that part: it
    stays as far as what the needed ones are for leaves room for it, on a perpetual for some of it."""
    if not outdated:
        return outdated
    known = {each.strategy for each in brackets.levels(symbol, view)}
    instrument, mark, holdings = view.instrument(symbol), view.mark(symbol), view.holdings(symbol)
    spare = abs(view.free(symbol)) - sum((need.quantity for need in needs.stops), ZERO)
    going = []
    for stop in outdated:
        own = holdings.get(stop.spec.strategy)
        is_out = stop.spec.leg is not None and (own is None or not own.quantity)
        fits = stop.remaining <= spare or (
            instrument.can_short and not instrument.is_dust(max(spare, ZERO), mark)
        )
        if is_out or not fits or owner_of(stop) in known:
            going.append(stop)
        else:
            spare -= stop.remaining
    return going


def cancellable(orders: Collection[Order]) -> list[Order]:
    """Those that nobody has asked to cancel yet."""
    return [order for order in orders if order.status is not PENDING_CANCEL]


__all__ = [
    "NeededStop",
    "Needs",
    "binds_called_off",
    "cancellable",
    "going_of",
    "in_the_way",
    "is_near",
    "needed_stop",
    "needed_stops",
    "of_owner",
    "owner_of",
    "price_of_stop",
    "serves",
    "stop_price",
    "without_those_of_absent",
]
