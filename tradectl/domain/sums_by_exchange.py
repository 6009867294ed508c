"""The sums of an account that trades at several exchanges: of all, and of each by itself.

Money and margin at one exchange do nothing for an order at another: what may be spent is asked of the
part that the order's symbol belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradectl.domain.account_sums import AccountSums
from tradectl.domain.instruments import Instrument
from tradectl.domain.positions import Position
from tradectl.domain.working_orders import WorkingOrders


class SumsByExchange(AccountSums):
    """`exchange_of` gives the name of the exchange of a symbol."""

    def __init__(self, exchange_of: Callable[[str], str]) -> None:
        super().__init__()
        self._exchange_of = exchange_of
        self._parts: dict[str, AccountSums] = {}

    def part(self, symbol: str) -> AccountSums:
        name = self._exchange_of(symbol)
        found = self._parts.get(name)
        if found is None:
            found = self._parts[name] = AccountSums()
        return found

    def hold(self, position: Position, mark: Decimal | None, perpetual: Instrument | None) -> None:
        super().hold(position, mark, perpetual)
        self.part(position.symbol).hold(position, mark, perpetual)

    def price(self, symbol: str, mark: Decimal) -> None:
        super().price(symbol, mark)
        self.part(symbol).price(symbol, mark)

    def work(
        self,
        symbol: str,
        orders: WorkingOrders,
        held: Decimal,
        mark: Decimal | None,
        perpetual: Instrument | None,
    ) -> None:
        super().work(symbol, orders, held, mark, perpetual)
        self.part(symbol).work(symbol, orders, held, mark, perpetual)


__all__ = ["SumsByExchange"]
