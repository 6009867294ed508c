"""The exchanges that ccxt can reach, and what each of them offers."""

from __future__ import annotations

import contextlib
import importlib

from tradectl.documents.market import ExchangeRow


def reachable_exchanges() -> list[ExchangeRow]:
    """Those that tell trades or an order book. Loads ccxt."""
    ccxt, pro = importlib.import_module("ccxt"), importlib.import_module("ccxt.pro")
    found = []
    for name in ccxt.exchanges:
        offered = getattr(ccxt, name)()
        if offered.has.get("fetchTrades") or offered.has.get("fetchOrderBook"):
            found.append(
                ExchangeRow(
                    id=name,
                    name=offered.name,
                    certified=bool(offered.certified),
                    websocket=name in pro.exchanges,
                    spot=bool(offered.has.get("spot")),
                    perpetual=bool(offered.has.get("swap")),
                    testnet=bool(offered.urls.get("test")),
                    passphrase=bool(offered.requiredCredentials.get("password")),
                )
            )
    return found


def load_ahead() -> None:
    """Load ccxt, which takes a second, before it is needed."""
    with contextlib.suppress(ImportError):  # whoever needs it says so
        importlib.import_module("ccxt.pro")


__all__ = ["load_ahead", "reachable_exchanges"]
