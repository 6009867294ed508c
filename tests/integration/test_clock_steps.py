"""The computer's clock is set while a run trades, and set back: nothing grows old by it, nothing is dated
tomorrow, records stay in the order of time, entries go on, and no restart is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading, verified
from tests.profiles import in_turn
from tests.simulated_os.system import EPOCH_S
from tests.simulated_os.virtual_time import simulated_system
from tradectl.config.settings import Settings
from tradectl.domain.events import RestrictionKind
from tradectl.domain.time import SECOND
from tradectl.feeds.whole_log import read_log
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader
from tradectl.testkit import LoopbackExchange

pytestmark = [
    pytest.mark.usefixtures("key_environment"),
    pytest.mark.virtual_time(lasting=10 * 3600.0),
]

DAY_S = 86_400
MIDNIGHT_S = 16 * 3600
"""Seconds from the beginning of a simulation to the next day (UTC)."""
STEPS = pytest.mark.parametrize(
    ("off", "lasting"),
    in_turn([(DAY_S, 8), (MIDNIGHT_S, 12), (-3600, 12), (-3, 8)], 4),
)


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


def set_clock(off: float, exchange: LoopbackExchange | None = None) -> None:
    """This computer's is `off` by so many seconds; the exchange's is right."""
    simulated_system().clock.off = off
    if exchange is not None:
        exchange.skew_clock(-off)


def right_now() -> int:
    """ns UTC."""
    return EPOCH_S * SECOND + simulated_system().clock.counts_on_ns()


async def prices(trader: Trader, seconds: float) -> None:
    """A trade each second, for so long, and quotes in between that this exchange does not date."""
    for turn in range(round(seconds)):
        await trader.price(str(60_000 + turn % 2))
        for step in range(8):
            trader.exchange.quote(SPOT, 59_990 + step, 60_010 + step)
            await asyncio.sleep(0.125)


def records_are_dated_right(folder: Path, began: int) -> None:
    (path,) = (folder / "journals").glob("*.jsonl")
    with read_log(path) as log:
        times = [record.at for group in log.groups() for record in group]
    assert times == sorted(times)
    assert began <= times[0]
    assert times[-1] <= right_now() + SECOND


@STEPS
async def test_on_an_exchange_entries_go_on_through_a_step_and_back(
    off: int, lasting: int, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    folder, began = tmp_path / "state", right_now()
    settings = settings_for(exchange, stale_after=5.0)
    async with trading(exchange, folder, settings=settings, duration=None) as trader:
        await prices(trader, 3)
        set_clock(off, exchange)
        await prices(trader, lasting)
        assert "clock_moved" in trader.alerts()
        assert trader.restrictions() == set()
        assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
        set_clock(0, exchange)
        await prices(trader, 6)
        assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
        assert "clock_moved" not in trader.alerts()
        assert max(trader.run.status.live().data_age_s.values()) < 3
        assert not trader.said("feed_stale")
    records_are_dated_right(folder, began)
    rows = list(StateReader(StateDir(folder).db).fills_of_run(trader.run.run_id))
    assert len(rows) == 2
    assert {row.time[:10] for row in rows} == {"2026-01-05"}


async def _prices_now_and_then(exchange: LoopbackExchange, seconds: int) -> None:
    for turn in range(seconds // 2):
        exchange.print_trade(SPOT, "60000", "1")
        exchange.quote(SPOT, 59_990 + turn % 8, 60_010)
        await asyncio.sleep(2)


async def test_a_step_and_back_cost_no_connection_of_the_exchanges_library(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    seldom = msgspec.structs.replace(QUICK, reconcile_seconds=10.0)
    settings = settings_for(exchange, at=seldom, stale_after=5.0)
    async with trading(exchange, tmp_path / "state", settings=settings, duration=None) as trader:
        await _prices_now_and_then(exchange, 16)
        connected = set(exchange.hub.sockets)
        for off in (DAY_S, 0):
            set_clock(off, exchange)
            await _prices_now_and_then(exchange, 32)
        assert set(exchange.hub.sockets) == connected
        assert not trader.said("feed_lost")


async def test_a_clock_that_is_put_right_is_followed_as_the_exchange_says(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    set_clock(-3600)  # and the exchange's
    settings = settings_for(exchange, stale_after=5.0)
    trader = Trader(exchange, "spot")
    options = RunOptions(settings=settings, state_dir=StateDir(tmp_path / "state"), duration=None)
    trader.task = asyncio.ensure_future(trade(options, trader))
    await trader.until(lambda: exchange.hub.wanted("spot", ["btcusdt@trade"]))
    set_clock(-3600, exchange)
    for _ in range(8):  # from an hour ahead of all that it knows, which cannot be
        exchange.print_trade(SPOT, "60000", "1")
        await asyncio.sleep(1)
    assert RestrictionKind.STALE in trader.restrictions()
    set_clock(0, exchange)
    for _ in range(10):
        exchange.print_trade(SPOT, "60000", "1")
        await asyncio.sleep(1)
    await trader.clean()
    assert abs(trader.run.bus.clock.now() - right_now()) < SECOND
    assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
    await trader.end()
    await verified(tmp_path / "state")


@pytest.mark.parametrize("off", in_turn([DAY_S, -3600, 3, -DAY_S, MIDNIGHT_S], 5))
async def test_a_run_that_starts_by_a_wrong_clock_goes_by_the_exchanges(
    off: int, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    folder, began = tmp_path / "state", right_now()
    set_clock(off, exchange)
    settings = settings_for(exchange, stale_after=5.0)
    async with trading(exchange, folder, settings=settings, duration=None) as trader:
        await prices(trader, 6)
        assert "clock_moved" in trader.alerts()
        assert trader.restrictions() == set()
        assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
        set_clock(0, exchange)
        await prices(trader, 6)
        assert "clock_moved" not in trader.alerts()
        assert not trader.said("feed_stale")
    records_are_dated_right(folder, began - SECOND)
    await verified(folder)


class OnPaper:
    """A screen that says when the run is there."""

    def __init__(self) -> None:
        self.run: Any = None

    async def start(self, run: TradingRun) -> None:
        self.run = run

    async def stop(self) -> None: ...


@STEPS
async def test_on_paper_trading_goes_on_through_a_step_and_back(
    off: int, lasting: int, tmp_path: Path
) -> None:
    folder, began, screen = tmp_path / "state", right_now(), OnPaper()
    options = RunOptions(settings=Settings(), state_dir=StateDir(folder), duration=lasting + 30.0)
    running = asyncio.ensure_future(trade(options, screen))
    await asyncio.sleep(12)
    filled, alerted = screen.run.books.account.fills_count, screen.run.alerts.get_active_alerts
    set_clock(off)
    await asyncio.sleep(lasting)
    assert "clock_moved" in {alert.type for alert in alerted()}
    assert max(screen.run.monitor.data_age().values()) < 3
    set_clock(0)
    await asyncio.sleep(8)
    assert "clock_moved" not in {alert.type for alert in alerted()}
    summary = await running
    assert summary.reason == "duration is over"
    assert screen.run.books.account.fills_count > filled
    records_are_dated_right(folder, began)
    await verified(folder)


async def test_after_a_run_that_began_tomorrow_the_next_one_trades_today(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    for off in (DAY_S, 0):
        set_clock(off)
        screen = OnPaper()
        options = RunOptions(settings=Settings(), state_dir=StateDir(folder), duration=30.0)
        assert (await trade(options, screen)).run_fills > 0
        await verified(folder)
    reader = StateReader(StateDir(folder).db)
    assert [row.started_at[:10] for row in reader.runs()] == ["2026-01-06", "2026-01-05"]
    last = reader.last_run()
    assert last is not None
    assert last.run_id == screen.run.run_id
    times = [row.time for row in reader.fills(last.account_id)]
    assert times != sorted(times)  # in the order in which they were booked
    assert times[-1][:10] == "2026-01-05"
    kept = next(iter(reader.snapshots(last.run_id)))
    assert kept.seq == last.last_seq
