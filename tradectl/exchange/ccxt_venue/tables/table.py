"""What is written down of one exchange: all of it in one place."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.error_codes import ErrorCodes
from tradectl.exchange.ccxt_venue.income_rules import IncomeRules
from tradectl.exchange.ccxt_venue.quirks import Quirks


class Fence(Struct, frozen=True):
    """How long a signed order may live: by what it says so, the rule, and the exchange's own document
    that both were read in. Without a document they are as others tell it."""

    rule: str = "unknown"
    read_in: str = ""


class ExchangeTable(Struct, frozen=True, kw_only=True):
    also: tuple[str, ...] = ()
    """other names that ccxt has for the same exchange"""
    elsewhere: Mapping[str, str] = {}
    """kinds of market that ccxt has under a name of their own, with a table of their own"""
    quirks: Quirks = Quirks()
    codes: ErrorCodes = ErrorCodes()
    balances: Mapping[str, BalanceRules] = {}
    """by kind of market; without one as ccxt has them"""
    income: tuple[IncomeRules, ...] = ()
    """the histories of a perpetual account: money that it moves by itself"""
    fence: Fence = Fence()


__all__ = ["ExchangeTable", "Fence"]
