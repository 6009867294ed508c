"""A stop as an order: which coins there are for it, its words, and what is said where it is refused."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import ZERO, Side, plain
from tradectl.domain.orders import PROTECTOR, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import leaving
from tradectl.domain.protection import RESTS
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.needed_stops import NeededStop

HALTED = TradingState.HALTED


def room_of(symbol: str, view: AccountView) -> Decimal:
    """The coins of a spot position that no order binds. One of which nobody knows whether it arrived
    binds none once trading is halted, as there it is no exit."""
    working = view.working_in(symbol)
    bound = working.leaving(Side.SELL)
    if view.trading_state is HALTED:
        unknown = (o for o in working.unsettled.values() if o.status is OrderStatus.UNKNOWN)
        bound -= leaving((o for o in unknown if not o.spec.waits_apart), Side.SELL)
    return max(view.free(symbol) - bound, ZERO)


def comes_free(side: Side, symbol: str, view: AccountView) -> bool:
    """An order that binds coins is being cancelled, and that is waited for; not so in a halt, where one
    more is placed beside it."""
    if view.trading_state is HALTED:
        return False
    not_known = view.working_in(symbol).unsettled.values()
    return any(o.status is OrderStatus.PENDING_CANCEL and o.spec.side is side for o in not_known)


def key_of(symbol: str, owner: str) -> str:
    return symbol if owner == PROTECTOR else f"{symbol} {owner}"


def as_order(stop: NeededStop, symbol: str, order_id: str, mark: Decimal) -> OrderSpec:
    """The stop; where the market is beyond it already a market order for what stays, or where that is
    nothing, for what waits for a price: the rest is leaving at once."""
    reached = stop.is_reached(mark)
    return OrderSpec(
        order_id,
        symbol,
        stop.side,
        (stop.staying or min(stop.waiting, stop.quantity)) if reached else stop.quantity,
        OrderType.MARKET if reached else OrderType.STOP_MARKET,
        stop_price=None if reached else stop.price,
        reduce_only=True,
        strategy=stop.owner,
        leg=stop.leg,
    )


def refusal(symbol: str, view: AccountView, why: str, pause: float) -> str:
    stops = view.working_in(symbol).stops.values()
    others = [stop for stop in stops if stop.status in RESTS]
    left = "an older one rests" if others else "nothing limits its loss"
    return (
        f"{symbol}: the stop of a position of {plain(view.position(symbol).quantity)} was {why}: {left}. "
        f"The next try is in {pause:g} s; `tradectl emergency-stop --flatten` closes it"
    )


__all__ = ["as_order", "comes_free", "key_of", "refusal", "room_of"]
