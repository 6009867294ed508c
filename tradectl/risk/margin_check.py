"""Whether the collateral covers the initial margin of a perpetual order."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.instruments import MarginMode
from tradectl.domain.margin import initial, taken
from tradectl.domain.money import ZERO, Side, money_text
from tradectl.domain.positions import widest
from tradectl.risk.base import Check, Denial
from tradectl.risk.context import RiskContext
from tradectl.risk.measures import value_of

CROSS = MarginMode.CROSS


class MarginCheck(Check):
    """What is held, the working orders and this one take no more initial margin than there is
    collateral: cash and the open profit of cross positions, no coins. Nor is that spent on coins."""

    code = "MARGIN"

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        is_perpetual = impact.instrument.can_short
        if impact.reduces or (not is_perpetual and context.order.side is Side.SELL):
            return None
        there = _free(context)
        if there is None:
            return None
        need = initial(impact.instrument, impact.reach) if is_perpetual else impact.notional
        if impact.working:
            need += _working_elsewhere(context)
        if need <= there:
            return None
        return self.deny(
            f"{money_text(need, impact.instrument.quote)} of margin is needed, working orders included: "
            f"{money_text(there)} of collateral is free",
            there,
            need,
        )


def _free(context: RiskContext) -> Decimal | None:
    """Collateral that no position of another symbol takes; None where coins are bought and no perpetual
    is held."""
    view, there = context.view, context.view.cash
    is_needed = context.impact.instrument.can_short
    for position in view.positions():
        instrument = view.instrument(position.symbol)
        if not instrument.can_short:
            continue
        is_needed = True
        mark = view.mark(position.symbol) or position.entry_price
        if instrument.margin is CROSS:
            there += position.unrealized(mark)
        if position.symbol != context.order.symbol:
            there -= taken(position, instrument, mark)
    return there if is_needed else None


def _working_elsewhere(context: RiskContext) -> Decimal:
    """What working orders may add to the other perpetuals."""
    view, total = context.view, ZERO
    others = {order.spec.symbol: order for order in context.impact.working}
    others.pop(context.order.symbol, None)
    for symbol, order in others.items():
        instrument = view.instrument(symbol)
        if instrument.can_short:
            size = view.position(symbol).quantity
            more = widest(size, view.working_orders(symbol)) - abs(size)
            total += initial(instrument, max(more, ZERO) * value_of(order.spec, view))
    return total


__all__ = ["MarginCheck"]
