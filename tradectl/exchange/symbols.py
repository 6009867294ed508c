"""Which exchange a symbol belongs to: `name:SYMBOL`, or the first one where no name is given.

Exchanges spell symbols with colons of their own (BTC/USDT:USDT), so a name counts only where an
exchange of that name is configured.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tradectl.domain.errors import UsageError
from tradectl.exchange.exchange_settings import ExchangeSettings


def _exchange_of(
    symbol: str, exchanges: Sequence[ExchangeSettings]
) -> tuple[ExchangeSettings, str]:
    """The exchange of `symbol`, and how the symbol is spelled there. Raises UsageError without any."""
    if not exchanges:
        raise UsageError(f"{symbol}: no exchange is configured")
    name, colon, rest = symbol.partition(":")
    if colon:
        for exchange in exchanges:
            if exchange.prefix == name:
                return exchange, rest
    return exchanges[0], symbol


def without_exchange(symbol: str, names: Collection[str]) -> str:
    """As it is spelled at its exchange, of one of these `names`."""
    name, colon, own = symbol.partition(":")
    return own if colon and name in names else symbol


def by_exchange(
    symbols: Sequence[str], exchanges: Sequence[ExchangeSettings]
) -> dict[str, dict[str, str]]:
    """Exchange name -> symbol -> its spelling there, in the order of the symbols."""
    found: dict[str, dict[str, str]] = {exchange.prefix: {} for exchange in exchanges}
    for symbol in symbols:
        exchange, local = _exchange_of(symbol, exchanges)
        found[exchange.prefix][symbol] = local
    return found


__all__ = ["by_exchange", "without_exchange"]
