"""Our books as an exchange says that they are, where the operator takes its word for ours.

What differs by quantity is booked at the mark, as a transfer. What then differs by money was put in or
taken out, and is neither profit nor loss; but where perpetuals are held it may be lost: then it is their
loss, unless the operator says that it was taken out.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.errors import CoreError
from tradectl.domain.events import AccountReported, OrderFilled, Record
from tradectl.domain.money import ZERO, side_of
from tradectl.domain.positions import Position
from tradectl.state.account import Fill
from tradectl.state.booking import Adoption, Booking, book_transfer, with_result
from tradectl.state.books_view import BooksView
from tradectl.state.reconciliation import ReconciliationState

EXTERNAL = "external"
"""The strategy that what came from outside is entered under."""


def adopt(books: BooksView, report: AccountReported, noted: ReconciliationState) -> Adoption:
    """Take the exchange's word; what it says is `noted` as undisputed."""
    bookings: dict[str, Booking] = {}
    cash, transferred = books.account.cash, ZERO
    for symbol, reported in report.positions.items():
        before = books.position(symbol)
        moved = reported - noted.external.get(symbol, ZERO) - before.quantity
        noted.discrepancies.pop(symbol, None)
        if moved:
            price = books.mark(symbol) or before.entry_price
            own = books.holdings(symbol).get(EXTERNAL) or Position(symbol)
            booking = book_transfer(
                moved, price, before, own, EXTERNAL, cash, books.instruments[symbol]
            )
            bookings[symbol] = booking
            cash, transferred = booking.cash, transferred + booking.transferred
    if report.cash is not None:
        moved = noted.money_moved(report.exchange, report.cash, cash)
        cash += moved
        traded = _traded_by(books, report, bookings, moved)
        if traded:
            booking = bookings.get(traded) or Booking(books.position(traded), {}, cash)
            own = books.holdings(traded).get(EXTERNAL) or Position(traded)
            bookings[traded] = with_result(booking, moved, own, EXTERNAL)
        else:
            transferred += moved
    if not cash.is_finite():
        raise CoreError(f"{report.exchange} says that its balance is {report.cash}: no number")
    return Adoption(bookings, cash, transferred)


def transfer_fill(books: BooksView, booking: Booking, record: Record) -> Fill:
    """What came or went, as a row among the fills."""
    symbol = booking.position.symbol
    moved = booking.position.quantity - books.position(symbol).quantity
    report = OrderFilled(
        source_component="operator",
        order_id=f"{EXTERNAL}-{record.seq}",
        symbol=symbol,
        trade_id=symbol,
        side=side_of(moved),
        quantity=abs(moved),
        price=books.mark(symbol) or books.position(symbol).entry_price,
    )
    return Fill(report, EXTERNAL, record.at)


def _traded_by(
    books: BooksView, report: AccountReported, bookings: dict[str, Booking], money: Decimal
) -> str:
    """The perpetual whose profit or loss the `money` is that came (+) or went; empty where it was put
    in or taken out. A loss is never taken for money that was taken out: where a perpetual has
    changed it lies there, and while one is held, what is missing does."""
    if report.transfer or not money:
        return ""
    held = bookings if money > 0 else [*bookings, *report.positions]
    return next(
        (
            symbol
            for symbol in held
            if books.instruments[symbol].can_short
            and (symbol in bookings or books.position(symbol).quantity)
        ),
        "",
    )


__all__ = ["EXTERNAL", "adopt", "transfer_fill"]
