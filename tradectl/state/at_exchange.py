"""What the books expect an exchange to say: asked by whoever compares, and folded from events alone."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import ForeignTrade
from tradectl.domain.money import ZERO
from tradectl.domain.orders import OrderSpec
from tradectl.domain.protection import is_last_stop, rests_as_protection
from tradectl.state.books_view import BooksView


class BooksAtExchange:
    """The books as far as the `exchange` of that name goes."""

    def __init__(self, books: BooksView, exchange: str) -> None:
        self._books = books
        self._exchange = exchange

    def cash(self) -> Decimal:
        """The money that is to be there."""
        account = self._books.account
        return account.at_exchange().expected_at(self._exchange, account.cash)

    def quantity(self, symbol: str) -> Decimal:
        """The signed quantity that is to be there, what is not ours among it."""
        external = self._books.account.at_exchange().external.get(symbol, ZERO)
        return self._books.position(symbol).quantity + external

    def is_last_stop(self, stop: OrderSpec) -> bool:
        """By what the books hold and what rests by them, unless protection is given up."""
        books, symbol = self._books, stop.symbol
        if books.protection_dropped:
            return False
        stops = books.working_in(symbol).stops.values()
        resting = [o.spec for o in stops if rests_as_protection(o)]
        held, can_short = books.position(symbol).quantity, books.instrument(symbol).can_short
        return is_last_stop(stop, held, resting, can_short=can_short)

    def income_until(self) -> int:
        """Up to when its income is booked, ns UTC; 0 where it was never asked."""
        income = self._books.account.at_exchange().income
        since = income.since.get(self._exchange, 0)
        return max(since, income.until.get(self._exchange, 0))

    def compared_at(self) -> int:
        """When it was compared last, ns UTC by its clock, where it tells; 0 where it never was."""
        return self._books.account.at_exchange().compared_at.get(self._exchange, 0)

    def is_new_trade(self, trade: ForeignTrade) -> bool:
        """What somebody else traded is to be booked, if it explains what differs."""
        return self._books.account.at_exchange().is_new_trade(self._exchange, trade)

    def is_new(self, income_id: str, ts: int) -> bool:
        """What moved at `ts` under this id is to be booked."""
        return self._books.account.at_exchange().income.is_new(self._exchange, income_id, ts)


__all__ = ["BooksAtExchange"]
