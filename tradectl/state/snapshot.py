"""The account with its orders and marks, as it would be stored or hashed."""

from __future__ import annotations

from msgspec.structs import replace

from tradectl.domain.orders import Order
from tradectl.state.account import Account
from tradectl.state.baselines import with_unread
from tradectl.state.books_view import BooksView


def snapshot(books: BooksView) -> Account:
    """A copy. Orders are listed by symbol, then age: which symbol traded first is forgotten by it."""
    account = books.account
    known, history = account.reconciliation, account.history
    symbols = sorted(
        {order.spec.symbol for order in (*books.working_orders(), *books.working_children())}
    )
    working = [
        order
        for symbol in symbols
        for order in (*books.working_orders(symbol), *books.working_children(symbol))
    ]
    marks = {**account.marks, **{s: tick.price for s, tick in books.last.items()}}
    return replace(
        account,
        reconciliation=known.copy() if known is not None else None,
        readings=with_unread(books),
        risk=replace(account.risk.copy(), priced=books.priced()),
        history=replace(history, heard=books.heard()) if history is not None else None,
        positions=dict(account.positions),
        pauses=dict(account.pauses),
        held_time=account.held_time.copy(),
        rules=dict(sorted(account.rules.items())),
        applied=dict(sorted(account.applied.items())),
        refused_exits=dict(sorted(account.refused_exits.items())),
        refused_entries=dict(sorted(account.refused_entries.items())),
        funded_until=dict(account.funded_until),
        closing=dict(sorted(account.closing.items())),
        lifted_stops=dict(sorted(account.lifted_stops.items())),
        brackets={s: dict(sorted(own.items())) for s, own in sorted(account.brackets.items())},
        candles=books.candles(),
        strategies={name: replace(totals) for name, totals in account.strategies.items()},
        holdings={symbol: dict(held) for symbol, held in account.holdings.items()},
        targets={symbol: dict(wanted) for symbol, wanted in account.targets.items()},
        quotes={symbol: dict(wanted) for symbol, wanted in account.quotes.items()},
        orders=[_copied(o) for o in working],
        finished=[_copied(o) for o in books.finished()],
        marks=dict(sorted(marks.items())),
    )


def _copied(order: Order) -> Order:
    return replace(order, trades=dict(order.trades))


__all__ = ["snapshot"]
