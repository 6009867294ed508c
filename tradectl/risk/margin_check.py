"""Whether the collateral covers the initial margin of a perpetual order."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.account_sums import AccountSums
from tradectl.domain.margin import initial
from tradectl.domain.money import ZERO, Side, money_text
from tradectl.domain.positions import widest
from tradectl.risk.base import Check, Denial, Figures
from tradectl.risk.context import RiskContext
from tradectl.risk.measures import value_of


class MarginCheck(Check):
    """What is held, the working orders and this one take no more initial margin than there is
    collateral: cash and the open profit of cross positions, no coins. Nor is that spent on coins."""

    code = "MARGIN"

    def check(self, context: RiskContext) -> Denial | None:
        figures = self.figures(context)
        if figures is None or figures.actual <= figures.limit:
            return None
        there, need = figures
        return self.deny(
            f"{money_text(need, context.impact.instrument.quote)} of margin is needed, working orders "
            f"included: {money_text(there)} of collateral is free",
            there,
            need,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        """The limit is the collateral that is free."""
        impact = context.impact
        is_perpetual = impact.instrument.can_short
        if impact.reduces or (not is_perpetual and context.order.side is Side.SELL):
            return None
        sums = context.view.sums().part(context.order.symbol)
        there = _free(context, sums)
        if there is None:
            return None
        own = ZERO if context.order.parent_id else impact.notional
        need = initial(impact.instrument, impact.reach) if is_perpetual else own
        return Figures(there, need + _working_elsewhere(context, sums))


def _free(context: RiskContext, sums: AccountSums) -> Decimal | None:
    """Collateral that no position of another symbol takes; None where coins are bought and no perpetual
    is held."""
    symbol = context.order.symbol
    if not (context.impact.instrument.can_short or sums.perpetuals):
        return None
    return context.view.cash_for(symbol) + sums.cross_profit - sums.margin(but=symbol)


def _working_elsewhere(context: RiskContext, sums: AccountSums) -> Decimal:
    """What working orders may add to the other perpetuals."""
    view, symbol = context.view, context.order.symbol
    total = sums.orders_take(but=symbol)
    for other in sums.unpriced:
        instrument, orders = view.instrument(other), view.working_in(other)
        if other != symbol and instrument.can_short:
            size = view.position(other).quantity
            more = max(widest(size, orders) - abs(size), ZERO)
            total += initial(instrument, more * max(value_of(o.spec, view) for o in orders))
    return total


__all__ = ["MarginCheck"]
