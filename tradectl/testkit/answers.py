"""How an answer goes wrong on its way: a fault put around the handler that would give a good one.

"Accepted but never answered" so runs the very code that answers else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from tradectl.testkit import errors
from tradectl.testkit.calls import Call
from tradectl.testkit.errors import ApiError
from tradectl.testkit.faults import ORDERS, REPLIES, Fault, Kind
from tradectl.testkit.trading import find

if TYPE_CHECKING:
    from tradectl.testkit.exchange import LoopbackExchange

_KNOWN = {
    error.code: error
    for error in (
        errors.unavailable(),
        errors.unexpected_response(),
        errors.backend_timeout(),
        errors.outside_window(),
        errors.insufficient_balance(),
        errors.no_such_order(),
        errors.unknown_order_sent(),
        errors.bad_signature(),
        errors.key_refused(),
        errors.margin_insufficient(),
        errors.no_such_listen_key(),
        errors.other_position_side(),
    )
}


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)

    def respond(self) -> web.Response:
        return web.Response(
            status=self.status,
            body=self.body,
            headers=self.headers,
            content_type="application/json",
            charset="utf-8",
        )


CarryOut = Callable[[], Answer]


async def reply(
    exchange: LoopbackExchange, request: web.Request, call: Call, carry_out: CarryOut
) -> web.StreamResponse:
    """The answer to `call`, good or bad."""
    faults = exchange.faults
    of_order = faults.for_request(ORDERS, call.method, call.path, call.params)
    if of_order is not None:
        carry_out = _with_order_fault(exchange, request, call, carry_out, *of_order)
    found = faults.for_request(REPLIES, call.method, call.path, call.params)
    if found is None:
        return carry_out().respond()
    kind, fault = found
    exchange.truth.note(
        "fault", fault=kind.value, method=call.method, path=call.path, params=call.params
    )
    return await _badly(exchange, request, call, carry_out, kind, fault)


async def _badly(
    exchange: LoopbackExchange,
    request: web.Request,
    call: Call,
    carry_out: CarryOut,
    kind: Kind,
    fault: Fault,
) -> web.StreamResponse:
    placed = fault.carried_out(kind)
    answer = carry_out() if placed else Answer()
    match kind:
        case Kind.NO_REPLY:
            await _delay(request, fault.seconds or 3600.0)
            return reset(request)
        case Kind.RESET:
            return reset(request)
        case Kind.CUT:
            return await _cut(request, answer.body)
        case Kind.LATE:
            await _late(fault)
            return (answer if placed else carry_out()).respond()
        case Kind.EMPTY:
            return Answer(body=b"").respond()
        case Kind.TRUNCATED:
            return Answer(body=answer.body[: len(answer.body) // 2]).respond()
        case Kind.HTML:
            page = errors.HTML_503 if fault.status == 503 else errors.HTML_502
            return web.Response(status=fault.status or 502, text=page, content_type="text/html")
    error = error_of(kind, fault, exchange.now_ms())
    if call.word is not None:
        in_its_words: Answer = call.word(error)
        return in_its_words.respond()
    return Answer(error.status, msgspec.json.encode(error.body), error.headers).respond()


def error_of(kind: Kind, fault: Fault, now_ms: int) -> ApiError:
    seconds = max(1, int(fault.seconds or 1))
    if kind is Kind.TOO_MANY:
        return errors.too_many_requests(seconds)
    if kind is Kind.BANNED:
        return errors.banned(seconds, now_ms)
    if kind is Kind.UNAVAILABLE:
        return errors.unavailable()
    known = _KNOWN.get(fault.code)
    text = fault.text or (known.message if known else "Internal error.")
    return ApiError(fault.code, text, fault.status or (known.status if known else 400))


def _with_order_fault(
    exchange: LoopbackExchange,
    request: web.Request,
    call: Call,
    carry_out: CarryOut,
    kind: Kind,
    fault: Fault,
) -> CarryOut:
    def forgetting() -> Answer:
        answer = carry_out()
        client_id = call.params.get("newClientOrderId") or call.params.get("clientAlgoId", "")
        exchange.forget(client_id, fault.seconds)
        return answer

    def filling() -> Answer:
        _fill_some(exchange, request, call, fault)
        return carry_out()

    exchange.truth.note("fault", fault=kind.value, path=call.path, params=call.params)
    return forgetting if kind is Kind.FORGET else filling


def _fill_some(exchange: LoopbackExchange, request: web.Request, call: Call, fault: Fault) -> None:
    """Somebody trades with the order that is about to be cancelled."""
    key = request.headers.get("X-MBX-APIKEY")
    by_key = (a for a in exchange.accounts.values() if a.key == key)
    call.caller = call.caller or next(by_key, None)
    if call.caller is None or call.path.endswith("algoOrder"):
        return  # a stop that waits does not trade
    if (order := find(call)) is None or not order.open or not order.working:
        return
    lot = call.engine.rules[order.symbol].lot
    quantity = (order.remaining * fault.fraction) // lot * lot
    if quantity > 0:
        call.engine.take(order, quantity)


async def _late(fault: Fault) -> None:
    """For so long, or until the fault is removed."""
    end = time.monotonic() + fault.seconds
    while not fault.removed and (left := end - time.monotonic()) > 0:  # noqa: ASYNC110  a flag
        await asyncio.sleep(min(left, 0.02))


async def _delay(request: web.Request, seconds: float) -> None:
    """Until the client has gone."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        transport = request.transport
        if transport is None or transport.is_closing():
            return
        await asyncio.sleep(0.02)


def reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half a body, announced as whole; the connection is closed in the middle of it."""
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    response.content_type = "application/json"
    with contextlib.suppress(ConnectionError):  # who asked may be gone already
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        await asyncio.sleep(0)
    if request.transport is not None:
        request.transport.close()
    return response
