"""Prices and profits are looked at once a period, at the first risk check after its end.

That costs market data nothing: the last price of each symbol is kept anyway. What a run is shown of the
market before it counts as if it had been there.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from tradectl.domain.market_events import MarketDataEvent
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ZERO
from tradectl.state.account import StrategyTotals
from tradectl.state.books_view import BooksView


def note_period(books: BooksView, at: int) -> None:
    """Where history is kept, and a period has ended by `at` (ns UTC)."""
    history = books.account.history
    if history is not None and history.is_due(at):
        marks = ((symbol, books.mark(symbol)) for symbol in books.heard())
        prices = {symbol: mark for symbol, mark in marks if mark is not None and mark > 0}
        known = books.account.allocation
        shares = known.shares if known is not None else {}
        books.account.history = history.closed(at, prices, profits_of(books), shares)
        books.period_was_noted()


def warmed_up(history: MarketHistory, events: Iterable[MarketDataEvent]) -> MarketHistory:
    """After what a run was shown, oldest first: a candle that closes as a period ends is the period's."""
    prices: dict[str, Decimal] = {}
    for event in events:
        if history.is_due(event.ts - 1):
            history = history.closed(event.ts - 1, prices)
        if event.price > 0:
            prices[event.symbol] = event.price
    return history


def from_recording(
    history: MarketHistory, events: Iterable[MarketDataEvent], before: int
) -> MarketHistory:
    """The periods before the one of `before` (ns), of recorded data in the order of time by symbol. Where
    something is known already, that stays."""
    if history.closes:
        return history
    end = before // history.period
    found: dict[str, dict[int, Decimal]] = {}
    for event in events:
        number = (event.ts - 1) // history.period
        if end - history.length - 1 <= number < end and event.price > 0:
            found.setdefault(event.symbol, {})[number] = event.price
    closes: dict[str, tuple[Decimal, ...]] = {}
    for symbol, known in sorted(found.items()):
        price, series = known[min(known)], list[Decimal]()
        for number in range(min(known), end):
            price = known.get(number, price)
            series.append(price)
        closes[symbol] = tuple(series)
    return msgspec.structs.replace(history, next_period=end, closes=closes)


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


__all__ = ["from_recording", "note_period", "profits_of", "warmed_up"]
