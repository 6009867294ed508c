"""MEXC."""

from __future__ import annotations

from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

TABLE = ExchangeTable(
    quirks=Quirks(fills_until=frozenset({"spot"})),
    balances={
        "perpetual": BalanceRules(
            ("data",), "currency", ("equity", "-unrealized"), ("equity",), ("availableBalance",)
        )
    },
)

__all__ = ["TABLE"]
