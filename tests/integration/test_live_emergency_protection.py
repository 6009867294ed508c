"""An emergency stop leaves no position less protected than it was: what the exchange then has is what the
receipt says, whether the running process did it or another one in its place.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.documents import as_json
from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import (
    QUICK,
    SPOT,
    Trader,
    remains_of,
    settings_for,
    trading,
    verified,
)
from tests.fixtures.run_inputs import Character
from tests.integration.test_live_protection import never_naked, stops
from tests.profiles import in_turn
from tradectl.operations.emergency_stop import emergency_stop
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.storage.directory import StateDir
from tradectl.testkit import FOREVER, loopback_thread

FUTURES = "futures"
BOTH = pytest.mark.parametrize("market", ["spot", FUTURES])
EITHER = pytest.mark.parametrize(
    ("way", "market"),
    in_turn(
        [("control", "spot"), ("control", FUTURES), ("direct", FUTURES), ("direct", "spot")], 2
    ),
)
"""Each way and each market, with each commit."""
SALE: dict[str, Any] = {"method": "POST", "path": "*rder", "params": {"type": "MARKET"}}
D = Decimal

pytestmark = pytest.mark.usefixtures("key_environment")


@pytest.fixture
def exchange() -> Iterator[Any]:
    with loopback_thread(seed=1) as made:
        yield made


def settings(exchange: Any, market: str, **more: float) -> Any:
    dead_man = 30.0 if market == FUTURES else 0.0
    at = msgspec.structs.replace(QUICK, dead_man_seconds=dead_man, **more)
    return settings_for(
        exchange, at=at, market=market, portfolio=PortfolioSettings(stop_loss_pct=D(3))
    )


class Stopped:
    """What an emergency stop left: the receipt, and what rests at the exchange."""

    def __init__(self, exchange: Any, market: str, receipt: dict[str, Any]) -> None:
        self.receipt = receipt
        self.stops = stops(exchange, market)
        self.open = [o for o in exchange.truth.open_orders(market=market) if not o.foreign]

    @property
    def told(self) -> list[tuple[str, D, D]]:
        return [
            (stop["symbol"], D(stop["stop_price"]), D(stop["quantity"]))
            for stop in self.receipt["protection"]
        ]

    def is_protected(self) -> None:
        """The receipt names the stop that rests there, and nothing else of ours does."""
        assert self.open == self.stops
        assert self.told == [(o.symbol, o.stop_price, o.remaining) for o in self.stops]
        assert len(self.stops) == 1
        assert self.receipt["unprotected"] == []


async def killed() -> None:
    """Nothing more is seen to."""


async def stopped(way: str, trader: Trader, exchange: Any, folder: Path, **how: Any) -> Stopped:
    """By the running process, or by another one that finds what a kill -9 leaves behind."""
    timeout = 5.0 if how.get("flatten") else 20.0
    asked: dict[str, Any] = {"flatten": False, "timeout": timeout, **how}
    if way == "direct":
        await trader.run.bus.dispatched()
        remains = remains_of(folder)
        trader.run.orchestrator.settle = killed
        await trader.end()
        folder = remains
    receipt = as_json(
        await asyncio.to_thread(emergency_stop, StateDir(folder), "the test", **asked)
    )
    assert receipt["method"] == way
    assert receipt["latched"]
    if way == "direct":
        await verified(folder)
    return Stopped(exchange, trader.market, receipt)


async def protected(trader: Trader) -> None:
    await trader.orders_done(trader.buy("0.02"))
    await trader.until(lambda: len(stops(trader.exchange, trader.market)) == 1)


@EITHER
async def test_the_stop_stays_and_entries_and_nothing_of_others_go(
    way: str, market: str, exchange: Any, tmp_path: Path
) -> None:
    theirs = exchange.outside_order("main", SPOT, "BUY", "0.01", "50000", market=market)
    folder = tmp_path / "state"
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        await protected(trader)
        entry = trader.buy("0.01", "55000")
        await trader.in_status(entry, "accepted")
        left = await stopped(way, trader, exchange, folder)
    left.is_protected()
    assert left.receipt["confirmed"], left.receipt
    assert left.receipt["cancelled"] == [entry]
    assert (left.receipt["positions_left"], left.receipt["open_orders_left"]) == ([SPOT], [])
    assert theirs in exchange.truth.open_orders(market=market)
    if market == FUTURES:
        assert exchange.truth.entries("dead-man-armed")[-1].detail["ms"] == 0
    never_naked(exchange, market)


@EITHER
async def test_with_flatten_the_position_is_closed_and_its_stop_is_gone(
    way: str, market: str, exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        await protected(trader)
        left = await stopped(way, trader, exchange, folder, flatten=True)
    assert left.receipt["confirmed"], left.receipt
    assert left.receipt["closed"] == [SPOT]
    assert left.open == []
    assert (left.receipt["protection"], left.receipt["unprotected"]) == ([], [])
    if market == FUTURES:
        never_naked(exchange, market)


@BOTH
async def test_with_flatten_where_the_exchange_will_not_close_it_the_stop_rests_before_the_receipt(
    market: str, exchange: Any, tmp_path: Path
) -> None:
    """A process that cannot confirm it is ended, and another one tries."""
    folder = tmp_path / "state"
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        await protected(trader)
        exchange.misbehave("error", code=-2010, status=400, count=FOREVER, **SALE)
        left = await stopped("direct", trader, exchange, folder, flatten=True)
    left.is_protected()
    assert not left.receipt["confirmed"]
    assert left.receipt["positions_left"] == [SPOT]
    if market == FUTURES:
        never_naked(exchange, market)


async def test_with_flatten_where_the_sale_is_not_answered_the_stop_rests_before_the_receipt(
    exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    impatient = settings(exchange, "spot", timeout_seconds=0.5)
    async with trading(exchange, folder, settings=impatient) as trader:
        await protected(trader)
        exchange.misbehave("no-reply", placed=False, count=FOREVER, **SALE)
        left = await stopped("direct", trader, exchange, folder, flatten=True)
    left.is_protected()
    assert not left.receipt["confirmed"]


@EITHER
async def test_a_stop_that_was_under_way_comes_before_the_receipt(
    way: str, market: str, exchange: Any, tmp_path: Path
) -> None:
    """As a kill in the middle of a replacement leaves it: no stop rests, and the books say so."""
    folder = tmp_path / "state"
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        refused = {"method": "POST", "path": "*rder", "code": -2010, "status": 400}
        kind = "STOP_LOSS" if market == "spot" else "STOP_MARKET"
        fault = exchange.misbehave("error", params={"type": kind}, count=FOREVER, **refused)
        await trader.orders_done(trader.buy("0.02"))
        await trader.until(lambda: "stop_refused" in trader.alerts())
        fault.remove()
        left = await stopped(way, trader, exchange, folder)
    left.is_protected()
    assert left.receipt["confirmed"], left.receipt


@EITHER
async def test_protection_that_is_dropped_is_gone_and_the_receipt_names_who_is_without(
    way: str, market: str, exchange: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        await protected(trader)
        left = await stopped(way, trader, exchange, folder, drop_protection=True)
    assert left.receipt["confirmed"], left.receipt
    assert left.open == []
    assert (left.receipt["protection"], left.receipt["unprotected"]) == ([], [SPOT])


@EITHER
async def test_with_everything_the_orders_of_others_go_too_and_the_receipt_names_them(
    way: str, market: str, exchange: Any, tmp_path: Path
) -> None:
    theirs = exchange.outside_order("main", SPOT, "BUY", "0.01", "50000", market=market)
    folder = tmp_path / "state"
    async with trading(
        exchange, folder, settings=settings(exchange, market), market=market
    ) as trader:
        await protected(trader)
        left = await stopped(way, trader, exchange, folder, everything=True)
    left.is_protected()
    assert left.receipt["confirmed"], left.receipt
    assert theirs.client_id in left.receipt["cancelled"]
    assert theirs not in exchange.truth.open_orders(market=market)


@pytest.mark.slow
@pytest.mark.parametrize("market", in_turn(["spot", FUTURES], 2))
def test_the_command_on_a_process_that_hangs_and_an_exchange_that_will_not_close(
    market: str, tmp_path: Path
) -> None:
    """As a user types it; then the exchange is well again, and the same command closes."""
    who = Character.KEEN if market == "spot" else Character.BEARISH
    with live_harness(tmp_path, who, market=market, portfolio=", stop_loss_pct = 5") as live:
        with live.running() as run:
            live.exchange.until(lambda: stops(live.exchange, market))
            fault = live.exchange.misbehave("error", code=-2010, status=400, count=FOREVER, **SALE)
            run.send(signal.SIGSTOP)
            answer = live.tradectl("emergency-stop", "--flatten", "--timeout", "10", "--json")
            assert run.end().code == -signal.SIGKILL
        left = Stopped(live.exchange, market, json.loads(answer.out))
        left.is_protected()
        assert (answer.code, left.receipt["confirmed"]) == (5, False)
        fault.remove()
        answer = live.tradectl("emergency-stop", "--flatten", "--timeout", "10", "--json")
        left = Stopped(live.exchange, market, json.loads(answer.out))
        assert (answer.code, left.receipt["confirmed"]) == (0, True)
        assert (left.receipt["closed"], left.open) == ([SPOT], [])
        assert all(live.replayed(number).verified for number in (-1, -2, -3))
