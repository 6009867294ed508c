"""The exchanges that ccxt can reach, and what each of them offers."""

from __future__ import annotations

import contextlib
import importlib

from msgspec import Struct


class Reachable(Struct, frozen=True):
    """An exchange by ccxt's word. `certified` ones are tested by its makers; `passphrase`: its keys have
    a third part."""

    id: str
    name: str
    certified: bool
    websocket: bool
    spot: bool
    perpetual: bool
    testnet: bool
    passphrase: bool


def reachable() -> list[Reachable]:
    """Those that tell trades or an order book. Loads ccxt."""
    ccxt, pro = importlib.import_module("ccxt"), importlib.import_module("ccxt.pro")
    found = []
    for name in ccxt.exchanges:
        told = getattr(ccxt, name)()
        if told.has.get("fetchTrades") or told.has.get("fetchOrderBook"):
            found.append(
                Reachable(
                    id=name,
                    name=told.name,
                    certified=bool(told.certified),
                    websocket=name in pro.exchanges,
                    spot=bool(told.has.get("spot")),
                    perpetual=bool(told.has.get("swap")),
                    testnet=bool(told.urls.get("test")),
                    passphrase=bool(told.requiredCredentials.get("password")),
                )
            )
    return found


def load_ahead() -> None:
    """Load ccxt, which takes a second, before it is needed."""
    with contextlib.suppress(ImportError):  # whoever needs it says so
        importlib.import_module("ccxt.pro")


__all__ = ["Reachable", "load_ahead", "reachable"]
