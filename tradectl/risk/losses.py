"""After a loss beyond the limit nothing new is begun. Exits go on."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import plain
from tradectl.risk.base import Check, Refusal
from tradectl.risk.case import Case
from tradectl.risk.measures import lost_pct


class DailyLoss(Check):
    """Of the equity that the UTC day began with."""

    code = "DAILY_LOSS"

    def __init__(self, limit_pct: Decimal) -> None:
        self._limit = limit_pct

    def check(self, case: Case) -> Refusal | None:
        lost = lost_pct(case.view.day_start_equity, case.facts.equity)
        if lost < self._limit or case.facts.reduces:
            return None
        return self.refuse(
            f"{lost:.2f}% was lost today: the limit is {plain(self._limit)}%", self._limit, lost
        )


class Drawdown(Check):
    """Of the highest equity there was."""

    code = "DRAWDOWN"

    def __init__(self, limit_pct: Decimal) -> None:
        self._limit = limit_pct

    def check(self, case: Case) -> Refusal | None:
        lost = lost_pct(case.view.peak_equity, case.facts.equity)
        if lost < self._limit or case.facts.reduces:
            return None
        return self.refuse(
            f"equity is {lost:.2f}% below its peak: the limit is {plain(self._limit)}%",
            self._limit,
            lost,
        )
