"""What an operator does by hand, folded: a position that is being closed, an order that was cancelled.

What is closed by hand no strategy enters again before it asks for something else, as after a stop; and
it is closed again and again until it is flat, over a restart, too. An entry that is cancelled by hand is
held until its target changes, and a level of quotes that is, until its strategy speaks.
"""

from __future__ import annotations

from tradectl.domain.event import ReasonCode
from tradectl.domain.events import CommandReceived, TargetComputed
from tradectl.domain.orders import BY_HAND
from tradectl.domain.refusals import HELD_AFTER, Refusal, RefusalCause
from tradectl.state import resting_quotes
from tradectl.state.books_view import BooksView
from tradectl.state.refusals import is_exit

CANNOT = (ReasonCode.RESTRICTED, ReasonCode.TOO_SMALL, ReasonCode.REFUSED)
CLOSED_BY_HAND = "closed by hand"


def close(books: BooksView, event: CommandReceived) -> None:
    """The position of `event.target` is to be closed, unless a halt closes all or nothing."""
    state = books.trading_state
    if state.is_halt and not state.only_reduces:
        return
    symbol, targets = event.target, books.account.targets.get(event.target, {})
    resting_quotes.call_off(books.account, symbol, books.quotes(symbol))
    for name, target in targets.items():
        targets[name] = target.stopped_out()
    if books.open_quantity(symbol):
        books.account.closing[symbol] = event.reason or CLOSED_BY_HAND


def cancel(books: BooksView, event: CommandReceived, at: int) -> None:
    """The order `event.target` is: its strategies want it still, and are held."""
    order = books.order(event.target)
    if order is not None and order.spec.parent_id:
        order = books.order(order.spec.parent_id)
    if order is None or not order.is_working or order.spec.strategy == BY_HAND:
        return
    if order.spec.tag:
        resting_quotes.take_what_cannot_rest(books.account, order)
        return
    if not order.spec.owners or is_exit(books, order):
        return
    books.account.refused_entries[order.spec.symbol] = Refusal(
        RefusalCause.BY_HAND, event.reason, HELD_AFTER, at, at, said=True
    )


def answered(books: BooksView, event: TargetComputed) -> None:
    """Nothing of it can be closed: it is left."""
    if event.code in CANNOT and not event.target:
        books.account.closing.pop(event.symbol, None)


__all__ = ["CLOSED_BY_HAND", "answered", "cancel", "close"]
