"""How strategies share the portfolio: as configured, equally, or by what they have done lately.

    fixed                what each `[[strategies]]` says
    equal                one part for each
    inverse_volatility   1 / volatility of a strategy's profit: each brings about the same risk
    risk_adjusted        mean / volatility of its profit, where that is above zero

Profits are looked at once a period of history and count per unit of the share that the strategy had, so
that who was given less does not seem calmer for it. Each has at least and at most what the settings say;
who has too short a record counts like the others do on average. Sums, products, quotients and roots of
floats are the same on every machine, so this is decided in the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from math import fsum, sqrt

from tradectl.domain.events import SharesComputed
from tradectl.domain.money import ONE
from tradectl.domain.views import AccountView
from tradectl.portfolio.allocation.plain import shared
from tradectl.portfolio.allocation_settings import AllocationSettings

NAME = "portfolio"
DIGITS = 4


def base_shares(
    settings: AllocationSettings, configured: Mapping[str, Decimal]
) -> Mapping[str, Decimal]:
    """The shares as a run begins, before anything is known of profits."""
    if settings.strategies == "fixed" or not configured:
        return configured
    return dict.fromkeys(configured, ONE / len(configured))


class StrategyShares:
    """Of the strategies of these `names`."""

    def __init__(self, settings: AllocationSettings, names: Iterable[str]) -> None:
        self._settings = settings
        self._names = tuple(names)
        self._follows_profits = settings.follows_profits and len(self._names) > 1

    def computed(self, view: AccountView) -> SharesComputed | None:
        """The new shares, where a period has ended since the last ones."""
        history, known = view.history, view.allocation
        if self._settings.strategies == "equal" and self._names and not (known and known.shares):
            even = base_shares(self._settings, dict.fromkeys(self._names, ONE))
            return SharesComputed(source_component=NAME, period=0, shares={**even})
        if not self._follows_profits or history is None:
            return None
        period = known.shares_period if known is not None else 0
        if history.next_period == period:
            return None
        scores = {name: self._score(history.profits.get(name, ())) for name in self._names}
        return SharesComputed(
            source_component=NAME, period=history.next_period, shares=self._shares(scores)
        )

    def _score(self, profits: tuple[Decimal, ...]) -> float | None:
        """What the share is in proportion to; None where the record says nothing yet."""
        changes = [float(after - before) for before, after in pairwise(profits)]
        if len(changes) < self._settings.min_history:
            return None
        mean = fsum(changes) / len(changes)
        variance = fsum((c - mean) * (c - mean) for c in changes) / (len(changes) - 1)
        if variance <= 0:
            return None
        if self._settings.strategies == "inverse_volatility":
            return 1 / sqrt(variance)
        return max(mean / sqrt(variance), 0.0)

    def _shares(self, scores: Mapping[str, float | None]) -> dict[str, Decimal]:
        measured = [score for score in scores.values() if score is not None]
        usual = fsum(measured) / len(measured) if measured else 1.0
        least = float(self._settings.strategy_least)
        parts = {name: usual if score is None else score for name, score in scores.items()}
        if not any(parts.values()):
            parts = dict.fromkeys(parts, 1.0)
        free = 1 - least * len(parts)
        most = float(self._settings.strategy_most) - least
        return {
            name: Decimal(f"{least + part:.{DIGITS}f}")
            for name, part in shared(parts, free, most).items()
        }


__all__ = ["StrategyShares", "base_shares"]
