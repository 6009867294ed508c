"""The server: paths and their answers, one dialect at a time, and what was asked of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

from aiohttp import web

from tests.playback import bybit, gate, kucoin, okx
from tests.playback.facts import Facts
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.exchange_settings import ExchangeSettings

SYMBOL = "BTCUSDT"


class Dialect(Protocol):
    ORDERS: tuple[str, str]

    def public(self, path: str, query: Mapping[str, str]) -> Any:
        """None for what is not public."""

    def private(self, path: str, query: Mapping[str, str], facts: Facts) -> Any: ...


DIALECTS: dict[str, Any] = {"okx": okx, "bybit": bybit, "kucoin": kucoin, "gate": gate}


class Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    body: str


class Playback:
    """An exchange that answers, and our venue at it."""

    def __init__(self, name: str, facts: Facts) -> None:
        self.name = name
        self.facts = facts
        self.asked: list[Asked] = []
        self.venue: CcxtVenue
        self._dialect = DIALECTS[name]

    async def answer(self, request: web.Request) -> web.Response:
        query, path = dict(request.query), request.path
        self.asked.append(Asked(request.method, path, query, await request.text()))
        public = self._dialect.public(path, query)
        if public is not None:
            return web.json_response(public)
        is_order = (request.method, path) == self._dialect.ORDERS
        refused = self.facts.orders_refused if is_order else None
        refused = refused or self.facts.refused
        if refused is not None:
            return web.json_response(refused.body, status=refused.status, headers=refused.headers)
        told = self._dialect.private(path, query, self.facts)
        if told is None:
            raise web.HTTPNotFound(text=f"{self.name} is not asked {path} in these tests")
        return web.json_response(told)

    def requests(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.endswith(path)]


@asynccontextmanager
async def playback(name: str, facts: Facts | None = None) -> AsyncIterator[Playback]:
    """Opened, with the keys of the account, as perpetuals of one symbol."""
    exchange = Playback(name, facts or Facts())
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", exchange.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = ExchangeSettings(
        id=name,
        market="perpetual",
        url=f"http://127.0.0.1:{runner.addresses[0][1]}",
        timeout_seconds=2.0,
        requests_per_second=10_000,
    )
    credentials = Credentials("key-of-nobody", "c2VjcmV0LW9mLW5vYm9keQ==", "pass-of-nobody")
    exchange.venue = CcxtVenue(settings, {SYMBOL: "BTC/USDT:USDT"}, credentials)
    await exchange.venue.open()
    try:
        yield exchange
    finally:
        await exchange.venue.close()
        await runner.cleanup()
