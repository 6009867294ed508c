"""After a loss beyond the limit nothing new is begun. Exits go on."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import ONE, plain
from tradectl.risk.base import Check, Refusal
from tradectl.risk.context import RiskContext
from tradectl.risk.measures import HUNDRED, lost_pct


class LossCheck(Check):
    """A loss of `limit_pct` percent, measured from an earlier equity."""

    def __init__(self, limit_pct: Decimal) -> None:
        self._limit = limit_pct
        self._kept = ONE - limit_pct / HUNDRED

    def compare(self, context: RiskContext, before: Decimal, what: str) -> Refusal | None:
        facts = context.facts
        if facts.equity > before * self._kept or facts.reduces:
            return None
        lost = lost_pct(before, facts.equity)
        if lost < self._limit:
            return None
        return self.refuse(
            f"{what} {lost:.2f}%: the limit is {plain(self._limit)}%", self._limit, lost
        )


class DailyLoss(LossCheck):
    """Since the start of the UTC day."""

    code = "DAILY_LOSS"

    def check(self, context: RiskContext) -> Refusal | None:
        return self.compare(context, context.view.day_start_equity, "today's loss is")


class Drawdown(LossCheck):
    """Since equity was highest."""

    code = "DRAWDOWN"

    def check(self, context: RiskContext) -> Refusal | None:
        return self.compare(context, context.view.peak_equity, "the drawdown is")
