"""What an operator orders: it is a virtual position of its own, which strategies leave alone."""

from __future__ import annotations

from tradectl.domain.events import Event, OrderCommandReceived, OrderInitialized
from tradectl.domain.orders import BY_HAND, Order, OrderSpec, OrderType
from tradectl.domain.views import AccountView
from tradectl.portfolio.decisions import NAME, cancels
from tradectl.portfolio.position_delta import CANCELLABLE


def ordered(command: OrderCommandReceived, order_id: str) -> OrderInitialized:
    """As it was asked for: risk has the last word on it."""
    order = spec_of(command, order_id)
    return OrderInitialized(source_component=NAME, order=order, reason=command.reason or BY_HAND)


def spec_of(command: OrderCommandReceived, order_id: str) -> OrderSpec:
    return OrderSpec(
        order_id=order_id,
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        type=OrderType.MARKET if command.price is None else OrderType.LIMIT,
        price=command.price,
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
