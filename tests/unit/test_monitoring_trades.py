"""Trades as people are told of them: each order once, when it is over; each day at its end."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fixtures.books import RUN, Ledger, LiveRun, fill, intent
from tests.fixtures.command import BUSY
from tests.fixtures.monitoring import StillClock, until
from tests.fixtures.store import ROW, changes, connection, with_snapshot
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.config.file import parse
from tradectl.config.load import load_settings
from tradectl.domain.events import OrderFilled
from tradectl.domain.instruments import Instruments
from tradectl.domain.time import DAY, HOUR, SECOND, from_iso
from tradectl.monitoring.account_days import AccountDays
from tradectl.monitoring.trade_notices import TradeNotices
from tradectl.notification.notice import Notice
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.state.books import Books
from tradectl.storage.directory import StateDir
from tradectl.storage.manager import StateManager
from tradectl.storage.reader import StateReader
from tradectl.storage.store import Store

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
    slower = BUSY.replace("ticks_per_second = 1000", "ticks_per_second = 200")
    settings = load_settings(None, parse(slower, "busy"), {})
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


class Nights:
    """A clock by which `nights` pass at once; then time stands still."""

    def __init__(self, now: int, nights: int = 1) -> None:
        self.clock = StillClock(now)
        self.slept: list[float] = []
        self._left = nights
        self.clock.sleep = self._sleep  # type: ignore[method-assign]  # time passes at once

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) > self._left:
            await until(lambda: False)
        self.clock.pass_seconds(seconds)


async def days_told(
    nights: Nights,
    books: Books | None = None,
    *,
    time_zone: str = "UTC",
    days: AccountDays | None = None,
    at_least: int = 1,
) -> list[str]:
    bus = EventBus(core=Core("r"), clock=nights.clock)
    notices: list[Notice] = []
    books = books or StateManager(bus).books
    trades = TradeNotices(bus, books, "r", notices.append, time_zone=time_zone, days=days)
    await trades.start()
    await until(lambda: len(notices) >= at_least)
    await trades.stop()
    assert {notice.type for notice in notices} <= {"day_summary"}
    assert len({notice.id for notice in notices}) == len(notices)
    assert all(json.dumps(notice.row()) for notice in notices)
    return [notice.message for notice in notices]


async def test_each_day_is_told_at_its_end() -> None:
    nights = Nights(20_000 * DAY + 23 * HOUR)
    assert await days_told(nights) == [
        "2024-10-04: profit 0.00, 0 fills, fees 0.00, equity 100,000.00"
    ]
    assert nights.slept == [HOUR / SECOND, DAY / SECOND]


async def test_a_run_that_is_stopped_as_the_day_ends_tells_of_it() -> None:
    clock, notices = StillClock(20_000 * DAY + 23 * HOUR), list[Notice]()
    bus = EventBus(core=Core("r"), clock=clock)
    trades = TradeNotices(bus, StateManager(bus).books, "r", notices.append)
    await trades.start()
    clock.pass_seconds(HOUR / SECOND)  # and nothing has woken it by then
    await trades.stop()
    assert [notice.message[:10] for notice in notices] == ["2024-10-04"]


async def test_an_order_that_traded_a_part_before_is_told_as_a_whole() -> None:
    live, notices = LiveRun(), list[Notice]()
    await live.start()
    part, rest = ("buy 1@100", "buy 1@110")
    live.fold_all(intent("o1", "buy 2"), fill("o1.1", "o1", part, fee="0.10"))
    trades = TradeNotices(live.bus, live.state.books, "r", notices.append)
    await live.bus.start()
    await trades.start()
    live.bus.post(fill("o1.2", "o1", rest, fee="0.11"))
    await until(lambda: bool(notices))
    assert [n.message for n in notices] == ["entry: buy 2 COINUSDT at 105, fee 0.21; now 2"]
    await trades.stop()
    await live.bus.stop()


async def test_a_day_is_that_of_the_account_s_time_zone() -> None:
    """Clocks go back there in the night to 27 October 2024: that day has 25 hours."""
    nights = Nights(from_iso("2024-10-26T21:30:00Z"), nights=2)
    told = await days_told(nights, time_zone="Europe/Vienna", at_least=2)
    assert [text[:10] for text in told] == ["2024-10-26", "2024-10-27"]
    assert nights.slept[:2] == [1_800, 25 * 3_600]


# --- over restarts -----------------------------------------------------------------------------------


async def stored(
    path: Path, *runs: tuple[str, str, str, str], trades: tuple[str, ...] = (), source: str = ""
) -> AccountDays:
    """Runs of an account: when each began and ended (hours of January 2026), its id and its profit then;
    a trade with a fee of 0.10 at each of those times. As the run after them sees it."""
    store = Store(path)
    await store.open()
    for began, ended, run_id, pnl in runs:
        row = replace(ROW, run_id=run_id, started_at=moment(began), source=source or ROW.source)
        await store.begin_run(row)
        empty = changes(Ledger(), run_id=run_id, pnl=pnl)
        await store.write(empty)
        await store.end_run(run_id, moment(ended), "stopped")
    ledger = Ledger()
    for n, at in enumerate(trades):
        ledger.trade(f"o{n}", "buy 1@100", fee="0.10")
        written = changes(ledger, pnl=runs[-1][3], run_id=runs[-1][2])
        written.fills = [replace(fill, at=from_iso(moment(at))) for fill in written.fills]
        await store.write(written)
    await store.close()
    return AccountDays(StateReader(path), RUN, "run9", Instruments())


def moment(hour: str) -> str:
    """`02T18` as the database has it."""
    return f"2026-01-{hour}:00:00.000000Z"


async def test_a_day_that_goes_on_after_a_restart_is_told_as_a_whole(tmp_path: Path) -> None:
    """It began with what the run before midnight left."""
    days = await stored(
        tmp_path / "state.db",
        ("01T10", "01T22", "run1", "5.00"),
        ("02T08", "02T12", "run2", "7.50"),
        trades=("01T21", "02T09", "02T11"),
    )
    assert await days_told(Nights(from_iso(moment("02T14"))), days=days) == [
        "2026-01-02: profit -5.00, 2 fills, fees 0.2, equity 100,000.00"
    ]


async def test_a_day_whose_end_nobody_saw_is_told_by_the_next_run(tmp_path: Path) -> None:
    days = await stored(
        tmp_path / "state.db",
        ("01T10", "01T12", "run1", "2.00"),
        ("01T14", "01T22", "run2", "5.00"),
        trades=("01T11", "01T21"),
    )
    told = await days_told(Nights(from_iso(moment("03T14"))), days=days, at_least=2)
    assert told == [
        "2026-01-01: profit 0.00, 2 fills, fees 0.2, equity 100,000.00",
        "2026-01-03: profit 0.00, 0 fills, fees 0.00, equity 100,000.00",
    ]


async def test_who_only_helps_out_after_midnight_has_not_told_of_the_day(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    await stored(path, ("01T10", "01T22", "run1", "5.00"), trades=("01T21",))
    days = await stored(path, ("02T08", "02T09", "run2", "5.00"), source="reconcile")
    told = await days_told(Nights(from_iso(moment("02T14"))), days=days, at_least=2)
    assert [text[:32] for text in told] == [
        "2026-01-01: profit 0.00, 1 fill,",
        "2026-01-02: profit 0.00, 0 fills",
    ]


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        (("01T23", "02T06"), "2026-01-02: profit 0.00"),
        (("02T06", "02T07"), "2026-01-02 (since 2026-01-02T06:00Z): profit 0.00"),
        ((), "2026-01-02: profit 0.00"),
    ],
)
async def test_a_run_that_went_through_midnight_is_known_by_its_snapshots(
    taken: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    days = await stored(path, ("01T10", "02T12", "run1", "5.00"))
    store = Store(path, prunes=False)
    await store.open()
    for n, at in enumerate(taken):
        snapshot = with_snapshot(Ledger(), from_iso(moment(at)))
        await store.write(replace(snapshot, run_id="run1", last_seq=n))
    await store.close()
    (told,) = await days_told(Nights(from_iso(moment("02T14"))), days=days)
    assert told.startswith(said)


async def test_fills_that_the_database_let_go_are_told_as_at_least_so_many(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    days = await stored(path, ("02T08", "02T12", "run1", "0"), trades=("02T09",))
    with connection(path) as db:
        db.execute("UPDATE runs SET pruned = 1, pruned_until = ?", [moment("02T08")])
    (told,) = await days_told(Nights(from_iso(moment("02T14"))), days=days)
    assert "at least 1 fill, fees at least 0.1" in told


async def test_a_database_that_cannot_be_read_has_the_day_begin_with_the_run(
    tmp_path: Path,
) -> None:
    (tmp_path / "state.db").write_text("no database")
    days = AccountDays(StateReader(tmp_path / "state.db"), RUN, "run9", Instruments())
    (told,) = await days_told(Nights(from_iso(moment("02T14"))), days=days)
    assert told == "2026-01-02: profit 0.00, 0 fills, fees 0.00, equity 100,000.00"
