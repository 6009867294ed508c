"""The playback venue: the loopback exchange in the words of any other one, for the real ccxt.

One matching engine, one truth, the same faults: only what is asked and answered has another shape. An
exchange is a module here with a `DIALECTS` of it, a dialect for each kind of market: which request is
which act, how what is asked is read, and how an answer is told. Nothing else knows of it.

    exchange = LoopbackExchange(seed=1, dialect=dialect("bybit", "perpetual"))

Shapes are facts out of ccxt's source and its static tests; each module names the case. None of them was
seen at the real exchange.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from tests.venues.dialect import Dialect
from tradectl.testkit import LoopbackExchange

pytest.register_assert_rewrite(f"{__name__}.contract")

_INFRASTRUCTURE = frozenset(
    {
        "__main__",
        "acts",
        "asked",
        "contract",
        "dialect",
        "door",
        "harness",
        "pushed",
        "shapes",
        "streams",
        "talks",
        "wrong",
    }
)


def spoken() -> list[tuple[str, str]]:
    """Every exchange and kind that there is a dialect of."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return [(n, kind) for n in sorted(set(found) - _INFRASTRUCTURE) for kind in _dialects(n)]


def dialect(name: str, kind: str) -> Dialect:
    return _dialects(name)[kind]


def speaks_for(exchange: LoopbackExchange) -> str:
    """The exchange that it is, as ccxt calls it."""
    found = exchange.dialect
    return found.exchange_id if isinstance(found, Dialect) else "binance"


def _dialects(name: str) -> dict[str, Dialect]:
    found: dict[str, Dialect] = importlib.import_module(f"{__name__}.{name}").DIALECTS
    return found


__all__ = ["Dialect", "dialect", "speaks_for", "spoken"]
