"""The price at the end of each day, for statistics and for sizes that go by how much a price moves.

A day (UTC) is over at the first risk check after it: the mark of that moment is its close, of every
symbol that there was data of on it. Where whole days were missed, the last of them gets it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import DAY
from tradectl.risk.daily_closes import closes_before, with_close
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView


def note_closes(books: BooksView, at: int) -> None:
    """The day of the account has just begun, at `at` (ns)."""
    memory, most = books.risk, books.limits.history_days + 1
    day = books.account.day - 1
    for symbol in books.priced():
        mark = books.mark(symbol)
        if mark:
            memory.closes[symbol] = with_close(memory.closes.get(symbol, ""), day, mark, most)
    books.days_were_noted()
    memory.closed_at, memory.priced = at, ()


def forget_days_to_come(account: Account, at: int) -> None:
    """A clock that was ahead has named them, and it is `at` (ns): their closes would stand in the way of
    those that come."""
    closes = account.risk.closes
    closes.update({symbol: closes_before(known, at // DAY) for symbol, known in closes.items()})
    if account.history is not None:
        account.history = account.history.dated_back(at)


def take_history(
    account: Account, events: Iterable[MarketDataEvent], before: int, most: int
) -> None:
    """The closes of the days before `before` (ns) from recorded data, oldest first. What the account has
    noted itself stays: of other days the recording knows more."""
    newest: dict[str, tuple[int, MarketDataEvent]] = {}
    found: dict[str, str] = {}
    today = before // DAY
    for event in events:
        day = (event.ts - 1) // DAY  # a candle that closes as a day ends is the day's
        if day >= today or event.price <= 0:
            continue
        known = newest.get(event.symbol)
        if known is not None and known[0] != day:
            found[event.symbol] = with_close(
                found.get(event.symbol, ""), known[0], known[1].price, most
            )
        newest[event.symbol] = day, event
    for symbol, (day, event) in newest.items():
        found[symbol] = with_close(found.get(symbol, ""), day, event.price, most)
    for symbol, closes in found.items():
        account.risk.closes[symbol] = _merged(closes, account.risk.closes.get(symbol, ""), most)


def _merged(recorded: str, own: str, most: int) -> str:
    days = {int(day): price for day, price in _pairs(recorded)}
    days |= {int(day): price for day, price in _pairs(own)}
    return " ".join(f"{day}={days[day]}" for day in sorted(days)[-most:])


def _pairs(closes: str) -> Iterable[tuple[str, str]]:
    for each in closes.split():
        day, _, price = each.partition("=")
        yield day, price


__all__ = ["forget_days_to_come", "note_closes", "take_history"]
