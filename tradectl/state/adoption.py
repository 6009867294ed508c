"""What the operator says that a difference is between an exchange and our books.

    external    not ours; never what would be against our position, or less than nothing. Of a perpetual
                the price is what it cost: what closing it makes is known to be external, too
    position    what is there is ours, at its price, as a transfer: neither profit nor loss
    fill        what differs was traded for us, at its price: profit or loss. On perpetuals so is the
                money that differs then; of a symbol that is named what is external was traded, too
    transfer    the money that differs, and what is external of it, was put in or taken out

Nothing is booked at a price that nobody knows: before the first one, the operator says it.

What a position loses by it is taken from those that hold it, in proportion, and not bought back on an old
word; what comes is nobody's, and no strategy trades it.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.errors import CoreError
from tradectl.domain.events import Acceptance, AccountReported, CloseCause, OrderFilled, Record
from tradectl.domain.money import ZERO, side_of
from tradectl.domain.positions import Position
from tradectl.state.account import Fill
from tradectl.state.booking import EXTERNAL, Adoption, Booking, book_moved, with_result
from tradectl.state.books_view import BooksView
from tradectl.state.reconciliation import CASH, ReconciliationState


def adopt(books: BooksView, report: AccountReported, noted: ReconciliationState) -> Adoption:
    """Book what was said of the differences; what is left of them stays in question."""
    cash, bookings = books.cash, dict[str, Booking]()
    transferred = ZERO
    for symbol in report.positions:
        if report.symbols and symbol not in report.symbols:
            continue
        moved = _moved(books, report, noted, symbol)
        if moved:
            booking = bookings[symbol] = _booked(books, report, symbol, moved, cash)
            cash, transferred = booking.cash, transferred + booking.transferred
    if report.cash is not None:
        if report.accept is Acceptance.TRANSFER:
            noted.forget_external_cash()
            moved = noted.money_moved(report.exchange, report.cash, cash)
            cash, transferred = cash + moved, transferred + moved
        elif report.accept is Acceptance.FILL:
            cash += _result(books, report, noted, bookings, cash)
        elif report.accept is Acceptance.EXTERNAL:
            _leave_money(report.exchange, report.cash, noted, cash)
    if not cash.is_finite():
        raise CoreError(f"{report.exchange} says that its balance is {report.cash}: no number")
    return Adoption(bookings, cash, transferred)


def _moved(
    books: BooksView, report: AccountReported, noted: ReconciliationState, symbol: str
) -> Decimal:
    """What becomes ours (+), or is ours no more (-); notes what is external."""
    if report.accept is Acceptance.TRANSFER:
        return ZERO
    if report.accept is not Acceptance.EXTERNAL and price_of(books, report, symbol) is None:
        return ZERO
    held, external = books.position(symbol).quantity, noted.external.get(symbol, ZERO)
    beyond = report.positions[symbol] - held
    if report.accept is Acceptance.EXTERNAL:
        can_short = books.instruments[symbol].can_short
        if beyond * held < 0 or (beyond < 0 and not can_short):
            return ZERO  # against ours: that was traded, or taken out
        left, moved = beyond, ZERO
    elif report.accept is Acceptance.POSITION or symbol in report.symbols:
        left, moved = ZERO, beyond
    else:
        left, moved = external, beyond - external
    if left != external:
        noted.external[symbol] = left
        noted.external_cost.pop(symbol, None)
    if left and report.accept is Acceptance.EXTERNAL and report.price is not None:
        noted.external_cost[symbol] = left * report.price
    noted.trades_since[symbol] = max(report.newest + 1, noted.trades_since.get(symbol, 0))
    noted.discrepancies.pop(symbol, None)
    return moved


def _booked(
    books: BooksView, report: AccountReported, symbol: str, moved: Decimal, cash: Decimal
) -> Booking:
    traded = report.accept is Acceptance.FILL
    return book_moved(
        moved,
        _known_price(books, report, symbol),
        books.position(symbol),
        books.holdings(symbol),
        cash,
        books.instruments[symbol],
        traded=traded,
    )


def price_of(books: BooksView, report: AccountReported, symbol: str) -> Decimal | None:
    """What it is booked at: what the operator says, or the mark; None where there is neither."""
    return report.price or books.mark(symbol) or None


def _known_price(books: BooksView, report: AccountReported, symbol: str) -> Decimal:
    price = price_of(books, report, symbol)
    assert price is not None, "nothing moves without a price"
    return price


def _result(
    books: BooksView,
    report: AccountReported,
    noted: ReconciliationState,
    bookings: dict[str, Booking],
    cash: Decimal,
) -> Decimal:
    """The money that differs once all is booked, as the profit or loss of the perpetual that was traded,
    or is held; none while a perpetual's quantity is in question."""
    if any(_is_perpetual(books, s) and s in noted.discrepancies for s in report.positions):
        return ZERO
    symbol = next((s for s in [*bookings, *report.positions] if _is_perpetual(books, s)), "")
    booking = bookings.get(symbol) or Booking(books.position(symbol), {}, cash)
    if not symbol or (symbol not in bookings and not booking.position.quantity):
        return ZERO
    assert report.cash is not None
    moved = noted.money_moved(report.exchange, report.cash, cash)
    if moved:
        own = books.holdings(symbol).get(EXTERNAL) or Position(symbol)
        bookings[symbol] = with_result(booking, moved, own, EXTERNAL)
    return moved


def _is_perpetual(books: BooksView, symbol: str) -> bool:
    return books.instruments[symbol].can_short


def _leave_money(
    exchange: str, reported: Decimal, noted: ReconciliationState, cash: Decimal
) -> None:
    """What there is beyond ours; what is missing was never external."""
    before = noted.discrepancies.get(CASH)
    moved = noted.money_moved(exchange, reported, cash)
    if moved > 0:
        noted.note_external_cash(exchange, moved)
    elif before is not None:
        noted.discrepancies[CASH] = before


def accepted_fill(
    books: BooksView, booking: Booking, report: AccountReported, record: Record
) -> Fill:
    """What came or went, as a row among the fills."""
    symbol = booking.position.symbol
    moved = booking.position.quantity - books.position(symbol).quantity
    filled = OrderFilled(
        source_component="operator",
        order_id=f"{EXTERNAL}-{record.seq}",
        symbol=symbol,
        trade_id=symbol,
        side=side_of(moved),
        quantity=abs(moved),
        price=_known_price(books, report, symbol) if moved else ZERO,
    )
    return Fill(
        filled, CloseCause.MANUAL if report.accept is Acceptance.FILL else EXTERNAL, record.at
    )


def reduced(before: Position, after: Position) -> bool:
    return before.quantity * (after.quantity - before.quantity) < 0


__all__ = ["accepted_fill", "adopt", "price_of", "reduced"]
