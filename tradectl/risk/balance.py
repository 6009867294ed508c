"""On spot one pays with what one has: cash for what is bought, coins for what is sold."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import ONE, Side, plain
from tradectl.risk.base import Check, Refusal, money
from tradectl.risk.context import RiskContext
from tradectl.risk.measures import HUNDRED, value_of

BUY = Side.BUY


class Balance(Check):
    """Cash must cover a spot buy, the working ones, and a margin for fees; coins a spot sell."""

    code = "BALANCE"

    def __init__(self, fee_margin_pct: Decimal) -> None:
        self._factor = ONE + fee_margin_pct / HUNDRED

    def check(self, context: RiskContext) -> Refusal | None:
        facts = context.facts
        if facts.instrument.can_short or facts.reduces:
            return None
        return self._cash(context) if context.order.side == BUY else self._coins(context)

    def _cash(self, context: RiskContext) -> Refusal | None:
        facts, view = context.facts, context.view
        need = facts.notional
        for order in facts.working:
            spec = order.spec
            if spec.side == BUY and not view.instrument(spec.symbol).can_short:
                need += order.remaining * (spec.price or value_of(spec, view))
        need *= self._factor
        if need <= view.cash:
            return None
        return self.refuse(
            f"{money(need, facts.instrument.quote)} is needed, fees and working buys included: "
            f"there is {money(view.cash)}",
            view.cash,
            need,
        )

    def _coins(self, context: RiskContext) -> Refusal | None:
        order, held = context.order, context.facts.held
        return self.refuse(
            f"{plain(order.quantity)} {order.symbol} cannot be sold: {plain(held)} is held, "
            f"less what working orders sell, and spot cannot be short",
            held,
            order.quantity,
        )
