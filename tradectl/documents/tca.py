"""`orders --tca`: what orders cost to trade, each against the price when it was asked for."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.values import Amount, Time
from tradectl.domain.money import Side


class OrderCost(Struct, kw_only=True, frozen=True):
    """An order that leaves whole, or one that `children` work. `arrival` is the last price as it was
    made (of a stop or a take-profit its own), `mid` the middle of the market then, and `average_price`
    what it got. `slippage` is what its fills cost against the arrival in the quote currency, above zero
    where that was worse, `slippage_bps` the same of what was traded, `slippage_mid_bps` against the
    middle just before each fill. `duration_s` is from when it was made to its last fill. Null where
    there was no price, or no fill."""

    order_id: str
    symbol: str
    side: Side
    algorithm: str
    children: int
    strategy: str
    quantity: Amount
    filled: Amount
    arrival: Amount | None
    mid: Amount | None
    average_price: Amount | None
    slippage: Amount | None
    slippage_bps: Amount | None
    slippage_mid_bps: Amount | None
    fees: Amount
    created_at: Time
    duration_s: float | None


class TradingCosts(Struct, kw_only=True, frozen=True):
    """Of run `run_id`: its orders, newest last, and what they come to together. `notional` is what was
    traded, and `slippage_bps` of that part of it whose arrival is known."""

    run_id: str
    journal: str
    orders: list[OrderCost]
    filled: int
    notional: Amount
    fees: Amount
    slippage: Amount
    slippage_bps: Amount | None
    slippage_mid_bps: Amount | None


__all__ = ["OrderCost", "TradingCosts"]
