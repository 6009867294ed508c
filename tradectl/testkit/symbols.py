"""The symbols that are listed, and their rules as an exchange publishes them.

A symbol is one of spot or of USD-M futures; the two may carry the same name and are different markets.
The filters are those that Binance had for these symbols, as far as they matter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

D = Decimal
SPOT = "spot"
FUTURES = "futures"

SPOT_TYPES = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]
FUTURES_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"]


@dataclass(frozen=True)
class Rules:
    """What an order in a symbol must keep to. `price` and `size` are where the market maker
    starts to quote."""

    market: str
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    max_price: Decimal
    price: Decimal
    size: Decimal
    delivery_ms: int = 4133404800000
    """of a perpetual: the end of its time, far away unless it is to be delisted"""

    @property
    def futures(self) -> bool:
        return self.market == FUTURES

    def show_price(self, value: Decimal | None) -> str:
        if value is None:
            value = D(0)
        return f"{_in_steps(value, self.tick):f}" if self.futures else f"{value:.8f}"

    def show_quantity(self, value: Decimal) -> str:
        return f"{_in_steps(value, self.lot):f}" if self.futures else f"{value:.8f}"


def _in_steps(value: Decimal, step: Decimal) -> Decimal:
    """With as many digits as the step; what is from before the step grew stays what it was."""
    return value if value % step else value.quantize(step)


def _spot(base: str, tick: str, lot: str, most: str, price: str, size: str) -> Rules:
    return Rules(
        SPOT,
        f"{base}USDT",
        base,
        "USDT",
        D(tick),
        D(lot),
        D("9000") * D(most),
        D("120") * D(most),
        D("5"),
        D("1000000"),
        D(price),
        D(size),
    )


def _perpetual(base: str, tick: str, least: str, price: str, size: str) -> Rules:
    return Rules(
        FUTURES,
        f"{base}USDT",
        base,
        "USDT",
        D(tick),
        D("0.001"),
        D("10000"),
        D("2000"),
        D(least),
        D("809484"),
        D(price),
        D(size),
    )


LISTED = (
    _spot("BTC", "0.01", "0.00001", "1", "60000", "10"),
    _spot("ETH", "0.01", "0.0001", "1", "3000", "100"),
    _spot("SOL", "0.01", "0.001", "10", "150", "2000"),
    _spot("BNB", "0.01", "0.001", "1", "600", "500"),
    _perpetual("BTC", "0.10", "100", "60000", "10"),
    _perpetual("ETH", "0.01", "20", "3000", "100"),
)


def plain(value: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def filters(rules: Rules) -> list[dict[str, Any]]:
    show = plain if rules.futures else (lambda value: f"{value:.8f}")
    shared = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": show(rules.tick),
            "maxPrice": show(rules.max_price),
            "tickSize": show(rules.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": show(rules.lot),
            "maxQty": show(rules.max_quantity),
            "stepSize": show(rules.lot),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": show(rules.lot) if rules.futures else "0.00000000",
            "maxQty": show(rules.max_market_quantity),
            "stepSize": show(rules.lot) if rules.futures else "0.00000000",
        },
    ]
    if rules.futures:
        return [
            *shared,
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": plain(rules.min_notional)},
        ]
    return [
        *shared,
        {
            "filterType": "NOTIONAL",
            "minNotional": show(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]


def describe(rules: Rules, *, closed: bool = False) -> dict[str, Any]:
    """The symbol's entry in exchangeInfo."""
    common: dict[str, Any] = {
        "symbol": rules.symbol,
        "status": ("CLOSE" if rules.futures else "BREAK") if closed else "TRADING",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        "filters": filters(rules),
    }
    if rules.futures:
        return common | {
            "pair": rules.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": rules.delivery_ms,
            "onboardDate": 1569398400000,
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "marginAsset": rules.quote,
            "pricePrecision": 2,
            "quantityPrecision": 3,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": ["PoW"],
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "orderTypes": FUTURES_TYPES,
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }
    return common | {
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": SPOT_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }
