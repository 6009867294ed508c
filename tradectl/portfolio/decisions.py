"""What the portfolio decides about a symbol: it moves or stays, and cancels and orders follow.

A change of a position has to be worth its cost. Where it is not, or nothing is to be changed, the
decision says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import cache

from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import (
    CancelRequested,
    Event,
    OrderInitialized,
    StrategiesCrossed,
    SystemEvent,
    SystemEventKind,
    TargetComputed,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import Order, OrderSpec, OrderStatus
from tradectl.domain.refusals import Refusal
from tradectl.domain.shares import Share, StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import PositionDelta
from tradectl.portfolio.shared_delta import SharedDelta

NAME = "portfolio"
NETTED: Reason = (ReasonCode.NOT_WANTED, "netted with the signal that follows")
NO_PRICE: Reason = (ReasonCode.NO_DATA, "no price yet")
STOPPED_OUT: Reason = (ReasonCode.NOT_WANTED, "stopped out: another signal enters again")
CLOSED_FIRST: Reason = (ReasonCode.NOT_WANTED, "the position is closed first")

NOT_THERE: Reason = (ReasonCode.RESTRICTED, "its exchange does not hold it")


def moves(
    symbol: str,
    target: Decimal,
    current: Decimal,
    change: Decimal,
    reason: str,
    strategies: tuple[StrategyTarget, ...] = (),
) -> TargetComputed:
    return TargetComputed(
        source_component=NAME,
        symbol=symbol,
        target=target,
        current=current,
        change=change,
        reason=reason,
        strategies=strategies,
    )


def stays(
    symbol: str,
    target: Decimal,
    current: Decimal,
    why: Reason,
    strategies: tuple[StrategyTarget, ...] = (),
) -> TargetComputed:
    code, reason = why
    return TargetComputed(
        source_component=NAME,
        symbol=symbol,
        target=target,
        current=current,
        change=ZERO,
        reason=reason,
        code=code,
        strategies=strategies,
    )


def cross(
    symbol: str, price: Decimal, shares: Mapping[str, Decimal], reason: str
) -> StrategiesCrossed:
    """Strategies trade with each other, as far as nobody else is needed for it."""
    return StrategiesCrossed(
        source_component=NAME,
        symbol=symbol,
        price=price,
        shares=tuple(Share(name, quantity) for name, quantity in shares.items()),
        reason=reason,
    )


def crossed_out(view: AccountView, reason: str) -> list[Event]:
    """Where the account is flat and strategies hold the opposite of each other, they are out at the
    mark: there is nothing that an order could close."""
    events: list[Event] = []
    for symbol in view.targeted():
        held = {name: own.quantity for name, own in view.holdings(symbol).items()}
        mark = view.mark(symbol)
        if mark and any(held.values()) and not view.position(symbol).quantity:
            shares = {name: -quantity for name, quantity in held.items() if quantity}
            events.append(cross(symbol, mark, shares, reason))
    return events


def orders(order: OrderSpec, reason: str) -> OrderInitialized:
    return OrderInitialized(source_component=NAME, order=order, reason=reason)


def asks(events: Iterable[Event]) -> bool:
    """Something is ordered or cancelled: what becomes of that comes before the stops are seen to."""
    return bool(asked_of(events))


def asked_of(events: Iterable[Event]) -> set[str]:
    """The symbols of what is ordered or cancelled."""
    asked = set()
    for event in events:
        if isinstance(event, OrderInitialized):
            asked.add(event.order.symbol)
        elif isinstance(event, CancelRequested):
            asked.add(event.symbol)
    return asked


def only_enters(events: Iterable[Event], held: Decimal) -> bool:
    """Whatever is ordered adds to what is `held` (signed), and nothing is cancelled."""
    return all(
        isinstance(event, OrderInitialized) and event.order.side.signed(held) > 0
        for event in events
        if isinstance(event, OrderInitialized | CancelRequested)
    )


def cancels(
    working: Iterable[Order], reason: str, *, makes_room: bool = False
) -> list[CancelRequested]:
    return [
        CancelRequested(
            source_component=NAME,
            order_id=order.spec.order_id,
            symbol=order.spec.symbol,
            reason=reason,
            makes_room=makes_room,
        )
        for order in working
    ]


def says(kind: SystemEventKind, symbol: str, message: str) -> SystemEvent:
    """What there is to be known of the symbol, beside what is done about it."""
    return SystemEvent(
        source_component=NAME, kind=kind, component=f"symbol:{symbol}", message=message
    )


def held_off(refusal: Refusal) -> Reason:
    if refusal.is_held:
        return ReasonCode.REFUSED, "cancelled by hand: held until its target changes"
    return ReasonCode.REFUSED, f"refused, and tried again later: {refusal.reason or refusal.cause}"


# --- whether it is worth an order -------------------------------------------------------------------


def obstacle(change: PositionDelta, settings: PortfolioSettings, repeated: bool) -> Reason | None:
    """Why a change that is not zero is not ordered; None when it is.

    A `repeated` target only moves a position that has drifted. Closing is worth any cost, yet what is
    below the exchange's minimum cannot be sent.
    """
    size = abs(change.quantity)
    if repeated and change.is_within(settings.drift):
        return _within(settings.drift)
    notional, smallest = size * change.mark, change.instrument.min_notional
    if size < change.instrument.min_quantity or notional < smallest:
        if change.exits:
            return dust(change.instrument)
        why = f"below the exchange's minimum of {change.instrument.smallest()}"
        return ReasonCode.TOO_SMALL, why
    smallest = settings.min_trade_notional
    if notional < smallest and not change.exits:
        why = f"below the minimum trade of {plain(smallest)} {change.instrument.quote}"
        return ReasonCode.TOO_SMALL, why
    return None


def dust(instrument: Instrument) -> Reason:
    """What is held is no position any more."""
    return (
        ReasonCode.TOO_SMALL,
        f"dust: below the exchange's minimum of {instrument.smallest()}",
    )


def or_stopped_out(why: Reason, targets: Collection[StrategyTarget]) -> Reason:
    """What was stopped out says so, unless another strategy is where it wants to be, or it waits."""
    if why[0] in (ReasonCode.PAUSED, ReasonCode.HALTED):
        return why
    others = [target for target in targets if not target.stopped]
    if len(others) == len(targets) or (
        why[0] is ReasonCode.ON_TARGET and any(t.size for t in others)
    ):
        return why
    return STOPPED_OUT


@cache
def _within(drift: Decimal) -> Reason:
    return ReasonCode.ON_TARGET, f"within the drift of {plain(drift * 100)}% of the target"


def _only_by_growing(change: PositionDelta, state: TradingState) -> Reason | None:
    """Strategies want to be out against which others hold: the account's position would grow by it."""
    if not (state.only_reduces and isinstance(change, SharedDelta)):
        return None
    instrument = change.instrument
    names = [
        name
        for name, want in change.wants.items()
        if not change.aims[name] and not instrument.is_dust(abs(want), change.mark)
    ]
    if not names:
        return None
    code = ReasonCode.PAUSED if state is TradingState.PAUSED else ReasonCode.HALTED
    who = ", ".join(names)
    return code, f"{state.lower()}: to close {who} the account's position would grow, which waits"


def idle(change: PositionDelta, view: AccountView) -> Reason:
    """Why a change is zero."""
    if change.aim != change.target:
        state = view.trading_state
        code = ReasonCode.PAUSED if state is TradingState.PAUSED else ReasonCode.HALTED
        return code, f"{state.lower()}: only what reduces the position is done"
    symbol = change.instrument.symbol
    if view.working_in(symbol).expected.net:
        return ReasonCode.NOT_WANTED, "working orders come first"
    if why := _only_by_growing(change, view.trading_state):
        return why
    if not change.position and not change.aim and view.position(symbol).quantity:
        return dust(change.instrument)
    if view.there(symbol) != change.position:
        return NOT_THERE
    if change.aim == change.position:
        return ReasonCode.ON_TARGET, "on target"
    return ReasonCode.TOO_SMALL, "less than one lot from the target"


def is_unjudged(order_id: str, asked_at: int, view: AccountView, at: int) -> bool:
    """An order that was asked for at `asked_at` and is not judged yet: what follows in the same step,
    which is at one time, does not find it among those that work."""
    known = view.order(order_id)
    if known is None:
        return asked_at == at
    return known.status is OrderStatus.INITIALIZED
