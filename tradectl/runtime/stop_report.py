"""What an emergency stop reports: what is left, and by whose word.

by our books      what is open, held and protected as far as we know
by the exchange   the same as it tells it itself: a stop that is not listed there protects nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from tradectl.documents.operations import ByBooks, ProtectiveStop, StopReport
from tradectl.domain.money import plain
from tradectl.domain.orders import Order, OrderStatus, client_order_id
from tradectl.domain.protection import is_dust, protecting, unprotected
from tradectl.domain.time import SECOND, iso
from tradectl.exchange.base import OpenOrder, Proof
from tradectl.state.books import Books
from tradectl.state.books_view import BooksView


def report_by_books(
    books: BooksView, *, dropping: bool = False, on_paper: bool = False
) -> StopReport:
    """What is open and held by our books, and what protects what: `on_paper` they are the exchange's own
    word. Dust cannot be closed, and is no position that was left."""
    dust = [position.symbol for position in books.positions() if is_dust(position, books)]
    held = [position for position in books.positions() if position.symbol not in dust]
    stops = (
        [] if dropping else [o for p in held for o in protecting(p, books.working_orders(p.symbol))]
    )
    kept = {stop.spec.order_id for stop in stops}
    open_orders = [
        order.spec.order_id for order in books.sent_orders() if order.spec.order_id not in kept
    ]
    return StopReport(
        confirmed=not open_orders,
        open_orders_left=open_orders,
        positions_left=[position.symbol for position in held],
        protection=[_protective_stop(stop, confirmed=on_paper) for stop in stops],
        unprotected=[p.symbol for p in held if dropping or unprotected(p, books)],
        dust=dust,
    )


def _protective_stop(order: Order, *, confirmed: bool) -> ProtectiveStop:
    spec = order.spec
    return ProtectiveStop(
        symbol=spec.symbol,
        order_id=spec.order_id,
        stop_price=None if spec.stop_price is None else plain(spec.stop_price),
        quantity=plain(order.remaining),
        confirmed=confirmed,
    )


def by_our_books(
    books: Books, orders: list[str], symbols: list[str], *, dropping: bool, on_paper: bool
) -> StopReport:
    """With what of `orders` was cancelled and of `symbols` closed."""
    report = report_by_books(books, dropping=dropping, on_paper=on_paper)
    working = {order.spec.order_id for order in books.sent_orders()}
    return replace(
        report,
        cancelled=[order_id for order_id in orders if order_id not in working],
        closed=[symbol for symbol in symbols if symbol not in report.positions_left],
    )


def with_refusals(report: StopReport, books: Books) -> StopReport:
    """Positions that are left although they were to be closed: not confirmed, and why the exchange would
    not, as it said last."""
    if not report.positions_left:
        return report
    said: dict[str, str] = {}
    for order in books.snapshot().finished:
        if order.spec.reduce_only and order.status is OrderStatus.REJECTED:
            said[order.spec.symbol] = f"{order.spec.symbol} was not closed: {order.reason}"
    for symbol in report.positions_left:
        if symbol in said:
            report = report.without_confirmation(said[symbol])
    return replace(report, confirmed=False)


def overtaken(report: StopReport, now: StopReport) -> StopReport:
    """There is no time to ask the exchange again: nothing of it is confirmed, and what protects is by our
    books."""
    return replace(
        report,
        positions_left=list(dict.fromkeys([*report.positions_left, *now.positions_left])),
        open_orders_left=list(dict.fromkeys([*report.open_orders_left, *now.open_orders_left])),
        protection=now.protection,
        unprotected=now.unprotected,
        dust=now.dust,
    ).without_confirmation("what was proven was not so any more when it was written down")


def by_books_of(books: BooksView, exchange: str, now: int) -> ByBooks:
    """How old our books' word on an exchange is; `now` in ns UTC."""
    at = books.account.at_exchange().compared_at.get(exchange)
    if not at:
        return ByBooks(exchange=exchange, compared_at=None, age_s=None)
    age = round(max(now - at, 0) / SECOND, 1)
    return ByBooks(exchange=exchange, compared_at=iso(at), age_s=age)


def by_exchange(
    report: StopReport, proof: Proof, books: Books, now: int, *, flatten: bool
) -> StopReport:
    """The report with what is open there by the exchange's own word."""
    if proof.error:
        told = by_books_of(books, proof.exchange, now)
        report = replace(report, by_books=[*report.by_books, told])
        return report.without_confirmation(f"{proof.exchange}: {proof.error}")
    report = _protection_there(report, proof, books)
    kept = {name for s in report.protection for name in names_of(s.order_id, books)}
    known = {name for order_id in report.open_orders_left for name in names_of(order_id, books)}
    beyond = not_kept(proof, kept)
    unknown = [order.known_as for order in beyond if order.known_as not in known]
    differing = [symbol for symbol in proof.held if _differs(symbol, proof, books)]
    left = [symbol for symbol in differing if symbol not in report.positions_left]
    proven = not beyond and not (differing and flatten)
    return replace(
        report,
        foreign_orders=[*report.foreign_orders, *proof.foreign],
        open_orders_left=[*report.open_orders_left, *unknown],
        positions_left=[*report.positions_left, *left],
        confirmed=report.confirmed and proven,
    )


def names_of(order_id: str, books: Books) -> tuple[str, str]:
    """What our order is called, by us and at an exchange."""
    return order_id, client_order_id(books.account.account_id, order_id)


def unlisted(stops: Iterable[ProtectiveStop], proof: Proof, books: Books) -> list[ProtectiveStop]:
    """Those that are not among the open orders there."""
    if proof.error:
        return []
    there = {order.known_as for order in proof.open_orders}
    return [
        stop
        for stop in stops
        if stop.symbol in proof.symbols and not there.intersection(names_of(stop.order_id, books))
    ]


def not_kept(proof: Proof, kept: set[str]) -> list[OpenOrder]:
    """What is open there and not kept on purpose."""
    return [order for order in proof.open_orders if order.known_as not in kept]


def _differs(symbol: str, proof: Proof, books: Books) -> bool:
    """Another quantity of ours is there than the books have. On spot more than that is not ours."""
    beyond = proof.held[symbol] - books.position(symbol).quantity
    return beyond != books.external(symbol) if books.instruments[symbol].can_short else beyond < 0


def more_has_come(proof: Proof, books: Books) -> bool:
    """More coins than the books know of, ours and others': a buy of ours may have been filled that nobody
    has told us of. What is external is known once the exchange was compared, and compared again."""
    return any(
        there - books.position(symbol).quantity > books.external(symbol)
        for symbol, there in proof.held.items()
        if not books.instruments[symbol].can_short
    )


def _protection_there(report: StopReport, proof: Proof, books: Books) -> StopReport:
    """A stop that the exchange does not have protects nothing, whatever our books say, and one that it
    has made smaller no more than that."""
    missing = unlisted(report.protection, proof, books)
    bare = {stop.symbol for stop in missing} - set(report.unprotected)
    return replace(
        report,
        protection=[
            _as_listed(stop, proof, books) if stop.symbol in proof.symbols else stop
            for stop in report.protection
            if stop not in missing
        ],
        unprotected=[*report.unprotected, *sorted(bare)],
    )


def _as_listed(stop: ProtectiveStop, proof: Proof, books: Books) -> ProtectiveStop:
    names = names_of(stop.order_id, books)
    there = [order.quantity for order in proof.open_orders if order.known_as in names]
    smallest = min([Decimal(stop.quantity), *(quantity for quantity in there if quantity)])
    return replace(stop, confirmed=True, quantity=plain(smallest))


__all__ = [
    "by_books_of",
    "by_exchange",
    "by_our_books",
    "more_has_come",
    "names_of",
    "not_kept",
    "overtaken",
    "report_by_books",
    "unlisted",
    "with_refusals",
]
