"""Whether bringing a position back to its target is worth what it costs.

A position that is off its weight by d (a share of equity) carries risk that nobody asked for. For who
dislikes variance as the settings say (a), being there is worth over the next h periods of variance s^2

    gain = equity x a h (s^2 d^2 / 2 + d x sum of c e)
    cost = equity x d x (fees + slippage + half the spread)

so that small differences never pay and large ones always do. The sum is over the other symbols, which are
off their own weights by e, and whose returns have the covariance c with this one's: what moves together
and is off to the same side weighs more, what makes up for the others less. It is left out where more than
`MOST_TOGETHER` symbols have weights. Without a measured variance the difference, as a share of the
target, has to be larger than what the way there and back costs.

It is about rebalancing alone: what strategies ask for anew, exits, and what reduces a position that is
twice as large as it should be are done whatever they cost.
"""

from __future__ import annotations

from collections.abc import Callable
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
MOST_TOGETHER = 50

Net = Callable[[str, AccountView], Decimal]


class Worth:
    """By these settings; `net` is what strategies together want of a symbol."""

    def __init__(
        self, settings: PortfolioSettings, allocation: AllocationSettings, net: Net
    ) -> None:
        self._cost = settings.trade_cost_bps * BPS
        self._dislike = allocation.risk_aversion * allocation.horizon_periods
        self._net = net
        self._history: MarketHistory | None = None
        self._known: dict[tuple[str, str], Decimal | None] = {}
        """covariances of that history"""

    def change_settings(self, settings: PortfolioSettings) -> None:
        self._cost = settings.trade_cost_bps * BPS

    def obstacle(self, change: PositionDelta, view: AccountView) -> Reason | None:
        """Why the change of a target that is not new is not made; None where it is worth it."""
        if not change.position or change.exits or abs(change.position) >= 2 * abs(change.aim):
            return None
        rate = self._cost + HALF * view.spread(change.instrument.symbol)
        notional, equity = abs(change.quantity) * change.mark, view.equity()
        symbol = change.instrument.symbol
        variance = self._covariance(symbol, symbol, view)
        if variance is None or equity <= 0:
            if abs(change.quantity) > 2 * rate * abs(change.aim):
                return None
            return ReasonCode.COST, "the drift is less than the cost of a way there and back"
        off = -change.quantity * change.mark / equity
        others = self._with_others(symbol, equity, view)
        gain = self._dislike * equity * (HALF * variance * off * off + off * others)
        cost = rate * notional
        if gain > cost:
            return None
        quote = change.instrument.quote
        return ReasonCode.COST, f"it would cost {cost:.2f} {quote}, and is worth {gain:.2f}"

    def _with_others(self, symbol: str, equity: Decimal, view: AccountView) -> Decimal:
        """The covariance of the symbol with what all others are off their weights by."""
        known = view.allocation
        if known is None or len(known.weights) > MOST_TOGETHER:
            return ZERO
        total = ZERO
        for other, weight in known.weights.items():
            covariance = self._covariance(symbol, other, view) if other != symbol else None
            if covariance is not None:
                held = view.position(other).quantity * (view.mark(other) or ZERO) / equity
                net = self._net(other, view)
                aim = weight * ((net > 0) - (net < 0))
                total += covariance * (held - aim)
        return total

    def _covariance(self, one: str, other: str, view: AccountView) -> Decimal | None:
        """Of one period. Sums, products and quotients of floats are the same on every machine."""
        history = view.history
        if history is None:
            return None
        if history is not self._history:
            self._history, self._known = history, {}
        key = (one, other) if one < other else (other, one)
        if key not in self._known:
            self._known[key] = _covariance(*history.common(key))
        return self._known[key]


def _covariance(one: tuple[float, ...], other: tuple[float, ...]) -> Decimal | None:
    count = len(one)
    if count < 2:
        return None
    mean, its = fsum(one) / count, fsum(other) / count
    products = ((a - mean) * (b - its) for a, b in zip(one, other, strict=True))
    return Decimal(fsum(products) / (count - 1)) + ZERO


__all__ = ["Worth"]
