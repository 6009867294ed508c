"""Bitget, API v2."""

from __future__ import annotations

from tradectl.exchange.ccxt_venue.balances import BalanceRules
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

TABLE = ExchangeTable(
    quirks=Quirks(client_id_param="clientOrderId", cancel_id_param="clientOrderId"),
    balances={
        "perpetual": BalanceRules(
            (),
            "marginCoin",
            ("accountEquity", "-unrealizedPL"),
            ("accountEquity",),
            ("available",),
        )
    },
)

__all__ = ["TABLE"]
