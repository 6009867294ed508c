"""A day's loss is the loss of that day, whatever the computer's clock says: over restarts by a clock that
is ahead or behind, across midnight, at an exchange, on paper and with recorded data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.live_trader import Trader, settings_for, trading, verified
from tests.integration.test_clock_steps import DAY_S, MIDNIGHT_S, OnPaper
from tests.profiles import in_turn
from tests.simulated_os.virtual_time import simulated_system
from tradectl.config.settings import Settings
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir
from tradectl.testkit import LoopbackExchange

pytestmark = [
    pytest.mark.usefixtures("key_environment"),
    pytest.mark.virtual_time(lasting=10 * 3600.0),
]

WRONG = pytest.mark.parametrize("wrong", in_turn([DAY_S, 3600, -DAY_S, -3600], 2))


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


def set_clocks(right: float, wrong: float, exchange: LoopbackExchange) -> None:
    """It is `right` seconds later than it was at the beginning, and this computer's clock is off."""
    simulated_system().clock.off = right + wrong - simulated_system().clock.counts_on_ns() / 1e9
    exchange.skew_clock(-wrong)


async def loses(trader: Trader) -> None:
    await trader.orders_done(trader.buy("1"))
    await trader.price("59000")
    await trader.orders_done(trader.sell("1"))
    await asyncio.sleep(1)


@WRONG
async def test_at_an_exchange_it_is_counted_by_the_exchanges_days(
    wrong: int, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    folder, settings = tmp_path / "state", settings_for(exchange)
    days, started, ended = [], [], []
    midnight = MIDNIGHT_S
    for right, off in (
        (midnight - 120, 0), (midnight - 60, wrong),
        (midnight + 60, wrong), (midnight + 120, 0), (midnight + 180, wrong),
    ):  # fmt: skip
        set_clocks(right, off, exchange)
        async with trading(exchange, folder, settings=settings, duration=None) as trader:
            await loses(trader)
            books = trader.run.books
            days.append(books.account.day)
            started.append(books.day_start_equity)
            ended.append(books.equity())
    assert days == [days[0]] * 2 + [days[0] + 1] * 3
    assert started == [started[0]] * 2 + [ended[1]] * 3
    assert ended == sorted(ended, reverse=True)


@WRONG
async def test_on_paper_no_clock_parts_the_loss_of_a_day(wrong: int, tmp_path: Path) -> None:
    folder, started, measured = tmp_path / "state", [], []
    for off in (0, wrong, 0, wrong, 0):
        simulated_system().clock.off = off
        screen = OnPaper()
        await trade(
            RunOptions(settings=Settings(), state_dir=StateDir(folder), duration=10.0), screen
        )
        account = screen.run.books.account
        started.append(account.day_start_equity)
        measured.append(account.measured_equity)
    assert started[2] == max(started[:3])
    assert started[4] == max(started)
    await verified(folder)


async def test_recorded_data_has_days_of_its_own(tmp_path: Path) -> None:
    data = tmp_path / "trades.csv"
    rows = [
        f"2025-03-0{1 + step // 12}T{2 * (step % 12):02d}:00:00Z,{100 - step % 12},1"
        for step in range(36)
    ]
    data.write_text("time,price,qty\n" + "\n".join(rows) + "\n")
    seen = []
    for number, off in enumerate((0, DAY_S, -DAY_S)):
        simulated_system().clock.off = off
        folder, screen = tmp_path / f"state{number}", OnPaper()
        options = RunOptions(
            settings=Settings(symbols=("BTCUSDT",)), state_dir=StateDir(folder), data=(data,)
        )
        await trade(options, screen)
        account = screen.run.books.account
        seen.append((account.day, account.day_start_equity, account.other_days))
        await verified(folder)
    assert seen == [seen[0]] * 3
    assert len(seen[0][2]) == 2
