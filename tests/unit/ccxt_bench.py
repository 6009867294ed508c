"""A ccxt object without a network: its markets are recorded ones, and its parsers are the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ccxt.pro

from tradectl.exchange.ccxt_venue.client import make_client
from tradectl.exchange.ccxt_venue.markets import TICK_SIZE, Markets
from tradectl.exchange.ccxt_venue.quirks import quirks_of
from tradectl.exchange.ccxt_venue.reports import Reports
from tradectl.exchange.exchange_settings import ExchangeSettings

QUIRKS = quirks_of("binance")


def _filters(tick: str, lot: str, least: str, notional: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": "9000", "stepSize": lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "97.09521512", "stepSize": "0"},
        notional,
    ]


def spot(symbol: str, base: str, quote: str, tick: str, lot: str, notional: str) -> dict[str, Any]:
    """As recorded from the exchange's own list, shortened."""
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
        "permissions": [],
        "filters": _filters(tick, lot, lot, {"filterType": "NOTIONAL", "minNotional": notional}),
    }


def perpetual(
    symbol: str, base: str, quote: str, tick: str, lot: str, **more: Any
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "filters": _filters(tick, lot, lot, {"filterType": "MIN_NOTIONAL", "notional": "100"}),
    } | more


LISTED: dict[str, list[dict[str, Any]]] = {
    "spot": [
        spot("BTCUSDT", "BTC", "USDT", "0.01000000", "0.00001000", "5.00000000"),
        spot("ETHBTC", "ETH", "BTC", "0.00001000", "0.00010000", "0.00010000"),
        spot("LTCBTC", "LTC", "BTC", "0.00000100", "0.00100000", "0.00010000"),
    ],
    "perpetual": [
        perpetual("BTCUSDT", "BTC", "USDT", "0.10", "0.001"),
        perpetual("BTCUSDC", "BTC", "USDC", "0.10", "0.001"),
        perpetual(
            "BTCUSDT_260626", "BTC", "USDT", "0.10", "0.001",
            contractType="CURRENT_QUARTER", deliveryDate=1782460800000,
        ),
        perpetual(
            "BTCUSD_PERP", "BTC", "USD", "0.1", "1", marginAsset="BTC", contractSize=100
        ),
    ],
}  # fmt: skip


def client(kind: str = "spot") -> Any:
    settings = ExchangeSettings(id="binance", market="spot" if kind == "spot" else "perpetual")
    assert ccxt.pro.exchanges
    made = make_client(settings, None, QUIRKS)
    made.options["crossMarginPairsData"] = made.options["isolatedMarginPairsData"] = []
    made.set_markets([made.parse_market(raw) for raw in LISTED[kind]])
    return made


def markets(kind: str = "spot", configured: Mapping[str, str] | None = None) -> Markets:
    return Markets(client(kind).markets, TICK_SIZE, kind, configured or {"BTCUSDT": "BTCUSDT"})


def reports(kind: str = "spot") -> Reports:
    return Reports(markets(kind), QUIRKS)
