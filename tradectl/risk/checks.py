"""All checks, in the order in which they are asked: whether anything may leave, what the order is,
what it would do to the account, how fast orders come, what was lost, and whether it can be paid
for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tradectl.risk.balance import Balance
from tradectl.risk.base import Check
from tradectl.risk.exposure import GrossExposure, Leverage, OrderNotional, PositionNotional
from tradectl.risk.limits import RiskLimits
from tradectl.risk.losses import DailyLoss, Drawdown
from tradectl.risk.order_validation import (
    BadNumber,
    BadOrder,
    Halted,
    Held,
    MinNotional,
    NoPrice,
    OtherCurrency,
    Paused,
    PriceCollar,
    ReduceOnly,
    StaleData,
    UnknownSymbol,
)
from tradectl.risk.rate_limits import Duplicate, OrderRate, WorkingOrders

L = TypeVar("L")


def default_checks(limits: RiskLimits) -> list[Check]:
    """Fresh checks for one engine; there is none for a limit that is off."""
    return [
        Halted(),
        Paused(),
        Held(),
        *_on(limits.max_data_age_seconds, StaleData),
        UnknownSymbol(),
        OtherCurrency(),
        BadOrder(),
        BadNumber(),
        ReduceOnly(),
        MinNotional(),
        *_on(limits.max_order_notional, OrderNotional),
        *_on(limits.max_position_notional, PositionNotional),
        *_on(limits.max_gross_notional, GrossExposure),
        *_on(limits.max_leverage, Leverage),
        *_on(limits.price_collar_pct, PriceCollar),
        NoPrice(),
        *_on(limits.max_orders_per_second, lambda n: OrderRate(n, limits.rate_window_seconds)),
        *_on(limits.max_working_orders, WorkingOrders),
        Duplicate(limits.duplicate_window_ms),
        *_on(limits.no_entries_from("daily_loss"), DailyLoss),
        *_on(limits.no_entries_from("drawdown"), Drawdown),
        Balance(limits.fee_margin_pct),
    ]


def _on(limit: L | None, check: Callable[[L], Check]) -> list[Check]:
    return [] if limit is None else [check(limit)]


__all__ = ["default_checks"]
