"""The loopback exchange's USD-M futures market, spoken to by the unmodified ccxt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tradectl.testkit import LoopbackExchange
from tradectl.testkit.clients import SWAP_SYMBOL as BTC
from tradectl.testkit.clients import swap_client

pytestmark = pytest.mark.virtual_time

D = Decimal


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as running:
        yield running


@pytest.fixture
async def client(exchange: LoopbackExchange) -> AsyncIterator[Any]:
    async with swap_client(exchange) as made:
        yield made


def refusal(client: Any) -> int:
    """The code of the last answer: ccxt's own words for it depend on the host's name."""
    code: int = client.parse_json(client.last_http_response)["code"]
    return code


async def subscribed(exchange: LoopbackExchange, watching: Any) -> asyncio.Task[Any]:
    before = len(exchange.truth.entries("subscribed"))
    had = any(socket.account for socket in exchange.hub.sockets)
    task = asyncio.create_task(watching)
    await exchange.until(
        lambda: (
            len(exchange.truth.entries("subscribed")) > before
            or (not had and any(socket.account for socket in exchange.hub.sockets))
        )
    )
    return task


async def test_a_position_is_opened_turned_and_closed(
    exchange: LoopbackExchange, client: Any
) -> None:
    await client.create_order(BTC, "market", "buy", "0.02")
    await client.create_order(BTC, "market", "sell", "0.05")
    (shown,) = await client.fetch_positions()
    assert (shown["side"], D(shown["contracts"])) == ("short", D("0.03"))
    await client.create_order(BTC, "market", "buy", "0.03", None, {"reduceOnly": True})
    assert exchange.position("BTCUSDT") == 0
    assert await client.fetch_positions() == []
    fills = exchange.truth.fills(market="futures")
    cash = sum(f.quantity * f.price * (1 if f.side == "SELL" else -1) - f.fee for f in fills)
    assert exchange.wallet() == 100_000 + cash
    assert D((await client.fetch_balance())["USDT"]["total"]) == exchange.wallet()
    told = await client.fetch_my_trades(BTC)
    assert sum(D(t["info"]["realizedPnl"]) for t in told) == sum(f.realized for f in fills)


async def test_reduce_only_never_opens(exchange: LoopbackExchange, client: Any) -> None:
    with pytest.raises(ccxt.BaseError):
        await client.create_order(BTC, "market", "sell", "0.02", None, {"reduceOnly": True})
    assert refusal(client) == -2022
    await client.create_order(BTC, "market", "buy", "0.02")
    with pytest.raises(ccxt.BaseError):
        await client.create_order(BTC, "market", "buy", "0.02", None, {"reduceOnly": True})
    order = await client.create_order(BTC, "market", "sell", "0.05", None, {"reduceOnly": True})
    assert D(order["filled"]) == D("0.02")
    assert exchange.position("BTCUSDT") == 0


async def test_a_resting_reduce_only_order_dies_with_its_position(
    exchange: LoopbackExchange, client: Any
) -> None:
    await client.create_order(BTC, "market", "buy", "0.02")
    resting = await client.create_order(BTC, "limit", "sell", "0.02", "61000", {"reduceOnly": True})
    await client.create_order(BTC, "market", "sell", "0.02")
    assert (await client.fetch_order(resting["id"], BTC))["status"] == "expired"
    exchange.move("BTCUSDT", "61500", market="futures")
    assert exchange.position("BTCUSDT") == 0


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"quantity": "0.001"}, -4164),
        ({"quantity": "0.0015"}, -1111),
        ({"quantity": "100"}, -2019),
        ({"quantity": "0.01", "type": "LIMIT", "timeInForce": "GTC", "price": "59000.05"}, -4014),
        ({"quantity": "0.01", "type": "LIMIT", "timeInForce": "GTX", "price": "61000"}, -5022),
        ({"quantity": "50", "type": "LIMIT", "timeInForce": "FOK", "price": "60003"}, -2019),
        ({"quantity": "11", "type": "LIMIT", "timeInForce": "FOK", "price": "60003"}, -5021),
        ({"quantity": "0.01", "type": "STOP_MARKET", "stopPrice": "59000"}, -4120),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    exchange: LoopbackExchange, client: Any, order: dict[str, str], code: int
) -> None:
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"} | order
    if order["quantity"] == "11":
        exchange.accounts["main"].futures.wallet = D(10_000_000)
    if order["quantity"] == "50":
        exchange.quote("BTCUSDT", "60000", "60003", "60", market="futures")
    with pytest.raises(ccxt.BaseError):
        await client.fapiprivate_post_order(asked)
    assert refusal(client) == code
    assert not exchange.truth.orders


async def test_a_client_id_is_unique_among_open_orders(
    exchange: LoopbackExchange, client: Any
) -> None:
    order = (BTC, "limit", "buy", "0.01", "59000", {"clientOrderId": "a-1"})
    await client.create_order(*order)
    with pytest.raises(ccxt.BaseError):
        await client.create_order(*order)
    assert refusal(client) == -4116
    assert exchange.truth.accepted("a-1") == 1


async def test_a_conditional_order_rests_apart_and_triggers(
    exchange: LoopbackExchange, client: Any
) -> None:
    await client.create_order(BTC, "market", "buy", "0.02")
    params = {"triggerPrice": "59000", "reduceOnly": True, "clientOrderId": "stop-1"}
    stop = await client.create_order(BTC, "market", "sell", "0.02", None, params)
    assert await client.fetch_open_orders(BTC) == []
    apart = await client.fetch_open_orders(BTC, None, None, {"trigger": True})
    assert [o["clientOrderId"] for o in apart] == ["stop-1"]
    exchange.move("BTCUSDT", "58999", market="futures")
    shown = await client.fetch_order(stop["id"], BTC, {"trigger": True})
    assert shown["status"] == "closed"
    made = await client.fetch_order(shown["info"]["actualOrderId"], BTC)
    assert (made["status"], D(made["filled"])) == ("closed", D("0.02"))
    assert exchange.position("BTCUSDT") == 0
    assert exchange.truth.accepted("stop-1") == 1


async def test_a_conditional_order_is_canceled(exchange: LoopbackExchange, client: Any) -> None:
    stops = [
        await client.create_order(BTC, "limit", "buy", "0.02", "61000", {"triggerPrice": price})
        for price in ("60900", "60950")
    ]
    await client.cancel_order(stops[0]["id"], BTC, {"trigger": True})
    await client.cancel_all_orders(BTC, {"trigger": True})
    assert exchange.truth.open_orders() == []


async def test_the_dead_man_switch_cancels(exchange: LoopbackExchange, client: Any) -> None:
    await client.create_order(BTC, "limit", "buy", "0.02", "50000")
    await client.fapiprivate_post_countdowncancelall({"symbol": "BTCUSDT", "countdownTime": 60_000})
    await client.fapiprivate_post_countdowncancelall({"symbol": "BTCUSDT", "countdownTime": 0})
    assert len(exchange.truth.open_orders()) == 1
    await client.fapiprivate_post_countdowncancelall({"symbol": "BTCUSDT", "countdownTime": 50})
    await client.create_order(BTC, "market", "buy", "0.02", "62000", {"triggerPrice": "62000"})
    theirs = exchange.outside_order("main", "BTCUSDT", "BUY", "0.01", "50000", market="futures")
    assert {o.algo for o in exchange.truth.open_orders()} == {True, False}
    await exchange.until(lambda: exchange.truth.entries("dead-man-fired"))
    assert exchange.truth.open_orders() == []
    assert theirs.status == "CANCELED"


async def test_own_orders_trades_and_positions_are_told(
    exchange: LoopbackExchange, client: Any
) -> None:
    trades = await subscribed(exchange, client.watch_my_trades())
    orders = asyncio.create_task(client.watch_orders())
    balance = asyncio.create_task(client.watch_balance())
    await asyncio.sleep(0)
    await client.create_order(BTC, "market", "buy", "0.02", None, {"clientOrderId": "m-1"})
    (trade,) = await trades
    assert (trade["symbol"], D(trade["amount"])) == (BTC, D("0.02"))
    assert (await orders)[0]["clientOrderId"] == "m-1"
    assert D((await balance)["USDT"]["total"]) == exchange.wallet()


async def test_market_streams(exchange: LoopbackExchange, client: Any) -> None:
    trades = await subscribed(exchange, client.watch_trades(BTC))
    quotes = await subscribed(exchange, client.watch_bids_asks([BTC]))
    exchange.quote("BTCUSDT", "60100", "60101", "2", market="futures")
    exchange.print_trade("BTCUSDT", "60101", "0.7", market="futures")
    assert [(t["price"], t["amount"]) for t in await trades] == [("60101.00", "0.700")]
    assert (await quotes)[BTC]["bid"] == "60100.00"


async def test_the_book_follows_step_by_step(exchange: LoopbackExchange, client: Any) -> None:
    await (await subscribed(exchange, client.watch_order_book(BTC)))
    engine = exchange.engines["futures"].books["BTCUSDT"]
    for _ in range(20):
        exchange.walk(symbols=["BTCUSDT"], market="futures")
    while client.orderbooks[BTC]["nonce"] < engine.update_id:
        await client.watch_order_book(BTC)
    book = client.orderbooks[BTC]
    for side, name in (("BUY", "bids"), ("SELL", "asks")):
        told = [(D(str(price)), D(str(size))) for price, size, *_ in book[name]]
        assert told == engine.levels(side, 100)


async def test_spot_and_futures_are_markets_apart(exchange: LoopbackExchange) -> None:
    exchange.move("BTCUSDT", "61000", market="futures")
    assert exchange.engines["spot"].last["BTCUSDT"] == 60_000
    exchange.outside_trade("main", "BTCUSDT", "sell", "0.01", market="futures")
    assert exchange.position("BTCUSDT") == D("-0.01")
    assert exchange.balance("USDT") == 100_000
