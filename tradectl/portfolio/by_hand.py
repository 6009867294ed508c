"""What an operator orders: it is a virtual position of its own, which strategies leave alone."""

from __future__ import annotations

from tradectl.domain.events import Event, OrderCommandReceived, OrderInitialized
from tradectl.domain.orders import BY_HAND, Order, OrderSpec, OrderType
from tradectl.domain.views import AccountView
from tradectl.portfolio.decisions import NAME, cancels
from tradectl.portfolio.position_delta import CANCELLABLE


def ordered(command: OrderCommandReceived, order_id: str, view: AccountView) -> OrderInitialized:
    """As it was asked for: risk has the last word on it."""
    order = spec_of(command, order_id, view)
    return OrderInitialized(source_component=NAME, order=order, reason=command.reason or BY_HAND)


def spec_of(command: OrderCommandReceived, order_id: str, view: AccountView) -> OrderSpec:
    """Reduce-only where trading is: beside a stop for all that is held, a part of it is sold all the
    same."""
    held = view.position(command.symbol).quantity
    against = command.side.signed(held) < 0
    return OrderSpec(
        order_id=order_id,
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        type=OrderType.MARKET if command.price is None else OrderType.LIMIT,
        price=command.price,
        reduce_only=against and view.trading_state.only_reduces,
        strategy=BY_HAND,
        plan=command.plan,
    )


def recalled(symbol: str, view: AccountView, reason: str) -> list[Event]:
    """Its position is to be closed: what works in it is cancelled, but the stops."""
    working = [o for o in view.working_orders(symbol) if not o.spec.is_protective]
    return [*cancels([o for o in working if _may_be_cancelled(o)], reason)]


def _may_be_cancelled(order: Order) -> bool:
    return order.status in CANCELLABLE


__all__ = ["ordered", "recalled", "spec_of"]
