"""When weights are asked for, and of which symbols.

At a scheduled rebalancing, never in between, so that what is decided at one moment about several
symbols is weighed together: when other symbols are wanted than those that weights are there for, and
every so many hours. As long as there are new ones to come, the ones before are in force. An answer
without weights (too little history, constraints that contradict each other) is asked for again when a
period of history ends.

All of it goes by what is in the books: a restart, or a kill in the middle, asks again and goes on.
"""

from __future__ import annotations

from tradectl.domain.allocation import AllocationTarget, ComputeWeights
from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import AllocationRequested, SystemEvent, SystemEventKind
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ZERO
from tradectl.domain.time import HOUR, SECOND
from tradectl.domain.views import AccountView
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.strategy_targets import StrategyTargets

NAME = "portfolio"
PATIENCE = 60 * SECOND
"""For an answer: who worked on it may have been killed."""


class Weighting:
    """`targets` are what strategies want. `at` is ns UTC."""

    def __init__(self, settings: AllocationSettings, targets: StrategyTargets) -> None:
        self._every = int(settings.every_hours * HOUR)
        self._targets = targets

    def request(self, view: AccountView, at: int) -> AllocationRequested | None:
        """What is to be asked now."""
        wanted = tuple(sorted(s for s in view.wanted() if self._is_sized(s, view)))
        reason = self._reason(wanted, view, at) if wanted else ""
        if not reason:
            return None
        return AllocationRequested(source_component=NAME, symbols=wanted, reason=reason)

    def _is_sized(self, symbol: str, view: AccountView) -> bool:
        mark = view.mark(symbol)
        return mark is not None and mark > 0 and bool(self._targets.net(symbol, view))

    def _reason(self, wanted: tuple[str, ...], view: AccountView, at: int) -> str:
        known = view.allocation
        if known is None or not known.request:
            return "the first weights"
        if known.asked_at > known.answered_at and at - known.asked_at < PATIENCE:
            return ""
        if known.symbols != wanted:
            return "other symbols are wanted"
        if known.asked_at > known.answered_at:
            return "no answer came"
        if known.failure:
            period = (view.history or MarketHistory()).period
            return "after no weights" if at // period > known.answered_at // period else ""
        return "the time has come" if at - known.at >= self._every else ""

    def problem(self, request: int, symbols: tuple[str, ...], view: AccountView) -> ComputeWeights:
        """All that the answer to record number `request` depends on, as it is now."""
        equity = view.equity()
        targets = {}
        for symbol in symbols:
            side = 1 if self._targets.net(symbol, view) > 0 else -1
            worth = view.position(symbol).quantity * (view.mark(symbol) or ZERO)
            held = float(worth * side / equity) if equity > 0 else 0.0
            targets[symbol] = AllocationTarget(side, held)
        return ComputeWeights(request, targets, view.history or MarketHistory())

    def lacking(self, symbol: str, view: AccountView) -> Reason | None:
        """Why a symbol that is wanted has no weight."""
        known = view.allocation
        if known is not None and known.weights.get(symbol):
            return None
        if known is not None and known.failure:
            return ReasonCode.NO_WEIGHT, f"no weights: {known.failure}"
        if known is None or symbol not in known.weights:
            return ReasonCode.NO_WEIGHT, "no weight yet: it is worked out at the next rebalancing"
        return ReasonCode.NO_WEIGHT, "the allocation gives it no weight"


def of_failure(failure: str) -> SystemEvent:
    """There are no weights, or (empty) there are again."""
    if not failure:
        return SystemEvent(
            source_component=NAME, kind=SystemEventKind.ALLOCATION_FAILED_OVER, message=""
        )
    return SystemEvent(
        source_component=NAME, kind=SystemEventKind.ALLOCATION_FAILED, message=failure
    )


__all__ = ["Weighting", "of_failure"]
