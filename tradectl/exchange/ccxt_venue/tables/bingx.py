"""BingX."""

from __future__ import annotations

from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

TABLE = ExchangeTable(
    balances={
        "perpetual": BalanceRules(
            ("data",), "asset", ("balance",), ("equity",), ("availableMargin",)
        )
    },
)

__all__ = ["TABLE"]
