"""A table for each exchange, in a module with ccxt's name of it: the only place that knows their names.

Everything else goes by what ccxt unifies, and asks the table where that is not enough. An exchange
without a table works with the defaults: it is asked, never assumed. A further one is a module here.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from tradectl.exchange.ccxt_venue.tables.table import ExchangeTable

_NONE = ExchangeTable()
_NO_EXCHANGE = frozenset({"table"})


def described_exchanges() -> list[str]:
    """Those that have a table."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name not in _NO_EXCHANGE)


@functools.cache
def table_of(exchange_id: str) -> ExchangeTable:
    names = described_exchanges()
    if exchange_id in names:
        return _module(exchange_id)
    return next((t for t in map(_module, names) if exchange_id in t.also), _NONE)


def ccxt_name(exchange_id: str, kind: str) -> str:
    """By what name ccxt has a kind of market of an exchange."""
    return table_of(exchange_id).elsewhere.get(kind, exchange_id)


def _module(name: str) -> ExchangeTable:
    table: ExchangeTable = importlib.import_module(f"{__name__}.{name}").TABLE
    return table


__all__ = ["ExchangeTable", "ccxt_name", "described_exchanges", "table_of"]
