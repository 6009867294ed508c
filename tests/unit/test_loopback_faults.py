"""The loopback exchange's misbehaviour, as the unmodified ccxt sees it, next to what really happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tradectl.testkit import FOREVER, Kind, LoopbackExchange
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


@contextmanager
def impatient(client: Any) -> Iterator[None]:
    """It gives up soon."""
    before, client.timeout = client.timeout, 200
    yield
    client.timeout = before


async def place(client: Any, client_id: str = "a-1", side: str = "buy") -> Any:
    return await client.create_order(
        BTC, "limit", side, "0.01", "59000", {"clientOrderId": client_id}
    )


async def user_stream(exchange: LoopbackExchange, client: Any) -> asyncio.Queue[Any]:
    """Messages as they come over the user stream, before ccxt makes anything of them."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    handle = client.handle_message

    def overhear(connection: Any, message: Any) -> None:
        if "event" in message:
            told.put_nowait(message["event"])
        handle(connection, message)

    client.handle_message = overhear
    task = asyncio.create_task(client.watch_my_trades())
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    await exchange.until(lambda: any(socket.account for socket in exchange.hub.sockets))
    return told


async def fill_ids(told: asyncio.Queue[Any], count: int) -> list[int]:
    ids: list[int] = []
    while len(ids) < count:
        message = await told.get()
        if message.get("x") == "TRADE":
            ids.append(message["t"])
    return ids


# --- answers --------------------------------------------------------------------------------------

Row = tuple[dict[str, Any], type[Exception] | None, int]


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        ({"kind": "no-reply"}, ccxt.RequestTimeout, 1),
        ({"kind": "no-reply", "placed": False}, ccxt.RequestTimeout, 0),
        ({"kind": "late", "seconds": 0.01}, None, 1),
        ({"kind": "empty"}, None, 1),
        ({"kind": "truncated"}, None, 1),
        ({"kind": "cut"}, ccxt.ExchangeError, 1),
        ({"kind": "reset"}, ccxt.NetworkError, 1),
        ({"kind": "reset", "placed": False}, ccxt.NetworkError, 0),
        ({"kind": "html"}, ccxt.ExchangeNotAvailable, 0),
        ({"kind": "html", "placed": True, "status": 503}, ccxt.ExchangeNotAvailable, 1),
        ({"kind": "429", "seconds": 3}, ccxt.DDoSProtection, 0),
        ({"kind": "418", "seconds": 3}, ccxt.DDoSProtection, 0),
        ({"kind": "503"}, ccxt.OperationFailed, 0),
        ({"kind": "503", "placed": True}, ccxt.OperationFailed, 1),
        ({"kind": "error", "code": -1006, "placed": True}, ccxt.OperationFailed, 1),
        ({"kind": "error", "code": -1007, "placed": True}, ccxt.RequestTimeout, 1),
        ({"kind": "error", "code": -1007}, ccxt.RequestTimeout, 0),
        ({"kind": "error", "code": -1021}, ccxt.InvalidNonce, 0),
        ({"kind": "error", "code": -2010}, ccxt.InsufficientFunds, 0),
    ],
)
async def test_answers_go_wrong(
    exchange: LoopbackExchange,
    client: Any,
    fault: dict[str, Any],
    error: type[Exception] | None,
    accepted: int,
) -> None:
    armed = exchange.misbehave(fault.pop("kind"), method="POST", path="order", **fault)
    if error is None:
        await place(client)
    else:
        soon = impatient(client) if armed.kinds == (Kind.NO_REPLY,) else nullcontext()
        with soon, pytest.raises(error):
            await place(client)
    assert armed.hits == 1
    assert exchange.truth.accepted("a-1") == accepted
    await client.create_order(BTC, "limit", "buy", "0.01", "59000", {"clientOrderId": "a-2"})
    assert exchange.truth.accepted("a-2") == 1


async def test_an_empty_answer_looks_like_an_order_without_an_id(
    exchange: LoopbackExchange, client: Any
) -> None:
    exchange.misbehave("empty", method="POST")
    assert (await place(client))["id"] is None


async def test_a_ban_tells_how_long(exchange: LoopbackExchange, client: Any) -> None:
    exchange.misbehave("418", seconds=7)
    with pytest.raises(ccxt.DDoSProtection, match="IP banned until"):
        await client.fetch_balance()
    assert client.last_response_headers["Retry-After"] == "7"


async def test_a_request_that_arrives_long_after_it_was_given_up(
    exchange: LoopbackExchange, client: Any
) -> None:
    late = exchange.misbehave("late", method="POST", placed=False, seconds=60)
    with impatient(client), pytest.raises(ccxt.RequestTimeout):
        await place(client)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order(None, BTC, {"clientOrderId": "a-1"})
    late.remove()
    await exchange.until(lambda: exchange.truth.accepted("a-1"))
    assert (await client.fetch_order(None, BTC, {"clientOrderId": "a-1"}))["status"] == "open"


async def test_an_order_is_forgotten_for_a_while(exchange: LoopbackExchange, client: Any) -> None:
    exchange.misbehave("forget", seconds=60)
    exchange.misbehave("no-reply", method="POST", path="order")
    with impatient(client), pytest.raises(ccxt.RequestTimeout):
        await place(client)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.fetch_order(None, BTC, {"clientOrderId": "a-1"})
    assert await client.fetch_open_orders(BTC) == []
    (order,) = exchange.truth.orders_of("a-1")
    exchange.forget("a-1", 0)
    assert (await client.fetch_order(None, BTC, {"clientOrderId": "a-1"}))["id"] == str(order.id)


async def test_a_fault_waits_is_counted_and_taken_back(
    exchange: LoopbackExchange, client: Any
) -> None:
    fault = exchange.misbehave("503", path="account", count=FOREVER, skip=1)
    await client.fetch_balance()
    for _ in range(2):
        with pytest.raises(ccxt.OperationFailed):
            await client.fetch_balance()
    await client.fetch_time()
    assert fault.hits == 2
    exchange.behave()
    await client.fetch_balance()


def test_chance_comes_from_the_seed() -> None:
    def drawn(seed: int) -> list[str]:
        faults = LoopbackExchange(seed)
        faults.misbehave(["empty", "reset", "503"], probability=0.5, count=FOREVER)
        kinds = frozenset(Kind)
        found = [faults.faults.for_request(kinds, "GET", "/x", {}) for _ in range(50)]
        return [kind[0].value if kind else "" for kind in found]

    assert drawn(5) == drawn(5) != drawn(6)
    assert set(drawn(5)) == {"", "empty", "reset", "503"}


async def test_the_link_is_down(exchange: LoopbackExchange, client: Any) -> None:
    trades = await watched(exchange, client.watch_trades(BTC))
    exchange.link_down()
    with pytest.raises(ccxt.NetworkError):
        await trades
    with pytest.raises(ccxt.NetworkError):
        await place(client)
    with pytest.raises(ccxt.NetworkError):
        await client.watch_trades(BTC)
    exchange.link_up()
    await place(client)
    assert exchange.truth.accepted("a-1") == 1


async def test_too_much_asked() -> None:
    async with (
        LoopbackExchange(seed=1, weight_limit=50) as exchange,
        spot_client(exchange) as client,
    ):
        for _ in range(6):
            await client.fetch_order_book(BTC)
        with pytest.raises(ccxt.DDoSProtection, match="-1003"):
            await client.fetch_order_book(BTC)
        assert int(client.last_response_headers["Retry-After"]) > 0
        assert int(client.last_response_headers["X-MBX-USED-WEIGHT-1M"]) > 50


# --- orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fraction", "filled", "status"),
    [("0.5", "0.00500000", "canceled"), ("1", "0.01000000", "closed")],
)
async def test_a_fill_races_a_cancel(
    exchange: LoopbackExchange, client: Any, fraction: str, filled: str, status: str
) -> None:
    placed = await place(client)
    exchange.misbehave("fill-before-cancel", fraction=fraction)
    if status == "canceled":
        answer = await client.cancel_order(placed["id"], BTC)
        assert (answer["status"], answer["filled"]) == ("canceled", filled)
    else:
        with pytest.raises(ccxt.OrderNotFound, match="-2011"):
            await client.cancel_order(placed["id"], BTC)
    shown = await client.fetch_order(placed["id"], BTC)
    assert (shown["status"], shown["filled"]) == (status, filled)


# --- the user stream ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "duplicate"}, [0, 0, 1]),
        ({"kind": "reorder", "seconds": 10}, [1, 0]),
        ({"kind": "drop"}, [1]),
        ({"kind": "delay", "seconds": 0.7}, [1, 0]),
    ],
)
async def test_fills_are_told_badly(
    exchange: LoopbackExchange, client: Any, fault: dict[str, Any], expected: list[int]
) -> None:
    told = await user_stream(exchange, client)
    kind = fault.pop("kind")
    exchange.misbehave(kind, stream="user", event="executionReport:TRADE", **fault)
    for n in range(2):
        await client.create_order(BTC, "market", "buy", "0.01", None, {"clientOrderId": f"m-{n}"})
    ids = [fill.id for fill in exchange.truth.fills()]
    assert await fill_ids(told, len(expected)) == [ids[n] for n in expected]


async def test_the_user_stream_stalls_with_the_socket_open(
    exchange: LoopbackExchange, client: Any
) -> None:
    told = await user_stream(exchange, client)
    stalled = exchange.misbehave("stall", stream="user")
    await client.create_order(BTC, "market", "buy", "0.01")
    assert stalled.hits > 0
    stalled.remove()
    await client.create_order(BTC, "market", "buy", "0.01")
    assert await fill_ids(told, 1) == [exchange.truth.fills()[1].id]


# --- market streams -------------------------------------------------------------------------------


async def watched(exchange: LoopbackExchange, coroutine: Any) -> asyncio.Task[Any]:
    before = len(exchange.truth.entries("subscribed"))
    task = asyncio.create_task(coroutine)
    await exchange.until(lambda: len(exchange.truth.entries("subscribed")) > before)
    return task


async def test_a_gap_in_the_book_is_noticed(exchange: LoopbackExchange, client: Any) -> None:
    await (await watched(exchange, client.watch_order_book(BTC)))
    exchange.misbehave("drop", stream="btcusdt@depth*")
    exchange.walk(2, symbols=["BTCUSDT"])
    with pytest.raises(ccxt.ChecksumError):
        await client.watch_order_book(BTC)


async def test_anything_can_be_sent(exchange: LoopbackExchange, client: Any) -> None:
    trades = await watched(exchange, client.watch_trades(BTC))
    text = '{"e":"trade","s":"BTCUSDT","t":1,"p":"1e-9","q":"-1","T":0,"m":true}'
    assert exchange.inject("btcusdt@trade", text) == 1
    assert (await trades)[0]["info"]["q"] == "-1"


async def test_quotes_cross(exchange: LoopbackExchange, client: Any) -> None:
    quotes = await watched(exchange, client.watch_bids_asks([BTC]))
    exchange.misbehave("crossed", stream="btcusdt@bookTicker")
    exchange.quote("BTCUSDT", "60000", "60001")
    shown = (await quotes)[BTC]
    assert D(shown["bid"]) > D(shown["ask"])


async def test_a_connection_is_dropped_in_the_middle(
    exchange: LoopbackExchange, client: Any
) -> None:
    trades = await watched(exchange, client.watch_trades(BTC))
    exchange.misbehave("disconnect", stream="btcusdt@trade")
    exchange.print_trade("BTCUSDT", "60000", "1")
    with pytest.raises(ccxt.NetworkError):
        await trades


async def test_a_client_that_never_reads_holds_up_nobody(exchange: LoopbackExchange) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", exchange.port, limit=1)
    writer.write(
        b"GET /ws/btcusdt@depth HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    await exchange.until(lambda: exchange.hub.sockets)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    exchange.walk(2000, symbols=["BTCUSDT"], market="spot")
    async with spot_client(exchange) as client:
        await client.fetch_time()
    writer.transport.abort()
