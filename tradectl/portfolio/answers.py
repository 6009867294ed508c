"""What the portfolio says: one answer to each question, and the cancels and orders that follow."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.events import CancelRequested, OrderInitialized, TargetComputed
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order, OrderSpec

NAME = "portfolio"


def moves(
    symbol: str, target: Decimal, current: Decimal, change: Decimal, reason: str
) -> TargetComputed:
    return TargetComputed(
        source_component=NAME,
        symbol=symbol,
        target=target,
        current=current,
        change=change,
        reason=reason,
    )


def stays(symbol: str, target: Decimal, current: Decimal, reason: str) -> TargetComputed:
    return moves(symbol, target, current, ZERO, reason)


def orders(order: OrderSpec, reason: str) -> OrderInitialized:
    return OrderInitialized(source_component=NAME, order=order, reason=reason)


def cancels(working: Iterable[Order], reason: str) -> list[CancelRequested]:
    return [
        CancelRequested(
            source_component=NAME,
            order_id=order.spec.order_id,
            symbol=order.spec.symbol,
            reason=reason,
        )
        for order in working
    ]
