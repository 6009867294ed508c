"""What an order would make of positions that belong together: those on one side, those of a group of
symbols, those of a strategy. What only reduces a position passes, and so does a child: its parent was
judged whole."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.exposure_tally import (
    OF_GROUP,
    ExposureTally,
    Group,
    label_of,
    of_strategies,
    sides,
)
from tradectl.domain.money import HUNDRED, ZERO, Side, money_text, plain
from tradectl.domain.orders import OrderSpec
from tradectl.risk.base import Check, Denial, Figures
from tradectl.risk.context import RiskContext
from tradectl.risk.order_limits import Budget, OrderLimits


class SameDirectionCheck(Check):
    """Not too many positions, and not too much, on one side: markets fall together."""

    code = "SAME_DIRECTION"

    def __init__(self, number: int | None, notional: Decimal | None) -> None:
        self._number = number
        self._notional = notional

    def check(self, context: RiskContext) -> Denial | None:
        if context.impact.reduces or context.order.parent_id:
            return None
        number, total, grows = self._after(context)
        side = label_of(context.order.side)
        if not grows:
            return None
        if self._number is not None and number > self._number:
            return self.deny(
                f"it would be position number {number} that is {side}: the limit is {self._number}",
                Decimal(self._number),
                Decimal(number),
            )
        if self._notional is not None and total > self._notional:
            return self.deny(
                f"all {side} positions together could reach {money_text(total)}, over the limit of "
                f"{money_text(self._notional)}",
                self._notional,
                total,
            )
        return None

    def figures(self, context: RiskContext) -> Figures | None:
        number, total, _ = self._after(context)
        if self._notional is not None:
            return Figures(self._notional, total)
        return Figures(Decimal(self._number or 0), Decimal(number))

    def _after(self, context: RiskContext) -> tuple[int, Decimal, bool]:
        """How many there would be on the order's side, worth how much; and whether that is more than
        now."""
        order, tally = context.order, context.view.at_stake()
        label, mark = label_of(order.side), context.impact.mark
        here = context.view.working_in(order.symbol)
        long, short = sides(context.impact.held, here, order.side.signed(order.quantity))
        after = (long if order.side == Side.BUY else short) * mark
        before = tally.part(order.symbol, label)
        number = tally.number(label) + bool(after) - bool(before)
        return number, tally.total(label) - before + after, after > before


class BudgetCheck(Check):
    """A group of symbols, or of strategies, has so much of equity at work at most."""

    code = "BUDGET"

    def __init__(self, budgets: tuple[Budget, ...]) -> None:
        self._budgets = {budget.name: budget for budget in budgets}

    def check(self, context: RiskContext) -> Denial | None:
        if context.impact.reduces or context.order.parent_id:
            return None
        equity = context.impact.equity
        for group, total, grows in _totals(context):
            most = self._budgets[group.name].max_pct
            if grows and total * HUNDRED > most * equity:
                pct = _of_equity(total, equity)
                return self.deny(
                    f"the budget {group.name!r} could come to {pct:,.2f}% of equity: the limit is "
                    f"{plain(most)}%",
                    most,
                    pct,
                )
        return None

    def figures(self, context: RiskContext) -> Figures | None:
        """Of the budget that has least left."""
        equity = context.impact.equity
        found = [
            Figures(self._budgets[group.name].max_pct, _of_equity(total, equity))
            for group, total, _ in _totals(context)
        ]
        return min(found, key=lambda each: each.limit - each.actual, default=None)


def tally_of(limits: OrderLimits) -> ExposureTally | None:
    """What these checks ask for; None where there are none."""
    by_side = (
        limits.max_same_direction is not None or limits.max_same_direction_notional is not None
    )
    if not by_side and not limits.budgets:
        return None
    return ExposureTally(
        Group(budget.name, frozenset(budget.symbols), frozenset(budget.strategies))
        for budget in limits.budgets
    )


def _of_equity(total: Decimal, equity: Decimal) -> Decimal:
    """In percent; all that there may be where there is no equity."""
    return total / equity * HUNDRED if equity > 0 else HUNDRED * HUNDRED


def _totals(context: RiskContext) -> list[tuple[Group, Decimal, bool]]:
    """What each group that the order is of would come to in money, and whether that is more than now."""
    order, view, mark = context.order, context.view, context.impact.mark
    tally, symbol, here = view.at_stake(), order.symbol, view.working_in(order.symbol)
    groups = tally.groups_of(symbol, order.owners)
    if not groups:
        return []
    whole = max(sides(context.impact.held, here, order.side.signed(order.quantity))) * mark
    sizes: dict[str, Decimal] = {}
    if any(group.strategies for group in groups):
        lot = view.instrument(symbol).lot_size
        sizes = of_strategies(view.holdings(symbol), here, lot, _wanted(order))
    found = []
    for group in groups:
        after = whole
        if group.strategies:
            after = sum((sizes[n] for n in sizes if n in group.strategies), ZERO) * mark
        label = OF_GROUP + group.name
        before = tally.part(symbol, label)
        found.append((group, tally.total(label) - before + after, after > before))
    return found


def _wanted(order: OrderSpec) -> dict[str, Decimal]:
    if order.shares:
        return {share.strategy: share.quantity for share in order.shares}
    return {name: order.side.signed(order.quantity) for name in order.owners}


__all__ = ["BudgetCheck", "SameDirectionCheck", "tally_of"]
