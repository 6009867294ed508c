"""An exchange on this machine and our venue at it, through the real ccxt: what tests of it share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.loopback import LoopbackExchange
from tests.loopback.symbols import FUTURES, SPOT
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import VenueFill, VenueOrder

KINDS = ("spot", "perpetual")
SYMBOL = "BTCUSDT"


class Desk:
    """An exchange, and our venue at it."""

    def __init__(self, exchange: LoopbackExchange, kind: str, **settings: Any) -> None:
        self.exchange = exchange
        self.kind = kind
        self.market = SPOT if kind == "spot" else FUTURES
        self.settings = ExchangeSettings(
            id="binance",
            market="spot" if kind == "spot" else "perpetual",
            url=exchange.url,
            **{"timeout_seconds": 2.0, **settings},
        )
        self.venue = CcxtVenue(
            self.settings, {SYMBOL: SYMBOL}, Credentials(exchange.key, exchange.secret)
        )
        self.sent = 0

    def quote(self, bid: str, ask: str, size: str = "2") -> None:
        self.exchange.quote(SYMBOL, bid, ask, size, market=self.market)

    def trade(self, price: str, quantity: str) -> None:
        self.exchange.print_trade(SYMBOL, price, quantity, market=self.market)

    def spec(self, side: str, quantity: str, price: str | None = None, **more: Any) -> OrderSpec:
        kind = more.pop("type", OrderType.MARKET if price is None else OrderType.LIMIT)
        limit = None if price is None else Decimal(price)
        return OrderSpec("o", SYMBOL, Side(side), Decimal(quantity), kind, limit, **more)

    async def submit(self, side: str, quantity: str, price: str | None = None, **more: Any) -> Any:
        self.sent += 1
        return await self.venue.submit(self.spec(side, quantity, price, **more), f"cid-{self.sent}")


@asynccontextmanager
async def a_desk(kind: str, **settings: Any) -> AsyncIterator[Desk]:
    async with LoopbackExchange(seed=1) as exchange:
        desk = Desk(exchange, kind, **settings)
        await desk.venue.open()
        desk.quote("59990", "60010")
        try:
            yield desk
        finally:
            await desk.venue.close()


class News:
    def __init__(self) -> None:
        self.orders: list[VenueOrder] = []
        self.fills: list[VenueFill] = []
        self.all: list[VenueOrder | VenueFill] = []

    def __call__(self, told: Any) -> None:
        for item in told:
            self.all.append(item)
            if isinstance(item, VenueOrder):
                self.orders.append(item)
            else:
                self.fills.append(item)


async def listening(desk: Desk, news: News) -> asyncio.Task[None]:
    """Begun, and known to be heard: an order of somebody else is told."""
    task = asyncio.create_task(desk.venue.listen(news))
    heard = asyncio.Event()

    def anything() -> bool:
        if task.done():
            task.result()
        return bool(news.all)

    while not heard.is_set():
        desk.exchange.outside_order("main", SYMBOL, "buy", "0.01", "50000", market=desk.market)
        try:
            await desk.exchange.until(anything, 0.2)
            heard.set()
        except TimeoutError:
            continue
    await asyncio.sleep(0)
    return task


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
