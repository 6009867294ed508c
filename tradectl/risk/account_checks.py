"""What an order would do to the account: how much is at stake, what was lost before, and whether it can
be paid for. Orders that only reduce a position pass: an exit is never blocked."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.money import HUNDRED, ONE, ZERO, Side, money_text, plain
from tradectl.domain.orders import BY_HAND
from tradectl.risk.base import Check, Denial, Figures
from tradectl.risk.context import RiskContext
from tradectl.risk.measures import lost_pct, reduces, value_of

BUY = Side.BUY


def _unless_exit(context: RiskContext, limit: Decimal, actual: Decimal) -> Figures | None:
    return None if context.impact.reduces else Figures(limit, actual)


class OrderNotionalCheck(Check):
    """Of one order, at its own price."""

    code = "ORDER_NOTIONAL"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        if impact.notional <= self._limit or impact.reduces or context.order.plan is not None:
            return None  # of what leaves: with a plan, of the children
        return self.deny(
            f"order notional {money_text(impact.notional, impact.instrument.quote)} "
            f"is over the limit of {money_text(self._limit)}",
            self._limit,
            impact.notional,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        return Figures(self._limit, context.impact.notional)


class PositionNotionalCheck(Check):
    """Of the symbol's position, with this order and the working ones filled."""

    code = "POSITION_NOTIONAL"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        if impact.reach <= self._limit or impact.reduces:
            return None
        return self.deny(
            f"the {context.order.symbol} position could reach "
            f"{money_text(impact.reach, impact.instrument.quote)}, "
            f"over the limit of {money_text(self._limit)}",
            self._limit,
            impact.reach,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        return _unless_exit(context, self._limit, context.impact.reach)


class GrossExposureCheck(Check):
    """Of all positions, long and short added up, with this order and the working ones filled."""

    code = "GROSS_EXPOSURE"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        if impact.gross <= self._limit or impact.reduces:
            return None
        return self.deny(
            f"all positions together could reach {money_text(impact.gross)}, "
            f"over the limit of {money_text(self._limit)}",
            self._limit,
            impact.gross,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        return _unless_exit(context, self._limit, context.impact.gross)


class LeverageCheck(Check):
    """Exposure against equity: of the account, and of one perpetual by the instrument's own
    limit."""

    code = "LEVERAGE"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        if impact.reduces:
            return None
        equity, own = impact.equity, impact.instrument.max_leverage
        if impact.gross > self._limit * equity:
            return self._over("the account", impact.gross, equity, self._limit)
        if impact.reach > own * equity and impact.instrument.can_short:
            return self._over(context.order.symbol, impact.reach, equity, own)
        return None

    def figures(self, context: RiskContext) -> Figures | None:
        impact = context.impact
        if impact.reduces or impact.equity <= 0:
            return None
        return Figures(self._limit, impact.gross / impact.equity)

    def _over(self, whose: str, exposure: Decimal, equity: Decimal, limit: Decimal) -> Denial:
        if equity <= 0:
            return self.deny(f"no equity is left to trade with: {money_text(equity)}", limit)
        actual = exposure / equity
        return self.deny(
            f"the leverage of {whose} could reach {actual:,.2f}, over the limit of {plain(limit)}",
            limit,
            actual,
        )


# --- losses -----------------------------------------------------------------------------------------


class LossCheck(Check):
    """A loss of `limit_pct` percent, measured from an earlier equity."""

    def __init__(self, limit_pct: Decimal) -> None:
        self._limit = limit_pct
        self._kept = ONE - limit_pct / HUNDRED

    def compare(self, context: RiskContext, before: Decimal, what: str) -> Denial | None:
        impact = context.impact
        if impact.equity > before * self._kept or impact.reduces:
            return None
        lost = lost_pct(before, impact.equity)
        if lost < self._limit:
            return None
        return self.deny(
            f"{what} {lost:.2f}%: the limit is {plain(self._limit)}%", self._limit, lost
        )

    def compared(self, context: RiskContext, before: Decimal) -> Figures | None:
        return Figures(self._limit, lost_pct(before, context.impact.equity))


class DailyLossCheck(LossCheck):
    """Since the start of the UTC day."""

    code = "DAILY_LOSS"

    def check(self, context: RiskContext) -> Denial | None:
        return self.compare(context, context.view.day_start_equity, "today's loss is")

    def figures(self, context: RiskContext) -> Figures | None:
        return self.compared(context, context.view.day_start_equity)


class DrawdownCheck(LossCheck):
    """Since equity was highest."""

    code = "DRAWDOWN"

    def check(self, context: RiskContext) -> Denial | None:
        return self.compare(context, context.view.limit_peak, "the drawdown is")

    def figures(self, context: RiskContext) -> Figures | None:
        return self.compared(context, context.view.limit_peak)


# --- money and coins --------------------------------------------------------------------------------


class BalanceCheck(Check):
    """Cash must cover a spot buy, the working ones, and a margin for fees; coins a spot sell. What is
    sold by hand leaves the coins of a stop alone: no exchange would keep the two to what is ours."""

    code = "BALANCE"

    def __init__(self, fee_margin_pct: Decimal) -> None:
        self._factor = ONE + fee_margin_pct / HUNDRED

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        if impact.instrument.can_short or (impact.reduces and not _sells_bound_coins(context)):
            return None
        return self._cash(context) if context.order.side == BUY else self._coins(context)

    def figures(self, context: RiskContext) -> Figures | None:
        impact = context.impact
        if impact.instrument.can_short or impact.reduces or context.order.side != BUY:
            return None
        return Figures(context.view.cash_for(context.order.symbol), self._need(context))

    def _cash(self, context: RiskContext) -> Denial | None:
        need, there = self._need(context), context.view.cash_for(context.order.symbol)
        if need <= there:
            return None
        view, where = context.view, ""
        if there < view.cash:
            where = f" at {view.exchange_of(context.order.symbol)}"
        return self.deny(
            f"{money_text(need, context.impact.instrument.quote)} is needed, fees and working buys "
            f"included: there is {money_text(there)}{where}",
            there,
            need,
        )

    def _need(self, context: RiskContext) -> Decimal:
        """For the buy, the working ones, and fees."""
        impact, view = context.impact, context.view
        sums = view.sums().part(context.order.symbol)
        need = sums.orders_cost
        if not context.order.parent_id:  # whose cost is its parent's
            need += impact.notional
        for symbol in sums.unpriced:
            if not view.instrument(symbol).can_short:
                buys = [o for o in view.working_in(symbol) if o.spec.side == BUY]
                need += sum(
                    (o.remaining * (o.spec.price or value_of(o.spec, view)) for o in buys), ZERO
                )
        return need * self._factor

    def _coins(self, context: RiskContext) -> Denial | None:
        order, held = context.order, context.impact.held
        bound = ""
        if order.strategy == BY_HAND and context.view.working_in(order.symbol).stops:
            bound = (
                f": a protective stop binds coins; `tradectl close {order.symbol}` takes it away and "
                "closes the position"
            )
        return self.deny(
            f"{plain(order.quantity)} {order.symbol} cannot be sold: {plain(held)} is held, "
            f"less what working orders sell, and spot cannot be short{bound}",
            held,
            order.quantity,
        )


def _sells_bound_coins(context: RiskContext) -> bool:
    """By hand, reduce-only, of coins that other orders sell."""
    order = context.order
    if order.strategy != BY_HAND or order.parent_id:
        return False
    working = context.view.working_in(order.symbol)
    return not reduces(replace(order, reduce_only=False), context.impact.held, working)
