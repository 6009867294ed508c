"""Money that a real exchange moves by itself, and positions that it closes, into the books.

    funding, insurance, interest, rebates   income: lines of profit and loss of their own
    a transfer                              neither profit nor loss: what losses are measured from moves
    a liquidation, an auto-deleveraging     a fill of nobody's order, with the fee as what it is

Nothing else is booked by itself: a difference in cash that is none of these stays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.errors import CoreError
from tradectl.domain.events import CashMoved, FundingPaid, IncomeKind, PositionLiquidated
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO
from tradectl.domain.positions import Position
from tradectl.domain.shares import shared_out
from tradectl.state.account import Account, StrategyTotals
from tradectl.state.baselines import count_cash, shift
from tradectl.state.booking import EXTERNAL
from tradectl.state.books_view import BooksView

LINE_OF = {
    IncomeKind.FUNDING: "funding",
    IncomeKind.INSURANCE: "insurance",
    IncomeKind.INTEREST: "interest",
    IncomeKind.REBATE: "rebates",
}
"""The line of the account, and of its strategies, that a kind of income adds to."""


def is_new(account: Account, event: CashMoved | FundingPaid | PositionLiquidated) -> bool:
    """It has not been booked, and is not in the books from before. One told again is counted."""
    known = account.at_exchange()
    if isinstance(event, PositionLiquidated):
        fresh = known.is_new_trade(event.exchange, event)
    else:
        fresh = known.income.is_new(event.exchange, event.income_id, event.ts)
    if fresh:
        return True
    account.duplicates += 1
    return False


def funding_borne(
    account: Account, event: FundingPaid, held: Mapping[str, Position]
) -> dict[str, Decimal]:
    """Who bears what of a payment that a real exchange told of: in proportion to what each held when it
    was settled, and what was held beside ours."""
    known = account.at_exchange()
    weights = known.income.held_at(event.symbol, event.ts)
    if weights is None:
        weights = {name: own.quantity for name, own in held.items()}
    first = {name: weights[name] for name in held if name in weights}
    return _borne({**first, **weights}, known.external.get(event.symbol, ZERO), event.payment)


def book_cash(account: Account, event: CashMoved) -> None:
    """Raises CoreError for an amount that is no number."""
    cash = account.cash + event.amount
    if not cash.is_finite():
        raise CoreError(f"{event.exchange}: {event.kind} {event.income_id} of {event.amount}")
    known = account.at_exchange()
    known.income.book(event.exchange, event.income_id, event.ts)
    account.book_cash(cash, event.exchange)
    if event.kind is IncomeKind.TRANSFER:
        known.transferred += event.amount
        shift(account, event.amount)
        return
    count_cash(account, event.amount)
    weights = known.income.last_held(event.symbol, event.ts) if event.symbol else {}
    add_to_line(account, LINE_OF[event.kind], _borne(weights, ZERO, event.amount))


def add_to_line(account: Account, line: str, parts: Mapping[str, Decimal]) -> None:
    """Of the account, and of the strategies that bear it."""
    for name, part in parts.items():
        totals = account.strategies.setdefault(name, StrategyTotals())
        setattr(totals, line, getattr(totals, line) + part)
        setattr(account, line, getattr(account, line) + part)


def note_held(books: BooksView, symbol: str, owned: Mapping[str, Position], at: int) -> None:
    """Strategies are to hold these since `at` (ns UTC): what they held before is asked for when funding,
    or a position that was closed, is told of."""
    known = books.account.reconciliation
    if known is None or not known.income.since or not books.instruments[symbol].can_short:
        return
    held = {name: own.quantity for name, own in books.holdings(symbol).items()}
    after = {name: own.quantity for name, own in owned.items()}
    known.income.note_held(symbol, held, after, at)


def closed_from(
    account: Account, event: PositionLiquidated, held: Mapping[str, Position]
) -> dict[str, Decimal]:
    """What strategies held of what a real exchange closed: at its time, or now where that is more."""
    now = {name: own.quantity for name, own in held.items() if own.quantity}
    before = account.at_exchange().income.held_before(event.symbol, event.ts)
    if before is None:
        return now
    then = {name: before[name] for name in held if before.get(name)}
    return max(then, now, key=lambda weights: _closable(event, weights))


def _closable(event: PositionLiquidated, weights: Mapping[str, Decimal]) -> Decimal:
    total, signed = sum(weights.values(), ZERO), event.side.signed(event.quantity)
    return min(event.quantity, abs(total)) if signed * total < 0 else ZERO


def closed_of_ours(event: PositionLiquidated, weights: Mapping[str, Decimal]) -> PositionLiquidated:
    """The part of what a real exchange closed that was ours, with its part of the fee."""
    ours = _closable(event, weights)
    if ours == event.quantity:
        return event
    fee, paid = (
        (of * ours / event.quantity).quantize(CENT_OF_A_SATOSHI)
        for of in (event.fee, event.fee_paid)
    )
    return replace(event, quantity=ours, fee=fee, fee_paid=paid)


def external_after(account: Account, event: PositionLiquidated, ours: Decimal) -> Decimal:
    """What is held beside ours once `ours` of the quantity was closed of ours: no more is closed of it
    than there was."""
    external = account.at_exchange().external.get(event.symbol, ZERO)
    rest = event.side.signed(event.quantity - ours)
    if rest * external >= 0:
        return external
    return external + rest if abs(rest) < abs(external) else ZERO


def _borne(
    weights: Mapping[str, Decimal], external: Decimal, amount: Decimal
) -> dict[str, Decimal]:
    weights = {name: weight for name, weight in weights.items() if weight}
    if external:
        weights[EXTERNAL] = weights.get(EXTERNAL, ZERO) + external
    if not sum(weights.values(), ZERO):
        return {EXTERNAL: amount}
    return shared_out(amount, weights, CENT_OF_A_SATOSHI)


__all__ = [
    "LINE_OF",
    "add_to_line",
    "book_cash",
    "closed_from",
    "closed_of_ours",
    "external_after",
    "funding_borne",
    "is_new",
    "note_held",
]
