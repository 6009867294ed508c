"""Public REST of both markets: rules, time, prices, books, trades, candles."""

from __future__ import annotations

from typing import Any

from tradectl.testkit import errors, payloads
from tradectl.testkit.calls import Call, Route, Routes
from tradectl.testkit.errors import ApiError
from tradectl.testkit.symbols import FUTURES, SPOT, Rules, describe
from tradectl.testkit.trades import Trade, candles, interval_ms

Json = dict[str, Any]


def ping(call: Call) -> Json:
    return {}


def server_time(call: Call) -> Json:
    return {"serverTime": call.exchange.now_ms()}


def exchange_info(call: Call) -> Json:
    wanted = call.params.get("symbol")
    rules = [r for r in call.engine.rules.values() if wanted in {None, r.symbol}]
    if not rules:
        raise errors.no_such_symbol()
    limits = [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": 6000 if call.market == SPOT else 2400,
        },
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    ]
    return {
        "timezone": "UTC",
        "serverTime": call.exchange.now_ms(),
        "rateLimits": limits,
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [
            describe(r, closed=(r.market, r.symbol) in call.exchange.sessions.closed) for r in rules
        ],
    }


def depth(call: Call) -> Json:
    rules, now = call.rules, call.exchange.now_ms()
    if rules.symbol in call.exchange.recorded and call.market == SPOT:
        return call.exchange.recorded[rules.symbol].snapshot(call.limit(100, 5000))
    book, limit = call.engine.books[rules.symbol], call.limit(100, 5000)
    shown: Json = {
        "lastUpdateId": book.update_id,
        "bids": payloads.levels(rules, book.levels("BUY", limit)),
        "asks": payloads.levels(rules, book.levels("SELL", limit)),
    }
    return shown | {"E": now, "T": now} if rules.futures else shown


def _asked(call: Call) -> list[Rules]:
    return [call.rules] if call.params.get("symbol") else list(call.engine.rules.values())


def _one_or_all(call: Call, shown: list[Json]) -> Any:
    return shown[0] if call.params.get("symbol") else shown


def book_ticker(call: Call) -> Any:
    shown = []
    for rules in _asked(call):
        book = call.engine.books[rules.symbol]
        entry: Json = {"symbol": rules.symbol}
        for side, price, size in (("BUY", "bidPrice", "bidQty"), ("SELL", "askPrice", "askQty")):
            top = book.top(side)
            entry[price] = rules.show_price(top[0] if top else None)
            entry[size] = rules.show_quantity(top[1]) if top else "0.00000000"
        if rules.futures:
            entry |= {"time": call.exchange.now_ms(), "lastUpdateId": book.update_id}
        shown.append(entry)
    return _one_or_all(call, shown)


def price(call: Call) -> Any:
    now = call.exchange.now_ms()
    shown = [
        {"symbol": r.symbol, "price": r.show_price(call.engine.last[r.symbol])}
        | ({"time": now} if r.futures else {})
        for r in _asked(call)
    ]
    return _one_or_all(call, shown)


def day(call: Call) -> Any:
    return _one_or_all(call, [_day(call, rules) for rules in _asked(call)])


def _day(call: Call, rules: Rules) -> Json:
    now, last = call.exchange.now_ms(), call.engine.last[rules.symbol]
    trades = call.engine.trades[rules.symbol].trades
    made = candles(trades[-5000:], 1 << 62)
    opened = made[0].open if made else last
    shown: Json = {
        "symbol": rules.symbol,
        "priceChange": rules.show_price(last - opened),
        "priceChangePercent": f"{(last - opened) / opened * 100:.3f}",
        "weightedAvgPrice": rules.show_price(last),
        "lastPrice": rules.show_price(last),
        "lastQty": rules.show_quantity(trades[-1].quantity) if trades else "0",
        "openPrice": rules.show_price(opened),
        "highPrice": rules.show_price(made[0].high if made else last),
        "lowPrice": rules.show_price(made[0].low if made else last),
        "volume": rules.show_quantity(made[0].volume) if made else "0",
        "quoteVolume": f"{made[0].turnover:.8f}" if made else "0",
        "openTime": now - 86_400_000,
        "closeTime": now,
        "firstId": trades[0].id if trades else -1,
        "lastId": trades[-1].id if trades else -1,
        "count": len(trades),
    }
    if not rules.futures:
        book = call.engine.books[rules.symbol]
        for side, key, size in (("BUY", "bidPrice", "bidQty"), ("SELL", "askPrice", "askQty")):
            top = book.top(side)
            shown[key] = rules.show_price(top[0] if top else None)
            shown[size] = rules.show_quantity(top[1]) if top else "0"
        shown["prevClosePrice"] = shown["openPrice"]
    return shown


def _trade(t: Trade, rules: Rules) -> Json:
    return {
        "id": t.id,
        "price": rules.show_price(t.price),
        "qty": rules.show_quantity(t.quantity),
        "quoteQty": f"{t.price * t.quantity:.8f}",
        "time": t.ms,
        "isBuyerMaker": t.buyer_is_maker,
        "isBestMatch": True,
    }


def trades(call: Call) -> list[Json]:
    rules, limit = call.rules, call.limit(500, 1000)
    return [_trade(t, rules) for t in call.engine.trades[rules.symbol].trades[-limit:]]


def historical_trades(call: Call) -> list[Json]:
    rules, limit, first = call.rules, call.limit(500, 1000), call.integer("fromId")
    history = call.engine.trades[rules.symbol]
    found = history.trades[-limit:] if first is None else history.since_id(first, limit)
    return [_trade(t, rules) for t in found]


def agg_trades(call: Call) -> list[Json]:
    """Every trade is an aggregate of its own, under its own id."""
    rules, limit, first = call.rules, call.limit(500, 1000), call.integer("fromId")
    history = call.engine.trades[rules.symbol]
    if first is not None:
        found = history.since_id(first, limit)
    else:
        found = history.between(call.integer("startTime"), call.integer("endTime"), limit)
    return [
        {
            "a": t.id,
            "p": rules.show_price(t.price),
            "q": rules.show_quantity(t.quantity),
            "f": t.id,
            "l": t.id,
            "T": t.ms,
            "m": t.buyer_is_maker,
            "M": True,
        }
        for t in found
    ]


def klines(call: Call) -> list[list[Any]]:
    rules, limit = call.rules, call.limit(500, 1000)
    try:
        length = interval_ms(call.text("interval"))
    except (KeyError, ValueError):
        raise ApiError(-1120, "Invalid interval.") from None
    start, end = call.integer("startTime"), call.integer("endTime")
    made = [
        candle.row()
        for candle in candles(call.engine.trades[rules.symbol].trades, length)
        if (start is None or candle.start >= start) and (end is None or candle.start <= end)
    ]
    return made[:limit] if start is not None else made[-limit:]


def mark(call: Call) -> Any:
    shown = [
        {
            "symbol": r.symbol,
            "markPrice": f"{call.engine.last[r.symbol]:.8f}",
            "indexPrice": f"{call.engine.last[r.symbol]:.8f}",
            "lastFundingRate": "0.00010000",
            "interestRate": "0.00010000",
            "nextFundingTime": call.exchange.now_ms() // 28_800_000 * 28_800_000 + 28_800_000,
            "time": call.exchange.now_ms(),
        }
        for r in _asked(call)
    ]
    return _one_or_all(call, shown)


_SHARED = {
    "ping": (ping, 1),
    "time": (server_time, 1),
    "exchangeInfo": (exchange_info, 20),
    "depth": (depth, 5),
    "ticker/bookTicker": (book_ticker, 2),
    "ticker/price": (price, 2),
    "ticker/24hr": (day, 2),
    "trades": (trades, 25),
    "historicalTrades": (historical_trades, 25),
    "aggTrades": (agg_trades, 4),
    "klines": (klines, 2),
}

ROUTES: Routes = {
    **{
        ("GET", f"/{base}/{path}"): Route(handler, market, weight=weight)
        for base, market in (("api/v3", SPOT), ("fapi/v1", FUTURES))
        for path, (handler, weight) in _SHARED.items()
    },
    ("GET", "/fapi/v2/ticker/price"): Route(price, FUTURES),
    ("GET", "/fapi/v1/premiumIndex"): Route(mark, FUTURES),
}
