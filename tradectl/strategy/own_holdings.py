"""What a strategy may ask of the account: its own part of it, and nothing of the others'."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context as DecimalContext
from decimal import Decimal, localcontext

from tradectl.domain.allocation import share_of
from tradectl.domain.money import ZERO, Side
from tradectl.domain.positions import Position
from tradectl.domain.views import AccountView
from tradectl.strategy.configured import StrategyInstance


class OwnHoldings:
    """A strategy's part of the account that `view` shows: nothing where there is none. Whatever decimal
    context the strategy has set, the books answer in their own."""

    def __init__(self, config: StrategyInstance, view: AccountView | None) -> None:
        self._name, self._allocation = config.name, config.allocation
        self._view = view
        self.listings: Mapping[str, tuple[str, ...]] = {}
        """by symbol, where it may hold it instead, where it is routed"""

    def position(self, symbol: str) -> Position:
        if self._view is None:
            return Position(symbol)
        found = [
            held
            for listing in self.listings.get(symbol, (symbol,))
            if (held := self._view.holdings(listing).get(self._name)) is not None
        ]
        return next(
            (held for held in found if held.quantity), found[0] if found else Position(symbol)
        )

    def can_short(self, symbol: str) -> bool:
        return self._view is not None and self._view.instrument(symbol).can_short

    def under_way(self, symbol: str) -> tuple[Decimal, Decimal]:
        orders = () if self._view is None else self._view.working_orders(symbol)
        own = [o for o in orders if o.spec.strategy == self._name]
        with localcontext(DecimalContext()):
            buys = sum((o.remaining for o in own if o.spec.side is Side.BUY), ZERO)
            return buys, sum((o.remaining for o in own if o.spec.side is Side.SELL), ZERO)

    def budget(self) -> Decimal:
        if self._view is None:
            return ZERO
        with localcontext(DecimalContext()):
            share = share_of(self._view.allocation, self._name, self._allocation)
            return max(self._view.equity(), ZERO) * share


__all__ = ["OwnHoldings"]
