"""What a strategy is told of itself: its timer, its fills, and what becomes of its orders."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from tradectl.domain.events import OrderFilled
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderStatus, OrderType
from tradectl.strategy.bars import spell_timeframe


class Timer(Struct, frozen=True, gc=False):
    """Its time has come: `ts` (ns UTC)."""

    ts: int


class Fill(Struct, frozen=True, gc=False):
    """Its part of a fill: coins bought or sold for it, at the `price` of the fill; `fee` in the account's
    currency, `tag` the level of its quotes. Strategies that traded with each other have no order
    (`order_id` is empty)."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    ts: int
    order_id: str = ""
    tag: str = ""

    @property
    def signed(self) -> Decimal:
        return self.side.signed(self.quantity)


class OrderUpdate(Struct, frozen=True, gc=False):
    """An order of its own, or that it has a part in, as it is now."""

    order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    filled: Decimal
    status: OrderStatus
    reason: str
    ts: int
    tag: str = ""

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_over(self) -> bool:
        return self.status in _OVER


_S = OrderStatus
_OVER = frozenset({_S.DENIED, _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED})


def whole_fill(fill: OrderFilled, at: int, tag: str) -> Fill:
    """A fill of an order that is its own alone."""
    ts = fill.ts or at
    return Fill(fill.symbol, fill.side, fill.quantity, fill.price, fill.fee, ts, fill.order_id, tag)


def update_of(order: Order) -> OrderUpdate:
    spec = order.spec
    return OrderUpdate(
        spec.order_id,
        spec.symbol,
        spec.side,
        spec.type,
        spec.quantity,
        spec.price,
        order.filled,
        order.status,
        order.reason,
        order.updated_at,
        spec.tag,
    )


def timer_name(interval: int) -> str:
    """Of the timer that strategies hear every `interval` ns."""
    return f"strategies, every {spell_timeframe(interval)}"


__all__ = ["Fill", "OrderUpdate", "Timer", "timer_name", "update_of", "whole_fill"]
