"""Whether a change is worth an order, and which words say why it is not."""

from __future__ import annotations

from tradectl.domain.money import plain
from tradectl.domain.views import AccountView
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import Change


def obstacle(change: Change, settings: PortfolioSettings, repeated: bool) -> str:
    """Why a change that is not zero is not ordered; empty when it is.

    A `repeated` wish only moves a position that has drifted. Closing is worth any cost, yet what is
    below the exchange's minimum cannot be sent.
    """
    size = abs(change.quantity)
    if repeated and size <= settings.drift * abs(change.aim):
        return f"within the drift of {plain(settings.drift * 100)}% of the target"
    notional, smallest = size * change.mark, change.instrument.min_notional
    if notional < smallest:
        what = "dust: " if change.closes else ""
        return f"{what}below the exchange's minimum of {plain(smallest)} {change.instrument.quote}"
    smallest = settings.min_trade_notional
    if notional < smallest and not change.closes:
        return f"below the minimum trade of {plain(smallest)} {change.instrument.quote}"
    return ""


def idle(change: Change, view: AccountView) -> str:
    """Why a change is zero."""
    if change.aim != change.target:
        return "paused: only what reduces the position is done"
    if view.pending(change.instrument.symbol):
        return "working orders come first"
    return "on target" if change.aim == change.position else "less than one lot from the target"
