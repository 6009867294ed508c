"""HTX."""

from __future__ import annotations

from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

TABLE = ExchangeTable(
    balances={
        "perpetual": BalanceRules(
            ("data", "details"),
            "currency",
            ("equity", "-profit_unreal"),
            ("equity",),
            ("available_margin",),
        )
    },
)

__all__ = ["TABLE"]
