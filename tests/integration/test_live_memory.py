"""What a run on a live feed keeps does not grow with how long it runs: hours of it, where there is time.

Counted is what the program and the exchange's library allocate and still hold once it runs. What fills
once, however slowly (the newest orders, the newest ids of trades), has its size by the middle; where
there is only a minute it is made small.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.live_trader import SPOT, settings_for
from tests.integration.test_clock_steps import OnPaper
from tests.profiles import is_deep
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import Settings
from tradectl.domain import time as times
from tradectl.exchange.paper import matching_engine
from tradectl.feeds.live import trade_sequencer
from tradectl.risk import rate_limits
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.state import order_books
from tradectl.storage.directory import StateDir
from tradectl.testkit import LoopbackExchange

HOURS, TICKS_A_SECOND = (4.0, 1.0) if is_deep() else (0.004, 25.0)
WAYS = ["trading", "paused"] if is_deep() else ["paused"]
RINGS: list[tuple[Any, str]] = [
    (matching_engine, "IDS_KEPT"),
    (rate_limits, "IDS_KEPT"),
    (order_books, "FINISHED_KEPT"),
    (trade_sequencer, "KEPT_IDS"),
]
SMALL = 20
OURS = [tracemalloc.Filter(True, f"*/{place}/*") for place in ("tradectl", "ccxt")]
OF_THE_TESTKIT = tracemalloc.Filter(False, "*/tradectl/testkit/*")
"""The exchange keeps all that was ever traded."""
MOST_BY_CHANCE = (64 if is_deep() else 40) * 1024
"""Bytes: where there is only a moment, 300 of each tick between the two that are compared."""
COMPARED = (3, 4, 6, 7)
"""Of eight parts of the time: those in its middle and those at its end."""
OF_AN_ORDER = 1024
"""Bytes that are kept of each of the newest 10,000."""

pytestmark = [
    pytest.mark.usefixtures("key_environment"),
    pytest.mark.virtual_time(lasting=10 * 3600.0),
]


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


@pytest.fixture(autouse=True)
def _rings_fill_soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not is_deep():
        for module, name in RINGS:
            monkeypatch.setattr(module, name, SMALL)
        defaults = {**(EventBus.__init__.__kwdefaults__ or {}), "history": SMALL}
        monkeypatch.setattr(EventBus.__init__, "__kwdefaults__", defaults)
    times._whole_second.cache_clear()
    yield
    tracemalloc.stop()


def held() -> int:
    """Bytes, of what came since tracing began."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces([*OURS, OF_THE_TESTKIT])
    return sum(trace.size for trace in snapshot.traces)


async def walks(exchange: LoopbackExchange) -> None:
    while True:
        exchange.walk(symbols=(SPOT,), market="spot")
        await asyncio.sleep(1 / TICKS_A_SECOND)


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_kept_of_a_live_feed_levels_off(
    way: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = Settings(symbols=(SPOT,), exchanges=settings_for(exchange).exchanges)
    screen, options = (
        OnPaper(),
        RunOptions(settings=settings, state_dir=StateDir(tmp_path / "state")),
    )
    running = asyncio.ensure_future(trade(options, screen))
    walking = asyncio.ensure_future(walks(exchange))
    await asyncio.sleep(10)
    account = screen.run.books.account
    if way == "paused":
        await screen.run.orchestrator.pause("for the test")
    tracemalloc.start()
    sizes, orders = [], []
    for part in range(8):
        await asyncio.sleep(HOURS * 3600 / 8)
        sizes.append(held() if part in COMPARED or is_deep() else 0)
        orders.append(account.orders_count)
    print("kB held:", *(size // 1024 for size in sizes), "orders:", *orders)
    assert screen.run.bus.core.seq > HOURS * 3600 * TICKS_A_SECOND
    before, after = max(sizes[at] for at in COMPARED[:2]), min(sizes[at] for at in COMPARED[2:])
    assert after <= before + MOST_BY_CHANCE + OF_AN_ORDER * (orders[-1] - orders[3])
    walking.cancel()
    screen.run.end("enough")
    await running
