"""What others traded on the account, where its trade history explains what differs.

Each of their trades takes from what is *external* first, then from ours: that part is a `manual` fill of
our position. On a perpetual what goes beyond, or comes on top, is theirs; on spot what they bought shows
as a surplus, and needs no history.

    ours 2, external 1    somebody sells 1.5    external 0, a manual fill of 0.5, ours 1.5

The money of what is theirs is theirs, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.events import (
    AccountReported,
    CloseCause,
    ForeignTrade,
    PositionLiquidated,
    trade_key,
)
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO
from tradectl.state.reconciliation import ReconciliationState


def explaining(
    known: ReconciliationState,
    report: AccountReported,
    symbol: str,
    difference: Decimal,
    *,
    can_short: bool,
    believed: bool,
) -> list[ForeignTrade]:
    """The newest trades that add up to the `difference`, oldest first; none where none do. On spot coins
    may have come since: there sales of more than is missing explain it too, once it is `believed`."""
    if not difference:
        return []
    found: list[ForeignTrade] = []
    missing = difference
    for trade in reversed(report.trades):
        if trade.symbol != symbol or not known.is_new_trade(report.exchange, trade):
            continue
        if not can_short and trade.signed > 0:
            continue
        if not can_short and trade.signed < missing:
            if not believed:
                return []
            found.insert(0, _cut(trade, -missing))
            return found
        found.insert(0, trade)
        missing -= trade.signed
        if not missing:
            return found
    return []


def settle(
    known: ReconciliationState,
    exchange: str,
    trades: list[ForeignTrade],
    held: Decimal,
    *,
    can_short: bool,
) -> Iterator[PositionLiquidated]:
    """Note what of the `trades` was external; what was ours, of `held`, is to be booked."""
    for trade in trades:
        external = known.external.get(trade.symbol, ZERO)
        taken = _against(external, trade.signed)
        ours = _against(held, trade.signed - taken)
        theirs = trade.signed - ours if can_short else taken
        fee, paid = (_part(of, ours, trade.signed) for of in (trade.fee, trade.fee_paid))
        their_fee = ZERO if trade.fee_paid else trade.fee - fee
        _note_theirs(known, exchange, trade, theirs, taken, their_fee, can_short=can_short)
        held += ours
        if not ours:
            known.income.book(exchange, trade_key(trade.symbol, trade.trade_id), trade.ts)
            continue
        yield PositionLiquidated(
            source_component=exchange,
            symbol=trade.symbol,
            liquidation_id=trade_key(trade.symbol, trade.trade_id),
            side=trade.side,
            quantity=abs(ours),
            price=trade.price,
            fee=fee,
            ts=trade.ts,
            cause=CloseCause.MANUAL,
            exchange=exchange,
            fee_paid=paid,
            fee_currency=trade.fee_currency,
        )


def _note_theirs(
    known: ReconciliationState,
    exchange: str,
    trade: ForeignTrade,
    theirs: Decimal,
    taken: Decimal,
    fee: Decimal,
    *,
    can_short: bool,
) -> None:
    symbol, before = trade.symbol, known.external.get(trade.symbol, ZERO)
    if theirs:
        known.external[symbol] = before + theirs
    if not can_short:
        known.note_external_cash(exchange, -(theirs * trade.price + fee))
        return
    known.note_external_cash(exchange, -fee)
    cost = known.external_cost.get(symbol) if before else ZERO
    if cost is None:
        return  # nobody said what it cost: what it brings is not known, either
    if taken:
        freed = (cost * taken / before).quantize(CENT_OF_A_SATOSHI)
        known.note_external_cash(exchange, freed - taken * trade.price)
        cost += freed
    cost += (theirs - taken) * trade.price
    known.external_cost.pop(symbol, None)
    if before + theirs:
        known.external_cost[symbol] = cost


def _against(held: Decimal, signed: Decimal) -> Decimal:
    """The part of a trade that closes what is `held`."""
    if held * signed >= 0:
        return ZERO
    return max(signed, -held) if signed < 0 else min(signed, -held)


def _cut(trade: ForeignTrade, quantity: Decimal) -> ForeignTrade:
    fee, paid = (_part(of, quantity, trade.quantity) for of in (trade.fee, trade.fee_paid))
    return replace(trade, quantity=quantity, fee=fee, fee_paid=paid)


def _part(of: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    return (of * quantity / whole).quantize(CENT_OF_A_SATOSHI)


__all__ = ["explaining", "settle"]
