"""HTTP under /loopback/, to try things by hand. Bodies and answers are JSON; amounts are strings.

GET  /loopback/truth                      orders, balances, positions, what is in the log
POST /loopback/fault   {"kind": "no-reply", "method": "POST", "path": "order", "count": 1, ...}
POST /loopback/behave                     takes back every fault
POST /loopback/quote   {"symbol": "BTCUSDT", "bid": "59990", "ask": "60010", "size": "2"}
POST /loopback/move    {"symbol": "BTCUSDT", "price": "61000"}
POST /loopback/trade   {"symbol": "BTCUSDT", "price": "60000", "quantity": "0.5"}
POST /loopback/outside {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1"}, or with "price", or
                       {"asset": "USDT", "amount": "-500"}
POST /loopback/clock   {"seconds": 30}
POST /loopback/streams                    drops every WebSocket
POST /loopback/ban     {"seconds": 60}; refuse-access the same; maintain {"status": 503} (0 ends it);
                       expire-listen-key, end-connections; hedge {"on": true}; close-symbol
POST /loopback/walk    {"per_second": 20} (0 stops it)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from tradectl.testkit.errors import ApiError
from tradectl.testkit.truth import MAIN

if TYPE_CHECKING:
    from tradectl.testkit.exchange import LoopbackExchange

Json = dict[str, Any]
Act = Callable[["LoopbackExchange", Json], Any]


def truth(exchange: LoopbackExchange, asked: Json) -> Json:
    orders = [
        {
            "client_id": o.client_id,
            "id": o.id,
            "account": o.account,
            "market": o.market,
            "symbol": o.symbol,
            "side": o.side,
            "type": o.type,
            "quantity": o.quantity,
            "price": o.price,
            "filled": o.filled,
            "average": o.average,
            "status": o.status,
            "foreign": o.foreign,
        }
        for o in exchange.truth.orders
    ]
    return {
        "orders": orders,
        "duplicates": exchange.truth.duplicates(),
        "accounts": {
            name: {
                "spot": {a: account.spot.total(a) for a in account.spot.assets()},
                "futures_wallet": account.futures.wallet,
                "positions": {
                    s: p.amount for s, p in account.futures.positions.items() if p.amount
                },
            }
            for name, account in exchange.accounts.items()
        },
        "faults": [
            {"kinds": [k.value for k in f.kinds], "hits": f.hits, "count": f.count}
            for f in exchange.faults.active
        ],
        "log": [
            {"at_ns": e.at_ns, "kind": e.kind, **e.detail}
            for e in exchange.truth.log[-int(asked.get("last", 50)) :]
        ],
    }


def fault(exchange: LoopbackExchange, asked: Json) -> Json:
    armed = exchange.misbehave(asked.pop("kind"), **asked)
    return {"armed": [kind.value for kind in armed.kinds], "count": armed.count}


def place_outside_order(exchange: LoopbackExchange, asked: Json) -> Json:
    account = asked.pop("account", MAIN)
    if "asset" in asked:
        exchange.outside_transfer(account, **asked)
        return {"transferred": asked["amount"]}
    order = exchange.outside_order(account, **asked)
    return {"order": order.id, "status": order.status, "filled": order.filled}


def walk(exchange: LoopbackExchange, asked: Json) -> Json:
    rate = float(asked.get("per_second", 20))
    if rate > 0:
        exchange.start_walking(rate)
    else:
        exchange.stop_walking()
    return {"per_second": rate}


def _do(name: str) -> Act:
    def act(exchange: LoopbackExchange, asked: Json) -> Json:
        result = getattr(exchange, name)(**asked)
        return {"done": name} if result is None else {"done": name, "result": result}

    return act


ACTS: dict[tuple[str, str], Act] = {
    ("GET", "truth"): truth,
    ("POST", "fault"): fault,
    ("POST", "outside"): place_outside_order,
    ("POST", "walk"): walk,
    ("POST", "behave"): _do("behave"),
    ("POST", "quote"): _do("quote"),
    ("POST", "move"): _do("move"),
    ("POST", "trade"): _do("print_trade"),
    ("POST", "clock"): _do("skew_clock"),
    ("POST", "streams"): _do("restart_streams"),
    ("POST", "link-down"): _do("link_down"),
    ("POST", "link-up"): _do("link_up"),
    ("POST", "ban"): _do("ban"),
    ("POST", "refuse-access"): _do("refuse_access"),
    ("POST", "maintain"): _do("maintain"),
    ("POST", "expire-listen-key"): _do("expire_listen_key"),
    ("POST", "end-connections"): _do("end_connections"),
    ("POST", "hedge"): _do("set_hedge_mode"),
    ("POST", "close-symbol"): _do("close_symbol"),
}


def _handler(
    exchange: LoopbackExchange, act: Act
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            body = await request.read()
            asked: Json = dict(request.query) | (msgspec.json.decode(body) if body else {})
            status, shown = 200, act(exchange, asked)
        except ApiError as error:
            status, shown = error.status, error.body
        except (TypeError, ValueError, KeyError, InvalidOperation, msgspec.DecodeError) as error:
            status, shown = 400, {"error": f"{type(error).__name__}: {error}"}
        encoded = msgspec.json.format(msgspec.json.encode(shown), indent=1)
        return web.Response(status=status, body=encoded + b"\n", content_type="application/json")

    return handle


def add_admin(app: web.Application, exchange: LoopbackExchange) -> None:
    for (method, name), act in ACTS.items():
        app.router.add_route(method, f"/loopback/{name}", _handler(exchange, act))
