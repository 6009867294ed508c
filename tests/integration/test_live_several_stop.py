"""The emergency stop over two exchanges: each is asked by itself, and both have to confirm it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import times_busier, tradectl
from tests.fixtures.live_trader import KEYS, SPOT, remains_of, trading
from tests.integration.test_live_several import OTHER, both
from tradectl.operations.emergency_stop import emergency_stop
from tradectl.replay.replay import Replay
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.storage.directory import StateDir
from tradectl.testkit import FOREVER, LoopbackExchange, loopback_thread

NOT_CONFIRMED = 5
BOTH_KEYS: dict[str, Any] = KEYS | {k.replace("BINANCE", "OTHER"): KEYS[k] for k in KEYS}

pytestmark = pytest.mark.usefixtures("key_environment")


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    for name, text in BOTH_KEYS.items():
        monkeypatch.setenv(name, text)
    with loopback_thread(seed=1) as first, loopback_thread(seed=2, usdt="50000") as second:
        yield first, second


@pytest.mark.slow
async def test_one_that_does_not_answer_is_named_and_the_other_is_done(
    exchanges: tuple[Any, Any], tmp_path: Path
) -> None:
    first, second = exchanges
    folder = tmp_path / "state"
    async with trading(first, folder, settings=both(first, second)) as trader:
        second.move(SPOT, Decimal(60_000))
        await trader.until(lambda: trader.run.books.mark(OTHER) and not trader.restrictions(OTHER))
        await trader.orders_done(trader.buy("0.1"))
        await trader.orders_done(trader.buy("0.1", symbol=OTHER))
        here, there = trader.buy("0.1", "59900"), trader.buy("0.1", "59900", symbol=OTHER)
        await trader.in_status(here, "accepted")
        await trader.in_status(there, "accepted")
        await trader.run.bus.dispatched()
        remains = remains_of(folder)  # what a kill -9 would leave
    second.misbehave("no-reply", count=FOREVER)
    patience = round(6 * min(times_busier(), 3))  # the one that never answers takes all of it
    asked = ("emergency-stop", "--flatten", "--timeout", patience, "--json")
    answer = await asyncio.to_thread(tradectl, remains, *asked, live=True, **BOTH_KEYS)
    assert answer.code == NOT_CONFIRMED
    receipt = json.loads(answer.out)
    assert (receipt["latched"], receipt["confirmed"]) == (True, False)
    assert "other" in receipt["error"]
    assert (receipt["open_orders_left"], receipt["positions_left"]) == ([there], [OTHER])
    assert receipt["cancelled"] == [here]
    assert receipt["closed"] == [SPOT]
    assert [o for o in first.truth.open_orders() if not o.foreign] == []
    assert first.balance("BTC") < Decimal("0.0001")
    assert StateDir(remains).latch.read() is not None
    second.behave()
    again = await asyncio.to_thread(
        emergency_stop, StateDir(remains), "again", flatten=True, timeout=60
    )
    assert (again.confirmed, again.positions_left) == (True, []), again
    assert [o for o in second.truth.open_orders() if not o.foreign] == []
    assert second.balance("BTC") < Decimal("0.0001")
    for exchange in exchanges:
        assert exchange.truth.duplicates() == []
    result = Replay(sorted((remains / "journals").glob("*.jsonl"))[-1]).run()
    assert result.verified, result.first_divergence


@pytest.mark.virtual_time
async def test_a_run_that_stops_itself_does_the_one_and_names_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in BOTH_KEYS.items():
        monkeypatch.setenv(name, text)
    async with (
        LoopbackExchange(seed=1) as first,
        LoopbackExchange(seed=2) as second,
        trading(first, tmp_path, settings=both(first, second)) as trader,
    ):
        await trader.until(lambda: second.hub.wanted("spot", ["btcusdt@bookTicker"]))
        second.move(SPOT, Decimal(60_000))
        await trader.until(lambda: trader.run.books.mark(OTHER) and not trader.restrictions(OTHER))
        await trader.orders_done(trader.buy("0.1"))
        await trader.orders_done(trader.buy("0.1", symbol=OTHER))
        second.misbehave("503", count=FOREVER)
        clock = trader.run.bus.clock
        stop = Stop(flatten=True)
        report = await stop_session(trader.run, "the test", stop, clock.monotonic() + 10)
        assert (report.confirmed, report.closed) == (False, [SPOT])
        assert report.error is not None
        assert report.error.startswith("other: ")
        assert OTHER in report.positions_left
        assert first.balance("BTC") < Decimal("0.0001")
        second.behave()
