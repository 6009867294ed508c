"""What positions come to by what they have in common: long or short, of a group of symbols, of a
strategy.

Working orders count as filled, as far as they enlarge a position. Each symbol is counted anew where its
price, its position or its orders changed, and no other is looked at: so a limit on a hundred symbols
together costs an order no more than one on a single symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.money import ZERO, Side, less_exactly, plus_exactly, shortest
from tradectl.domain.positions import Position
from tradectl.domain.working_orders import WorkingOrders

LONG, SHORT = "long", "short"

OF_GROUP = "group "


class Group(Struct, frozen=True):
    """Some symbols, or some strategies, that are counted together under a `name`."""

    name: str
    symbols: frozenset[str]
    strategies: frozenset[str]


class ExposureTally:
    """In money, by label: `long`, `short`, and `group NAME`."""

    def __init__(self, groups: Iterable[Group]) -> None:
        groups = tuple(groups)
        self._by_symbol: dict[str, tuple[Group, ...]] = {}
        for group in groups:
            for symbol in sorted(group.symbols):
                self._by_symbol[symbol] = (*self._by_symbol.get(symbol, ()), group)
        self._of_strategies = tuple(group for group in groups if group.strategies)
        self._parts: dict[str, dict[str, Decimal]] = {}
        self._totals: dict[str, Decimal] = {}
        self._numbers: dict[str, int] = {}

    def groups_of(self, symbol: str, strategies: Iterable[str]) -> list[Group]:
        """Those that an order of `strategies` in the symbol is of."""
        names = frozenset(strategies)
        of_them = [group for group in self._of_strategies if group.strategies & names]
        return [*self._by_symbol.get(symbol, ()), *of_them]

    def total(self, label: str) -> Decimal:
        return shortest(self._totals.get(label, ZERO))

    def number(self, label: str) -> int:
        """Of the symbols that are in it."""
        return self._numbers.get(label, 0)

    def part(self, symbol: str, label: str) -> Decimal:
        return self._parts.get(symbol, {}).get(label, ZERO)

    def count(
        self,
        symbol: str,
        held: Decimal,
        orders: WorkingOrders,
        mark: Decimal,
        own: Mapping[str, Position],
        lot: Decimal,
    ) -> None:
        """The symbol as it is now; `own` are the strategies' positions in it."""
        long, short = sides(held, orders)
        after = {LONG: long * mark, SHORT: short * mark}
        for group in self._by_symbol.get(symbol, ()):
            after[OF_GROUP + group.name] = max(long, short) * mark
        if self._of_strategies and (own or orders):
            wanted = of_strategies(own, orders, lot)
            for group in self._of_strategies:
                size = sum((wanted[name] for name in wanted if name in group.strategies), ZERO)
                after[OF_GROUP + group.name] = size * mark
        after = {label: value for label, value in after.items() if value}
        before = self._parts.pop(symbol, {})
        if after:
            self._parts[symbol] = after
        for label, now in after.items():
            self._move(label, before.pop(label, ZERO), now)
        for label, was in before.items():
            self._move(label, was, ZERO)

    def _move(self, label: str, was: Decimal, now: Decimal) -> None:
        if was == now:
            return
        self._totals[label] = plus_exactly(self._totals.get(label, ZERO), less_exactly(now, was))
        if not was or not now:
            self._numbers[label] = self.number(label) + bool(now) - bool(was)


def sides(held: Decimal, orders: WorkingOrders, more: Decimal = ZERO) -> tuple[Decimal, Decimal]:
    """How long, and how short, the position can become as its orders fill, and another one of `more`
    coins (signed)."""
    free = orders.free
    long = held + free.buys + max(more, ZERO)
    short = -held + free.sells + max(-more, ZERO)
    return max(long, ZERO), max(short, ZERO)


def of_strategies(
    own: Mapping[str, Position],
    orders: WorkingOrders,
    lot: Decimal,
    more: Mapping[str, Decimal] | None = None,
) -> dict[str, Decimal]:
    """By strategy: how large its own position can become as working orders fill, and what comes `more`
    (signed)."""
    entering = orders.entering(lot)
    buys, sells = entering[Side.BUY], entering[Side.SELL]
    for name, quantity in (more or {}).items():
        side = buys if quantity > 0 else sells
        side[name] = side.get(name, ZERO) + abs(quantity)
    found = {}
    for name in {**own, **buys, **sells}:
        held = own[name].quantity if name in own else ZERO
        long, short = held + buys.get(name, ZERO), -held + sells.get(name, ZERO)
        found[name] = max(long, short, ZERO)
    return found


def label_of(side: Side) -> str:
    return LONG if side == Side.BUY else SHORT


__all__ = [
    "LONG",
    "OF_GROUP",
    "SHORT",
    "ExposureTally",
    "Group",
    "label_of",
    "of_strategies",
    "sides",
]
