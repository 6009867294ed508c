"""Hyperliquid: a wallet is the account."""

from __future__ import annotations

from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

TABLE = ExchangeTable(
    quirks=Quirks(
        fills_until=frozenset({"spot", "perpetual"}),
        reasons={"status": frozenset({"open", "triggered", "filled", "canceled"})},
        statuses={"scheduledCancel": "canceled"},
    ),
)

__all__ = ["TABLE"]
