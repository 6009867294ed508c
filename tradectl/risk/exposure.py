"""How much may be at stake. Orders that only reduce a position pass: an exit is never blocked."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.money import plain
from tradectl.risk.base import Check, Refusal, money
from tradectl.risk.context import RiskContext


class OrderNotional(Check):
    """Of one order, at its own price."""

    code = "ORDER_NOTIONAL"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Refusal | None:
        facts = context.facts
        if facts.notional <= self._limit or facts.reduces:
            return None
        return self.refuse(
            f"order notional {money(facts.notional, facts.instrument.quote)} "
            f"is over the limit of {money(self._limit)}",
            self._limit,
            facts.notional,
        )


class PositionNotional(Check):
    """Of the symbol's position, with this order and the working ones filled."""

    code = "POSITION_NOTIONAL"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Refusal | None:
        facts = context.facts
        if facts.reach <= self._limit or facts.reduces:
            return None
        return self.refuse(
            f"the {context.order.symbol} position could reach "
            f"{money(facts.reach, facts.instrument.quote)}, over the limit of {money(self._limit)}",
            self._limit,
            facts.reach,
        )


class GrossExposure(Check):
    """Of all positions, long and short added up, with this order and the working ones filled."""

    code = "GROSS_EXPOSURE"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Refusal | None:
        facts = context.facts
        if facts.gross <= self._limit or facts.reduces:
            return None
        return self.refuse(
            f"all positions together could reach {money(facts.gross)}, "
            f"over the limit of {money(self._limit)}",
            self._limit,
            facts.gross,
        )


class Leverage(Check):
    """Exposure against equity: of the account, and of one perpetual by the instrument's own
    limit."""

    code = "LEVERAGE"

    def __init__(self, limit: Decimal) -> None:
        self._limit = limit

    def check(self, context: RiskContext) -> Refusal | None:
        facts = context.facts
        if facts.reduces:
            return None
        equity, own = facts.equity, facts.instrument.max_leverage
        if facts.gross > self._limit * equity:
            return self._over("the account", facts.gross, equity, self._limit)
        if facts.reach > own * equity and facts.instrument.can_short:
            return self._over(context.order.symbol, facts.reach, equity, own)
        return None

    def _over(self, whose: str, exposure: Decimal, equity: Decimal, limit: Decimal) -> Refusal:
        if equity <= 0:
            return self.refuse(f"no equity is left to trade with: {money(equity)}", limit)
        actual = exposure / equity
        return self.refuse(
            f"the leverage of {whose} could reach {actual:,.2f}, over the limit of {plain(limit)}",
            limit,
            actual,
        )
