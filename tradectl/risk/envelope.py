"""An order with a plan is an envelope: it was judged whole, and what leaves of it stays within it.

The envelope counts in every limit as a working order does. A child adds nothing to that: it is judged by
what the account has reserved already, at the prices of now.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import Order, OrderStatus
from tradectl.risk.base import Check, Denial, Figures
from tradectl.risk.context import RiskContext

RELEASES = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


class EnvelopeCheck(Check):
    """A child's parent works and nobody has asked to end it; they are of one symbol and side, no more is
    asked for than the parent has left, and at no worse price."""

    code = "ENVELOPE"

    def check(self, context: RiskContext) -> Denial | None:
        order = context.order
        if not order.parent_id:
            return None
        parent = context.view.order(order.parent_id)
        if parent is None or parent.spec.plan is None:
            return self.deny(f"there is no order {order.parent_id} with a plan")
        if parent.status not in RELEASES:
            return self.deny(f"its order {order.parent_id} is {parent.status}")
        spec = parent.spec
        if order.plan is not None or (order.symbol, order.side) != (spec.symbol, spec.side):
            return self.deny(f"its order {order.parent_id} is to {spec.side} {spec.symbol}")
        if spec.reduce_only and not order.reduce_only:
            return self.deny(f"its order {order.parent_id} is reduce-only")
        if _is_worse(context, spec.price):
            return self.deny(
                f"its order {order.parent_id} has a limit of {plain(spec.price or ZERO)}"
            )
        left = _left(context, parent)
        if order.quantity <= left:
            return None
        return self.deny(
            f"{plain(order.quantity)} is more than the {plain(left)} that its order "
            f"{order.parent_id} has left",
            left,
            order.quantity,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        parent = context.view.order(context.order.parent_id)
        return None if parent is None else Figures(_left(context, parent), context.order.quantity)


def _left(context: RiskContext, parent: Order) -> Decimal:
    """Of its quantity, less what is filled and what others of its children may still fill."""
    children = context.view.working_in(parent.spec.symbol).children_of(parent.spec.order_id)
    return parent.remaining - sum((child.remaining for child in children), ZERO)


def _is_worse(context: RiskContext, limit: Decimal | None) -> bool:
    """It may be filled beyond the parent's limit."""
    order = context.order
    if limit is None:
        return False
    return order.price is None or order.side.signed(order.price) > order.side.signed(limit)


__all__ = ["EnvelopeCheck"]
