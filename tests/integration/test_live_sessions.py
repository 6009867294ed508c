"""Long runs: keys that run out, streams that fall silent, connections of a day, access that is refused
for a while, maintenance, a laptop that slept. None of it is more than a lost stream or a pause: no halt
that is not confirmed, no stop that goes, no order twice, and books that are the exchange's once it is
quiet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, subscribed, trading
from tests.integration.test_live_protection import stops
from tests.profiles import in_turn
from tests.simulated_os.virtual_time import coarse_timers, simulated_system
from tradectl.config.settings import OrchestratorConfig
from tradectl.domain.events import SymbolRestricted
from tradectl.domain.events import SystemEventKind as Kind
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.testkit import LoopbackExchange

FUTURES = "futures"
EITHER = pytest.mark.parametrize("market", in_turn(["spot", FUTURES], 2))
OTHER = pytest.mark.parametrize("market", in_turn([FUTURES, "spot"], 2))
"""With each commit the one market or the other; with the first mark one, with the second the other."""
HOUR = 3600.0
QUIET_S = 4.0
"""How coarse timers are in hours in which nothing happens."""
PATIENT = msgspec.structs.replace(
    QUICK,
    timeout_seconds=2.0,
    reconcile_seconds=30.0,
    breaker_seconds=1.0,
    breaker_longest_seconds=8.0,
)
SLOWLY = OrchestratorConfig(risk_check_interval_seconds=60, health_check_interval_seconds=60)

pytestmark = [
    pytest.mark.usefixtures("key_environment"),
    pytest.mark.virtual_time(lasting=10 * HOUR),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def exchange() -> Any:
    async with LoopbackExchange(seed=1) as made:
        yield made


def settings(exchange: LoopbackExchange, market: str, **at: Any) -> Any:
    made = settings_for(
        exchange,
        at=msgspec.structs.replace(PATIENT, **at),
        market=market,
        portfolio=PortfolioSettings(stop_loss_pct=Decimal(3)),
        stale_after=120.0,
    )
    return msgspec.structs.replace(made, orchestrator=SLOWLY)


class Session:
    """A run with a position and its stop, in a market that moves once a minute."""

    def __init__(self, trader: Trader, exchange: LoopbackExchange) -> None:
        self.trader = trader
        self.exchange = exchange

    @property
    def stops(self) -> list[Any]:
        return stops(self.exchange, self.trader.market)

    def streams(self) -> list[Any]:
        """Open connections that carry the account's news."""
        market = self.trader.market
        return [s for s in self.exchange.hub.sockets if s.account and s.market == market]

    def lost(self) -> int:
        return len(self.trader.said(Kind.USER_STREAM_LOST))

    async def enter(self) -> None:
        await self.trader.orders_done(self.trader.buy("0.1"))
        await self.trader.until(lambda: len(self.stops) == 1)

    async def wait(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            await asyncio.sleep(min(60.0, left))
            left -= 60.0
            self.exchange.move(SPOT, Decimal(60000), market=self.trader.market)

    def is_well(self) -> None:
        assert self.trader.halted_by() == []
        assert len(self.stops) == 1
        assert self.trader.run.latch.read() is None

    async def hears_a_fill(self) -> None:
        """By the stream: far sooner than it would be compared."""
        order = await asyncio.wait_for(self.trader.orders_done(self.trader.buy("0.01")), 5.0)
        assert order.status == "filled", order.reason
        await self.trader.quiet_but_for_stops()


@asynccontextmanager
async def protected(
    exchange: LoopbackExchange, folder: Path, market: str, **at: Any
) -> AsyncIterator[Session]:
    """In a position, its stop resting."""
    options = settings(exchange, market, **at)
    async with trading(exchange, folder, settings=options, market=market, duration=None) as trader:
        session = Session(trader, exchange)
        await session.enter()
        yield session


# --- listen keys ------------------------------------------------------------------------------


async def test_a_listen_key_is_kept_alive_for_as_long_as_the_run_lasts(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with protected(exchange, folder, FUTURES, reconcile_seconds=300.0) as session:
        with coarse_timers(QUIET_S):
            await session.wait(1.1 * HOUR)  # a key lasts for one
        kept = [e for e in exchange.truth.entries("request") if e.detail["method"] == "PUT"]
        assert len(kept) == 3
        assert len(session.streams()) == 1
        assert session.lost() == 0
        await session.hears_a_fill()
        session.is_well()


@pytest.mark.parametrize("how", in_turn(["told", "silent", "keep-alive"], 3))
async def test_a_listen_key_that_ran_out_is_a_lost_stream_and_nothing_worse(
    how: str, exchange: LoopbackExchange, folder: Path
) -> None:
    """As the exchange says it, says nothing, or answers -1125 to the next keep-alive."""
    async with protected(exchange, folder, FUTURES) as session:
        trader = session.trader
        exchange.expire_listen_key(told=how == "told")
        if how == "keep-alive":
            with coarse_timers(QUIET_S):
                await session.wait(1300)
        elif how == "silent":
            order = trader.buy("0.01", "59000")
            await trader.in_status(order, "accepted")
            trader.cancel(order)
        await trader.until(lambda: session.lost() == 1)
        await trader.until(session.streams)
        await trader.until(lambda: trader.said(Kind.USER_STREAM_LOST_OVER))
        await session.hears_a_fill()
        session.is_well()


@EITHER
async def test_a_stream_that_answers_pings_and_says_nothing_is_found_by_what_it_owes(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        before = session.streams()
        fault = exchange.misbehave("stall", stream="user")
        await session.wait(60)
        assert session.lost() == 0, "there was nothing to say"
        await trader.orders_done(trader.buy("0.01"))
        await trader.until(lambda: session.lost() == 1, 20.0)
        assert "there was news" in trader.said(Kind.USER_STREAM_LOST)[0]
        fault.remove()
        await trader.until(lambda: session.streams() and session.streams() != before)
        await session.hears_a_fill()
        session.is_well()


async def test_a_quiet_account_keeps_its_stream(exchange: LoopbackExchange, folder: Path) -> None:
    """On spot, as on futures above."""
    async with protected(exchange, folder, "spot", reconcile_seconds=300.0) as session:
        with coarse_timers(QUIET_S):
            await session.wait(0.6 * HOUR)
        await session.hears_a_fill()
        assert session.lost() == 0
        session.is_well()


# --- access -----------------------------------------------------------------------------------


@OTHER
async def test_access_that_is_refused_for_a_moment_halts_nothing(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    """Nor does it by one false answer to an order, nor in the stream."""
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        exchange.refuse_access(8)
        exchange.restart_streams()
        entry = trader.buy("0.01")
        assert (await trader.orders_done(entry)).status in ("rejected", "denied")
        await trader.until(lambda: "access_refused" in trader.alerts())
        later = trader.buy("0.01")
        assert (await trader.orders_done(later)).status == "denied"
        await trader.until(lambda: "access_refused" not in trader.alerts())
        await trader.clean()
        await trader.until(session.streams)
        exchange.misbehave("error", code=-2015, method="POST", path="*rder")
        assert (await trader.orders_done(trader.buy("0.01"))).status == "rejected"
        await trader.until(lambda: len(trader.said(Kind.ACCESS_REFUSED_OVER)) == 2)
        await trader.clean()
        await session.hears_a_fill()
        session.is_well()


@EITHER
async def test_access_that_is_lost_halts_when_it_is_confirmed_and_every_stop_stays(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        began = asyncio.get_running_loop().time()
        exchange.refuse_access(HOUR)
        await trader.until(trader.halted_by)
        assert 10 <= asyncio.get_running_loop().time() - began < 60
        assert trader.halted_by() == ["ACCESS_LOST"]
        assert "refused 3 times in 10 s" in trader.alerts()["ACCESS_LOST"].message
        assert "the API key, this machine's IP address" in trader.alerts()["ACCESS_LOST"].message
        assert (await trader.task).exit_code == 6
    assert len(session.stops) == 1
    assert exchange.truth.entries("canceled") == []


@OTHER
async def test_access_that_works_in_between_is_not_lost(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    """Three answers of a quarter of a minute are refusals, and comparisons between them are not."""
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        exchange.refuse_access(1)
        await trader.until(lambda: trader.said(Kind.ACCESS_REFUSED))
        for _ in range(3):
            await session.wait(2)
            await trader.compared()
            exchange.refuse_access(3)
            await session.wait(3)
        await trader.until(lambda: "access_refused" not in trader.alerts())
        assert len(trader.said(Kind.ACCESS_REFUSED)) == 1
        await trader.clean()
        session.is_well()


async def test_how_often_and_how_long_is_a_setting(
    exchange: LoopbackExchange, folder: Path
) -> None:
    limits = {"access_lost_answers": 5, "access_lost_seconds": 120.0}
    async with protected(exchange, folder, "spot", **limits) as session:
        trader = session.trader
        exchange.refuse_access(100)
        await session.wait(140)
        await trader.clean()
        await session.hears_a_fill()
        session.is_well()


async def test_a_key_that_may_not_trade_any_more_is_lost_access(
    exchange: LoopbackExchange, folder: Path
) -> None:
    """It may still read."""
    async with protected(exchange, folder, "spot") as session:
        trader = session.trader
        exchange.accounts["main"].may_trade = False
        await trader.orders_done(trader.buy("0.01"))
        await trader.until(trader.halted_by)
        assert trader.halted_by() == ["ACCESS_LOST"]
        assert (await trader.task).exit_code == 6
    assert len(session.stops) == 1


# --- long runs --------------------------------------------------------------------------------


@EITHER
async def test_connections_that_end_after_a_day_are_made_anew(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        for _ in range(2):
            await session.wait(60)
            assert exchange.end_connections() >= 2
            await subscribed(trader)
            await trader.price("60200")
            await trader.clean()
            await session.hears_a_fill()
        session.is_well()


@pytest.mark.parametrize(("status", "market"), in_turn([(502, "spot"), (503, FUTURES)], 2))
async def test_maintenance_ends_and_trading_goes_on(
    status: int, market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        exchange.maintain(status)
        await trader.until(lambda: "reconcile_failed" in trader.alerts())
        assert f"HTTP status {status}" in trader.alerts()["reconcile_failed"].message
        late = trader.buy("0.01")
        await session.wait(120)
        exchange.maintain(0)
        await subscribed(trader)
        await trader.price("60200")
        await trader.clean()
        await trader.orders_done(late)
        await session.hears_a_fill()
        session.is_well()


@OTHER
async def test_an_address_that_changes_is_refused_for_a_while_and_costs_nothing(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    """The line goes, and from the new address the key is refused until somebody allows it."""
    async with protected(exchange, folder, market, access_lost_seconds=150.0) as session:
        trader = session.trader
        exchange.link_down()
        await session.wait(20)
        exchange.refuse_access(100)
        exchange.link_up()
        await session.wait(130)
        await trader.until(session.streams)
        await trader.clean()
        await session.hears_a_fill()
        session.is_well()


@EITHER
async def test_a_laptop_that_slept_compares_before_it_trades(
    market: str, exchange: LoopbackExchange, folder: Path
) -> None:
    """Its loop stood still, its connections are dead, its clock is wrong for a moment."""
    async with protected(exchange, folder, market) as session:
        trader = session.trader
        sleeps(exchange, 6 * HOUR)
        await trader.until(lambda: any("stood still" in e.message for e in restrictions(trader)))
        await subscribed(trader)
        await trader.price("60200")
        await trader.clean()
        await session.hears_a_fill()
        session.is_well()


def restrictions(trader: Trader) -> list[Any]:
    return trader.events(SymbolRestricted)


def sleeps(exchange: LoopbackExchange, seconds: float) -> None:
    """All clocks go on, but the one that timers go by."""
    system = simulated_system()
    system.clock.sleep(seconds)
    exchange.restart_streams()
