"""The order that a change of a position makes: its price, what it may do, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, ONE, Side
from tradectl.domain.orders import OrderSpec, OrderType, TimeInForce
from tradectl.domain.plans import ExecutionPlan
from tradectl.domain.refusals import Refusal
from tradectl.domain.shares import Share, StrategyTarget
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.position_delta import PositionDelta
from tradectl.portfolio.shared_delta import SharedDelta

DRAFT = "draft"
PlanFor = Callable[[PositionDelta, tuple[str, ...]], ExecutionPlan | None]
"""How the order of such a change is worked, by the strategies that it is for; None: it leaves whole."""
WITHIN_BPS = Decimal(100)


class OrderMaking:
    """`new_order_id` gives an id that was never given before."""

    def __init__(
        self,
        settings: PortfolioSettings,
        new_order_id: Callable[[], str],
        plan_for: PlanFor | None = None,
    ) -> None:
        self.settings = settings
        self._plan_for = plan_for
        self._new_order_id = new_order_id

    def limit_price(self, instrument: Instrument, mark: Decimal, buys: bool) -> Decimal:
        away = self.settings.limit_offset_bps * BPS
        return instrument.round_price(mark * (ONE - away if buys else ONE + away))

    def most(self, change: PositionDelta) -> PositionDelta:
        """As much of the change as one order may have."""
        size = abs(change.quantity)
        waits = change.adds and self.settings.order_type == "limit"
        part = change.instrument.part(size, at_market=not waits)
        return change if part == size else change.part(part)

    def order(
        self,
        change: PositionDelta,
        targets: Mapping[str, StrategyTarget],
        refusal: Refusal | None = None,
    ) -> OrderSpec:
        """With the `refusal` of an exit before it, which may want another type of order."""
        order = self.draft(change, targets, self._new_order_id())
        if refusal is None or change.adds:
            return order
        return by_another_type(order, refusal, change.instrument, change.mark)

    def draft(
        self, change: PositionDelta, targets: Mapping[str, StrategyTarget], order_id: str = DRAFT
    ) -> OrderSpec:
        """The order without an id of its own: to ask what would become of it."""
        buys, size, adds = change.quantity > 0, abs(change.quantity), change.adds
        price = None
        if adds and self.settings.order_type == "limit":
            price = self.limit_price(change.instrument, change.mark, buys)
        strategy, shares = _owners(change, targets)
        plan = None
        if self._plan_for is not None:
            owners = tuple(share.strategy for share in shares) or (strategy,)
            plan = self._plan_for(change, owners)
        return OrderSpec(
            order_id=order_id,
            symbol=change.instrument.symbol,
            side=Side.BUY if buys else Side.SELL,
            quantity=size,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=price,
            reduce_only=not adds and size <= change.staying,
            strategy=strategy,
            shares=shares,
            plan=plan,
        )


def by_another_type(
    order: OrderSpec, refusal: Refusal | None, instrument: Instrument, mark: Decimal | None
) -> OrderSpec:
    """An exit at market that was refused, every second time as a limit order that takes what it finds
    within WITHIN_BPS of the mark, and does not wait."""
    if refusal is None or not refusal.wants_another_type or not mark:
        return order
    away = WITHIN_BPS * BPS
    price = instrument.round_price(mark * (ONE + away if order.side is Side.BUY else ONE - away))
    if order.type is not OrderType.MARKET or price <= 0:
        return order
    return replace(order, type=OrderType.LIMIT, price=price, time_in_force=TimeInForce.IOC)


def _owners(
    change: PositionDelta, targets: Mapping[str, StrategyTarget]
) -> tuple[str, tuple[Share, ...]]:
    """Whose the order is: of one strategy, or of several with their shares."""
    if not isinstance(change, SharedDelta):
        return next(iter(targets)), ()
    ordered = change.ordered()
    if len(ordered) == 1:
        return next(iter(ordered)), ()
    return "", tuple(Share(name, quantity) for name, quantity in ordered.items())


__all__ = ["OrderMaking", "by_another_type"]
