"""Two ways of counting must agree: what the books carry, and what the fills add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, plain
from tradectl.state.account import Account


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
    expected = account.invested + account.funding + account.insurance
    for position in account.positions.values():
        expected += position.realized - position.fees
        if not instruments[position.symbol].can_short:
            expected -= position.cost
    if expected != account.cash:
        yield f"cash is {plain(account.cash)}, positions and fees make it {plain(expected)}"
    for line in ("funding", "insurance"):
        whole, parts = getattr(account, line), account.strategies.values()
        total = sum((getattr(totals, line) for totals in parts), ZERO)
        if total != whole:
            yield f"{line} is {plain(whole)}, the strategies' parts make it {plain(total)}"


def _strategies(account: Account) -> Iterable[str]:
    for symbol, position in account.positions.items():
        own = [t.positions[symbol] for t in account.strategies.values() if symbol in t.positions]
        total = sum((p.quantity for p in own), ZERO)
        if total != position.quantity:
            yield (
                f"the position in {symbol} is {plain(position.quantity)}, "
                f"the strategies' fills make it {plain(total)}"
            )


def _orders(account: Account) -> Iterable[str]:
    for order in account.orders:
        if not ZERO <= order.filled <= order.spec.quantity:
            yield f"order {order.spec.order_id} of {order.spec.quantity} is filled {order.filled}"
