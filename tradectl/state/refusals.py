"""Orders that exchanges would not take, folded: what is tried again, when, and what is said of it.

Exits and entries of a symbol are told apart: what refuses an entry need not stand against an exit. A
refusal is over when such an order is filled, when there is nothing left to exit from, or when nothing
more is wanted. A refused exit is an emergency and said at once; each of them once, until it is over.
Protective stops are not among them: whoever places them sees to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    Event,
    ExecutionEvent,
    OrderCanceled,
    OrderRejected,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.money import plain
from tradectl.domain.orders import BY_HAND, Order, OrderStatus
from tradectl.domain.protection import RESTS
from tradectl.domain.refusals import (
    BY_ANOTHER_TYPE,
    REMEDIES,
    Refusal,
    RefusalCause,
    is_wanted,
    next_refusal,
)
from tradectl.domain.text import counted
from tradectl.domain.time import SECOND
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView

BEGUN = {True: SystemEventKind.EXIT_REFUSED, False: SystemEventKind.ENTRY_REFUSED}
OVER = {True: SystemEventKind.EXIT_REFUSED_OVER, False: SystemEventKind.ENTRY_REFUSED_OVER}
"""Of exits, and of entries."""


def is_exit(books: BooksView, order: Order) -> bool:
    """By the position as it is."""
    return is_exit_from(books.position(order.spec.symbol).quantity, order)


def is_exit_from(held: Decimal, order: Order) -> bool:
    return order.spec.reduce_only or order.spec.side.signed(held) < 0


def cause_of(event: ExecutionEvent, order: Order, before: OrderStatus) -> RefusalCause:
    """Why an order that was `before` in that status is over, where nobody here asked for it."""
    if isinstance(event, OrderRejected):
        return event.cause
    rested = before in RESTS and not order.spec.is_at_once and not order.spec.reduce_only
    by_hand = rested and isinstance(event, OrderCanceled) and not event.by_exchange
    return RefusalCause.BY_HAND if by_hand else RefusalCause.NOT_FILLED


def refused(
    books: BooksView, order: Order, cause: RefusalCause, reason: str, at: int
) -> list[Event]:
    """`order` is over, and not because we cancelled it. What was filled of it begins a new row."""
    if order.spec.waits_apart:
        return []
    symbol, exits = order.spec.symbol, is_exit(books, order)
    if exits and not books.open_quantity(symbol):
        return []
    kept = books.account.refusals(exits)
    known = kept.get(symbol)
    if known is not None and order.filled:
        known = replace(known, count=0)
    found = next_refusal(known, cause, reason, at)
    if cause is RefusalCause.RULES and books.rules_since(symbol) >= order.created_at:
        found = replace(found, due=at)  # once, with a new order by the new rules
    bare = exits and not order.filled and order.status is not OrderStatus.CANCELED
    quiet = cause is RefusalCause.NOT_FILLED or (
        cause is RefusalCause.BY_HAND and not found.is_held
    )
    if found.said or (quiet and not bare):
        kept[symbol] = found
        return []
    kept[symbol] = replace(found, said=True)
    return [_says(BEGUN[exits], symbol, _message(order, found, exits=exits))]


def held_back(books: BooksView, order: Order, at: int) -> None:
    """We did not send it ourselves: where it is tried again for having been refused, it is later, too."""
    if (
        not (books.account.refused_exits or books.account.refused_entries)
        or order.spec.waits_apart
        or order.spec.parent_id
        or order.spec.strategy == BY_HAND
    ):
        return
    symbol, kept = order.spec.symbol, books.account.refusals(is_exit(books, order))
    if symbol in kept:
        kept[symbol] = next_refusal(kept[symbol], kept[symbol].cause, kept[symbol].reason, at)


def filled(books: BooksView, order: Order, before: Decimal) -> list[Event]:
    """Something of it was, where `before` was held: over when all is, or when nothing is left to exit
    from. An exit that went on to the other side was an entry, too."""
    symbol = order.spec.symbol
    events = [] if books.open_quantity(symbol) else end(books, symbol, exits=True)
    if order.remaining or order.spec.waits_apart:
        return events
    if is_exit_from(before, order):
        events += end(books, symbol, exits=True)
    held = books.position(symbol).quantity
    if not order.spec.reduce_only and order.spec.side.signed(held) > 0:
        events += end(books, symbol, exits=False)
    return events


def closed(books: BooksView, symbols: Iterable[str]) -> list[Event]:
    """Of what its exchange does not hold any more there is no exit."""
    known = books.account.refused_exits
    gone = [s for s in symbols if s in known and not books.there(s)] if known else []
    return [event for symbol in gone for event in end(books, symbol, exits=True)]


def answered(books: BooksView, symbol: str, code: ReasonCode | None, at: int) -> list[Event]:
    """The portfolio says what is to be done about the symbol. Where nothing of the kind is wanted any
    more, what was refused is forgotten, after a while."""
    events: list[Event] = []
    targets, held = books.targets(symbol).values(), books.open_quantity(symbol)
    for exits in (True, False):
        known = books.refusal(symbol, exits=exits)
        if known is None or at < known.forgotten_at:
            continue
        if not is_wanted(code, targets, held, exits=exits):
            events += end(books, symbol, exits=exits)
    return events


def asked_anew(books: BooksView, symbol: str) -> list[Event]:
    """A strategy wants something else: what was cancelled by hand held the wish before."""
    known = books.refusal(symbol, exits=False)
    return end(books, symbol, exits=False) if known is not None and known.is_held else []


def due_now(account: Account, symbol: str, at: int) -> None:
    """What kept it from being taken is over."""
    for kept in (account.refused_exits, account.refused_entries):
        if symbol in kept:
            kept[symbol] = replace(kept[symbol], due=at)


def end(books: BooksView, symbol: str, *, exits: bool) -> list[Event]:
    known = books.account.refusals(exits).pop(symbol, None)
    if known is None or not known.said:
        return []
    return [_says(OVER[exits], symbol, "it was filled, or is not wanted any more")]


def end_entries(books: BooksView) -> list[Event]:
    """All of them."""
    symbols = sorted(books.account.refused_entries)
    return [event for symbol in symbols for event in end(books, symbol, exits=False)]


def end_all(books: BooksView) -> list[Event]:
    symbols = sorted(books.account.refused_exits)
    exits = [event for symbol in symbols for event in end(books, symbol, exits=True)]
    return exits + end_entries(books)


def _message(order: Order, refusal: Refusal, *, exits: bool) -> str:
    spec, remedy = order.spec, REMEDIES.get(refusal.cause, "")
    if refusal.is_held:
        return (
            f"{spec.symbol}: an entry, {spec.side} {plain(order.remaining)}, was cancelled by hand at "
            f"the exchange {counted(refusal.count, 'time')}: it is held until its target changes"
        )
    tried = f"; {remedy}" if remedy else ""
    if exits and refusal.cause in BY_ANOTHER_TYPE:
        tried += "; every second time as a limit order"
    pause = (refusal.due - order.updated_at) / SECOND
    when = f"in {pause:g} s and ever later" if pause else "at once, by the rules of now"
    closes = (
        "; `tradectl emergency-stop --flatten` goes on trying until it is closed" if exits else ""
    )
    return (
        f"{spec.symbol}: {'an exit' if exits else 'an entry'}, {spec.side} {plain(order.remaining)}, "
        f"was refused: {refusal.reason or refusal.cause}. It is tried again {when}"
        f"{tried}{closes}"
    )


def _says(kind: SystemEventKind, symbol: str, message: str) -> SystemEvent:
    return SystemEvent(
        source_component="state", kind=kind, component=f"symbol:{symbol}", message=message
    )


__all__ = [
    "answered",
    "asked_anew",
    "cause_of",
    "closed",
    "due_now",
    "end",
    "end_all",
    "end_entries",
    "filled",
    "held_back",
    "is_exit",
    "refused",
]
