"""Stops that rest at the exchange: what limits a loss while nobody here is watching.

A position has one stop: reduce-only, of its whole size (several where one order may not have so much),
`stop_loss_pct` from its entry price. It is never left without one for the sake of a better one:

    perpetual   the new stop is placed, and once it rests the old one is cancelled: two of them, both
                reduce-only, do no harm. It stays while an exit is on its way, too.
    spot        a stop binds the coins. It is cancelled first and the new one placed when it is gone;
                an exit waits for the same, and is it refused, the stop is placed again.

Where the market has gone through the stop's price before it could be placed, the position is closed
instead. A stop that is refused is tried again, each time later, and it is said that the position is
without one. While trading is halted nothing is moved: only what a replacement or a late fill left open
is protected. A run acts on prices of its own; but a halt does not wait for the first of them, and to a
run that ends none comes any more: there the entry price stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.events import Event, SystemEventKind
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, HUNDRED, ONE, Side, plain
from tradectl.domain.orders import PROTECTOR, Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import Position, closable, leaving
from tradectl.domain.protection import RESTS, price_known, protects
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import WorkingOrders
from tradectl.portfolio.decisions import cancels, orders, says
from tradectl.portfolio.retries import RetryTimes

NEAR_ENOUGH = 10 * BPS
"""A stop whose price is off by less than this part of it is left where it is."""
IN_FLIGHT = (OrderStatus.APPROVED, OrderStatus.SUBMITTED)
PENDING_CANCEL, UNKNOWN = OrderStatus.PENDING_CANCEL, OrderStatus.UNKNOWN
HALTED = TradingState.HALTED
KEPT = 1_000
"""Cancels of which it is remembered when they were asked for."""


class NeededStop(Struct, frozen=True):
    """The stop that a position should have. Quantities in coins, price in the quote currency; `staying`
    is the part of the position that is not on its way out."""

    side: Side
    quantity: Decimal
    staying: Decimal
    price: Decimal

    def is_reached(self, mark: Decimal) -> bool:
        """The market is there already: an exchange refuses such a stop."""
        return mark <= self.price if self.side is Side.SELL else mark >= self.price


def stop_price(position: Position, instrument: Instrument, stop_loss_pct: Decimal) -> Decimal:
    away = stop_loss_pct / HUNDRED if position.quantity > 0 else -stop_loss_pct / HUNDRED
    return instrument.round_price(position.entry_price * (ONE - away))


def price_of_stop(position: Position, view: AccountView, away: Decimal | None) -> Decimal | None:
    """Where the position should have its stop: so many percent `away` from its entry price; without that
    where the one was that made room for an exit. None: it is to have none."""
    if away is None:
        return view.lifted_stops.get(position.symbol)
    return stop_price(position, view.instrument(position.symbol), away)


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
    on_its_way_out = working.leaving(side) - leaving(working.stops.values(), side)
    if halted:
        unknown = [o for o in working.unsettled.values() if o.status is UNKNOWN]
        on_its_way_out -= leaving((o for o in unknown if not o.spec.is_protective), side)
    staying = instrument.floor_quantity(closable(position.quantity, side, on_its_way_out))
    if not staying and not (instrument.can_short and _is_bare(position, working)):
        return None
    whole = instrument.floor_quantity(abs(position.quantity))
    return NeededStop(side, whole if instrument.can_short else staying, staying, price)


def _is_bare(position: Position, working: WorkingOrders) -> bool:
    """No stop closes it, and no order that waits for nothing."""
    side = position.closing_side
    if any(stop.spec.side is side for stop in cancellable(working.stops.values())):
        return False
    going = [o for o in working.on(side) if o.spec.is_at_once or o.status not in RESTS]
    return leaving(going, side) < abs(position.quantity)


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
    """Its price is as good as the one that is needed."""
    at = order.spec.stop_price
    return at is not None and abs(at - stop.price) <= NEAR_ENOUGH * stop.price


def cancellable(orders: Collection[Order]) -> list[Order]:
    """Those that nobody has asked to cancel yet."""
    return [order for order in orders if order.status is not PENDING_CANCEL]


def _may_be_needed(stop: Order, working: WorkingOrders) -> bool:
    """An entry to the side that it protects may be filled already: reduce-only, the stop does no harm
    until that is known."""
    not_known = working.unsettled.values()
    return any(
        not order.spec.reduce_only and order.spec.side is not stop.spec.side for order in not_known
    )


class Protection:
    """Sees to it that each position has its stop, `stop_loss_pct` from its entry price; without that only
    that a stop which made room for an exit comes back, at its own price, where the exit is refused."""

    def __init__(self, stop_loss_pct: Decimal | None, new_order_id: Callable[[], str]) -> None:
        self._away = stop_loss_pct
        self._new_order_id = new_order_id
        self._retries = RetryTimes()
        self._now, self._state = 0, TradingState.RUNNING
        self._run_ends = False
        self._cancelled_at: dict[str, int] = {}
        self._placed: dict[str, str] = {}
        self._refused: set[str] = set()

    def run_ends(self) -> None:
        """No price comes any more."""
        self._run_ends = True

    def is_active(self, view: AccountView) -> bool:
        """There is something that it has to see to."""
        return self._away is not None or bool(view.lifted_stops)

    # --- seeing to it ---------------------------------------------------------------------------------

    def protect(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Place the position's stop, or cancel what does not serve any more. Nothing is done before a
        price of this run has come, except in a halt and at the run's end, or about a position whose size
        is in question. `at` in ns UTC."""
        self._now = at
        if view.trading_state is not self._state:
            self._state = view.trading_state
            self._retries.clear()  # a halt does not wait for what was refused before
        if view.protection_dropped or (self._away is None and symbol not in view.lifted_stops):
            return []
        if not self._price(symbol, view):
            return []
        if any(kind.blocks_exits for kind in view.restrictions(symbol)):
            return []
        instrument = view.instrument(symbol)
        position = replace(view.position(symbol), quantity=view.free(symbol))
        working = view.working_in(symbol)
        said = self._what_became_of_it(symbol, view, at)
        stops: list[Order] = []
        idle: list[Order] = []
        for stop in working.stops.values():
            if self._is_needed(stop, position, view):
                stops.append(stop)
            elif not (instrument.can_short and _may_be_needed(stop, working)):
                idle.append(stop)
        said += self._cancel(idle, "there is no position that it protects")
        if not position.quantity:
            return said
        price = price_of_stop(view.position(symbol), view, self._away)
        if price is None:
            return said
        halted = view.trading_state is HALTED
        needed = needed_stop(position, instrument, price, working, halted=halted)
        if needed is None:
            return said
        return said + self._replace(needed, stops, symbol, view, at)

    def _is_needed(self, order: Order, position: Position, view: AccountView) -> bool:
        """It protects what is held. What a falling price makes dust keeps the stop that it has, unless
        that is of more than there is, or all is to end."""
        held, spec = position.quantity, order.spec
        if not protects(spec, held) or not view.instrument(position.symbol).is_dust(
            abs(held), view.mark(position.symbol)
        ):
            return protects(spec, held)
        return order.remaining <= abs(held) and view.trading_state is not TradingState.REDUCING

    def _replace(
        self, stop: NeededStop, stops: list[Order], symbol: str, view: AccountView, at: int
    ) -> list[Event]:
        """Bring the `stops` that there are to the one that is needed."""
        serving = [order for order in stops if serves(order, stop)]
        resting = next((order for order in serving if order.status in RESTS), None)
        if resting is not None:
            exit_under_way = stop.staying < stop.quantity  # which of them fits is seen after it
            outdated = [] if exit_under_way else [o for o in stops if o is not resting]
            return self._cancel(outdated, "a better stop rests") + self._rests(symbol)
        if serving or any(order.status in IN_FLIGHT for order in stops):
            return []
        if view.trading_state is HALTED:
            return self._restore(stop, stops, symbol, view, at)
        if view.instrument(symbol).part(stop.quantity, at_market=True) < stop.quantity:
            return self._in_parts(stop, stops, symbol, view, at)
        if stops and not view.instrument(symbol).can_short:
            if not self._may_place(stop, symbol, view, at):
                return []
            return self._cancel(stops, "it is not the stop that the position needs")
        return self._place(stop, symbol, view, at)

    def _in_parts(
        self, stop: NeededStop, stops: list[Order], symbol: str, view: AccountView, at: int
    ) -> list[Event]:
        """More than one order may have: several stops at its price, one after the other."""
        instrument = view.instrument(symbol)
        fitting = [order for order in cancellable(stops) if is_near(order, stop)]
        outdated = [order for order in stops if order not in fitting]
        missing = instrument.floor_quantity(stop.quantity - leaving(fitting, stop.side))
        if missing <= 0:
            return self._cancel(outdated, "better stops rest") + self._rests(symbol)
        if outdated and not instrument.can_short:  # they bind the coins
            return self._cancel(outdated, "it is not the stop that the position needs")
        return self._place(replace(stop, quantity=missing), symbol, view, at)

    def _restore(
        self, stop: NeededStop, stops: list[Order], symbol: str, view: AccountView, at: int
    ) -> list[Event]:
        """Protect what of the position no stop covers, and leave those that there are."""
        instrument, mark = view.instrument(symbol), self._price(symbol, view)
        staying = cancellable(stops)
        if len(staying) < len(stops) and not instrument.can_short:
            return []  # the coins are bound until it is gone
        missing = instrument.floor_quantity(stop.staying - leaving(staying, stop.side))
        if missing <= 0:
            return self._rests(symbol)
        if not mark or stop.is_reached(mark):
            return []  # it would be an exit, and that is the operator's to say
        return self._place(replace(stop, quantity=missing), symbol, view, at)

    def _may_place(self, stop: NeededStop, symbol: str, view: AccountView, at: int) -> bool:
        too_little = view.instrument(symbol).is_dust(stop.quantity, self._price(symbol, view))
        return not too_little and self._retries.is_due(symbol, at)

    def _place(self, stop: NeededStop, symbol: str, view: AccountView, at: int) -> list[Event]:
        mark = self._price(symbol, view)
        most = view.instrument(symbol).part(stop.quantity, at_market=True)
        stop = replace(stop, quantity=most, staying=min(most, stop.staying))
        if not mark or not self._may_place(stop, symbol, view, at):
            return []
        spec = _as_order(stop, symbol, self._new_order_id(), mark)
        self._placed[symbol] = spec.order_id
        away = "as before" if self._away is None else f"{plain(self._away)}% from the entry price"
        beyond = "" if spec.type.is_stop else ", and the market is beyond it"
        return [orders(spec, f"{away}{beyond}")]

    def _price(self, symbol: str, view: AccountView) -> Decimal | None:
        """By which it is known whether the market has reached a stop; None where one is waited for."""
        position = view.position(symbol)
        if view.data_time(symbol) is not None:
            return view.mark(symbol)
        if view.trading_state.is_halt:
            return price_known(position, view)
        return position.entry_price if self._run_ends else None

    def make_room(self, stops: Collection[Order], reason: str, at: int) -> list[Event]:
        """Cancel the stops of a spot position, whose coins they bind, for an exit that waits for it."""
        self._now = max(self._now, at)
        return self._cancel(stops, reason, makes_room=True)

    def _cancel(
        self, stops: Collection[Order], reason: str, *, makes_room: bool = False
    ) -> list[Event]:
        """One whose cancel was refused is asked for again after a while, and not at once: whoever refuses
        it may know that it is over, and its end is on the way."""
        asked = [
            order
            for order in cancellable(stops)
            if self._now >= self._cancelled_at.get(order.spec.order_id, self._now - SECOND) + SECOND
        ]
        for order in asked:
            self._cancelled_at[order.spec.order_id] = self._now
            if len(self._cancelled_at) > KEPT:
                del self._cancelled_at[next(iter(self._cancelled_at))]
            if self._placed.get(order.spec.symbol) == order.spec.order_id:
                del self._placed[order.spec.symbol]
        return [*cancels(asked, reason, makes_room=makes_room)]

    # --- what became of it ----------------------------------------------------------------------------

    def _what_became_of_it(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Whether the stop that was placed last is there, or was refused: by risk, by the gate, by the
        exchange, or cancelled by somebody else."""
        if not view.open_quantity(symbol):
            self._placed.pop(symbol, None)
            return self._rests(symbol)
        order = view.order(self._placed.get(symbol, ""))
        if order is None or not order.is_over:
            return []
        del self._placed[symbol]
        if order.filled:
            return []
        was_there = order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)
        by_new_rules = view.rules_since(symbol) >= order.created_at > 0
        at_once = (
            was_there or by_new_rules or view.trading_state is HALTED
        )  # its receipt waits for it
        pause = self._retries.failed(symbol, at, free=1 if at_once else 0)
        self._refused.add(symbol)
        why = f"{order.status}, {order.reason}" if order.reason else order.status
        return [says(SystemEventKind.STOP_REFUSED, symbol, _refusal(symbol, view, why, pause))]

    def _rests(self, symbol: str) -> list[Event]:
        if symbol not in self._refused:
            return []
        self._refused.discard(symbol)
        return [says(SystemEventKind.STOP_REFUSED_OVER, symbol, "it is protected, or closed")]


def _as_order(stop: NeededStop, symbol: str, order_id: str, mark: Decimal) -> OrderSpec:
    """The stop; a market order for what stays where the market is beyond it already."""
    reached = stop.is_reached(mark)
    return OrderSpec(
        order_id,
        symbol,
        stop.side,
        stop.staying if reached else stop.quantity,
        OrderType.MARKET if reached else OrderType.STOP_MARKET,
        stop_price=None if reached else stop.price,
        reduce_only=True,
        strategy=PROTECTOR,
    )


def _refusal(symbol: str, view: AccountView, why: str, pause: float) -> str:
    stops = view.working_in(symbol).stops.values()
    others = [stop for stop in stops if stop.status in RESTS]
    left = "an older one rests" if others else "nothing limits its loss"
    return (
        f"{symbol}: the stop of a position of {plain(view.position(symbol).quantity)} was {why}: {left}. "
        f"The next try is in {pause:g} s; `tradectl emergency-stop --flatten` closes it"
    )


__all__ = [
    "NeededStop",
    "Protection",
    "cancellable",
    "needed_stop",
    "price_of_stop",
    "serves",
]
