"""Whose position changed by a record, at what price and why; and who got what no fill made.

The virtual positions are compared before and after a record that may change them: so whatever moves them
(a fill and its shares, a cross, a liquidation, coins that a fee was paid in, the operator's word) is seen
in the same way, and nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.analysis.causes import Causes
from tradectl.analysis.round_trips import OnTrip, RoundTrip, TripBook, Why
from tradectl.domain.events import (
    AccountReported,
    CashMoved,
    Event,
    FundingPaid,
    OrderFilled,
    PositionLiquidated,
    Record,
    StrategiesCrossed,
)
from tradectl.domain.money import ZERO, less_exactly
from tradectl.domain.positions import Position
from tradectl.domain.protection import price_known
from tradectl.state.books import Books

BY_OPERATOR = "the operator's word"
FEE_IN_COINS = "a fee paid in coins"


class Movements:
    """Asked `before` and `after` each record that may move money."""

    def __init__(self, books: Books, causes: Causes, finished: OnTrip) -> None:
        self._books, self._causes = books, causes
        self._trips = TripBook(finished, self._is_flat)
        self._held: dict[str, dict[str, Position]] = {}
        self._income: dict[str, Decimal] = {}

    def _is_flat(self, symbol: str, quantity: Decimal, price: Decimal) -> bool:
        """Coins that no exchange would take as an order; a perpetual can always be closed."""
        if not quantity or self._books.instruments[symbol].can_short:
            return not quantity
        return self._books.is_dust(symbol, quantity, price)

    def begin(self, at: int) -> None:
        """With the positions that the run began with, at their marks."""
        for symbol, held in self._books.account.holdings.items():
            for strategy, position in held.items():
                if position.quantity:
                    self._trips.begin(strategy, symbol, position.quantity, self._mark(symbol), at)

    def _mark(self, symbol: str) -> Decimal:
        return price_known(self._books.position(symbol), self._books)

    # --- before and after ------------------------------------------------------------------------------

    def before(self, event: Event) -> None:
        holdings = self._books.account.holdings
        self._held = {
            symbol: dict(holdings.get(symbol, {})) for symbol in concerned(event, self._books)
        }
        self._income = {}
        if isinstance(event, FundingPaid | CashMoved | PositionLiquidated):
            self._income = self._incomes()

    def _incomes(self) -> dict[str, Decimal]:
        return {name: totals.income() for name, totals in self._books.account.strategies.items()}

    def after(self, event: Event, record: Record) -> None:
        holdings = self._books.account.holdings
        for symbol, before in self._held.items():
            for strategy, position in holdings.get(symbol, {}).items():
                known = before.get(strategy) or Position(symbol)
                if position is not known and position != known:
                    self._moved(event, record, strategy, known, position)
        if isinstance(event, FundingPaid | CashMoved | PositionLiquidated):
            for name, amount in self._incomes().items():
                gained = less_exactly(amount, self._income.get(name, ZERO))
                if gained:
                    self._trips.funded(name, event.symbol, gained)

    def _moved(
        self, event: Event, record: Record, strategy: str, before: Position, after: Position
    ) -> None:
        symbol = after.symbol
        price = _price_of(event, symbol, before, after)
        signed = after.quantity - before.quantity
        why = self._why(event, symbol, strategy, price, signed)
        self._trips.moved(strategy, before, after, price, record.at, record.seq, why)

    def _why(
        self, event: Event, symbol: str, strategy: str, price: Decimal, signed: Decimal
    ) -> Why:
        if isinstance(event, OrderFilled):
            if event.symbol != symbol:
                return Why(FEE_IN_COINS, asked_at=price)
            return self._causes.of_order(event.order_id, strategy, signed)
        if isinstance(event, StrategiesCrossed):
            return self._causes.of_cross(symbol, strategy, price)
        if isinstance(event, PositionLiquidated):
            return Why(str(event.cause), asked_at=price)
        return Why(BY_OPERATOR, asked_at=price)

    def under_way(self) -> Iterable[tuple[str, str, int]]:
        """Of each trip strategy, symbol, and the record that it began with."""
        return self._trips.under_way()

    # --- the end ---------------------------------------------------------------------------------------

    def end(self, at: int) -> list[RoundTrip]:
        """The trips that are still under way."""
        return self._trips.end(self._quantity, self._mark, at)

    def _quantity(self, strategy: str, symbol: str) -> Decimal:
        return self._books.account.holdings.get(symbol, {}).get(strategy, Position(symbol)).quantity

    def outside(self) -> dict[tuple[str, str], Decimal]:
        """What no trip made, by strategy and symbol; once the run is over."""
        return self._trips.outside


def concerned(event: Event, books: Books) -> Iterable[str]:
    """The symbols whose positions may become others by `event`."""
    if isinstance(event, OrderFilled | PositionLiquidated):
        symbols = {event.symbol: None}
        if event.fee_paid:
            coin = books.instruments.symbol_of(event.fee_currency, event.symbol)
            symbols |= {coin: None} if coin else {}
        return symbols
    if isinstance(event, StrategiesCrossed):
        return (event.symbol,)
    if isinstance(event, AccountReported) and event.accept is not None:
        return dict.fromkeys([*books.account.holdings, *event.positions])
    return ()


def _price_of(event: Event, symbol: str, before: Position, after: Position) -> Decimal:
    if isinstance(event, OrderFilled | PositionLiquidated) and event.symbol == symbol:
        return event.price
    if isinstance(event, StrategiesCrossed):
        return event.price
    signed = after.quantity - before.quantity
    return -(after.cash_flow - before.cash_flow) / signed if signed else ZERO


__all__ = ["BY_OPERATOR", "FEE_IN_COINS", "Movements", "concerned"]
