"""What may be entered at all: how many coins, with how much capital, in which symbols, and not against an
order of our own. What only reduces a position passes each of these."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.money import ZERO, Side, money_text, plain
from tradectl.domain.orders import Order
from tradectl.risk.base import Check, Denial, Figures
from tradectl.risk.context import RiskContext
from tradectl.risk.limits import RiskLimits

BUY, SELL = Side.BUY, Side.SELL


class RestrictedSymbolCheck(Check):
    """Its owner has said that it is not to be traded. What is held of it may still be reduced."""

    code = "RESTRICTED_SYMBOL"

    def __init__(self, symbols: Iterable[str]) -> None:
        self._symbols = frozenset(symbols)

    def check(self, context: RiskContext) -> Denial | None:
        symbol = context.order.symbol
        if self._symbols.isdisjoint(self._names(symbol, context)) or context.only_reduces:
            return None
        return self.deny(f"{symbol} is among risk.restricted_symbols: nothing is entered in it")

    @staticmethod
    def _names(symbol: str, context: RiskContext) -> tuple[str, ...]:
        """By itself, which is at every exchange, and at its own."""
        exchange = context.view.exchange_of(symbol)
        own = symbol.removeprefix(f"{exchange}:")
        return own, f"{exchange}:{own}"


class CapitalCheck(Check):
    """The account is worth enough to go on trading with it."""

    code = "CAPITAL"

    def __init__(self, threshold: Decimal) -> None:
        self._threshold = threshold

    def check(self, context: RiskContext) -> Denial | None:
        impact = context.impact
        if impact.equity >= self._threshold or impact.reduces:
            return None
        return self.deny(
            f"equity is {money_text(impact.equity)}, below the threshold of "
            f"{money_text(self._threshold)}: nothing is entered",
            self._threshold,
            impact.equity,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        """The limit is a floor."""
        return Figures(self._threshold, context.impact.equity)


class OrderQuantityCheck(Check):
    """Coins in one order, by symbol."""

    code = "ORDER_QUANTITY"

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits

    def check(self, context: RiskContext) -> Denial | None:
        order = context.order
        limit = self._limits.most_coins(order.symbol)
        if limit is None or order.quantity <= limit or context.impact.reduces:
            return None
        if order.plan is not None:  # of what leaves: its children
            return None
        return self.deny(
            f"an order of {plain(order.quantity)} {order.symbol} is over the limit of "
            f"{plain(limit)} coins",
            limit,
            order.quantity,
        )

    def figures(self, context: RiskContext) -> Figures | None:
        limit = self._limits.most_coins(context.order.symbol)
        return None if limit is None else Figures(limit, context.order.quantity)


class SelfMatchCheck(Check):
    """An entry that would meet a resting order of ours would trade with ourselves. A market order trades
    at the mark. An exit passes: it is more important to be out."""

    code = "SELF_MATCH"

    def check(self, context: RiskContext) -> Denial | None:
        order = context.order
        other = SELL if order.side == BUY else BUY
        resting = context.view.working_in(order.symbol).best(other)
        if resting is None or not _meets(context, resting) or context.impact.reduces:
            return None
        if order.plan is not None:  # it does not leave: its children do
            return None
        price = resting.spec.price or ZERO
        return self.deny(
            f"it would trade with our own order {resting.spec.order_id} to {other} "
            f"{plain(resting.remaining)} {order.symbol} at {plain(price)}",
            price,
            order.price,
        )


def _meets(context: RiskContext, resting: Order) -> bool:
    """A stop is not in the book before it is reached."""
    order, there = context.order, resting.spec.price
    if order.type.is_stop or there is None:
        return False
    price = order.price or context.impact.mark
    return price >= there if order.side == BUY else price <= there


__all__ = ["CapitalCheck", "OrderQuantityCheck", "RestrictedSymbolCheck", "SelfMatchCheck"]
