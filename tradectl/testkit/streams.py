"""WebSocket doors: market streams, account streams, and the WebSocket API of spot and of futures.

Which door a connection came through is told by its path: `/ws...` and `/stream` are spot's, `/public`,
`/market` and `/private` are futures', `/ws-api/v3` and `/ws-fapi/v1` are the APIs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import WSMsgType, web

from tradectl.testkit.answers import error_of
from tradectl.testkit.calls import Call, authenticate, check_signature
from tradectl.testkit.errors import ApiError
from tradectl.testkit.faults import REPLIES, Fault, Kind
from tradectl.testkit.sockets import Socket
from tradectl.testkit.symbols import FUTURES, SPOT

if TYPE_CHECKING:
    from tradectl.testkit.server import Server

Json = dict[str, Any]

METHODS = {
    "ping": ("GET", "ping"),
    "time": ("GET", "time"),
    "exchangeInfo": ("GET", "exchangeInfo"),
    "depth": ("GET", "depth"),
    "ticker.book": ("GET", "ticker/bookTicker"),
    "ticker.price": ("GET", "ticker/price"),
    "klines": ("GET", "klines"),
    "trades.recent": ("GET", "trades"),
    "order.place": ("POST", "order"),
    "order.status": ("GET", "order"),
    "order.cancel": ("DELETE", "order"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "allOrders": ("GET", "allOrders"),
    "myTrades": ("GET", "myTrades"),
    "account.status": ("GET", "account"),
    "algoOrder.place": ("POST", "algoOrder"),
    "algoOrder.cancel": ("DELETE", "algoOrder"),
}


class Streams:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._exchange = server.exchange
        self._next_subscription = 0

    async def accept(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        market = (
            FUTURES if path.startswith(("/public", "/market", "/private", "/ws-fapi")) else SPOT
        )
        ws = web.WebSocketResponse(autoping=True, compress=False, max_msg_size=1 << 20)
        try:
            await ws.prepare(request)
        except ConnectionError:
            return web.Response()  # who asked is gone already
        socket = Socket(request, ws, market)
        self._exchange.hub.sockets.add(socket)
        self._exchange.truth.note("socket-opened", path=path, market=market)
        try:
            self._open(socket, path, request.query)
            api = path.startswith(("/ws-api", "/ws-fapi"))
            await self._listen(ws, socket, self._api if api else self._subscribe)
        finally:
            self._exchange.hub.sockets.discard(socket)
            socket.cut()
            self._exchange.truth.note("socket-closed", path=path, market=market)
        return ws

    def _open(self, socket: Socket, path: str, query: Mapping[str, str]) -> None:
        """What the address itself asks for; with a listen key that is none, nothing ever comes."""
        socket.combined = path.endswith("/stream")
        streams = query.get("streams", "").split("/") if query.get("streams") else []
        last = path.rsplit("/", 1)[-1]
        if "@" in last:
            streams.append(last)
        socket.subscribed.update(streams)
        if not path.startswith("/private"):
            return
        for account in self._exchange.accounts.values():
            if account.listen_key and account.listen_key in {query.get("listenKey"), last}:
                socket.account = account.name

    async def _listen(self, ws: web.WebSocketResponse, socket: Socket, handle: Any) -> None:
        with contextlib.suppress(ConnectionError):
            async for message in ws:
                if message.type is not WSMsgType.TEXT:
                    continue
                try:
                    asked = msgspec.json.decode(message.data)
                except msgspec.DecodeError:
                    asked = None
                if not isinstance(asked, dict):
                    socket.send({"code": 3, "msg": "Invalid JSON"})
                    continue
                handle(socket, asked)

    # --- streams ------------------------------------------------------------------------------

    def _subscribe(self, socket: Socket, asked: Json) -> None:
        names = [str(name) for name in asked.get("params") or []]
        result: Any = None
        match asked.get("method"):
            case "SUBSCRIBE":
                socket.subscribed.update(names)
                self._exchange.truth.note("subscribed", market=socket.market, streams=names)
            case "UNSUBSCRIBE":
                socket.subscribed.difference_update(names)
            case "LIST_SUBSCRIPTIONS":
                result = sorted(socket.subscribed)
            case _:
                socket.send({"code": 2, "msg": "Invalid request: unknown method"})
                return
        socket.send({"result": result, "id": asked.get("id")})

    # --- the API ------------------------------------------------------------------------------

    def _api(self, socket: Socket, asked: Json) -> None:
        params = asked.get("params") or {}
        found = self._exchange.faults.for_request(REPLIES, "WS", str(asked.get("method")), params)
        if found is not None:
            self._badly(socket, asked, *found)
        else:
            socket.send(self._answer(socket, asked))

    def _badly(self, socket: Socket, asked: Json, kind: Kind, fault: Fault) -> None:
        """Faults of REST, as far as they make sense here; what has no meaning here is no answer."""
        method = str(asked.get("method"))
        self._exchange.truth.note("fault", fault=kind.value, method="WS", path=method, params={})
        answer = self._answer(socket, asked) if fault.carried_out(kind) else None
        if kind in {Kind.RESET, Kind.CUT}:
            socket.cut()
        elif kind in {Kind.ERROR, Kind.TOO_MANY, Kind.BANNED, Kind.UNAVAILABLE}:
            error = error_of(kind, fault, self._exchange.now_ms())
            socket.send({"id": asked.get("id"), "status": error.status, "error": error.body})
        elif kind is Kind.LATE:

            def late() -> None:
                socket.send(answer or self._answer(socket, asked))

            asyncio.get_running_loop().call_later(fault.seconds, late)

    def _answer(self, socket: Socket, asked: Json) -> Json:
        shown: Json = {"id": asked.get("id"), "status": 200}
        try:
            shown["result"] = self._asked(socket, asked)
        except ApiError as error:
            shown |= {"status": error.status, "error": error.body}
        return shown

    def _asked(self, socket: Socket, asked: Json) -> Any:
        params = {key: _text(value) for key, value in (asked.get("params") or {}).items()}
        method = str(asked.get("method"))
        self._exchange.truth.note("request", method="WS", path=method, params=params)
        signed = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if k != "signature")
        if method == "userDataStream.subscribe.signature":
            self._exchange.sessions.check_access()
            account = authenticate(self._exchange.accounts, params.get("apiKey"))
            check_signature(account, signed, params, self._exchange.now_ms())
            socket.account = account.name
            socket.subscription_id = self._next_subscription
            self._next_subscription += 1
            return {"subscriptionId": socket.subscription_id}
        if method == "userDataStream.unsubscribe":
            socket.account = ""
            return {}
        verb, path = METHODS.get(method, ("GET", method))
        base = "/api/v3" if socket.market == SPOT else "/fapi/v1"
        route_key = (verb, f"{base}/{path}")
        call = Call(self._exchange, socket.market, *route_key, params)
        payload = f"{signed}&signature={params.get('signature', '')}"
        return self._server.perform(
            self._server.routes.get(route_key), call, params.get("apiKey"), payload
        )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
