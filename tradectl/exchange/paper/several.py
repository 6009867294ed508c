"""Several paper exchanges in one run: each with its own fees, latency, orders and money.

What is about a symbol goes to the exchange of that symbol, and no exchange hears of another's.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, cast

from tradectl.domain.commands import CancelOrder, OutboundCommand
from tradectl.domain.events import (
    Event,
    FundingPaid,
    MarketDataEvent,
    OrderFilled,
    PositionLiquidated,
    Record,
)
from tradectl.domain.positions import Position
from tradectl.domain.views import AccountView
from tradectl.exchange.paper.paper_exchange import PaperExchange


class PaperExchanges:
    """`exchanges` by name. A symbol is looked up once: `view` says where it is traded."""

    def __init__(self, exchanges: dict[str, PaperExchange], view: AccountView) -> None:
        self._exchanges = exchanges
        self._view = view
        self._by_symbol: dict[str, PaperExchange] = {}

    def of(self, symbol: str) -> PaperExchange:
        found = self._by_symbol.get(symbol)
        if found is None:
            name = self._view.exchange_of(symbol)
            found = self._by_symbol[symbol] = self._exchanges[name]
        return found

    def send(self, command: OutboundCommand, at: int) -> None:
        symbol = command.symbol if isinstance(command, CancelOrder) else command.order.spec.symbol
        self.of(symbol).send(command, at)

    def wake(self, at: int) -> None:
        for exchange in self._exchanges.values():
            exchange.wake(at)

    def on_market(self, event: MarketDataEvent, record: Record) -> None:
        (self._by_symbol.get(event.symbol) or self.of(event.symbol)).on_market(event, record)

    def end_of_data(self) -> None:
        for exchange in self._exchanges.values():
            exchange.end_of_data()

    def booked(self, event: Event, record: Record) -> None:
        if isinstance(event, OrderFilled | PositionLiquidated | FundingPaid):
            self.of(event.symbol).booked(event, record)


class AccountAt:
    """The account as the exchange called `name` has it: its money, and what is held there."""

    def __init__(self, view: AccountView, name: str) -> None:
        self._view, self._name = view, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    @property
    def cash(self) -> Decimal:
        return self._view.cash_at(self._name)

    def positions(self) -> Collection[Position]:
        held = self._view.positions()
        return [each for each in held if self._view.exchange_of(each.symbol) == self._name]


def account_at(view: AccountView, name: str) -> AccountView:
    return cast(AccountView, AccountAt(view, name))  # it answers as one does


__all__ = ["PaperExchanges", "account_at"]
