"""The process that stays after a halt keeps nobody from the account, and goes on after whoever had it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.fixtures.command import wait_until
from tests.fixtures.notices import OtherEnd, notice, other_end
from tradectl.config.settings import Settings
from tradectl.documents.run import AlertRow
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.notification.dispatcher import row_of
from tradectl.notification.outbox import Letter
from tradectl.operations.halt_alerts import acknowledge_halt
from tradectl.runtime.standing_by import StandingBy, stand_by
from tradectl.storage.directory import StateDir
from tradectl.storage.outbox_rows import OutboxRows
from tradectl.storage.reader import StateReader
from tradectl.storage.store import Store

SETTINGS = Settings.load(
    {
        "alert_channels": [{"name": "boss"}],
        "alert_escalations": [{"channels": ["boss"], "after_seconds": 1}],
    }
)


def alert(
    alert_id: str, severity: str, component: str, status: AlertStatus = AlertStatus.ACTIVE
) -> AlertRow:
    return AlertRow(
        id=alert_id,
        run_id="r",
        type="emergency_stop",
        severity=AlertSeverity(severity),
        message="smoke",
        component=component,
        created_at="2026-11-22T20:01:02.000000Z",
        updated_at="2026-11-22T20:01:02.000000Z",
        status=status,
        count=1,
    )


class Halted:
    """A halted account with a step that is due."""

    def __init__(self, folder: Path, boss: OtherEnd) -> None:
        self.dir, self.boss = StateDir(folder / "state"), boss
        self.environ = {"TRADECTL_CHANNEL_BOSS_URL": boss.url}
        self.dir.create()
        self.dir.latch.set("smoke")
        told = notice(severity="critical", component="operator", updated_at=time.time_ns())
        step = Letter(id=1, key="r-a1/step0", notice=told, channels=("boss",), due=1, step=True)
        self.store([])
        with closing(OutboxRows(self.dir.db)) as rows:
            rows.write([row_of(step)], [])

    def store(self, alerts: list[AlertRow]) -> None:
        async def stored() -> None:
            store = Store(self.dir.db)
            await store.open()
            await store.write_alerts(alerts)
            await store.close()

        asyncio.run(stored())

    def standing(self) -> StandingBy:
        return StandingBy(SETTINGS, self.dir, self.environ)


@pytest.fixture
def halted(tmp_path: Path) -> Iterator[Halted]:
    with other_end() as boss:
        yield Halted(tmp_path, boss)


def test_a_channel_that_hangs_keeps_no_emergency_stop_waiting(halted: Halted) -> None:
    async def stopped_meanwhile() -> float:
        halted.boss.free.clear()
        standing = asyncio.ensure_future(halted.standing().see_through())
        await asyncio.to_thread(wait_until, lambda: halted.boss.begun)
        begun = time.monotonic()
        with halted.dir.owned(stops=True):
            took = time.monotonic() - begun
        halted.boss.free.set()
        await asyncio.wait_for(standing, 20)
        return took

    assert asyncio.run(stopped_meanwhile()) < 1
    assert len(halted.boss.posted) == 1


def test_who_has_the_account_for_a_while_is_waited_for(halted: Halted) -> None:
    async def owned_meanwhile() -> None:
        with ExitStack() as owner:
            owner.enter_context(halted.dir.owned())
            standing = asyncio.ensure_future(halted.standing().see_through())
            await asyncio.sleep(0.1)
            assert not standing.done()
            assert not halted.boss.posted
        await asyncio.wait_for(standing, 20)

    asyncio.run(owned_meanwhile())
    assert len(halted.boss.posted) == 1


def test_clearing_a_halt_acknowledges_what_is_of_no_single_symbol(halted: Halted) -> None:
    alerts = [
        alert("r-a1", "critical", "operator"),
        alert("r-a2", "critical", "symbol:BTCUSDT"),
        alert("r-a3", "error", "feed"),
        alert("r-a4", "critical", "run", AlertStatus.RESOLVED),
    ]
    halted.store(alerts)
    assert halted.standing().next_step() == 1
    assert acknowledge_halt(halted.dir) == ["r-a1"]
    stored = {row.id: row.status for row in StateReader(halted.dir.db).alerts()}
    assert stored == {each.id: each.status for each in alerts} | {"r-a1": "acknowledged"}
    assert halted.standing().next_step() is None
    assert acknowledge_halt(halted.dir) == []


def test_what_cannot_be_read_of_the_outbox_has_no_steps(halted: Halted) -> None:
    with closing(OutboxRows(halted.dir.db)) as rows:
        rows.write([row._replace(notice="{}") for row in rows.all()], [])
    assert halted.standing().next_step() is None


def test_one_process_stays(halted: Halted) -> None:
    told: list[int] = []
    with halted.dir.standing_by.acquire():
        stand_by(SETTINGS, halted.dir, halted.environ, told.append)
    assert told == []
    stand_by(SETTINGS, halted.dir, halted.environ, told.append)
    assert told == [1]
    assert len(halted.boss.posted) == 1
