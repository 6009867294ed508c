"""What we ask of an exchange. Commands ask; events state what happened."""

from __future__ import annotations

from msgspec import Struct

from tradectl.domain.allocation import ComputeWeights
from tradectl.domain.orders import OrderSpec


class ApprovedOrder(Struct, frozen=True, gc=False):
    """An order that risk has let pass at `created_at` (ns UTC). Only this can be submitted, and only risk
    makes it: the type carries the permission."""

    spec: OrderSpec
    created_at: int


class SubmitOrder(Struct, frozen=True, gc=False):
    order: ApprovedOrder


class CancelOrder(Struct, frozen=True, gc=False):
    order_id: str
    symbol: str
    venue_order_id: str = ""


OutboundCommand = SubmitOrder | CancelOrder

StepCommand = OutboundCommand | ComputeWeights
"""What a step asks for: of an exchange, or of whoever computes."""
