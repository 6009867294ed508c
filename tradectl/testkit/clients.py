"""Unmodified ccxt clients that speak to a loopback exchange. ccxt is loaded when one is made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tradectl.testkit.exchange import LoopbackExchange
from tradectl.testkit.pointing import point_at

SPOT_SYMBOL = "BTC/USDT"
SWAP_SYMBOL = "BTC/USDT:USDT"


@asynccontextmanager
async def spot_client(exchange: LoopbackExchange, **settings: Any) -> AsyncIterator[Any]:
    """`ccxt.pro.binance`, markets loaded."""
    async with _client("binance", "spot", exchange, settings) as client:
        yield client


@asynccontextmanager
async def swap_client(exchange: LoopbackExchange, **settings: Any) -> AsyncIterator[Any]:
    """`ccxt.pro.binanceusdm`, markets loaded."""
    async with _client("binanceusdm", "linear", exchange, settings) as client:
        yield client


@asynccontextmanager
async def _client(
    name: str, kind: str, exchange: LoopbackExchange, settings: dict[str, Any]
) -> AsyncIterator[Any]:
    import ccxt.pro

    options = {"fetchMarkets": {"types": [kind]}, "fetchCurrencies": False, "fetchMargins": False}
    client = getattr(ccxt.pro, name)(
        {
            "apiKey": exchange.key,
            "secret": exchange.secret,
            "enableRateLimit": False,
            "number": str,
            "newUpdates": True,
            "options": options | settings.pop("options", {}),
        }
        | settings
    )
    point_at(client, exchange.url)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()
