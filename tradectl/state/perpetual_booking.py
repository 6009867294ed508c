"""What an exchange does to perpetual positions by itself, booked: funding, and liquidations.

Both are worked out in full before anything is changed, as fills are. Each strategy bears the part that
its own position has in the account's; parts are rounded once and the last one takes the rest, so that
they sum to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from tradectl.domain.errors import CoreError
from tradectl.domain.events import (
    BarEvent,
    FundingPaid,
    MarketDataEvent,
    OrderFilled,
    PositionLiquidated,
)
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO
from tradectl.domain.positions import Position
from tradectl.state.account import Account
from tradectl.state.booking import Booking


class LiquidationBooking(Struct, frozen=True):
    """The account's position and cash after it, the strategies' own positions, and their parts of what
    the insurance bore."""

    booking: Booking
    own: dict[str, Position]
    insurance: dict[str, Decimal]

    def enter(self, account: Account, event: PositionLiquidated) -> None:
        symbol, booking = event.symbol, self.booking
        account.positions[symbol], account.cash = booking.position, booking.cash
        for name, position in self.own.items():
            account.strategies[name].positions[symbol] = position
        for name, part in self.insurance.items():
            account.strategies[name].insurance += part
        account.insurance += event.insurance
        account.turnover += event.quantity * event.price
        account.fills_count += 1


def liquidation(account: Account, event: PositionLiquidated) -> LiquidationBooking:
    """Raises CoreError for more than is held, and for figures that are no numbers."""
    before = account.positions.get(event.symbol) or Position(event.symbol)
    signed = event.side.signed(event.quantity)
    if signed * before.quantity > 0 or abs(signed) > abs(before.quantity):
        raise CoreError(
            f"liquidation {event.liquidation_id} is to {event.side} {event.quantity} "
            f"{event.symbol}, and {before.quantity} is held"
        )
    own = owners(account, event.symbol)
    weights = {name: position.quantity for name, position in own.items()}
    closed = {name: -weight for name, weight in weights.items()}
    if sum(closed.values(), ZERO) != signed:
        closed = parts(signed, weights)
    fees, insurance = parts(event.fee, weights), parts(event.insurance, weights)
    after = before.after_fill(signed, event.price, event.fee)
    cash = account.cash + after.realized - before.realized - event.fee + event.insurance
    if not cash.is_finite():
        raise CoreError(f"liquidation {event.liquidation_id} would make the cash {cash}")
    own_after = {
        name: position.after_fill(closed[name], event.price, fees.get(name, ZERO))
        for name, position in own.items()
        if closed.get(name)
    }
    return LiquidationBooking(Booking(after, before, cash), own_after, insurance)


def funding_shares(account: Account, event: FundingPaid) -> dict[str, Decimal]:
    """What each strategy gets of a payment; nothing where none of them holds the symbol."""
    own = owners(account, event.symbol)
    return parts(event.payment, {name: position.quantity for name, position in own.items()})


def owners(account: Account, symbol: str) -> dict[str, Position]:
    """The strategies' own positions in the symbol, by name."""
    found = {name: totals.positions.get(symbol) for name, totals in account.strategies.items()}
    return {name: position for name, position in found.items() if position is not None}


def parts(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """`amount` by signed weight, to ten decimals; the last with a weight takes the rest. Nothing where
    the weights come to nothing."""
    total = sum(weights.values(), ZERO)
    bearing = [name for name, weight in weights.items() if weight]
    if not total:
        return {}
    shared: dict[str, Decimal] = {}
    for name in bearing[:-1]:
        share = amount * weights[name] / total
        shared[name] = share.quantize(CENT_OF_A_SATOSHI, ROUND_HALF_EVEN)
    shared[bearing[-1]] = amount - sum(shared.values(), ZERO)
    return shared


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
        ts=event.ts,
    )


__all__ = [
    "LiquidationBooking",
    "funding_shares",
    "held_from",
    "liquidation",
    "liquidation_fill",
    "parts",
]
