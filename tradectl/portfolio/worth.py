"""Whether bringing a position back to its target is worth what it costs.

A position that is off its weight by d (a share of equity) carries risk that nobody asked for. For who
dislikes variance as the settings say (a), being there is worth over the next h periods of variance s^2

    gain = equity x a s^2 d^2 h / 2        cost = equity x d x (fees + slippage + half the spread)

so that small differences never pay and large ones always do. Without a measured variance the difference,
as a share of the target, has to be larger than what the way there and back costs.

It is about rebalancing alone: what strategies ask for anew, exits, and what reduces a position that is
twice as large as it should be are done whatever they cost.
"""

from __future__ import annotations

from decimal import Decimal
from math import fsum

from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import BPS, ZERO
from tradectl.domain.views import AccountView
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import PositionDelta

HALF = Decimal("0.5")


class Worth:
    """By these settings."""

    def __init__(self, settings: PortfolioSettings, allocation: AllocationSettings) -> None:
        self._cost = settings.trade_cost_bps * BPS
        self._dislike = HALF * allocation.risk_aversion * allocation.horizon_periods
        self._variances: dict[str, tuple[MarketHistory, Decimal | None]] = {}

    def obstacle(self, change: PositionDelta, view: AccountView) -> Reason | None:
        """Why the change of a target that is not new is not made; None where it is worth it."""
        if not change.position or change.exits or abs(change.position) >= 2 * abs(change.aim):
            return None
        rate = self._cost + HALF * view.spread(change.instrument.symbol)
        notional, equity = abs(change.quantity) * change.mark, view.equity()
        variance = self._variance(change.instrument.symbol, view)
        if variance is None or equity <= 0:
            if abs(change.quantity) > 2 * rate * abs(change.aim):
                return None
            return ReasonCode.COST, "the drift is less than the cost of a way there and back"
        gain, cost = self._dislike * variance * notional * notional / equity, rate * notional
        if gain > cost:
            return None
        quote = change.instrument.quote
        return ReasonCode.COST, f"it would cost {cost:.2f} {quote}, and is worth {gain:.2f}"

    def _variance(self, symbol: str, view: AccountView) -> Decimal | None:
        """Of one period. Sums, products and quotients of floats are the same on every machine."""
        history = view.history
        if history is None:
            return None
        known = self._variances.get(symbol)
        if known is None or known[0] is not history:
            known = self._variances[symbol] = history, _variance(history.returns(symbol))
        return known[1]


def _variance(returns: tuple[float, ...]) -> Decimal | None:
    count = len(returns)
    if count < 2:
        return None
    mean = fsum(returns) / count
    return Decimal(fsum((r - mean) * (r - mean) for r in returns) / (count - 1)) + ZERO


__all__ = ["Worth"]
