"""HTTP: one door for every request. It finds the route, checks who asks, answers through the faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from tradectl.testkit import errors, rest_futures, rest_positions, rest_public, rest_spot
from tradectl.testkit.answers import Answer, reset
from tradectl.testkit.answers import reply as reply  # noqa: PLC0414 - it is taken from here
from tradectl.testkit.calls import Call, Route, Security, authenticate, check_signature
from tradectl.testkit.errors import ApiError

if TYPE_CHECKING:
    from tradectl.testkit.exchange import LoopbackExchange

ROUTES = rest_public.ROUTES | rest_spot.ROUTES | rest_futures.ROUTES | rest_positions.ROUTES


class Server:
    def __init__(self, exchange: LoopbackExchange) -> None:
        self.exchange = exchange
        self.routes = ROUTES
        self._used = 0
        self._minute_began = time.monotonic()

    async def start(self, port: int) -> int:
        """The port that it listens on."""
        from tradectl.testkit.admin import add_admin
        from tradectl.testkit.streams import Streams

        app = web.Application()
        add_admin(app, self.exchange)
        self._streams = Streams(self)
        app.router.add_route("*", "/{path:.*}", self._door)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _door(self, request: web.Request) -> web.StreamResponse:
        if not self.exchange.linked:
            return reset(request)
        if (turned_away := self.exchange.sessions.turned_away()) is not None:
            return turned_away
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._streams.accept(request)
        body = await request.text()
        query = request.rel_url.raw_query_string
        params = dict(parse_qsl(query, keep_blank_values=True))
        params |= dict(parse_qsl(body, keep_blank_values=True))
        self.exchange.truth.note("request", method=request.method, path=request.path, params=params)
        route = self.routes.get((request.method, request.path))
        call = Call(
            self.exchange, route.market if route else "spot", request.method, request.path, params
        )
        signed = query + body

        def carry_out() -> Answer:
            return self.answer(route, call, request.headers.get("X-MBX-APIKEY"), signed)

        return await reply(self.exchange, request, call, carry_out)

    # --- answers ------------------------------------------------------------------------------

    def answer(self, route: Route | None, call: Call, key: str | None, signed: str) -> Answer:
        more: dict[str, str] = {}
        weight = self._weigh(route)
        try:
            status, shown = 200, self.perform(route, call, key, signed)
        except ApiError as error:
            status, shown, more = error.status, error.body, error.headers
        return Answer(status, msgspec.json.encode(shown), more | weight)

    def perform(self, route: Route | None, call: Call, key: str | None, signed: str) -> Any:
        """What the route's handler gives. Raises ApiError."""
        if route is None:
            raise ApiError(-1, f"No such path: {call.method} {call.path}", 404)
        if self.exchange.weight_limit and self._used > self.exchange.weight_limit:
            raise errors.too_many_requests(60 - int(time.monotonic() - self._minute_began))
        if route.security is not Security.NONE:
            self.exchange.sessions.check_access()
            call.caller = authenticate(self.exchange.accounts, key)
        if route.security is Security.SIGNED:
            payload = signed.rpartition("&signature=")[0]
            check_signature(call.account, payload, call.params, self.exchange.now_ms())
        return route.handler(call)

    def _weigh(self, route: Route | None) -> dict[str, str]:
        if time.monotonic() - self._minute_began >= 60:
            self._used, self._minute_began = 0, time.monotonic()
        self._used += route.weight if route else 1
        return {"X-MBX-USED-WEIGHT": str(self._used), "X-MBX-USED-WEIGHT-1M": str(self._used)}
