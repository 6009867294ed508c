"""The loopback exchange's spot market, spoken to by the unmodified ccxt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tradectl.testkit import Fees, LoopbackExchange
from tradectl.testkit.clients import SPOT_SYMBOL as BTC
from tradectl.testkit.clients import spot_client

pytestmark = pytest.mark.virtual_time

D = Decimal


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as running:
        yield running


@pytest.fixture
async def client(exchange: LoopbackExchange) -> AsyncIterator[Any]:
    async with spot_client(exchange) as made:
        yield made


async def subscribed(exchange: LoopbackExchange, watching: Any) -> asyncio.Task[Any]:
    """`watching` as a task, once the exchange has heard of it."""
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


# --- rules ----------------------------------------------------------------------------------------


async def test_markets_carry_their_filters(client: Any) -> None:
    market = client.market(BTC)
    assert D(market["precision"]["price"]) == D("0.01")
    assert D(market["precision"]["amount"]) == D("0.00001")
    assert D(market["limits"]["cost"]["min"]) == 5
    assert set(client.markets) == {BTC, "ETH/USDT", "SOL/USDT", "BNB/USDT"}


@pytest.mark.parametrize(
    ("order", "error", "code"),
    [
        ({"quantity": "0.000001", "price": "59000"}, "LOT_SIZE", -1013),
        ({"quantity": "0.01", "price": "59000.001"}, "PRICE_FILTER", -1013),
        ({"quantity": "0.00001", "price": "59000"}, "NOTIONAL", -1013),
        ({"quantity": "0.01", "price": "NaN"}, "PRICE_FILTER", -1013),
        ({"quantity": "100", "price": "59000"}, "insufficient balance", -2010),
        ({"quantity": "0.01"}, "price", -1102),
        ({"quantity": "0.01", "price": "x"}, "price", -1100),
        ({"quantity": "0.01", "price": "59000", "symbol": "NOPE"}, "Invalid symbol", -1121),
        ({"quantity": "0.01", "price": "59000", "newClientOrderId": "ä"}, "newClient", -1100),
        (
            {"quantity": "0.01", "price": "61000", "type": "LIMIT_MAKER"},
            "immediately match",
            -2010,
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    exchange: LoopbackExchange, client: Any, order: dict[str, str], error: str, code: int
) -> None:
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"} | order
    with pytest.raises(ccxt.BaseError):
        await client.private_post_order(asked)
    told = client.parse_json(client.last_http_response)
    assert error in told["msg"]
    assert told["code"] == code
    assert not exchange.truth.orders
    assert exchange.balance("USDT") == 100_000


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"secret": "wrong"}, -1022),
        ({"apiKey": "unknown"}, -2015),
    ],
)
async def test_who_does_not_sign_well_is_refused(
    exchange: LoopbackExchange, settings: dict[str, str], code: int
) -> None:
    async with spot_client(exchange, **settings) as stranger:
        with pytest.raises(ccxt.AuthenticationError, match=str(code)):
            await stranger.fetch_balance()


@pytest.mark.parametrize("seconds", [-60, 60])
async def test_a_skewed_clock_is_told(
    exchange: LoopbackExchange, client: Any, seconds: float
) -> None:
    exchange.skew_clock(seconds)
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        await client.fetch_balance()
    await client.load_time_difference()
    assert abs(client.options["timeDifference"] + seconds * 1000) < 500


async def test_a_key_tells_what_it_may_do(exchange: LoopbackExchange, client: Any) -> None:
    assert (await client.sapi_get_account_apirestrictions())["enableWithdrawals"] is False
    exchange.accounts["main"].may_withdraw = True
    assert (await client.sapi_get_account_apirestrictions())["enableWithdrawals"] is True


# --- orders ---------------------------------------------------------------------------------------


async def test_an_order_is_placed_found_and_canceled(
    exchange: LoopbackExchange, client: Any
) -> None:
    placed = await client.create_order(
        BTC, "limit", "buy", "0.01", "59000", {"clientOrderId": "a-1"}
    )
    assert (placed["status"], placed["clientOrderId"]) == ("open", "a-1")
    by_id = await client.fetch_order(placed["id"], BTC)
    by_client_id = await client.fetch_order(None, BTC, {"clientOrderId": "a-1"})
    assert by_id["id"] == by_client_id["id"] == placed["id"]
    assert [o["id"] for o in await client.fetch_open_orders(BTC)] == [placed["id"]]
    assert (await client.fetch_balance())["USDT"]["used"] == "590.00000000"
    assert (await client.cancel_order(placed["id"], BTC))["status"] == "canceled"
    assert await client.fetch_open_orders(BTC) == []
    assert exchange.balance("USDT") == 100_000
    assert [o["status"] for o in await client.fetch_orders(BTC)] == ["canceled"]


async def test_unknown_orders(client: Any) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.fetch_order(None, BTC, {"clientOrderId": "never"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await client.cancel_order(None, BTC, {"clientOrderId": "never"})


async def test_a_client_id_is_unique_among_open_orders(
    exchange: LoopbackExchange, client: Any
) -> None:
    order = (BTC, "limit", "buy", "0.01", "59000", {"clientOrderId": "a-1"})
    placed = await client.create_order(*order)
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        await client.create_order(*order)
    await client.cancel_order(placed["id"], BTC)
    await client.create_order(*order)
    assert exchange.truth.accepted("a-1") == 2
    assert exchange.truth.duplicates() == ["a-1"]


async def test_a_market_order_takes_the_book_and_pays_its_fee(
    exchange: LoopbackExchange, client: Any
) -> None:
    exchange.quote("BTCUSDT", "59990", "60000", "0.5", levels=2)
    bought = await client.create_order(BTC, "market", "buy", "0.6")
    assert bought["filled"] == "0.60000000"
    fills = exchange.truth.fills()
    assert [(f.quantity, f.price) for f in fills] == [
        (D("0.5"), D("60000.00")),
        (D("0.1"), D("60005.99")),
    ]
    cost = sum(f.quantity * f.price for f in fills)
    assert exchange.balance("USDT") == 100_000 - cost
    assert exchange.balance("BTC") == D("0.6") * D("0.999")
    trades = await client.fetch_my_trades(BTC)
    assert [t["fee"]["currency"] for t in trades] == ["BTC", "BTC"]
    assert exchange.truth.max_exposure("BTCUSDT") == D("0.6")


@pytest.mark.parametrize("asset", ["quote", "BNB"])
async def test_fees_in_other_assets(asset: Any) -> None:
    async with LoopbackExchange(seed=1, fees=Fees(asset=asset)) as exchange:
        exchange.accounts["main"].spot.free["BNB"] = D(1)
        async with spot_client(exchange) as client:
            await client.create_order(BTC, "market", "buy", "0.1")
        (fill,) = exchange.truth.fills()
        fee_asset = "USDT" if asset == "quote" else "BNB"
        assert (fill.fee_asset, exchange.balance("BTC")) == (fee_asset, D("0.1"))
        spent = 100_000 - exchange.balance("USDT")
        assert spent == fill.price * fill.quantity + (fill.fee if asset == "quote" else 0)


async def test_limit_orders_rest_and_are_filled_in_part(
    exchange: LoopbackExchange, client: Any
) -> None:
    placed = await client.create_order(BTC, "limit", "buy", "0.1", "59900")
    exchange.print_trade("BTCUSDT", "59900", "0.04")
    assert (await client.fetch_order(placed["id"], BTC))["filled"] == "0.04000000"
    exchange.quote("BTCUSDT", "59800", "59850", "1")
    shown = await client.fetch_order(placed["id"], BTC)
    assert (shown["status"], shown["average"]) == ("closed", "59900")
    assert [fill.maker for fill in exchange.truth.fills()] == [True, True]


@pytest.mark.parametrize(
    ("time_in_force", "filled", "status"),
    [("IOC", "0.50000000", "expired"), ("FOK", "0.00000000", "expired")],
)
async def test_orders_that_do_not_rest(
    exchange: LoopbackExchange, client: Any, time_in_force: str, filled: str, status: str
) -> None:
    exchange.quote("BTCUSDT", "59990", "60000", "0.5", levels=1)
    params = {"timeInForce": time_in_force}
    order = await client.create_order(BTC, "limit", "buy", "1", "60000", params)
    assert (order["filled"], order["status"]) == (filled, status)
    assert exchange.truth.open_orders() == []
    assert exchange.accounts["main"].spot.locked["USDT"] == 0


async def test_a_stop_waits_for_its_price(exchange: LoopbackExchange, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", "0.1")
    stop = await client.create_order(
        BTC, "market", "sell", "0.05", None, {"stopLossPrice": "59000"}
    )
    assert len(await client.fetch_open_orders(BTC)) == 1
    exchange.move("BTCUSDT", "58990")
    shown = await client.fetch_order(stop["id"], BTC)
    assert (shown["status"], shown["filled"]) == ("closed", "0.05000000")
    with pytest.raises(ccxt.BaseError, match="trigger immediately"):
        await client.create_order(BTC, "market", "sell", "0.04", None, {"stopLossPrice": "59500"})


async def test_cancel_all_and_paging_of_trades(exchange: LoopbackExchange, client: Any) -> None:
    for price in ("59000", "59100"):
        await client.create_order(BTC, "limit", "buy", "0.01", price)
    assert len(await client.cancel_all_orders(BTC)) == 2
    for _ in range(3):
        await client.create_order(BTC, "market", "buy", "0.01")
    first, *rest = await client.fetch_my_trades(BTC)
    after = await client.fetch_my_trades(BTC, None, None, {"fromId": int(first["id"]) + 1})
    assert [t["id"] for t in after] == [t["id"] for t in rest]
    assert len(await client.fetch_my_trades(BTC, None, 1)) == 1


# --- streams --------------------------------------------------------------------------------------


async def test_own_orders_and_trades_are_told(exchange: LoopbackExchange, client: Any) -> None:
    orders = await subscribed(exchange, client.watch_orders())
    trades = asyncio.create_task(client.watch_my_trades())
    balance = asyncio.create_task(client.watch_balance())
    await asyncio.sleep(0)
    await client.create_order(BTC, "market", "buy", "0.02", None, {"clientOrderId": "m-1"})
    assert (await orders)[0]["clientOrderId"] == "m-1"
    (trade,) = await trades
    assert (trade["amount"], trade["side"]) == ("0.02000000", "buy")
    assert (await balance)["USDT"]["free"] is not None


async def test_market_streams(exchange: LoopbackExchange, client: Any) -> None:
    trades = await subscribed(exchange, client.watch_trades(BTC))
    quotes = await subscribed(exchange, client.watch_bids_asks([BTC]))
    candles = await subscribed(exchange, client.watch_ohlcv(BTC, "1m"))
    exchange.quote("BTCUSDT", "60100", "60101", "2")
    exchange.print_trade("BTCUSDT", "60101", "0.7")
    assert [(t["price"], t["amount"]) for t in await trades] == [("60101.00000000", "0.70000000")]
    assert (await quotes)[BTC]["bid"] == "60100.00000000"
    assert float((await candles)[-1][4]) == 60101


async def test_the_book_follows_step_by_step(exchange: LoopbackExchange, client: Any) -> None:
    await (await subscribed(exchange, client.watch_order_book(BTC)))
    engine = exchange.engines["spot"].books["BTCUSDT"]
    for _ in range(20):
        exchange.walk(symbols=["BTCUSDT"], market="spot")
    while client.orderbooks[BTC]["nonce"] < engine.update_id:
        await client.watch_order_book(BTC)
    book = client.orderbooks[BTC]
    for side, name in (("BUY", "bids"), ("SELL", "asks")):
        told = [(D(str(price)), D(str(size))) for price, size, *_ in book[name]]
        assert told == engine.levels(side, 100)


async def test_trades_of_the_past(exchange: LoopbackExchange, client: Any) -> None:
    exchange.walk(30, symbols=["BTCUSDT"])
    recent = await client.fetch_trades(BTC, limit=1000)
    ids = [int(t["id"]) for t in recent]
    assert ids == sorted(set(ids))
    raw = await client.public_get_historicaltrades({"symbol": "BTCUSDT", "fromId": ids[10]})
    assert [int(t["id"]) for t in raw] == ids[10:]
    since = await client.fetch_trades(BTC, since=recent[0]["timestamp"])
    assert len(since) == len(recent)
    assert len(await client.fetch_ohlcv(BTC, "1m")) in {1, 2}
    assert D((await client.fetch_ticker(BTC))["last"]) == exchange.engines["spot"].last["BTCUSDT"]


async def test_streams_come_back_after_a_restart(exchange: LoopbackExchange, client: Any) -> None:
    waiting = await subscribed(exchange, client.watch_trades(BTC))
    assert exchange.restart_streams() == 1
    with pytest.raises(ccxt.NetworkError):
        await waiting
    waiting = await subscribed(exchange, client.watch_trades(BTC))
    exchange.print_trade("BTCUSDT", "60000", "1")
    assert len(await waiting) == 1


# --- from outside ---------------------------------------------------------------------------------


async def test_changes_from_outside(exchange: LoopbackExchange, client: Any) -> None:
    exchange.outside_trade("main", "BTCUSDT", "buy", "0.1")
    exchange.outside_transfer("main", "USDT", "-1000")
    order = exchange.outside_order("main", "BTCUSDT", "buy", "0.1", "50000")
    (shown,) = await client.fetch_open_orders(BTC)
    assert shown["clientOrderId"] == order.client_id
    assert exchange.truth.ours() == []
    assert exchange.truth.max_exposure("BTCUSDT") == 0
    balance = await client.fetch_balance()
    assert D(balance["BTC"]["total"]) == D("0.0999")


async def test_a_seed_repeats_the_market() -> None:
    def walked(seed: int) -> list[Decimal]:
        exchange = LoopbackExchange(seed)
        exchange.walk(50, market="spot")
        return list(exchange.engines["spot"].last.values())

    assert walked(3) == walked(3) != walked(4)
