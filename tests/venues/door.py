"""The loopback exchange's door, where another language is spoken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web

from tests.venues.acts import Act
from tests.venues.asked import Asked
from tests.venues.dialect import Dialect, Route
from tests.venues.shapes import fields_of
from tests.venues.streams import DialectStreams
from tests.venues.wrong import Said, wrong_of
from tradectl.testkit import errors, server
from tradectl.testkit.answers import Answer, reset
from tradectl.testkit.calls import Call
from tradectl.testkit.errors import ApiError
from tradectl.testkit.symbols import SPOT


class Refused(NamedTuple):
    said: Said
    orders_alone: bool = False
    headers: Mapping[str, str] = MappingProxyType({})

    def is_of(self, act: Act) -> bool:
        if self.orders_alone:
            return (act.method, act.path) == ("POST", "order")
        return not act.public


class DialectServer(server.Server):
    """`unknown` are requests that nobody wrote an answer for; `answered`, where that is a set, gets the
    fields of all answers. What is `refused` is refused in these words, of orders alone or all that is
    signed."""

    def __init__(self, exchange: Any, dialect: Dialect) -> None:
        super().__init__(exchange)
        self.dialect = dialect
        self.unknown: list[str] = []
        talk = dialect.talk
        self.streams = None if talk is None else DialectStreams(exchange, dialect, talk)
        self.answered: set[str] | None = None
        self.refused: Refused | None = None

    async def _door(self, request: web.Request) -> web.StreamResponse:
        exchange, dialect = self.exchange, self.dialect
        if not exchange.linked:
            return reset(request)
        if (turned_away := exchange.sessions.turned_away()) is not None:
            if turned_away.status != 418:
                return turned_away
            return self._wrong(errors.banned(1, exchange.now_ms()), None).respond()
        is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_websocket and self.streams is not None:
            return await self.streams.accept(request)
        query = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        text = await request.text()
        path, method = request.path, request.method
        asked = Asked(exchange, dialect, method, path, query, text, request.headers)
        route = dialect.route(method, dialect.named(asked))
        if route is None:
            self.unknown.append(f"{method} {dialect.named(asked)}")
            return web.Response(status=404, text=f"{dialect.exchange_id} is not asked {path} here")
        call = self._call(asked, route)

        def carry_out() -> Answer:
            if (refused := self.refused) is not None and refused.is_of(route.act):
                return self._said(refused.said, route.act, refused.headers)
            try:
                shown = self._carried_out(asked, call, route)
            except ApiError as error:
                return self._wrong(error, route.act)
            return Answer(200, json.dumps(shown, default=str).encode())

        return await server.reply(exchange, request, call, carry_out)

    def _call(self, asked: Asked, route: Route) -> Call:
        """As the loopback exchange itself would be asked."""
        act, market = route.act, self.dialect.market
        start = "/api/v3" if market == SPOT else "/fapi/v1"
        try:
            params = {k: v for k, v in route.read(asked).items() if v not in ("", None)}
        except ApiError:
            params = {}
        path = "myTrades" if (act.path, market) == ("userTrades", SPOT) else act.path
        call = Call(self.exchange, market, act.method, f"{start}/{path}", params, asked.account)
        call.word = lambda error: self._wrong(error, act)
        self.exchange.truth.note("request", method=call.method, path=call.path, params=params)
        return call

    def _carried_out(self, asked: Asked, call: Call, route: Route) -> Any:
        if not route.act.public:
            self.exchange.sessions.check_access()
            if not self.dialect.is_of(asked):
                raise errors.key_malformed()
            self._check_time(asked)
        route.read(asked)  # what cannot be read is refused
        shown = route.show(route.act.do(call), asked)
        if self.answered is not None:
            self.answered |= fields_of(shown)
        return shown

    def _check_time(self, asked: Asked) -> None:
        told = self.dialect.signed_at(asked)
        if told is None:
            return
        signed_ms, window_ms = told
        if signed_ms >= asked.now_ms + 1000:
            raise errors.ahead_of_time()
        if asked.now_ms - signed_ms > window_ms:
            raise errors.outside_window()

    def _wrong(self, error: ApiError, act: Act | None) -> Answer:
        from tests.venues.acts import NOTHING

        return self._said(self.dialect.words[wrong_of(error)], act or NOTHING, error.headers)

    def _said(self, said: Said, act: Act, headers: Mapping[str, str]) -> Answer:
        body = self.dialect.refusal(said, act)
        return Answer(said.status, json.dumps(body).encode(), dict(headers))
