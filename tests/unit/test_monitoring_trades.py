"""Trades as people are told of them: each order once, when it is over; each day at its end."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import BUSY
from tests.fixtures.monitoring import StillClock, until
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.config.file import parse
from tradectl.config.load import load_settings
from tradectl.domain.events import OrderFilled
from tradectl.domain.time import DAY, HOUR, SECOND
from tradectl.monitoring.trade_notices import TradeNotices
from tradectl.notification.notice import Notice
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir
from tradectl.storage.manager import StateManager

AMOUNT = r"(-?[\d,]+\.\d+)"


def told(pattern: str, notices: list[Notice]) -> Decimal:
    found = [re.search(pattern, notice.message) for notice in notices]
    return sum((Decimal(each[1].replace(",", "")) for each in found if each), Decimal(0))


class Screen:
    """Ends the run once it has traded a little; all is heard by then."""

    def __init__(self, run: TradingRun) -> None:
        self.run = run
        self.notices: list[Notice] = []
        self.trades = TradeNotices(run.bus, run.books, run.run_id, self.notices.append)
        self.fills = 0

    async def start(self, run: TradingRun) -> None:
        run.bus.observe([OrderFilled], self._count)

    def _count(self, record: object) -> None:
        self.fills += 1
        if self.fills == 60:
            self.run.end("enough")

    async def stop(self) -> None:
        await self.run.bus.join()


async def test_what_is_told_adds_up_to_what_was_traded(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "s")
    state_dir.create()
    settings = load_settings(None, parse(BUSY, "busy"), {})
    with state_dir.owned():
        run = TradingRun(RunOptions(settings=settings, state_dir=state_dir), None)
        screen = Screen(run)
        run.orchestrator.add("trades", screen.trades)
        await run.execute(screen)
    notices = [n for n in screen.notices if n.type in ("trade_entry", "trade_exit")]
    assert len({notice.id for notice in notices}) == len(notices)
    positions = run.books.account.positions.values()
    waiting = sum((traded.fees for traded in screen.trades._open.values()), Decimal(0))
    fees = sum((position.fees for position in positions), Decimal(0))
    assert told(f"fee {AMOUNT}", notices) + waiting == pytest.approx(fees, abs=len(notices))
    assert {notice.about for notice in notices} == {"trades"}


async def test_each_day_is_told_at_its_end(tmp_path: Path) -> None:
    clock = StillClock(20_000 * DAY + 23 * HOUR)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 1:
            await until(lambda: False)
        clock.pass_seconds(seconds)

    clock.sleep = sleep  # type: ignore[method-assign]  # time passes at once
    bus = EventBus(core=Core("r"), clock=clock)
    notices: list[Notice] = []
    trades = TradeNotices(bus, StateManager(bus).books, "r", notices.append)
    await trades.start()
    await until(lambda: notices)
    await trades.stop()
    (notice,) = notices
    assert slept[0] == HOUR / SECOND
    assert (notice.type, notice.message) == (
        "day_summary",
        "2024-10-04: profit 0.00, 0 fills, fees 0.00, equity 100,000.00",
    )
    assert json.dumps(notice.row())
