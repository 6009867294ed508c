"""Two ways of counting must agree: what the books carry, and what the fills add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, plain
from tradectl.domain.positions import Position
from tradectl.state.account import INCOME, Account

FIGURES: dict[str, Callable[[Position], Decimal]] = {
    "position": lambda position: position.quantity,
    "cash flow": lambda position: position.cash_flow,
    "sum of fees": lambda position: position.fees,
}
"""What the strategies' virtual positions add up to, to the last digit. Profit that is realised is not
among them: each strategy has entry prices of its own."""


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
