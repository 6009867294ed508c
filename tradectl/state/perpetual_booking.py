"""What an exchange does to perpetual positions by itself, booked: funding, and liquidations; and what
somebody else closed by hand.

Both are worked out in full before anything is changed, as fills are. Each strategy bears the part that
its virtual position has in the account's.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.errors import CoreError
from tradectl.domain.events import (
    BarEvent,
    Event,
    FundingPaid,
    MarketDataEvent,
    OrderFilled,
    PositionLiquidated,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO
from tradectl.domain.positions import Position
from tradectl.domain.shares import part_of, shared_out
from tradectl.state.account import Account, StrategyTotals
from tradectl.state.baselines import count_cash
from tradectl.state.booking import EXTERNAL, Booking
from tradectl.state.books_view import BooksView
from tradectl.state.bracket_books import end_trails
from tradectl.state.income_booking import add_to_line, funding_borne, is_new


class LiquidationBooking(Struct, frozen=True):
    """The positions and the cash after it, and the strategies' parts of what the insurance bore."""

    booking: Booking
    insurance: dict[str, Decimal]

    def enter(self, books: BooksView, event: PositionLiquidated) -> None:
        symbol, booking, account = event.symbol, self.booking, books.account
        end_trails(books, symbol, booking.owned)
        books.hold(booking.position)
        account.book_cash(booking.cash, books.instruments.exchange_of(symbol))
        account.own(symbol, booking.owned)
        for name, part in self.insurance.items():
            account.strategies.setdefault(name, StrategyTotals()).insurance += part
        account.insurance += event.insurance
        account.turnover += event.quantity * event.price
        account.fills_count += bool(event.quantity)


def liquidation(
    account: Account,
    held: Mapping[str, Position],
    event: PositionLiquidated,
    instrument: Instrument,
    weights: Mapping[str, Decimal] | None = None,
) -> LiquidationBooking:
    """`held` are the strategies' virtual positions, `weights` what they held
    when it was closed, where that was before. Raises CoreError for more than is held, and for figures
    that are no numbers."""
    before = account.positions.get(event.symbol) or Position(event.symbol)
    signed = event.side.signed(event.quantity)
    weights = holders(held) if weights is None else weights
    total = sum(weights.values(), ZERO)
    if signed * total > 0 or abs(signed) > abs(total):
        raise CoreError(
            f"liquidation {event.liquidation_id} is to {event.side} {event.quantity} "
            f"{event.symbol}, and {total} is held"
        )
    closed = part_of(
        {name: -weight for name, weight in weights.items()}, signed, instrument.lot_size
    )
    closing = {name: part for name, part in closed.items() if part * signed > 0}
    fees = shared_out(event.fee, closing, CENT_OF_A_SATOSHI) if closing else {}
    insurance = {EXTERNAL: event.insurance}
    if closing:
        insurance = shared_out(event.insurance, closing, CENT_OF_A_SATOSHI)
    before_any = Position(event.symbol)
    after = before.after_fill(signed, event.price, event.fee)
    gained = after.realized - before.realized if instrument.can_short else -signed * event.price
    cash = account.cash + gained - event.fee + event.insurance
    if not cash.is_finite():
        raise CoreError(f"liquidation {event.liquidation_id} would make the cash {cash}")
    own_after = {
        name: (held.get(name) or before_any).after_fill(
            closed[name], event.price, fees.get(name, ZERO)
        )
        for name in weights
    }
    return LiquidationBooking(Booking(after, own_after, cash), insurance)


def book_funding(books: BooksView, event: FundingPaid) -> list[Event]:
    """Booked once, however often it is reported: by a real exchange's id of it, else for each moment of
    settlement."""
    account, symbol, held = books.account, event.symbol, books.holdings(event.symbol)
    if event.exchange:
        if not is_new(account, event):
            return []
        shares = funding_borne(account, event, held)
    elif event.ts <= account.funded_until.get(symbol, 0):
        account.duplicates += 1
        return []
    else:
        shares = funding_shares(held, event)
    cash = account.cash + event.payment
    # in place
    account.book_cash(cash, books.instruments.exchange_of(symbol))
    add_to_line(account, "funding", shares)
    account.hold_from(symbol, event.ts)
    if event.exchange:
        account.at_exchange().income.book(event.exchange, event.income_id, event.ts)
        count_cash(account, event.payment)
    return [Booking(books.position(symbol), {}, cash).changed()]


def funding_shares(held: Mapping[str, Position], event: FundingPaid) -> dict[str, Decimal]:
    """What each strategy gets of a payment."""
    weights = holders(held)
    if not sum(weights.values(), ZERO):
        return {EXTERNAL: event.payment}
    return shared_out(event.payment, weights, CENT_OF_A_SATOSHI)


def holders(held: Mapping[str, Position]) -> dict[str, Decimal]:
    """The quantities of those that are not flat."""
    return {name: own.quantity for name, own in held.items() if own.quantity}


def held_from(tick: MarketDataEvent | None, at: int) -> int:
    """Since when (ns) a position is held that was opened at `at`, on `tick`: inside a bar it is not known
    when, and taken to be from its open."""
    return at - tick.interval if isinstance(tick, BarEvent) else at


def liquidation_fill(event: PositionLiquidated, seq: int) -> OrderFilled:
    """A liquidation as a row among the fills: of no order of ours."""
    return OrderFilled(
        source_component=event.source_component,
        order_id=f"liquidation-{seq}",
        symbol=event.symbol,
        trade_id=event.liquidation_id,
        side=event.side,
        quantity=event.quantity,
        price=event.price,
        fee=event.fee,
        fee_currency=event.fee_currency,
        ts=event.ts,
        fee_paid=event.fee_paid,
    )


__all__ = [
    "LiquidationBooking",
    "book_funding",
    "funding_shares",
    "held_from",
    "liquidation",
    "liquidation_fill",
]
