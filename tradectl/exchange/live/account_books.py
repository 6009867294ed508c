"""What the books expect of an exchange, as far as comparing with it needs."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from tradectl.domain.events import ForeignTrade
from tradectl.domain.orders import OrderSpec


class AccountBooks(Protocol):
    """`state.at_exchange` has it, and says what each of them is."""

    def cash(self) -> Decimal: ...

    def quantity(self, symbol: str) -> Decimal: ...

    def is_last_stop(self, stop: OrderSpec) -> bool: ...

    def income_until(self) -> int: ...

    def compared_at(self) -> int: ...

    def is_new(self, income_id: str, ts: int) -> bool: ...

    def is_new_trade(self, trade: ForeignTrade) -> bool: ...


__all__ = ["AccountBooks"]
