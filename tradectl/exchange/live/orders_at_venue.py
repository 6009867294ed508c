"""The orders that are open at the venue, as it tells them: shown in a proof, or cancelled past the core.

An order is ours by the tag of its client order id, and protects by what we remember of it; what we do
not remember is told by its shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradectl.domain.errors import ExchangeError
from tradectl.domain.money import Side
from tradectl.exchange.base import OpenOrder, Whose
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.venue import Venue, VenueOrder


class OrdersAtVenue:
    """Those in `symbols`, or everywhere."""

    def __init__(
        self, venue: Venue, symbols: Sequence[str], tracker: OrderTracker, *, is_spot: bool
    ) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._tracker = tracker
        self._is_spot = is_spot

    async def shown(self, *, everything: bool) -> list[OpenOrder]:
        """Those of anybody in our symbols, or with `everything` anywhere. Raises ExchangeError."""
        orders = await self._venue.open_orders(() if everything else self._symbols)
        return [self._shown(order) for order in orders]

    async def cancel(self, *, keep_protection: bool, whose: Whose) -> tuple[str, ...]:
        """Those of `whose`, our protective stops aside with `keep_protection`; their client order ids,
        or the venue's where they have none. Raises ExchangeError for the first that could not be
        cancelled, when all were tried."""
        failed: ExchangeError | None = None
        cancelled = []
        symbols = () if whose is Whose.ALL_UNKNOWN else self._symbols
        for order in await self._venue.open_orders(symbols):
            if not self._is_meant(order, whose) or (keep_protection and self._protects(order)):
                continue
            ours, theirs = order.client_order_id, order.venue_order_id
            try:
                await self._venue.cancel(order.symbol, ours, theirs)
                cancelled.append(ours or theirs)
            except ExchangeError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return tuple(cancelled)

    def _shown(self, order: VenueOrder) -> OpenOrder:
        return OpenOrder(
            order.symbol,
            order.client_order_id,
            order.venue_order_id,
            order.status,
            ours=self._tracker.is_tagged(order.client_order_id),
            protects=self._protects(order),
            side=order.side,
            quantity=order.quantity - order.filled,
            stop_price=order.stop_price,
        )

    def _is_meant(self, order: VenueOrder, whose: Whose) -> bool:
        if whose is not Whose.OURS:
            tracked = self._tracker.find(order)
            if tracked is not None and not tracked.is_over:
                return False
        return whose is Whose.ALL_UNKNOWN or self._tracker.is_tagged(order.client_order_id)

    def _protects(self, order: VenueOrder) -> bool:
        """It is a stop of ours that can only reduce a position; by its shape where we do not remember it:
        on spot whatever sells does."""
        tracked = self._tracker.find(order)
        if tracked is not None:
            return tracked.spec.is_protective
        if not order.type.is_stop or not self._tracker.is_tagged(order.client_order_id):
            return False
        return order.reduce_only or (self._is_spot and order.side is Side.SELL)


__all__ = ["OrdersAtVenue"]
