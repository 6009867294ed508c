"""Prices and profits are looked at once a period, at the first risk check after its end.

That costs market data nothing: the last price of each symbol is kept anyway. What a run is shown of the
market before it counts as if it had been there.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.market_events import MarketDataEvent
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ZERO
from tradectl.state.account import StrategyTotals
from tradectl.state.books_view import BooksView


def note_period(books: BooksView, at: int) -> None:
    """Where history is kept, and a period has ended by `at` (ns UTC)."""
    history = books.account.history
    if history is not None and history.is_due(at):
        prices = {symbol: tick.price for symbol, tick in books.last.items() if tick.price > 0}
        known = books.account.allocation
        shares = known.shares if known is not None else {}
        books.account.history = history.closed(at, prices, profits_of(books), shares)


def warmed_up(history: MarketHistory, events: Iterable[MarketDataEvent]) -> MarketHistory:
    """After what a run was shown, oldest first: a candle that closes as a period ends is the period's."""
    prices: dict[str, Decimal] = {}
    for event in events:
        if history.is_due(event.ts - 1):
            history = history.closed(event.ts - 1, prices)
        if event.price > 0:
            prices[event.symbol] = event.price
    return history


def profits_of(books: BooksView) -> dict[str, Decimal]:
    """What each strategy has made by now, net of fees, at the last prices."""
    account = books.account
    profits = dict.fromkeys(account.configured, ZERO)
    for symbol, held in account.holdings.items():
        for name, own in held.items():
            made = own.realized + own.unrealized(books.price_of(symbol)) - own.fees
            profits[name] = profits.get(name, ZERO) + made
    return {
        name: made + account.strategies.get(name, StrategyTotals()).income()
        for name, made in profits.items()
    }


__all__ = ["note_period", "profits_of", "warmed_up"]
