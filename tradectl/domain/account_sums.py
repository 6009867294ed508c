"""What an account's symbols add up to: worth, exposure, margin, and what working orders may add.

Each symbol is counted at its newest price, and counted anew when its price, its position or its orders
change; no other symbol is looked at. So an order costs the same beside a thousand positions as beside
one. The sums are exact, in whatever order symbols come and go.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from tradectl.domain.instruments import Instrument, MarginMode
from tradectl.domain.margin import initial, taken
from tradectl.domain.money import ZERO, less_exactly, plus_exactly, shortest
from tradectl.domain.positions import Position, widest
from tradectl.domain.working_orders import WorkingOrders

CROSS = MarginMode.CROSS


class HeldValue(Struct, frozen=True, gc=False):
    """A position at a `price`: what it adds to the cash (`worth`), its size in money, and of one on cross
    margin its open profit."""

    position: Position
    perpetual: Instrument | None
    price: Decimal
    worth: Decimal
    size: Decimal
    profit: Decimal

    def worth_at(self, price: Decimal) -> Decimal:
        """What it would add to the cash at another price."""
        notional = self.position.quantity * price
        return notional if self.perpetual is None else notional - self.position.cost


class WorkingValue(Struct, frozen=True, gc=False):
    """What a symbol's working orders may add to its exposure, cost (coins) and take as initial margin
    (a perpetual), in money."""

    adds: Decimal
    costs: Decimal
    takes: Decimal


NOTHING_HELD = HeldValue(Position(""), None, ZERO, ZERO, ZERO, ZERO)
NOTHING_WORKS = WorkingValue(ZERO, ZERO, ZERO)


class AccountSums:
    """`unpriced` symbols have working orders and no price: they are not in what orders may add."""

    def __init__(self) -> None:
        self.held: dict[str, HeldValue] = {}
        self.working: dict[str, WorkingValue] = {}
        self.unpriced: dict[str, None] = {}
        self.perpetuals = 0
        self._margins: dict[str, Decimal] = {}
        self._margins_changed: dict[str, None] = {}
        self._worth = self._size = self._profit = self._margin = ZERO
        self._adds = self._costs = self._takes = ZERO
        self._told_worth: Decimal | None = ZERO

    def part(self, symbol: str) -> AccountSums:
        """The same of what is at the symbol's exchange: all of it, where there is only one."""
        return self

    # --- what is asked --------------------------------------------------------------------------------

    @property
    def worth(self) -> Decimal:
        """What positions add to the cash: coins are worth their price, perpetuals their open profit."""
        if self._told_worth is None:
            self._told_worth = shortest(self._worth)
        return self._told_worth

    @property
    def exposure(self) -> Decimal:
        """Gross: the absolute notional of all positions."""
        return shortest(self._size)

    @property
    def cross_profit(self) -> Decimal:
        """Open profit of the perpetuals on cross margin."""
        return shortest(self._profit)

    @property
    def orders_cost(self) -> Decimal:
        """What working buys of coins may cost: at their own price, else at the mark."""
        return shortest(self._costs)

    def orders_add(self, but: str) -> Decimal:
        """What working orders of other symbols may add to the exposure."""
        if not self.working:
            return ZERO
        return shortest(less_exactly(self._adds, self.working.get(but, NOTHING_WORKS).adds))

    def orders_take(self, but: str) -> Decimal:
        """The initial margin that working orders of other perpetuals may take."""
        if not self.working:
            return ZERO
        return shortest(less_exactly(self._takes, self.working.get(but, NOTHING_WORKS).takes))

    def margin(self, but: str) -> Decimal:
        """The initial margin that the other perpetuals take that are held."""
        for symbol in [changed for changed in self._margins_changed if changed != but]:
            self._count_margin(symbol)
            del self._margins_changed[symbol]
        return shortest(less_exactly(self._margin, self._margins.get(but, ZERO)))

    # --- what changed ---------------------------------------------------------------------------------

    def hold(self, position: Position, mark: Decimal | None, perpetual: Instrument | None) -> None:
        """A position as it is now, at the `mark`, or before the first at its entry."""
        symbol = position.symbol
        before = self.held.get(symbol, NOTHING_HELD)
        if before.position is position and before.price == mark and before.perpetual is perpetual:
            return
        if position.quantity:
            after = self.held[symbol] = _value(position, mark, perpetual)
        elif before is NOTHING_HELD:
            return
        else:
            after = NOTHING_HELD
            del self.held[symbol]
        if perpetual is not None:
            self.perpetuals += (after is not NOTHING_HELD) - (before is not NOTHING_HELD)
            self._margins_changed[symbol] = None
        self._move(before, after)

    def price(self, symbol: str, mark: Decimal) -> None:
        """What is held of the symbol has another mark."""
        before = self.held[symbol]
        if before.price != mark:
            after = self.held[symbol] = _value(before.position, mark, before.perpetual)
            if after.perpetual is not None:
                self._margins_changed[symbol] = None
            self._move(before, after)

    def _move(self, before: HeldValue, after: HeldValue) -> None:
        self._told_worth = None
        if len(self.held) == 1 and after is not NOTHING_HELD:  # the usual case
            self._worth, self._size, self._profit = after.worth, after.size, after.profit
            return
        self._worth = plus_exactly(self._worth, less_exactly(after.worth, before.worth))
        self._size = plus_exactly(self._size, less_exactly(after.size, before.size))
        self._profit = _moved(self._profit, before.profit, after.profit)

    def work(
        self,
        symbol: str,
        orders: WorkingOrders,
        held: Decimal,
        mark: Decimal | None,
        perpetual: Instrument | None,
    ) -> None:
        """The working orders of a symbol as they are now, where `held` is held."""
        before, after = self.working.pop(symbol, NOTHING_WORKS), NOTHING_WORKS
        self.unpriced.pop(symbol, None)
        if not orders and before is NOTHING_WORKS:
            return
        if orders and mark is None:
            self.unpriced[symbol] = None
        elif orders and mark is not None:
            after = self.working[symbol] = _may(orders, held, mark, perpetual)
        self._adds = _moved(self._adds, before.adds, after.adds)
        self._costs = _moved(self._costs, before.costs, after.costs)
        self._takes = _moved(self._takes, before.takes, after.takes)

    def _count_margin(self, symbol: str) -> None:
        held, before = self.held.get(symbol), self._margins.pop(symbol, ZERO)
        after = ZERO
        if held is not None and held.perpetual is not None:
            after = self._margins[symbol] = taken(held.position, held.perpetual, held.price)
        self._margin = _moved(self._margin, before, after)


def _value(position: Position, mark: Decimal | None, perpetual: Instrument | None) -> HeldValue:
    price = mark or position.entry_price  # a price of nothing is none
    notional = position.quantity * price
    if perpetual is None:
        return HeldValue(position, None, price, notional, abs(notional), ZERO)
    worth = notional - position.cost
    profit = worth if perpetual.margin is CROSS else ZERO
    return HeldValue(position, perpetual, price, worth, abs(notional), profit)


def _may(
    orders: WorkingOrders, held: Decimal, mark: Decimal, perpetual: Instrument | None
) -> WorkingValue:
    adds = max(widest(held, orders) - abs(held), ZERO) * mark
    if perpetual is None:
        return WorkingValue(adds, orders.cost_at(mark), ZERO)
    return WorkingValue(adds, ZERO, initial(perpetual, adds))


def _moved(total: Decimal, before: Decimal, after: Decimal) -> Decimal:
    return total if after == before else plus_exactly(total, less_exactly(after, before))


__all__ = ["AccountSums"]
