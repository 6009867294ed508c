"""A second exchange through the same package: public data of OKX, from a stub that says what it said.

The stub speaks as much of that exchange as ccxt needs for market data: the list of instruments, and
trades, best bid and ask, and books over one WebSocket. The messages are recorded ones, some shortened.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from tradectl.domain.errors import AccessLost, NotExecuted, UsageError
from tradectl.domain.events import BookEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.money import Side
from tradectl.exchange.ccxt_venue import CcxtVenue
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import Abilities, Channel

INSTRUMENT = {
    "alias": "", "baseCcy": "BTC", "category": "1", "ctMult": "", "ctType": "", "ctVal": "",
    "ctValCcy": "", "expTime": "", "instFamily": "", "instId": "BTC-USDT", "instType": "SPOT",
    "lever": "10", "listTime": "1548133413000", "lotSz": "0.00000001", "minSz": "0.00001",
    "optType": "", "quoteCcy": "USDT", "settleCcy": "", "state": "live", "stk": "", "tickSz": "0.1",
    "uly": "",
}  # fmt: skip
SWAP = INSTRUMENT | {
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "baseCcy": "", "quoteCcy": "", "uly": "BTC-USDT",
    "settleCcy": "USDT", "ctType": "linear", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC",
    "lotSz": "0.1", "minSz": "0.1", "instFamily": "BTC-USDT",
}  # fmt: skip

TRADES = [  # recorded
    {"instId": "BTC-USDT", "tradeId": "338476307", "px": "30236", "sz": "0.0002", "side": "buy",
     "ts": "1652459224818"},
    {"instId": "BTC-USDT", "tradeId": "338476308", "px": "30243.5", "sz": "0.001", "side": "buy",
     "ts": "1652459226050"},
    {"instId": "BTC-USDT", "tradeId": "338476309", "px": "30243.5", "sz": "0.0002", "side": "sell",
     "ts": "1652459226050"},
]  # fmt: skip
BEST = {
    "asks": [["30243.5", "1.44679", "0", "6"]],
    "bids": [["30243.4", "0.23393", "0", "2"]],
    "ts": "1652459225702",
}
SNAPSHOT = {  # recorded, its first levels
    "asks": [["30243.5", "1.44679", "0", "6"], ["30244", "0.08", "0", "1"],
             ["30246.1", "0.05426064", "0", "1"], ["30247.5", "0.635", "0", "1"]],
    "bids": [["30243.4", "0.23393", "0", "2"], ["30242.9", "0.5", "0", "1"]],
    "ts": "1652459225702", "checksum": -308733687,
}  # fmt: skip
UPDATE = {  # recorded, its first levels
    "asks": [["30243.5", "1.2112", "0", "4"], ["30243.6", "0.059", "0", "1"],
             ["30247.5", "0", "0", "0"]],
    "bids": [], "ts": "1652459225708", "checksum": 121203805,
}  # fmt: skip
CROSSED = {"asks": [["30243.4", "1", "0", "1"]], "bids": [], "ts": "1652459225800"}


async def until(done: Callable[[], object]) -> None:
    while not done():  # noqa: ASYNC110 - what is waited for is another's state
        await asyncio.sleep(0.005)


class Stub:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.subscribed: list[tuple[str, str]] = []
        self.sockets: list[web.WebSocketResponse] = []

    async def instruments(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["instType"])
        listed = {"SPOT": [INSTRUMENT], "SWAP": [SWAP]}[request.query["instType"]]
        return web.json_response({"code": "0", "data": listed, "msg": ""})

    async def trades(self, _: web.Request) -> web.Response:
        return web.json_response({"code": "0", "data": TRADES[::-1], "msg": ""})

    async def books(self, _: web.Request) -> web.Response:
        return web.json_response({"code": "0", "data": [SNAPSHOT], "msg": ""})

    async def time(self, _: web.Request) -> web.Response:
        return web.json_response({"code": "0", "data": [{"ts": "1652459236000"}], "msg": ""})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data != "ping":
                asked = json.loads(message.data)
                for arg in asked["args"]:
                    await socket.send_json({"event": asked["op"], "arg": arg, "connId": "a4d3ae55"})
                    self.subscribed.append((arg["channel"], arg["instId"]))
                    if arg["channel"] == "books":
                        await self.say("books", SNAPSHOT, arg["instId"], action="snapshot")
        self.sockets.remove(socket)
        return socket

    async def say(
        self, channel: str, data: dict[str, Any], name: str = "BTC-USDT", **more: str
    ) -> None:
        message = {"arg": {"channel": channel, "instId": name}, **more, "data": [data]}
        for socket in self.sockets:
            await socket.send_json(message)

    async def until_subscribed(self, channel: str) -> None:
        await until(lambda: any(name == channel for name, _ in self.subscribed))


@pytest.fixture
async def stub() -> AsyncIterator[tuple[Stub, str]]:
    made = Stub()
    app = web.Application()
    app.router.add_get("/api/v5/public/instruments", made.instruments)
    app.router.add_get("/api/v5/public/time", made.time)
    app.router.add_get("/api/v5/market/trades", made.trades)
    app.router.add_get("/api/v5/market/books", made.books)
    app.router.add_get("/ws/v5/public", made.socket)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


SYMBOL = "okx:BTC/USDT"


async def opened_venue(url: str, market: Any = "spot") -> CcxtVenue:
    settings = ExchangeSettings(id="okx", market=market, url=url, timeout_seconds=30)
    venue = CcxtVenue(settings, {SYMBOL: "BTC/USDT"})
    await venue.open()
    return venue


async def stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_only_the_markets_that_are_needed_are_asked_for(stub: tuple[Stub, str]) -> None:
    exchange, url = stub
    venue = await opened_venue(url)
    assert exchange.asked == ["SPOT"]
    told = venue.abilities
    assert told == Abilities(tuple(Channel), stop_orders=True, rate=told.rate)
    assert told.rate > 0
    rules = venue.instrument(SYMBOL)
    assert (rules.symbol, rules.base, rules.quote) == (SYMBOL, "BTC", "USDT")
    assert (rules.tick_size, rules.lot_size) == (Decimal("0.1"), Decimal("1e-8"))
    with pytest.raises(UsageError, match="BTC/USDT"):
        venue.instrument("BTC/USDC")
    with pytest.raises(AccessLost):
        await venue.holdings()
    await venue.close()


async def test_what_is_asked_once(stub: tuple[Stub, str]) -> None:
    _, url = stub
    venue = await opened_venue(url)
    trades = await venue.recent_trades(SYMBOL, 1652459226050 * 1_000_000)
    assert [trade.trade_id for trade in trades] == ["338476308", "338476309"]
    quote = await venue.quote(SYMBOL)
    assert [quote.bid, quote.ask] == [Decimal("30243.4"), Decimal("30243.5")]
    assert await venue.clock_offset() < 0
    await venue.close()


async def test_trades_quotes_and_books_over_one_connection(stub: tuple[Stub, str]) -> None:
    exchange, url = stub
    venue = await opened_venue(url)
    heard: dict[Channel, list[MarketDataEvent]] = {channel: [] for channel in Channel}
    streams = [
        asyncio.create_task(venue.stream(channel, [SYMBOL], heard[channel].extend))
        for channel in Channel
    ]
    for name in ("trades", "bbo-tbt", "books"):
        await exchange.until_subscribed(name)
    for trade in TRADES:
        await exchange.say("trades", trade)
    await exchange.say("bbo-tbt", BEST)
    await exchange.say("books", UPDATE, action="update")
    await until(lambda: len(heard[Channel.TRADES]) == 3)
    await until(lambda: heard[Channel.QUOTES] and len(heard[Channel.BOOK]) == 2)

    first, _, last = heard[Channel.TRADES]
    assert (first.symbol, first.trade_id, first.side) == (SYMBOL, "338476307", Side.BUY)
    assert [first.price, first.volume] == [30236, Decimal("0.0002")]
    assert (last.side, last.ts) == (Side.SELL, 1652459226050 * 1_000_000)
    assert last.source_component == "okx"

    (quote,) = heard[Channel.QUOTES]
    assert isinstance(quote, QuoteEvent)
    assert [quote.bid, quote.ask_size] == [Decimal("30243.4"), Decimal("1.44679")]

    whole, changed = heard[Channel.BOOK]
    assert isinstance(whole, BookEvent)
    assert isinstance(changed, BookEvent)
    assert whole.asks[-1] == (Decimal("30247.5"), Decimal("0.635"))
    assert changed.asks[:2] == (
        (Decimal("30243.5"), Decimal("1.2112")),
        (Decimal("30243.6"), Decimal("0.059")),
    )
    assert Decimal("30247.5") not in {price for price, _ in changed.asks}

    assert len(exchange.sockets) == 1
    await stopped(*streams)
    await until(lambda: not exchange.sockets)
    await venue.close()
    assert not venue.dropped


async def test_a_crossed_book_is_subscribed_to_anew_and_the_others_too(
    stub: tuple[Stub, str],
) -> None:
    """They share a connection, and a whole book comes with a new subscription only."""
    exchange, url = stub
    venue = await opened_venue(url)
    books: list[MarketDataEvent] = []
    book = asyncio.create_task(venue.stream(Channel.BOOK, [SYMBOL], books.extend))
    trades = asyncio.create_task(venue.stream(Channel.TRADES, [SYMBOL], lambda _: None))
    await exchange.until_subscribed("trades")
    await until(lambda: books)
    await exchange.say("books", CROSSED, action="update")
    for task in (book, trades):
        with pytest.raises(NotExecuted):
            await task
    books.clear()
    again = asyncio.create_task(venue.stream(Channel.BOOK, [SYMBOL], books.extend))
    await until(lambda: books)
    assert books[0].ask == Decimal("30243.5")
    await stopped(again)
    await venue.close()


async def test_contracts_are_coins(stub: tuple[Stub, str]) -> None:
    exchange, url = stub
    venue = await opened_venue(url, "perpetual")
    assert exchange.asked == ["SWAP"]
    rules = venue.instrument(SYMBOL)
    assert rules.lot_size == Decimal("0.001")
    heard: list[MarketDataEvent] = []
    task = asyncio.create_task(venue.stream(Channel.TRADES, [SYMBOL], heard.extend))
    await exchange.until_subscribed("trades")
    trade = TRADES[0] | {"instId": "BTC-USDT-SWAP", "sz": "25"}
    await exchange.say("trades", trade, "BTC-USDT-SWAP")
    await until(lambda: heard)
    assert heard[0].volume == Decimal("0.25")
    await stopped(task)
    await venue.close()
