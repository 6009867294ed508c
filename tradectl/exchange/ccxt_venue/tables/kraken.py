"""Kraken."""

from __future__ import annotations

from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

TABLE = ExchangeTable(
    quirks=Quirks(cancel_id_param="clientOrderId", fills_until=frozenset({"spot"})),
)

__all__ = ["TABLE"]
