"""Comparing with an exchange as fast as its rate limit lets anybody: whoever asks has an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading
from tests.profiles import in_turn
from tradectl.documents.operations import Reconciliation
from tradectl.domain.events import Acceptance, SystemEventKind
from tradectl.exchange.base import Accepted
from tradectl.exchange.live.comparisons import DISTURBED
from tradectl.runtime.in_process_reconcile import (
    ANSWER_S,
    SharedComparison,
    compare,
)
from tradectl.testkit import LoopbackExchange

MARKETS = ("spot", "futures")
RATES = {"spot": 5, "futures": 8}
"""What may be asked a second, in the weights that an exchange gives its calls. On spot a comparison of
its own costs 9, one on demand, which looks at the orders of all symbols, 29; on futures one on demand
costs 120, as the income history alone is 30. The exchange's time is asked for twice a second, too."""

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]


def hurried(exchange: LoopbackExchange, market: str, **more: Any) -> Any:
    """It compares by itself twice a second, which is more than the rate limit allows."""
    at = msgspec.structs.replace(
        QUICK,
        reconcile_seconds=0.5,
        timeout_seconds=0.7,
        requests_per_second=RATES[market],
        **more,
    )
    return settings_for(exchange, at=at, market=market)


async def used_up(trader: Trader) -> None:
    """Until the run's own comparisons are kept back."""
    await trader.until(lambda: trader.said(SystemEventKind.RECONCILE_FAILED))


@pytest.mark.parametrize("market", in_turn(MARKETS[::-1], 2))
async def test_whoever_asks_every_half_second_has_an_answer_each_time(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with trading(
        exchange, tmp_path, settings=hurried(exchange, market), market=market
    ) as trader:
        await used_up(trader)
        for _ in range(2):
            async with asyncio.timeout(ANSWER_S):
                told = await compare(trader.run)
            assert not told.unreachable
            assert told.clean
            await asyncio.sleep(0.5)


async def test_who_asks_at_the_same_time_has_the_same_answer(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with trading(
        exchange, tmp_path, settings=hurried(exchange, "spot"), market="spot"
    ) as trader:
        await used_up(trader)
        comparison = SharedComparison(trader.run)
        asking: list[asyncio.Task[Reconciliation]] = []
        for _ in range(20):
            asking.append(asyncio.create_task(comparison.compare(None, confirm=False)))
            await asyncio.sleep(0.5)
        async with asyncio.timeout(ANSWER_S):
            told = await asyncio.gather(*asking)
        assert all(answer.clean for answer in told)


async def test_an_exchange_that_asks_for_a_pause_is_asked_again_after_it(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with trading(exchange, tmp_path, market="spot") as trader:
        exchange.misbehave("429", method="GET", path="openOrders", seconds=3, count=2)
        told = await compare(trader.run)
        assert told.clean
        assert [row.symbol for row in told.symbols] == [SPOT]


@pytest.mark.parametrize("market", in_turn(MARKETS, 2))
async def test_its_own_comparisons_wait_until_there_is_room_for_a_whole_one(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    async with trading(
        exchange, tmp_path, settings=hurried(exchange, market), market=market
    ) as trader:
        await used_up(trader)
        await trader.until(lambda: trader.said(SystemEventKind.RECONCILE_FAILED_OVER), 30)


async def test_what_could_not_be_booked_is_not_said_to_be(
    exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading(exchange, tmp_path, market="spot") as trader:
        at = trader.live
        compared = at.reconciler.compare

        async def disturbed(before_booking: Any, accepted: Accepted | None = None) -> Any:
            return None if accepted else await compared(before_booking)

        monkeypatch.setattr(at.reconciler, "compare", disturbed)
        told = await compare(trader.run, Accepted(Acceptance.TRANSFER), confirm=True)
        assert (told.accepted, told.clean) == (False, False)
        assert told.left_out == [f"{at.name}: {DISTURBED}"]
