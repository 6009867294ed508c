"""What is left to do for a position to reach its aim, given the orders already on their way.

Working orders count as if they will fill, but for two kinds. One that we asked to cancel is
expected to go. A protective stop (reduce-only, waiting for its price) is there for when things go
wrong, and is no step toward any target. A resting order that leads away from the aim is cancelled
instead of traded against: one at market, too, where the market does not give it all that it asks for.
One that is worked over time leads to the aim of the moment it began at: where nobody said anything else
since, it may bring somewhat more than the aim of now, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, Side, side_of
from tradectl.domain.orders import BY_HAND, Order, OrderStatus
from tradectl.domain.positions import closable, nearer_zero
from tradectl.domain.protection import RESTS
from tradectl.domain.time import SECOND
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import Quantities, WorkingOrders, counts

BUY = Side.BUY
MARKET_ORDER_RESTS = SECOND
CANCELLABLE = (
    OrderStatus.APPROVED,
    OrderStatus.SUBMITTED,
    OrderStatus.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED,
)


class PositionDelta(Struct, frozen=True):
    """A way from `position` (dust is none) to `aim`: `quantity` (signed) is still to be ordered, and
    `misdirected` are the resting orders to be cancelled. So much (unsigned) of the position is `leaving`
    by the other orders on their way. The `target` is what the portfolio wants; the aim is nearer to the
    position where not all of that may be done now."""

    instrument: Instrument
    mark: Decimal
    position: Decimal
    target: Decimal
    aim: Decimal
    quantity: Decimal
    misdirected: list[Order]
    leaving: Decimal

    @property
    def staying(self) -> Decimal:
        """What of the position, unsigned, is not on its way out."""
        return max(abs(self.position) - self.leaving, ZERO)

    @property
    def adds(self) -> bool:
        """Away from zero, or from nothing."""
        return not self.position or (self.quantity > 0) == (self.position > 0)

    @property
    def closes(self) -> bool:
        """To zero, or to the other side of it."""
        return bool(self.position) and (not self.aim or (self.aim > 0) != (self.position > 0))

    @property
    def turns(self) -> bool:
        """Through zero, to the other side."""
        return self.closes and bool(self.aim) and abs(self.quantity) > self.staying

    def closing_part(self) -> PositionDelta:
        """The way to zero; nothing where all of it is on its way."""
        size = self.instrument.floor_quantity(self.staying)
        return replace(self, aim=ZERO, quantity=-size if self.position > 0 else size)

    def part(self, size: Decimal) -> PositionDelta:
        """The way there by no more than `size`, unsigned."""
        return replace(self, quantity=side_of(self.quantity).signed(size))

    @property
    def exits(self) -> bool:
        """It is worth any cost."""
        return self.closes

    def is_within(self, drift: Decimal) -> bool:
        """It is no more than `drift`, a share, of the aim."""
        return abs(self.quantity) <= drift * abs(self.aim)


def delta_to(
    instrument: Instrument,
    mark: Decimal,
    target: Decimal,
    view: AccountView,
    only_reduce: bool,
    beyond: Decimal = ZERO,
) -> PositionDelta:
    """The way from the position to the `target`; with `only_reduce`, as far as it reduces. Worked orders
    may lead `beyond` it, by that share of it."""
    position = view.open_quantity(instrument.symbol)
    aim = nearer_zero(target, position) if only_reduce else target
    start = view.position(instrument.symbol).quantity if aim else position  # dust is a part of it
    quantity, misdirected, leaves = aim - start, _NONE, ZERO
    working, expected = view.working_in(instrument.symbol), NOTHING_EXPECTED
    if working:
        expected = working.expected
        may_add = bool(aim) and not only_reduce
        now = view.data_time(instrument.symbol)
        quantity, misdirected = remaining_change(
            working, aim, start, may_add, instrument.can_short, now, beyond
        )
        leaves = leaving_of(position, expected.without(misdirected))
    quantity = at_hand(quantity, position, view.free(instrument.symbol), expected)
    quantity = instrument.floor_quantity(quantity)
    return PositionDelta(instrument, mark, position, target, aim, quantity, misdirected, leaves)


def remaining_change(
    working: WorkingOrders,
    aim: Decimal,
    position: Decimal,
    may_add: bool,
    can_short: bool,
    now: int | None = None,
    beyond: Decimal = ZERO,
) -> tuple[Decimal, list[Order]]:
    """The signed quantity still to be ordered, and the resting orders to be cancelled. Unless it
    `may_add`, the quantity only reduces the position. `now` is when the market was heard of last, ns;
    worked orders may lead `beyond` the aim, by that share of it."""
    left, expected = aim - position, working.expected
    change, misdirected = left - expected.net, _NONE
    if change:
        others = working.on(side_of(change).opposite)
        misdirected = [order for order in others if counts(order) and rests(order, now, left)]
        goes_on = is_a_little_more(change, left, beyond * abs(aim))
        if goes_on:
            misdirected = [order for order in misdirected if order.spec.plan is None]
        expected = expected.without(misdirected)
        change = left - expected.net
        if goes_on and change * left < 0 and any(order.spec.plan for order in others):
            change = ZERO
    if not may_add or (change < 0 and not can_short):
        change = only_closing(change, position, expected)
    return change, misdirected


def is_a_little_more(change: Decimal, left: Decimal, most: Decimal) -> bool:
    """What is on its way leads where the way `left` does, and beyond its end by no more than `most`."""
    return change * left < 0 and abs(change) <= most


def already_closing(orders: Iterable[Order], side: Side) -> list[Order]:
    """The reduce-only orders of `side` on their way that do not wait for a price."""
    return [order for order in orders if counts(order) and _closes(order, side)]


def only_closing(change: Decimal, position: Decimal, expected: Quantities) -> Decimal:
    """`change` cut to the part of the position that is not yet on its way out: what an order in
    flight may still bring can only be closed once it is here."""
    side = side_of(change)
    return side.signed(min(abs(change), closable(position, side, expected.on(side))))


def at_hand(change: Decimal, position: Decimal, there: Decimal, expected: Quantities) -> Decimal:
    """`change`, and of an exit no more than what its exchange still holds of the position."""
    if there == position or change * position >= 0:
        return change
    return only_closing(change, there, expected)


def leaving_of(position: Decimal, expected: Quantities) -> Decimal:
    """How much of it, unsigned, the `expected` orders take."""
    if not position:
        return ZERO
    return expected.sells if position > 0 else expected.buys


def _closes(order: Order, side: Side) -> bool:
    spec = order.spec
    return spec.reduce_only and spec.side is side and spec.is_at_once


def is_closing(symbol: str, view: AccountView) -> bool:
    """An exit is under way."""
    working = view.working_in(symbol)
    return any(order.spec.reduce_only for side in Side for order in working.on(side))


def is_at_hand(symbol: str, view: AccountView) -> bool:
    """No order but stops, take-profits and quotes is on its way in it."""
    working = view.working_in(symbol)
    apart = len(working.stops) + len(working.take_profits) + len(working.quotes)
    return len(working) == apart


def is_entering(symbol: str, side: Side, view: AccountView) -> bool:
    """An order of that side, of a strategy, may still make more of a position; one that we asked to
    cancel may, too, until it is gone."""
    return any(
        not order.spec.reduce_only and order.spec.strategy != BY_HAND
        for order in view.working_in(symbol).on(side)
    )


def overtaken_side(change: PositionDelta, view: AccountView) -> Side | None:
    """The side of orders that may fill yet, though the change is without what they bring: those that are
    cancelled for it, and of an exit whatever else is in flight."""
    if change.misdirected:
        return change.misdirected[0].spec.side
    symbol = change.instrument.symbol
    if change.aim or not view.working_in(symbol):
        return None
    return next((side for side in Side if is_entering(symbol, side, view)), None)


def awaits_cancel(symbol: str, view: AccountView) -> bool:
    """An order is to be gone before the next one is placed."""
    unsettled = view.working_in(symbol).unsettled.values()
    return any(
        order.status is OrderStatus.PENDING_CANCEL and not order.spec.tag for order in unsettled
    )


def rests(order: Order, now: int | None, left: Decimal) -> bool:
    """It waits for a price; or, at market, after a second still for somebody to trade with, though
    nothing is `left` (signed) to be done in its direction."""
    if not order.spec.is_at_once:
        return order.status in CANCELLABLE
    waits = now is not None and now >= order.created_at + MARKET_ORDER_RESTS
    return waits and order.status in RESTS and not (left and _is_buy(order) == (left > 0))


def _is_buy(order: Order) -> bool:
    return order.spec.side is BUY


_NONE: list[Order] = []
NOTHING_EXPECTED = Quantities(ZERO, ZERO)
