"""Whether the collateral covers the initial margin of a perpetual order."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.margin import initial
from tradectl.domain.money import ZERO, Side, money_text
from tradectl.domain.positions import widest
from tradectl.risk.base import Check, Refusal
from tradectl.risk.context import RiskContext
from tradectl.risk.measures import value_of


class MarginCheck(Check):
    """What is held, the working orders and this one take no more initial margin than there is
    collateral: cash and the open profit of cross positions, no coins. Nor is that spent on coins."""

    code = "MARGIN"

    def check(self, context: RiskContext) -> Refusal | None:
        impact = context.impact
        is_perpetual = impact.instrument.can_short
        if impact.reduces or (context.order.side is Side.SELL and not is_perpetual):
            return None
        margin = context.view.margin()
        if not is_perpetual and not margin.held:
            return None
        need, there = _working_elsewhere(context), margin.free()
        if is_perpetual:
            held = margin.held.get(context.order.symbol)
            there += ZERO if held is None else held.initial
            need += initial(impact.instrument, impact.reach)
        else:
            need += impact.notional
        if need <= there:
            return None
        return self.refuse(
            f"{money_text(need, impact.instrument.quote)} of margin is needed, working orders included: "
            f"{money_text(there)} of collateral is free",
            there,
            need,
        )


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
