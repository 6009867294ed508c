"""A comparison is several calls: it waits for the rate limit between them, however short the time-out."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fixtures.fake_venue import SilentVenue
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.comparisons import Comparisons
from tradectl.exchange.live.reconciler import Picture
from tradectl.exchange.venue import PATIENCE

CALLS = 12

pytestmark = pytest.mark.virtual_time


async def test_a_request_a_second_is_no_reason_to_fail() -> None:
    loop = asyncio.get_running_loop()
    limiter = RateLimiter(0.65, 4, 1, patience=1.0, clock=loop.time, sleep=asyncio.sleep)
    problems: list[str] = []
    done = asyncio.Event()

    async def compare(*_: Any) -> Picture:
        for _call in range(CALLS):
            await limiter.take(1, patience=PATIENCE.get())
        return Picture([], ())

    async def nothing(**_: Any) -> None: ...

    unused: Any = None
    reporter: Any = SimpleNamespace(
        problem=lambda _kind, text: problems.append(text), problem_over=lambda _kind: None
    )
    reconciler: Any = SimpleNamespace(compare=compare, missing=list)
    parts: Any = SimpleNamespace(start=None, resolve=None)
    tracker: Any = SimpleNamespace(working=list, not_found=list)
    comparisons = Comparisons(
        SilentVenue(),
        ExchangeSettings(id="kraken", timeout_seconds=1.0),
        reconciler,
        tracker,
        parts,
        reporter,
        parts,
        unused,
        in_question=lambda: False,
        before=nothing,
        compared=done.set,
    )
    keeping = asyncio.ensure_future(comparisons.keep())
    await asyncio.wait_for(done.wait(), 100)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    assert problems == []
    assert PATIENCE.get() is None
