"""What the portfolio decides about a symbol: it moves or stays, and cancels and orders follow.

A change of a position has to be worth its cost. Where it is not, or nothing is to be changed, the
decision says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache

from tradectl.domain.events import (
    CancelRequested,
    OrderInitialized,
    StrategiesCrossed,
    SystemEvent,
    SystemEventKind,
    TargetComputed,
)
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import Order, OrderSpec
from tradectl.domain.shares import Share, StrategyTarget
from tradectl.domain.views import AccountView
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import PositionDelta

NAME = "portfolio"


def moves(
    symbol: str,
    target: Decimal,
    current: Decimal,
    change: Decimal,
    reason: str,
    strategies: tuple[StrategyTarget, ...] = (),
) -> TargetComputed:
    return TargetComputed(
        source_component=NAME,
        symbol=symbol,
        target=target,
        current=current,
        change=change,
        reason=reason,
        strategies=strategies,
    )


def stays(
    symbol: str,
    target: Decimal,
    current: Decimal,
    reason: str,
    strategies: tuple[StrategyTarget, ...] = (),
) -> TargetComputed:
    return moves(symbol, target, current, ZERO, reason, strategies)


def cross(
    symbol: str, price: Decimal, shares: Mapping[str, Decimal], reason: str
) -> StrategiesCrossed:
    """Strategies trade with each other, as far as nobody else is needed for it."""
    return StrategiesCrossed(
        source_component=NAME,
        symbol=symbol,
        price=price,
        shares=tuple(Share(name, quantity) for name, quantity in shares.items()),
        reason=reason,
    )


def orders(order: OrderSpec, reason: str) -> OrderInitialized:
    return OrderInitialized(source_component=NAME, order=order, reason=reason)


def cancels(working: Iterable[Order], reason: str) -> list[CancelRequested]:
    return [
        CancelRequested(
            source_component=NAME,
            order_id=order.spec.order_id,
            symbol=order.spec.symbol,
            reason=reason,
        )
        for order in working
    ]


def says(kind: SystemEventKind, symbol: str, message: str) -> SystemEvent:
    """What there is to be known of the symbol, beside what is done about it."""
    return SystemEvent(
        source_component=NAME, kind=kind, component=f"symbol:{symbol}", message=message
    )


# --- whether it is worth an order -------------------------------------------------------------------


def obstacle(change: PositionDelta, settings: PortfolioSettings, repeated: bool) -> str:
    """Why a change that is not zero is not ordered; empty when it is.

    A `repeated` target only moves a position that has drifted. Closing is worth any cost, yet what is
    below the exchange's minimum cannot be sent.
    """
    size = abs(change.quantity)
    if repeated and change.is_within(settings.drift):
        return _within(settings.drift)
    notional, smallest = size * change.mark, change.instrument.min_notional
    if notional < smallest:
        what = "dust: " if change.exits else ""
        return f"{what}below the exchange's minimum of {plain(smallest)} {change.instrument.quote}"
    smallest = settings.min_trade_notional
    if notional < smallest and not change.exits:
        return f"below the minimum trade of {plain(smallest)} {change.instrument.quote}"
    return ""


@cache
def _within(drift: Decimal) -> str:
    return f"within the drift of {plain(drift * 100)}% of the target"


def idle(change: PositionDelta, view: AccountView) -> str:
    """Why a change is zero."""
    if change.aim != change.target:
        state = view.trading_state.lower()
        return f"{state}: only what reduces the position is done"
    if view.pending(change.instrument.symbol):
        return "working orders come first"
    return "on target" if change.aim == change.position else "less than one lot from the target"
