"""A book by price, then time. It holds orders and tells who is next; it settles nothing.

It also counts changes of levels, which is what depth streams are numbered by.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from decimal import Decimal

from tradectl.testkit.orders import ZERO, Order, opposite


class Ladder:
    """One side, the best price last."""

    def __init__(self, side: str) -> None:
        self._sign = 1 if side == "BUY" else -1
        self._levels: dict[Decimal, dict[int, Order]] = {}
        self._keys: list[Decimal] = []

    def add(self, order: Order, price: Decimal) -> None:
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = {}
            insort(self._keys, price * self._sign)
        level[order.id] = order

    def remove(self, order: Order, price: Decimal) -> None:
        level = self._levels.get(price)
        if level is None or level.pop(order.id, None) is None or level:
            return
        del self._levels[price]
        self._keys.remove(price * self._sign)

    @property
    def best(self) -> Order | None:
        if not self._keys:
            return None
        return next(iter(self._levels[self._keys[-1] * self._sign].values()))

    def size_at(self, price: Decimal) -> Decimal:
        return sum((order.remaining for order in self._levels.get(price, {}).values()), ZERO)

    def prices(self) -> Iterator[Decimal]:
        return (key * self._sign for key in reversed(self._keys))

    def orders(self) -> Iterator[Order]:
        """The next to trade first."""
        for price in list(self.prices()):
            yield from list(self._levels.get(price, {}).values())


class DepthBook:
    def __init__(self) -> None:
        self._sides = {"BUY": Ladder("BUY"), "SELL": Ladder("SELL")}
        self._changed: dict[tuple[str, Decimal], None] = {}
        self.update_id = 1000

    def rest(self, order: Order) -> None:
        assert order.price is not None
        self._sides[order.side].add(order, order.price)
        self.touch(order)

    def take_out(self, order: Order) -> None:
        if order.price is not None:
            self._sides[order.side].remove(order, order.price)
            self.touch(order)

    def touch(self, order: Order) -> None:
        """The level of `order` has changed."""
        if order.price is not None:
            self._changed[order.side, order.price] = None

    def best(self, side: str) -> Order | None:
        return self._sides[side].best

    def orders(self, side: str) -> Iterator[Order]:
        return self._sides[side].orders()

    def top(self, side: str) -> tuple[Decimal, Decimal] | None:
        best = self._sides[side].best
        if best is None or best.price is None:
            return None
        return best.price, self._sides[side].size_at(best.price)

    def levels(self, side: str, limit: int) -> list[tuple[Decimal, Decimal]]:
        ladder = self._sides[side]
        prices = [price for _, price in zip(range(limit), ladder.prices(), strict=False)]
        return [(price, ladder.size_at(price)) for price in prices]

    def take_changes(self) -> list[tuple[str, Decimal, Decimal]]:
        """Levels changed since the last call, with their sizes now; each moves `update_id` by one."""
        changes = [(side, price, self._sides[side].size_at(price)) for side, price in self._changed]
        self._changed.clear()
        self.update_id += len(changes)
        return changes

    def would_trade(self, order: Order) -> tuple[Decimal, Decimal]:
        """Quantity and cost that `order` would take at once."""
        wanted, quote = order.remaining, order.quote_quantity
        taken, cost = ZERO, ZERO
        for maker in self._sides[opposite(order.side)].orders():
            assert maker.price is not None
            if not order.crosses(maker.price):
                break
            share = maker.remaining
            share = min(share, (quote - cost) / maker.price if quote else wanted - taken)
            taken += share
            cost += share * maker.price
            if (quote and cost >= quote) or (not quote and taken >= wanted):
                break
        return taken, cost
