"""Stops that rest at the exchange: what limits a loss while nobody here is watching.

A position has one stop: reduce-only, of its whole size (several where one order may not have so much),
`stop_loss_pct` from its entry price; or each strategy with a bracket has one for its part of it. It is
never left without one for the sake of a better one:

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

from msgspec.structs import replace

from tradectl.domain.events import Event, SystemEventKind
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import PROTECTOR, Order, OrderStatus
from tradectl.domain.positions import leaving, nearer_zero
from tradectl.domain.protection import RESTS, price_known, protects
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import WorkingOrders
from tradectl.portfolio.brackets import Brackets
from tradectl.portfolio.decisions import cancels, is_unjudged, orders, says
from tradectl.portfolio.naked_times import NakedTimes
from tradectl.portfolio.needed_stops import (
    NeededStop,
    Needs,
    cancellable,
    is_near,
    needed_stops,
    of_owner,
    owner_of,
    serves,
    without_those_of_absent,
)
from tradectl.portfolio.retries import RetryTimes
from tradectl.portfolio.stop_orders import as_order, comes_free, key_of, refusal, room_of

IN_FLIGHT = (OrderStatus.APPROVED, OrderStatus.SUBMITTED)
HALTED = TradingState.HALTED
KEPT = 1_000
"""Cancels of which it is remembered when they were asked for."""


def _may_be_needed(stop: Order, working: WorkingOrders) -> bool:
    """An entry to the side that it protects may be filled already: reduce-only, the stop does no harm
    until that is known."""
    not_known = working.unsettled.values()
    return any(
        not order.spec.reduce_only and order.spec.side is not stop.spec.side for order in not_known
    )


def _still_covers(stop: Order, instrument: Instrument, view: AccountView) -> bool:
    """A perpetual's stop of a strategy that is out: it goes once those of others rest."""
    is_leg = stop.spec.leg is not None and instrument.can_short
    return is_leg and protects(stop.spec, view.free(instrument.symbol))


class Protection:
    """Sees to it that each position has its stop, `stop_loss_pct` from its entry price; without that only
    that a stop which made room for an exit comes back, at its own price, where the exit is refused."""

    def __init__(
        self, stop_loss_pct: Decimal | None, brackets: Brackets, new_order_id: Callable[[], str]
    ) -> None:
        self._away = stop_loss_pct
        self._brackets = brackets
        self._is_asked_for = stop_loss_pct is not None or brackets.configured
        self._new_order_id = new_order_id
        self._retries = RetryTimes()
        self.naked = NakedTimes()
        self._now, self._state = 0, TradingState.RUNNING
        self._run_ends = False
        self._room: Decimal | None = None
        self._cancelled_at: dict[str, int] = {}
        self._placed: dict[str, dict[str, str]] = {}
        self._placed_at = -1
        self._refused: dict[str, set[str]] = {}
        self._is_long: dict[str, bool] = {}
        self._made_room: set[str] = set()

    def run_ends(self) -> None:
        """No price comes any more."""
        self._run_ends = True

    def data_ends(self) -> None:
        """Stops are cancelled with all else, and every position is closed."""
        self._placed.clear()

    def looks_again_at(self, symbol: str) -> int | None:
        """When (ns UTC) a stop of the symbol that does not rest yet will be late, or one that was refused
        is due, whichever comes first."""
        keys = (key_of(symbol, owner) for owner in self._refused.get(symbol, ()))
        due = [self.naked.due(symbol), *(self._retries.due(key) for key in keys)]
        return min((at for at in due if at is not None and at > self._now), default=None)

    def is_active(self, view: AccountView) -> bool:
        """There is something that it has to see to."""
        return self._is_asked_for or bool(view.lifted_stops or view.brackets)

    # --- seeing to it ---------------------------------------------------------------------------------

    def protect(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Place the position's stops, or cancel what does not serve any more. Nothing is done before a
        price of this run has come, except in a halt and at the run's end, or about a position whose size
        is in question. `at` in ns UTC."""
        self._now = at
        if view.trading_state is not self._state:
            self._state = view.trading_state
            self._retries.clear()  # a halt does not wait for what was refused before
        if view.protection_dropped or not self._sees_to(symbol, view):
            return []
        if not self._price(symbol, view):
            return []
        if any(kind.blocks_exits for kind in view.restrictions(symbol)):
            return []
        self._made_room.discard(symbol)
        instrument, working = view.instrument(symbol), view.working_in(symbol)
        said = self._what_became_of_them(symbol, view, at)
        stops: list[Order] = []
        idle: list[Order] = []
        for stop in working.stops.values():
            if self._is_needed(stop, symbol, view) or _still_covers(stop, instrument, view):
                stops.append(stop)
            elif not (instrument.can_short and _may_be_needed(stop, working)):
                idle.append(stop)
        said += self._cancel(idle, "there is no position that it protects")
        halted = view.trading_state is HALTED
        needs = needed_stops(symbol, view, self._away, self._brackets, halted=halted)
        self._room = None
        if not instrument.can_short:
            self._room = room_of(symbol, view)
        said += self._of_nobody(needs, stops, view, symbol)
        for needed in needs.stops:
            own = of_owner(stops, needed.owner, needs.owners)
            said += self._replace(needed, own, symbol, view, at)
        seen = not halted and symbol not in self._refused  # else it is said already
        bare = self._bare(needs, stops, symbol, view) if seen else []
        return said + self.naked.look(symbol, bare, at)

    def _sees_to(self, symbol: str, view: AccountView) -> bool:
        return (
            self._away is not None or symbol in view.lifted_stops or self._brackets.is_active(view)
        )

    def _of_nobody(
        self, needs: Needs, stops: list[Order], view: AccountView, symbol: str
    ) -> list[Event]:
        """Stops that were needed before strategies had their own, or of strategies that are out: on a
        perpetual they stay until those that are needed rest, on spot they bind their coins. One of which
        nobody here knows where it should be stays as long as no other is to cover its part."""
        if view.trading_state is HALTED or (not needs.owners and needs.stops):
            return []
        wanted = {PROTECTOR, *needs.owners} if not needs.stops else {*needs.owners}
        wanted |= {stop.owner for stop in needs.stops}
        outdated = [stop for stop in stops if owner_of(stop) not in wanted]
        outdated = without_those_of_absent(outdated, needs, symbol, view, self._brackets)
        if (
            outdated
            and view.instrument(symbol).can_short
            and self._bare(needs, stops, symbol, view)
        ):
            return []
        return self._cancel(outdated, "it is no strategy's stop any more")

    def _bare(
        self, needs: Needs, stops: list[Order], symbol: str, view: AccountView
    ) -> list[NeededStop]:
        """Those that are needed, could be, and do not rest."""
        instrument, mark = view.instrument(symbol), view.mark(symbol)
        return [
            stop
            for stop in needs.stops
            if not instrument.is_dust(stop.staying, mark)
            and not stop.is_covered(of_owner(stops, stop.owner, needs.owners))
        ]

    def _is_needed(self, order: Order, symbol: str, view: AccountView) -> bool:
        """It protects what is held, of a strategy's bracket what that holds. What a falling price makes
        dust keeps the stop that it has, unless that is of more than there is, or all is to end."""
        held, spec = view.free(symbol), order.spec
        if spec.leg is not None:
            own = view.holdings(symbol).get(spec.strategy)
            held = ZERO if own is None else nearer_zero(own.quantity, held)
        if not protects(spec, held) or not view.instrument(symbol).is_dust(
            abs(held), view.mark(symbol)
        ):
            return protects(spec, held)
        return order.remaining <= abs(held) and view.trading_state is not TradingState.REDUCING

    def _replace(
        self, stop: NeededStop, stops: list[Order], symbol: str, view: AccountView, at: int
    ) -> list[Event]:
        """Bring the `stops` that there are to the one that is needed."""
        halted = view.trading_state is HALTED
        if self._room is not None and not halted:  # as large as can be; larger when others make way
            most = self._room + leaving(stops, stop.side)
            stop = stop.within(most, view.instrument(symbol))
        serving = [order for order in stops if serves(order, stop)]
        resting = next((order for order in serving if order.status in RESTS), None)
        if resting is not None:
            exit_under_way = stop.staying < stop.quantity  # which of them fits is seen after it
            outdated = [] if exit_under_way else [o for o in stops if o is not resting]
            return self._cancel(outdated, "a better stop rests") + self._rests(symbol, stop.owner)
        if serving or any(order.status in IN_FLIGHT for order in stops):
            return []
        last = self._placed.get(symbol, {}).get(stop.owner)
        if last is not None and is_unjudged(last, self._placed_at, view, at):
            return []
        if halted:
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
            return self._cancel(outdated, "better stops rest") + self._rests(symbol, stop.owner)
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
            return self._rests(symbol, stop.owner)
        if not mark or stop.is_reached(mark):
            return []  # it would be an exit, and that is the operator's to say
        return self._place(replace(stop, quantity=missing), symbol, view, at)

    def _may_place(self, stop: NeededStop, symbol: str, view: AccountView, at: int) -> bool:
        too_little = view.instrument(symbol).is_dust(stop.quantity, self._price(symbol, view))
        return not too_little and self._retries.is_due(key_of(symbol, stop.owner), at)

    def _place(self, stop: NeededStop, symbol: str, view: AccountView, at: int) -> list[Event]:
        mark = self._price(symbol, view)
        most = view.instrument(symbol).part(stop.quantity, at_market=True)
        stop = replace(stop, quantity=most, staying=min(most, stop.staying))
        if not mark or not self._may_place(stop, symbol, view, at):
            return []
        if self._room is not None:
            if stop.quantity > self._room and comes_free(stop.side, symbol, view):
                return []
            stop = stop.within(self._room, view.instrument(symbol))
            if not self._may_place(stop, symbol, view, at):
                return []
            self._room -= stop.quantity
        spec = as_order(stop, symbol, self._new_order_id(), mark)
        self._placed.setdefault(symbol, {})[stop.owner] = spec.order_id
        self._placed_at = at
        beyond = "" if spec.type.is_stop else ", and the market is beyond it"
        return [orders(spec, f"{stop.reason}{beyond}")]

    def _price(self, symbol: str, view: AccountView) -> Decimal | None:
        """By which it is known whether the market has reached a stop; None where one is waited for."""
        position = view.position(symbol)
        if view.data_time(symbol) is not None:
            return view.mark(symbol)
        if view.trading_state.is_halt:
            return price_known(position, view)
        return position.entry_price if self._run_ends else None

    def binds(self, symbol: str, view: AccountView) -> Decimal:
        """The coins of a spot position that its stops have, or are to have: nothing else is to rest for
        them."""
        instrument, mark = view.instrument(symbol), view.mark(symbol)
        resting = leaving(view.working_in(symbol).stops.values(), Side.SELL)
        if not self._sees_to(symbol, view):
            return resting
        needs = needed_stops(symbol, view, self._away, self._brackets)
        needed = (s.quantity for s in needs.stops if not instrument.is_dust(s.quantity, mark))
        return max(resting, sum(needed, ZERO))

    def make_room(self, stops: Collection[Order], reason: str, at: int) -> list[Event]:
        """Cancel the stops of a spot position, whose coins they bind, for an exit that waits for it."""
        self._now = max(self._now, at)
        self._made_room.update(stop.spec.symbol for stop in stops)
        return self._cancel(stops, reason, makes_room=True)

    def has_made_room(self, symbol: str) -> bool:
        """For an exit, and its stop was not seen to since."""
        return symbol in self._made_room

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
            placed = self._placed.get(order.spec.symbol, {})
            if placed.get(owner_of(order)) == order.spec.order_id:
                del placed[owner_of(order)]
        return [*cancels(asked, reason, makes_room=makes_room)]

    # --- what became of it ----------------------------------------------------------------------------

    def _what_became_of_them(self, symbol: str, view: AccountView, at: int) -> list[Event]:
        """Whether the stops that were placed last are there, or were refused: by risk, by the gate, by
        the exchange, or cancelled by somebody else. With a position that is closed, or has turned, they
        ended."""
        held = view.open_quantity(symbol)
        is_long, was_long = held > 0, self._is_long.get(symbol)
        self._is_long[symbol] = is_long
        if not held or was_long is not is_long:
            self._placed.pop(symbol, None)
            owners = [*self._refused.get(symbol, ())]
            for owner in owners:  # the next position is another one
                self._retries.forget(key_of(symbol, owner))
            return [event for owner in owners for event in self._rests(symbol, owner)]
        events: list[Event] = []
        for owner, order_id in [*self._placed.get(symbol, {}).items()]:
            order = view.order(order_id)
            if order is not None and order.is_over:
                del self._placed[symbol][owner]
                if not order.filled:
                    events += self._failed(order, owner, view, at)
        return events

    def _failed(self, order: Order, owner: str, view: AccountView, at: int) -> list[Event]:
        symbol = order.spec.symbol
        was_there = order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)
        by_new_rules = view.rules_since(symbol) >= order.created_at > 0
        at_once = (
            was_there or by_new_rules or view.trading_state is HALTED
        )  # its receipt waits for it
        since = order.updated_at or at  # it may have waited for a hold to end
        pause = self._retries.failed(key_of(symbol, owner), since, free=1 if at_once else 0)
        pause = max(pause - (at - since) / SECOND, 0.0)
        self._refused.setdefault(symbol, set()).add(owner)
        why = f"{order.status}, {order.reason}" if order.reason else order.status
        return [says(SystemEventKind.STOP_REFUSED, symbol, refusal(symbol, view, why, pause))]

    def _rests(self, symbol: str, owner: str) -> list[Event]:
        """It is over when none of the symbol's is refused any more."""
        refused = self._refused.get(symbol)
        if refused is None or owner not in refused:
            return []
        refused.discard(owner)
        if refused:
            return []
        del self._refused[symbol]
        return [says(SystemEventKind.STOP_REFUSED_OVER, symbol, "it is protected, or closed")]


__all__ = ["IN_FLIGHT", "Protection"]
