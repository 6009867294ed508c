"""Orders that wait for the market, in the order in which it reaches them.

A queue holds one kind of them: bids, asks, or the stops that wait for a rise or a fall. Whom the market
reaches first stands first, and within a price the oldest: where one is not reached, nobody behind is, and
nobody behind is looked at. The first stands at the end of a sorted list, where most come and go.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderSpec, OrderType

UNBOUNDED = Decimal("Infinity")
BUY, MARKET = Side.BUY, OrderType.MARKET


class WorkingOrder(Struct, eq=False):
    """An order that may still trade here.

    `limit` is the worst price it takes, `left` the quantity it may still trade (zero when it is
    over), `stop` the price that it waits for (None once triggered), `fills` how often it traded.
    `arriving` until it meets the market, where that is with the next event; it came `inside_candle` when
    that had opened and not closed. `place` is its number among those that came to its book.
    """

    spec: OrderSpec
    venue_order_id: str
    limit: Decimal
    left: Decimal
    stop: Decimal | None = None
    fills: int = 0
    arriving: bool = False
    inside_candle: bool = False
    place: int = 0

    @classmethod
    def of(cls, spec: OrderSpec, venue_order_id: str) -> WorkingOrder:
        kind, any_price = spec.type, UNBOUNDED if spec.side is BUY else ZERO
        if kind is MARKET:
            return cls(spec, venue_order_id, any_price, spec.quantity)
        limit = spec.price if kind.has_limit else None
        return cls(
            spec,
            venue_order_id,
            any_price if limit is None else limit,
            spec.quantity,
            spec.stop_price if kind.is_stop else None,
        )

    @property
    def is_market(self) -> bool:
        """It never rests at a price of its own."""
        return not self.spec.type.has_limit


class OrderQueue(list[WorkingOrder]):
    """Those of one kind, the first at the end: `reversed` begins with it. `put` and `take_out` know an
    order by its prices and its place in the book, which must not change in between."""

    def put(self, order: WorkingOrder) -> None:
        insort(self, order, key=_rank)

    def take_out(self, order: WorkingOrder) -> None:
        del self[bisect_left(self, _rank(order), key=_rank)]


def _rank(order: WorkingOrder) -> tuple[Decimal, int]:
    """The higher, the sooner: high bids, low asks, low stops of buyers, high stops of sellers; of two at
    a price the older."""
    buys = order.spec.side is BUY
    if order.stop is not None:
        return (-order.stop if buys else order.stop), -order.place
    return (order.limit if buys else -order.limit), -order.place


__all__ = ["OrderQueue", "WorkingOrder"]
