"""All checks, in the order in which they are asked: whether anything may leave, what the order is,
what it would do to the account, how fast orders come, what was lost, and whether it can be paid
for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from tradectl.risk.account_checks import (
    BalanceCheck,
    DailyLossCheck,
    DrawdownCheck,
    GrossExposureCheck,
    LeverageCheck,
    OrderNotionalCheck,
    PositionNotionalCheck,
)
from tradectl.risk.base import Check
from tradectl.risk.entry_checks import (
    CapitalCheck,
    OrderQuantityCheck,
    RestrictedSymbolCheck,
    SelfMatchCheck,
)
from tradectl.risk.envelope import EnvelopeCheck
from tradectl.risk.exposure_checks import BudgetCheck, SameDirectionCheck
from tradectl.risk.limits import RiskLimits
from tradectl.risk.margin_check import MarginCheck
from tradectl.risk.order_validation import (
    CurrencyCheck,
    HaltCheck,
    MinNotionalCheck,
    NumberCheck,
    OrderShapeCheck,
    PauseCheck,
    PriceCollarCheck,
    PriceKnownCheck,
    ReduceOnlyCheck,
    ReducingCheck,
    RestrictionCheck,
    StaleDataCheck,
    UnknownSymbolCheck,
)
from tradectl.risk.rate_limits import (
    DuplicateCheck,
    MessageRateCheck,
    OrderRateCheck,
    WorkingOrdersCheck,
)

L = TypeVar("L")


def default_checks(limits: RiskLimits) -> list[Check]:
    """Fresh checks for one engine; there is none for a limit that is off."""
    return [
        HaltCheck(),
        PauseCheck(),
        ReducingCheck(),
        RestrictionCheck(),
        *_on(limits.restricted_symbols or None, RestrictedSymbolCheck),
        *_on(limits.max_data_age_seconds, StaleDataCheck),
        UnknownSymbolCheck(),
        CurrencyCheck(),
        OrderShapeCheck(),
        NumberCheck(),
        EnvelopeCheck(),
        ReduceOnlyCheck(),
        MinNotionalCheck(),
        *_on(limits.min_equity, CapitalCheck),
        *([OrderQuantityCheck(limits)] if limits.max_order_quantity else []),
        *_on(limits.max_order_notional, OrderNotionalCheck),
        *_on(limits.max_position_notional, PositionNotionalCheck),
        *_on(limits.max_gross_notional, GrossExposureCheck),
        *_on(limits.max_leverage, LeverageCheck),
        *_on(_one_way(limits), lambda most: SameDirectionCheck(*most)),
        *_on(limits.budgets or None, BudgetCheck),
        *_on(limits.price_collar_pct, PriceCollarCheck),
        PriceKnownCheck(),
        *([SelfMatchCheck()] if limits.self_match_prevention else []),
        *_on(limits.max_orders_per_second, lambda n: OrderRateCheck(n, limits.rate_window_seconds)),
        *_on(limits.message_window, MessageRateCheck),
        *_on(limits.max_working_orders, WorkingOrdersCheck),
        DuplicateCheck(limits.duplicate_window_ms),
        *_on(limits.no_entries_from("daily_loss"), DailyLossCheck),
        *_on(limits.no_entries_from("drawdown"), DrawdownCheck),
        BalanceCheck(limits.fee_margin_pct),
        MarginCheck(),
    ]


def _one_way(limits: RiskLimits) -> tuple[int | None, Decimal | None] | None:
    most = limits.max_same_direction, limits.max_same_direction_notional
    return None if most == (None, None) else most


def _on(limit: L | None, check: Callable[[L], Check]) -> list[Check]:
    return [] if limit is None else [check(limit)]


__all__ = ["default_checks"]
