"""The working orders of one symbol, and what they add up to.

Decisions ask the same of them again and again: what they may still trade, how much of a position is on
its way out, which are protective stops. So each order is sorted as it comes, and the sums are kept: a
symbol with a thousand orders answers as fast as one with a single one. The sums are exact, whatever came
and went before.

    protective stops    they wait for the day when things go wrong, and are no step toward any target
    take-profits        they wait for a better day, and are none either
    quotes              what strategies want to rest: no step toward a target either
    expected            all others that nobody asked to cancel: they count as if they will fill
    unsettled           an answer is awaited: what was filled of them is not known
    children            of orders with a plan, which are counted for them: they are in none of the sums
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from heapq import heappop, heappush

from msgspec import Struct

from tradectl.domain.money import ZERO, Side, plus_exactly, shortest
from tradectl.domain.orders import BY_HAND, WORKING, Order, OrderSpec, OrderStatus

BUY, SELL = Side.BUY, Side.SELL
KEPT_OVER = 64
"""Prices of orders that are over, at most, beside twice as many as there are orders."""
PENDING_CANCEL = OrderStatus.PENDING_CANCEL
UNSETTLED = frozenset(
    {OrderStatus.APPROVED, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, PENDING_CANCEL}
)


class Quantities(Struct, frozen=True, gc=False):
    """What orders may still trade, unsigned, by side."""

    buys: Decimal
    sells: Decimal

    @property
    def net(self) -> Decimal:
        return shortest(self.buys - self.sells)

    def on(self, side: Side) -> Decimal:
        return self.buys if side is BUY else self.sells

    def without(self, orders: Iterable[Order]) -> Quantities:
        buys, sells = self.buys, self.sells
        for order in orders:
            if order.spec.side is BUY:
                buys -= order.remaining
            else:
                sells -= order.remaining
        return Quantities(shortest(buys), shortest(sells))


class Told(Struct, frozen=True, gc=False):
    """The sums in the digits that they are told in; see `WorkingOrders`."""

    free: Quantities
    reducing: Quantities
    expected: Quantities


class WorkingOrders:
    """The oldest first. What is in here is changed by `change` alone."""

    __slots__ = (
        "_all", "_apart_buys", "_apart_sells", "_buys", "_closing_buys", "_closing_sells",
        "_limit_cost", "_market_buys", "_of_one", "_of_parent", "_others", "_quotes_of", "_resting",
        "_sells", "_shared", "_told",
        "children", "of_strategies", "quotes", "stops", "take_profits", "unsettled",
    )  # fmt: skip

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._all: dict[str, Order] = {}
        self._others: dict[Side, dict[str, Order]] = {BUY: {}, SELL: {}}
        self._resting: dict[Side, list[tuple[Decimal, str]]] = {BUY: [], SELL: []}
        """heaps, the best price first, with what is over until it comes up"""
        self.stops: dict[str, Order] = {}
        self.take_profits: dict[str, Order] = {}
        self.quotes: dict[str, Order] = {}
        self._quotes_of: dict[tuple[str, Side], dict[str, Order]] = {}
        self.unsettled: dict[str, Order] = {}
        self.children: dict[str, Order] = {}
        self._of_parent: dict[str, dict[str, Order]] = {}
        self.of_strategies: dict[str, Order] = {}
        """all but those by hand, which no strategy has a part in"""
        self._shared: dict[str, Order] = {}
        """of several strategies, not reduce-only"""
        self._of_one: dict[Side, dict[str, Decimal]] | None = None
        """of one strategy, not reduce-only: kept once somebody asked"""
        self._begin()
        for order in orders:
            self.add(order)

    def _begin(self) -> None:
        """Nothing works: no digits are left of what has."""
        self._buys = self._sells = self._closing_buys = self._closing_sells = ZERO
        self._apart_buys = self._apart_sells = self._limit_cost = self._market_buys = ZERO
        self._of_one = None
        self._told: Told | None = None

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Order]:
        return iter(self._all.values())

    def __contains__(self, order: object) -> bool:
        return isinstance(order, Order) and order.spec.order_id in self._all

    @property
    def has_by_hand(self) -> bool:
        return len(self._all) > len(self.of_strategies)

    def sent(self) -> list[Order]:
        """Those that may be at an exchange."""
        own = [order for order in self if order.spec.plan is None]
        return [*own, *self.children.values()] if self.children else own

    def children_of(self, parent_id: str) -> list[Order]:
        """Those of its orders that may still trade, the oldest first."""
        return [*self._of_parent.get(parent_id, {}).values()]

    def quotes_of(self, strategy: str, side: Side) -> list[Order]:
        """What rests of it on that side, the oldest first."""
        return [*self._quotes_of.get((strategy, side), {}).values()]

    def on(self, side: Side) -> Collection[Order]:
        """Those that are no protective stops, no take-profits and no quotes."""
        return self._others[side].values()

    def best(self, side: Side) -> Order | None:
        """The resting order of that side that is met first by who trades against it. One that is asked to
        be cancelled is not met any more, unless its cancel is refused."""
        prices, orders = self._resting[side], self._all
        while prices:
            order_id = prices[0][1]
            order = orders.get(order_id) or self.children.get(order_id)
            if order is not None and order.status is not PENDING_CANCEL:
                return order
            heappop(prices)
        return None

    @property
    def free(self) -> Quantities:
        """Of those that take a position as far as they go."""
        return (self._told or self._tell()).free

    @property
    def reducing(self) -> Quantities:
        """Of the reduce-only ones, stops among them."""
        return (self._told or self._tell()).reducing

    @property
    def expected(self) -> Quantities:
        """Of those that count as if they will fill."""
        return (self._told or self._tell()).expected

    def _tell(self) -> Told:
        """Once for all who ask before the next change."""
        free = Quantities(shortest(self._buys), shortest(self._sells))
        reducing = Quantities(shortest(self._closing_buys), shortest(self._closing_sells))
        expected = Quantities(
            shortest(free.buys + reducing.buys - shortest(self._apart_buys)),
            shortest(free.sells + reducing.sells - shortest(self._apart_sells)),
        )
        self._told = told = Told(free, reducing, expected)
        return told

    def leaving(self, side: Side) -> Decimal:
        """What all of them may still trade on that side, unsigned."""
        told = self._told or self._tell()
        return told.free.on(side) + told.reducing.on(side)

    @property
    def coming(self) -> Decimal:
        """Signed quantity that they may still trade, taken together."""
        return shortest(self.leaving(BUY) - self.leaving(SELL))

    def cost_at(self, mark: Decimal) -> Decimal:
        """What the buys may cost: at their limits, and where they name none at the `mark`."""
        return shortest(self._limit_cost) + shortest(self._market_buys) * mark

    def entering(self, lot: Decimal) -> dict[Side, dict[str, Decimal]]:
        """By side and strategy: what those that are not reduce-only may still trade, unsigned. `lot` is
        the quantity step."""
        if self._of_one is None:
            self._of_one = {BUY: {}, SELL: {}}
            for order in self:
                self._enters(order.spec, order.remaining, self._of_one)
        found = {
            side: {name: shortest(sum_) for name, sum_ in sums.items()}
            for side, sums in self._of_one.items()
        }
        for order in self._shared.values():
            for name, coming in order.coming_for(lot).items():
                side = found[BUY if coming > 0 else SELL]
                side[name] = side.get(name, ZERO) + abs(coming)
        return found

    @staticmethod
    def _enters(spec: OrderSpec, quantity: Decimal, of_one: dict[Side, dict[str, Decimal]]) -> None:
        if spec.is_for_one and not spec.reduce_only:
            sums = of_one[spec.side]
            sums[spec.strategy] = plus_exactly(sums.get(spec.strategy, ZERO), quantity)

    # --- as they come, change and go ------------------------------------------------------------------

    def add(self, order: Order) -> None:
        order_id = order.spec.order_id
        if order.status in UNSETTLED:
            self.unsettled[order_id] = order
        self._may_rest(order)
        spec = order.spec
        if spec.parent_id:
            self.children[order_id] = order
            self._of_parent.setdefault(spec.parent_id, {})[order_id] = order
            return
        self._all[order_id] = self._kind(spec)[order_id] = order
        if spec.tag:
            self._quotes_of.setdefault((spec.strategy, spec.side), {})[order_id] = order
        if spec.strategy != BY_HAND:
            self.of_strategies[order_id] = order
        if spec.shares and not spec.reduce_only:
            self._shared[order_id] = order
        self._count(order, order.remaining)

    def _may_rest(self, order: Order) -> None:
        """At its price, where it has one of its own."""
        spec, price = order.spec, order.spec.price
        if price is None or spec.type.is_stop or spec.plan is not None:
            return
        prices = self._resting[spec.side]
        heappush(prices, (-price if spec.side is BUY else price, spec.order_id))
        if len(prices) > KEPT_OVER + 2 * (len(self._all) + len(self.children)):
            # what is over may never come up; what came back from a cancel may be there twice
            found = {p for p in prices if p[1] in self._all or p[1] in self.children}
            prices[:] = sorted(found)

    def change(self, order: Order, status: OrderStatus, filled: Decimal) -> None:
        """It has another status now, or so much `filled`; one that is over by it is no longer here."""
        if status not in WORKING:
            self._remove(order)
            order.status, order.filled = status, filled
            return
        was_cancelled = order.status is PENDING_CANCEL
        cancels = (status is PENDING_CANCEL) is not was_cancelled
        if order.spec.parent_id:
            order.filled = filled
        elif cancels or filled != order.filled:
            self._count(order, -order.remaining)
            order.status, order.filled = status, filled
            self._count(order, order.remaining)
        order.status = status
        if status in UNSETTLED:
            self.unsettled[order.spec.order_id] = order
        else:
            self.unsettled.pop(order.spec.order_id, None)
        if was_cancelled and cancels:
            self._may_rest(order)

    def _remove(self, order: Order) -> None:
        order_id = order.spec.order_id
        if self.children.pop(order_id, None) is not None:
            self.unsettled.pop(order_id, None)
            siblings = self._of_parent[order.spec.parent_id]
            del siblings[order_id]
            if not siblings:
                del self._of_parent[order.spec.parent_id]
            return
        del self._all[order_id]
        self.of_strategies.pop(order_id, None)
        del self._kind(order.spec)[order_id]
        if order.spec.tag:
            del self._quotes_of[order.spec.strategy, order.spec.side][order_id]
        self.unsettled.pop(order_id, None)
        self._shared.pop(order_id, None)
        if self._all:
            self._count(order, -order.remaining)
        else:
            self._begin()
            if not self.children:  # they may be there a moment longer than their orders
                self._resting = {BUY: [], SELL: []}

    def _kind(self, spec: OrderSpec) -> dict[str, Order]:
        if spec.leg is None and not spec.tag and not spec.reduce_only:  # the usual case
            return self._others[spec.side]
        if spec.is_target:
            return self.take_profits
        if spec.tag:
            return self.quotes
        return self.stops if spec.is_protective else self._others[spec.side]

    def _count(self, order: Order, quantity: Decimal) -> None:
        """So much of it, and below zero no longer."""
        self._told = None
        spec, apart = order.spec, not counts(order)
        if self._of_one is not None:
            self._enters(spec, quantity, self._of_one)
        if spec.side is SELL:
            if spec.reduce_only:
                self._closing_sells = plus_exactly(self._closing_sells, quantity)
            else:
                self._sells = plus_exactly(self._sells, quantity)
            if apart:
                self._apart_sells = plus_exactly(self._apart_sells, quantity)
            return
        if spec.reduce_only:
            self._closing_buys = plus_exactly(self._closing_buys, quantity)
        else:
            self._buys = plus_exactly(self._buys, quantity)
        if apart:
            self._apart_buys = plus_exactly(self._apart_buys, quantity)
        if spec.price:
            self._limit_cost = plus_exactly(self._limit_cost, quantity * spec.price)
        else:
            self._market_buys = plus_exactly(self._market_buys, quantity)


NO_ORDERS = WorkingOrders()


def counts(order: Order) -> bool:
    """It is expected to fill."""
    return order.status is not PENDING_CANCEL and not order.spec.waits_apart


__all__ = ["NO_ORDERS", "Quantities", "WorkingOrders", "counts"]
