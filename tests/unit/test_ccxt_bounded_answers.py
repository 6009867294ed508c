"""What has no end, or goes too deep, is no answer of an exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tradectl.exchange.ccxt_venue import bounded_answers
from tradectl.exchange.ccxt_venue.client import hook
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter

PIECE = b"[" * 10_000


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    if request.query.get("packed"):
        answer.enable_compression()
    await answer.prepare(request)
    try:
        for _ in range(10_000):
            await answer.write(PIECE)
    except ConnectionError:
        pass  # nobody listens any more
    return answer


@pytest.fixture
async def address() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/endless", endless)
    application.router.add_get("/short", short)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (host, port, *_) = runner.addresses[0]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def short(request: web.Request) -> web.Response:
    return web.Response(text="whole")


@pytest.mark.parametrize("packed", ["", "?packed=1"])
async def test_an_answer_without_end_is_given_up(
    address: str, packed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_answers, "LARGEST", 1_000_000)
    async with aiohttp.ClientSession() as session:
        bounded_answers.bound(session)
        async with session.get(f"{address}/short") as answer:
            assert await answer.text() == "whole"
        async with session.get(f"{address}/endless{packed}") as answer:
            with pytest.raises(aiohttp.ClientPayloadError, match="more than 1,000,000 bytes"):
                await answer.text()


def test_one_that_goes_too_deep_is_garbled() -> None:
    def deep(text: str) -> Any:
        raise RecursionError

    client = SimpleNamespace(fetch=None, fetch2=None, on_rest_response=None, parse_json=deep)
    hook(client, RateLimiter(1, 1, 0, patience=1))
    assert client.parse_json("[" * 100_000) is None
