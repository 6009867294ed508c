"""What is left to do where several strategies have a part in the position.

Each strategy has a way of its own to go: from its virtual position to its aim, less what working orders
will bring it. The ways together are the account's: one order takes what is left when they are netted, and
each gets its part of what is filled. Where nothing is left to order, they trade with each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, side_of
from tradectl.domain.orders import BY_HAND, Order
from tradectl.domain.positions import nearer_zero
from tradectl.domain.shares import StrategyTarget, fitted, part_of
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import counts
from tradectl.portfolio.position_delta import (
    BUY,
    PositionDelta,
    at_hand,
    delta_to,
    is_a_little_more,
    leaving_of,
    only_closing,
    rests,
)
from tradectl.portfolio.strategy_targets import is_alone


class SharedDelta(PositionDelta, frozen=True):
    """`wants` are the signed quantities that each strategy still wants traded, `aims` where it wants to
    be, `held` where each is."""

    wants: dict[str, Decimal]
    aims: dict[str, Decimal]
    held: dict[str, Decimal]

    @property
    def exits(self) -> bool:
        """For one of the strategies it is a way to zero, or to the other side of it."""
        return any(
            want and self.held.get(name, ZERO) * self.aims[name] <= 0 and self.held.get(name)
            for name, want in self.wants.items()
        )

    def is_within(self, drift: Decimal) -> bool:
        return all(abs(want) <= drift * abs(self.aims[name]) for name, want in self.wants.items())

    def ordered(self) -> dict[str, Decimal]:
        """Whose the order of `quantity` is, and how much of it."""
        return fitted(self.wants, self.quantity, self.instrument.lot_size)

    def crossed(self) -> dict[str, Decimal]:
        """What the strategies can trade with each other, without any order."""
        return fitted(self.wants, ZERO, self.instrument.lot_size)


def change_to(
    instrument: Instrument,
    mark: Decimal,
    targets: Mapping[str, StrategyTarget],
    view: AccountView,
    only_reduce: bool,
    beyond: Decimal = ZERO,
) -> PositionDelta:
    """The way from the position to the `targets`; with `only_reduce`, as far as it reduces. Worked orders
    may lead `beyond` them, by that share of them."""
    symbol = instrument.symbol
    if not is_alone(targets, view.holdings(symbol)) or view.working_in(symbol).has_by_hand:
        return shared_delta(instrument, mark, targets, view, only_reduce, beyond)
    (target,) = targets.values()
    return delta_to(instrument, mark, target.quantity or ZERO, view, only_reduce, beyond)


def shared_delta(
    instrument: Instrument,
    mark: Decimal,
    targets: Mapping[str, StrategyTarget],
    view: AccountView,
    only_reduce: bool,
    beyond: Decimal = ZERO,
) -> SharedDelta:
    """The ways of several strategies to their `targets`, together; with `only_reduce`, as far as each of
    them, and the account, comes nearer to zero. Worked orders may lead `beyond` them, by that share."""
    symbol = instrument.symbol
    position = view.open_quantity(symbol)
    held = {name: own.quantity for name, own in view.holdings(symbol).items()}
    wanted = {name: target.quantity or ZERO for name, target in targets.items()}
    aims = wanted
    if only_reduce:
        aims = {name: nearer_zero(aim, held.get(name, ZERO)) for name, aim in wanted.items()}
    wants, coming, misdirected = _ways(instrument, aims, held, view, beyond)
    if only_reduce or not instrument.can_short:
        wants = {
            name: want
            if want > 0 and not only_reduce
            else _closing(want, held.get(name, ZERO), [each.get(name, ZERO) for each in coming])
            for name, want in wants.items()
        }
    on_the_way = view.working_in(symbol).expected.without(misdirected)
    change = sum(wants.values(), ZERO)
    if change and (only_reduce or (change < 0 and not instrument.can_short)):
        change = only_closing(change, position, on_the_way)
    change = at_hand(change, position, view.free(symbol), on_the_way)
    others = sum((own for name, own in held.items() if name not in wanted), ZERO)
    return SharedDelta(
        instrument,
        mark,
        position,
        sum(wanted.values(), others),
        sum(aims.values(), others),
        instrument.floor_quantity(change),
        misdirected,
        leaving_of(position, on_the_way),
        wants,
        aims,
        held,
    )


class _Ways(NamedTuple):
    """What each strategy still wants, beside what orders on their way are `coming` to bring each; and
    those that lead elsewhere, which are to go."""

    wants: dict[str, Decimal]
    coming: list[dict[str, Decimal]]
    misdirected: list[Order]


def _ways(
    instrument: Instrument,
    aims: Mapping[str, Decimal],
    held: Mapping[str, Decimal],
    view: AccountView,
    beyond: Decimal,
) -> _Ways:
    symbol, lot = instrument.symbol, instrument.lot_size
    position, now = view.open_quantity(symbol), view.data_time(symbol)
    expected = [o for o in view.working_in(symbol).of_strategies.values() if counts(o)]
    coming = [_coming(order, held, position, lot) for order in expected]
    wants, lefts = _wants(aims, held, coming), _wants(aims, held, ())
    going_on = [o for o in expected if o.spec.plan and _goes_on(o, wants, lefts, aims, beyond)]
    misdirected = [
        order
        for order in expected
        if rests(order, now, _of_owners(order, lefts))
        and _leads_away(order, wants)
        and order not in going_on
    ]
    if misdirected:
        gone = {order.spec.order_id for order in misdirected}
        staying = [order for order in expected if order.spec.order_id not in gone]
        coming = [_coming(order, held, position, lot) for order in staying]
        wants = _wants(aims, held, coming)
    for name in dict.fromkeys(name for order in going_on for name in order.spec.owners):
        if wants[name] * lefts[name] < 0:  # what it brings beyond the aim is not traded against
            wants[name] = ZERO
    return _Ways(wants, coming, misdirected)


def _wants(
    aims: Mapping[str, Decimal], held: Mapping[str, Decimal], coming: Iterable[dict[str, Decimal]]
) -> dict[str, Decimal]:
    wants = {name: aim - held.get(name, ZERO) for name, aim in aims.items()}
    for each in coming:
        for name, quantity in each.items():
            if name in wants:
                wants[name] -= quantity
    return wants


def _coming(
    order: Order, held: Mapping[str, Decimal], position: Decimal, lot: Decimal
) -> dict[str, Decimal]:
    """What the order may still bring to each strategy; one for all takes from each that holds."""
    quantity = order.coming
    if not order.spec.is_for_all:
        return order.coming_for(lot)
    if quantity * position >= 0:
        return {}
    closing = max(quantity, -position) if position > 0 else min(quantity, -position)
    return part_of({name: -own for name, own in held.items() if own}, closing, lot)


def _leads_away(order: Order, wants: Mapping[str, Decimal]) -> bool:
    """Those that it is for want the opposite, or are not configured any more."""
    owners = order.spec.owners
    if order.spec.strategy == BY_HAND:
        return False
    if any(name not in wants for name in owners):
        return True
    want = _of_owners(order, wants)
    return bool(want) and (want > 0) != (order.spec.side is BUY)


def _goes_on(
    order: Order,
    wants: Mapping[str, Decimal],
    lefts: Mapping[str, Decimal],
    aims: Mapping[str, Decimal],
    beyond: Decimal,
) -> bool:
    """A worked order leads to where those that it is for want to be, and only a little beyond."""
    if any(name not in wants for name in order.spec.owners):
        return False
    aim = sum((abs(aims[name]) for name in order.spec.owners), ZERO)
    want, left = _of_owners(order, wants), _of_owners(order, lefts)
    return is_a_little_more(want, left, beyond * aim)


def _of_owners(order: Order, wants: Mapping[str, Decimal]) -> Decimal:
    """What those that it is for want, together."""
    return sum((wants.get(name, ZERO) for name in order.spec.owners), ZERO)


def _closing(want: Decimal, own: Decimal, coming: Iterable[Decimal]) -> Decimal:
    """The part of a want that only takes the strategy's own position down, less what is leaving."""
    if not want:
        return want
    side = side_of(want)
    leaving = sum((abs(quantity) for quantity in coming if quantity * want > 0), ZERO)
    return side.signed(min(abs(want), max(-side.signed(own) - leaving, ZERO)))


__all__ = ["SharedDelta", "change_to", "shared_delta"]
