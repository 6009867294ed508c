"""What the paper exchange reports on an order, and why it rejects one."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.commands import CancelOrder
from tradectl.domain.events import CancelRejected, ExecutionEvent, OrderRejected
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.exchange.paper.order_book import PaperOrderBook
from tradectl.exchange.paper.order_queue import WorkingOrder

SOURCE = "paper"
MARKET = OrderType.MARKET

Reports = list[ExecutionEvent]


def report_on(order: WorkingOrder, kind: type[ExecutionEvent], reason: str = "") -> ExecutionEvent:
    return _report(order.spec.order_id, order.spec.symbol, kind, order.venue_order_id, reason)


def rejection(
    spec: OrderSpec, reason: str, kind: type[ExecutionEvent] = OrderRejected
) -> ExecutionEvent:
    """Of an order that was not accepted: it has no id here."""
    return _report(spec.order_id, spec.symbol, kind, "", reason)


def cancel_rejection(command: CancelOrder) -> ExecutionEvent:
    reason = "no such order is working here"
    return _report(command.order_id, command.symbol, CancelRejected, command.venue_order_id, reason)


def _report(
    order_id: str, symbol: str, kind: type[ExecutionEvent], venue_order_id: str, reason: str
) -> ExecutionEvent:
    return kind(
        source_component=SOURCE,
        order_id=order_id,
        symbol=symbol,
        venue_order_id=venue_order_id,
        reason=reason,
    )


def unacceptable(spec: OrderSpec, book: PaperOrderBook) -> str:
    """Why an order cannot be accepted, whatever the price; empty when it can."""
    if spec.quantity <= 0:
        return f"the quantity must be above zero, not {spec.quantity}"
    if spec.type is not MARKET:
        if spec.type.has_limit and not _is_price(spec.price):
            return f"a {spec.type} order needs a price above zero, not {spec.price}"
        if spec.type.is_stop and not _is_price(spec.stop_price):
            return f"a {spec.type} order needs a stop price above zero, not {spec.stop_price}"
    if spec.reduce_only and not book.reducible(spec.side):
        return f"reduce-only would increase the position of {book.position}"
    return ""


def _is_price(price: Decimal | None) -> bool:
    return price is not None and price > 0


__all__ = ["SOURCE", "Reports", "cancel_rejection", "rejection", "report_on", "unacceptable"]
