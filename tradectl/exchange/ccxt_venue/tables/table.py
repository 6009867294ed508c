"""What is written down of one exchange: all of it in one place."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes
from tradectl.exchange.ccxt_venue.income_rules import IncomeRules
from tradectl.exchange.ccxt_venue.quirks import Quirks


class ExchangeTable(Struct, frozen=True, kw_only=True):
    also: tuple[str, ...] = ()
    """other names that ccxt has for the same exchange"""
    quirks: Quirks = Quirks()
    codes: ErrorCodes = ErrorCodes()
    balances: Mapping[str, BalanceRules] = {}
    """by kind of market; without one as ccxt has them"""
    income: tuple[IncomeRules, ...] = ()
    """the histories of a perpetual account: money that it moves by itself"""
    fence: str = "unknown"
    """by what an order says how long it may live once it is signed, and whether that is verified"""


__all__ = ["ExchangeTable"]
