"""Two ways of counting must agree: what the books carry, and what the fills add up to; the sums that
are kept, and the same worked out anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from tradectl.domain.account_sums import AccountSums
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, plain
from tradectl.domain.positions import Position
from tradectl.domain.working_orders import NO_ORDERS, WorkingOrders
from tradectl.state.account import INCOME, Account
from tradectl.state.books_view import BooksView

T = TypeVar("T")

FIGURES: dict[str, Callable[[Position], Decimal]] = {
    "position": lambda position: position.quantity,
    "cash flow": lambda position: position.cash_flow,
    "sum of fees": lambda position: position.fees,
}
"""What the strategies' virtual positions add up to, to the last digit. Profit that is realised is not
among them: each strategy has entry prices of its own."""


SUMS: dict[str, Callable[[AccountSums], object]] = {
    "worth of the positions": lambda sums: sums.worth,
    "exposure": lambda sums: sums.exposure,
    "profit on cross margin": lambda sums: sums.cross_profit,
    "number of perpetuals held": lambda sums: sums.perpetuals,
    "margin taken": lambda sums: sums.margin(but=""),
    "exposure that working orders may add": lambda sums: sums.orders_add(but=""),
    "cost of working buys": lambda sums: sums.orders_cost,
    "margin that working orders may take": lambda sums: sums.orders_take(but=""),
}
ORDERS: dict[str, Callable[[WorkingOrders], object]] = {
    "quantity that may be traded": lambda orders: orders.free,
    "quantity that only reduces": lambda orders: orders.reducing,
    "quantity that is expected": lambda orders: orders.expected,
    "stops": lambda orders: sorted(orders.stops),
    "quotes": lambda orders: sorted(orders.quotes),
    "take_profits": lambda orders: sorted(orders.take_profits),
    "orders without an answer": lambda orders: sorted(orders.unsettled),
}


def problems_of(account: Account, instruments: Instruments) -> list[str]:
    """What does not add up in an account, in plain words; empty when all is well."""
    return [*_cash(account, instruments), *_strategies(account), *_orders(account)]


def fill_problems(account: Account, fills: Mapping[str, Decimal]) -> list[str]:
    """Where the positions are not what `fills` make them: the signed quantities, by symbol, of every fill
    ever stored for the account."""
    found = []
    for symbol in sorted({*account.positions, *fills}):
        position = account.positions.get(symbol)
        held, filled = position.quantity if position else ZERO, fills.get(symbol, ZERO)
        if held != filled:
            found.append(
                f"the position in {symbol} is {plain(held)}, the stored fills make it {plain(filled)}"
            )
    return found


def sum_problems(books: BooksView) -> list[str]:
    """Where a sum that is kept is not what all positions and orders add up to."""
    kept, afresh = books.sums(), books.new_sums()
    working = [*books.working_orders(), *books.working_children()]
    orders = {order.spec.symbol: WorkingOrders() for order in working}
    for order in working:
        orders[order.spec.symbol].add(order)
    for symbol in dict.fromkeys([*books.account.positions, *orders]):
        position, mark = books.position(symbol), books.mark(symbol)
        perpetual, here = books.instruments.perpetual(symbol), orders.get(symbol, NO_ORDERS)
        afresh.hold(position, mark, perpetual)
        afresh.work(symbol, here, position.quantity, mark, perpetual)
    found = [*_differing(SUMS, kept, afresh, "of the account")]
    for symbol, here in orders.items():
        found += _differing(ORDERS, books.working_in(symbol), here, f"of {symbol}")
    if books.working_count() != sum(len(here) for here in orders.values()):
        found.append(f"{books.working_count()} orders are counted as working, which they are not")
    return found


def _differing(
    figures: Mapping[str, Callable[[T], object]], kept: T, afresh: T, whose: str
) -> Iterable[str]:
    for name, figure in figures.items():
        ours, right = figure(kept), figure(afresh)
        if ours != right:
            yield f"the {name} {whose} is kept as {ours}, worked out anew it is {right}"


def _cash(account: Account, instruments: Instruments) -> Iterable[str]:
    expected = account.invested + sum((getattr(account, line) for line in INCOME), ZERO)
    for position in account.positions.values():
        expected += position.realized - position.fees
        if not instruments[position.symbol].can_short:
            expected -= position.cost
    if expected != account.cash:
        yield f"cash is {plain(account.cash)}, positions and fees make it {plain(expected)}"
    for line in INCOME:
        whole, parts = getattr(account, line), account.strategies.values()
        total = sum((getattr(totals, line) for totals in parts), ZERO)
        if total != whole:
            yield f"{line} is {plain(whole)}, the strategies' parts make it {plain(total)}"


def _strategies(account: Account) -> Iterable[str]:
    for symbol, position in account.positions.items():
        held = account.holdings.get(symbol, {}).values()
        for name, figure in FIGURES.items():
            total, ours = sum((figure(own) for own in held), ZERO), figure(position)
            if total != ours:
                yield (
                    f"the {name} in {symbol} is {plain(ours)}, the strategies make it {plain(total)}"
                )


def _orders(account: Account) -> Iterable[str]:
    for order in account.orders:
        if not ZERO <= order.filled <= order.spec.quantity:
            yield f"order {order.spec.order_id} of {order.spec.quantity} is filled {order.filled}"
