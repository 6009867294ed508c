"""The alert manager on a real bus and a real database."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fixtures.documents import as_json
from tests.fixtures.monitoring import LONGEST_S, Inbox, StillClock, until, until_told
from tradectl.bus.core import Core
from tradectl.bus.delivery import RetryPolicy
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    LimitBreached,
    RiskAction,
    SettingChange,
    SettingsChanged,
    SystemEvent,
)
from tradectl.domain.states import AlertStatus
from tradectl.monitoring import Alert, AlertManager, AlertSeverity
from tradectl.monitoring.alert_registry import MAX_OPEN
from tradectl.monitoring.notifier import NOTIFICATIONS
from tradectl.storage.reader import StateReader
from tradectl.storage.store import Store

IMPATIENT = RetryPolicy(
    timeout=0.25, attempts=2, backoff=0.001, failures=1, cooldown=0.005, max_cooldown=0.01
)


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    bus = EventBus(core=Core("run7"))
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def manager(bus: EventBus, clock: StillClock, inbox: Inbox) -> AsyncIterator[AlertManager]:
    """Impatient with its handlers, its inbox among them; time stands still."""
    manager = AlertManager(bus, clock=clock, retry=IMPATIENT)
    manager.add_notification_handler(inbox)
    await manager.start()
    yield manager
    await manager.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "state.db")
    await store.open()
    yield store
    await store.close()


async def stale(manager: AlertManager, severity: str = "warning", message: str = "old") -> Alert:
    return await manager.create_alert("feed_stale", message, severity, "feed:X")


# --- one alert for each condition --------------------------------------------------------------------


async def test_a_handler_hears_of_a_new_alert(manager: AlertManager, inbox: Inbox) -> None:
    created = await manager.create_alert("t", "words", AlertSeverity.ERROR, "part")
    heard = await inbox.next()
    assert heard == created
    assert (heard.severity.value, heard.message) == ("error", "words")
    assert manager.get_active_alerts() == [created]


async def test_delivery_takes_less_than_ten_milliseconds(
    manager: AlertManager, inbox: Inbox
) -> None:
    taken = []
    for n in range(20):
        started = time.perf_counter()
        await manager.create_alert(f"t{n}", "words", "error", "part")
        await inbox.next()
        taken.append(time.perf_counter() - started)
    assert sorted(taken)[10] < 0.01


async def test_ids_are_counted_under_the_name_of_the_run(bus: EventBus) -> None:
    by_bus, by_hand = AlertManager(bus), AlertManager(bus, run_id="r9")
    ids = [m.raise_alert(t, "m", "info", "c").id for m in (by_bus, by_hand) for t in ("a", "b")]
    assert ids == ["run7-a1", "run7-a2", "r9-a1", "r9-a2"]


async def test_the_same_condition_is_counted_not_repeated(
    manager: AlertManager, inbox: Inbox
) -> None:
    first = await stale(manager)
    again = await stale(manager, message="older")
    assert (again.id, again.count, again.message) == (first.id, 2, "older")
    assert again.created_at == first.created_at
    assert again.updated_at >= first.updated_at
    await manager.create_alert("other", "m", "info", "c")
    assert await inbox.types(2) == ["feed_stale", "other"]


async def test_each_change_of_settings_is_told_though_the_one_before_is_acknowledged(
    bus: EventBus, manager: AlertManager, inbox: Inbox
) -> None:
    told = []
    for old, new in ((2, 3), (3, 5)):
        change = SettingChange("risk.max_leverage", old, new, loosens=True)
        await bus.publish(SettingsChanged(source_component="operator", changes=(change,)))
        told.append(await inbox.next())
        manager.acknowledge(told[-1].id)
    assert [(each.count, each.message) for each in told] == [
        (1, "risk.max_leverage from 2 to 3 (looser)"),
        (1, "risk.max_leverage from 3 to 5 (looser)"),
    ]
    assert [each.id for each in manager.get_active_alerts()] == [told[1].id]


def test_tables_of_settings_are_told_by_what_differs_in_them() -> None:
    one = {"reading": "threads", "raised_at": 1.0}
    wide = dict.fromkeys("abcde")
    more = ", ".join(f"thresholds[0].{key} from none to 1" for key in "abcd")
    for old, new, said in (
        ([one], [one | {"raised_at": 100.0}], "[0].raised_at from 1.0 to 100.0"),
        ([one, one], [one, one | {"reading": "rss_mb"}], "[1].reading from threads to rss_mb"),
        ([one], [], " from 1 table to none"),
        ([], [one, one], " from none to 2 tables"),
        ([wide], [dict.fromkeys(wide, 1)], f"{more.removeprefix('thresholds')} and 1 more"),
    ):
        assert SettingChange("thresholds", old, new).said() == f"thresholds{said}"


async def test_another_component_is_another_condition(manager: AlertManager, inbox: Inbox) -> None:
    await stale(manager)
    await manager.create_alert("feed_stale", "old", "warning", "feed:Y")
    assert [(await inbox.next()).component for _ in range(2)] == ["feed:X", "feed:Y"]


async def test_handlers_hear_when_it_gets_worse_and_not_when_it_gets_better(
    manager: AlertManager, inbox: Inbox
) -> None:
    for severity in ("warning", "error", "info", "critical"):
        await stale(manager, severity)
    heard = [(await inbox.next()).severity for _ in range(3)]
    assert heard == ["warning", "error", "critical"]
    assert inbox.alerts.empty()


async def test_a_condition_that_lasts_is_told_again_after_a_while(
    manager: AlertManager, inbox: Inbox, clock: StillClock
) -> None:
    await stale(manager)
    clock.pass_seconds(59)
    await stale(manager)
    clock.pass_seconds(1)
    await stale(manager)
    assert [(await inbox.next()).count for _ in range(2)] == [1, 3]


async def test_an_acknowledged_alert_is_told_again_only_when_it_gets_worse(
    manager: AlertManager, inbox: Inbox, clock: StillClock
) -> None:
    alert = await stale(manager)
    assert manager.acknowledge(alert.id).status is AlertStatus.ACKNOWLEDGED
    clock.pass_seconds(1_000)
    assert (await stale(manager)).status is AlertStatus.ACKNOWLEDGED
    assert (await stale(manager, "critical")).status is AlertStatus.ACTIVE
    assert [(await inbox.next()).count for _ in range(2)] == [1, 3]
    assert [a.id for a in manager.get_active_alerts()] == [alert.id]


async def test_a_resolved_condition_that_comes_back_is_a_new_alert(manager: AlertManager) -> None:
    alert = await stale(manager)
    assert manager.resolve(alert.id).status is AlertStatus.RESOLVED
    assert manager.get_active_alerts() == []
    assert (await stale(manager)).id != alert.id


async def test_a_condition_that_clears_resolves_its_alert(manager: AlertManager) -> None:
    await stale(manager)
    resolved = manager.resolve_type("feed_stale", "feed:X")
    assert resolved is not None
    assert resolved.status is AlertStatus.RESOLVED
    assert manager.resolve_type("feed_stale", "feed:X") is None


async def test_an_id_that_is_not_open_is_refused(manager: AlertManager) -> None:
    alert = await stale(manager)
    manager.resolve(alert.id)
    for handle in (manager.acknowledge, manager.resolve):
        with pytest.raises(UsageError, match=r"no open alert has the id 'run7-a1'"):
            handle(alert.id)


async def test_a_severity_that_does_not_exist_is_refused(manager: AlertManager) -> None:
    with pytest.raises(UsageError, match="unknown alert severity"):
        await stale(manager, "fatal")


async def test_texts_from_outside_are_made_harmless(manager: AlertManager) -> None:
    nasty = "\x1b[31mred\u202e\nline"
    alert = await manager.create_alert(nasty, nasty, "info", nasty)
    assert (await manager.create_alert(nasty, nasty, "info", nasty)).count == 2
    for text in (alert.type, alert.message, alert.component):
        assert text.isprintable()
    assert manager.resolve_type(nasty, nasty) is not None


async def test_memory_is_bounded_the_mildest_and_oldest_goes_first(manager: AlertManager) -> None:
    await manager.create_alert("grave", "m", "critical", "c")
    for n in range(MAX_OPEN):
        await manager.create_alert("t", "m", "info", f"c{n}")
    active = manager.get_active_alerts()
    assert len(active) == MAX_OPEN
    assert [a.component for a in active[:2]] == ["c", "c1"]


async def test_a_critical_alert_is_repeated_until_somebody_acknowledges_it(bus: EventBus) -> None:
    inbox = Inbox()
    manager = AlertManager(bus, escalate_after=0.01)
    manager.add_notification_handler(inbox)
    await manager.start()
    await manager.create_alert("mild", "m", "error", "c")
    alert = await manager.create_alert("grave", "m", "critical", "c")
    assert await inbox.types(4) == ["mild", "grave", "grave", "grave"]
    manager.acknowledge(alert.id)
    await until_told(bus)
    while not inbox.alerts.empty():
        inbox.alerts.get_nowait()
    await manager.create_alert("last", "m", "critical", "c")
    assert await inbox.types(2) == ["last", "last"]
    await manager.stop()


# --- what the bus tells --------------------------------------------------------------------------------


async def test_events_on_the_bus_become_alerts(
    bus: EventBus, manager: AlertManager, inbox: Inbox
) -> None:
    bus.post(
        LimitBreached(
            source_component="risk", code="DRAWDOWN", message="down", action=RiskAction.HALT
        )
    )
    heard = await inbox.next()
    assert (heard.type, heard.severity, heard.component) == ("DRAWDOWN", "critical", "risk")


async def test_a_stale_feed_that_is_fresh_again_leaves_no_alert(
    bus: EventBus, manager: AlertManager, inbox: Inbox
) -> None:
    bus.post(SystemEvent(source_component="m", kind="feed_stale", component="feed:X"))
    assert (await inbox.next()).type == "feed_stale"
    bus.post(SystemEvent(source_component="m", kind="feed_fresh", component="feed:X"))
    await until_told(bus)
    assert manager.get_active_alerts() == []


async def test_after_stop_the_bus_is_not_heard_and_start_hears_it_again(
    bus: EventBus, manager: AlertManager
) -> None:
    async def active_after(kind: str) -> list[str]:
        bus.post(SystemEvent(source_component="m", kind=kind, component="c"))
        await until_told(bus)
        return [alert.type for alert in manager.get_active_alerts()]

    await manager.stop()
    await manager.stop()
    assert await active_after("slow_step") == []
    await manager.start()
    await manager.start()
    assert await active_after("loop_stalled") == ["loop_stalled"]
    assert manager.get_active_alerts()[0].count == 1


# --- handlers ------------------------------------------------------------------------------------------


async def test_a_plain_function_is_called_too_and_may_block(
    manager: AlertManager, inbox: Inbox
) -> None:
    inbox_has_it, heard = threading.Event(), []

    def plain(alert: Alert) -> None:
        assert inbox_has_it.wait(LONGEST_S)
        heard.append(alert.type)

    manager.add_notification_handler(plain)
    await manager.create_alert("t", "m", "info", "c")
    await inbox.next()
    inbox_has_it.set()
    await until(lambda: heard == ["t"])


async def test_a_plain_function_gets_a_burst_in_order(bus: EventBus) -> None:
    heard: list[str] = []
    manager = AlertManager(bus, retry=replace(NOTIFICATIONS, closing=LONGEST_S))
    manager.add_notification_handler(lambda alert: heard.append(alert.type))
    await manager.start()
    sent = [manager.raise_alert(f"t{n}", "m", "info", "c").type for n in range(50)]
    await manager.stop()
    assert heard == sent


async def test_what_is_raised_before_start_is_delivered_after_it(bus: EventBus) -> None:
    inbox, manager = Inbox(), AlertManager(bus)
    manager.add_notification_handler(inbox)
    manager.raise_alert("early", "m", "info", "c")
    await manager.start()
    assert await inbox.types(1) == ["early"]
    await manager.stop()


async def test_every_alert_is_logged_in_one_harmless_line(
    manager: AlertManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tradectl.alerts")
    await manager.create_alert("t", "two\nlines", "error", "part")
    await until(lambda: caplog.records)
    assert caplog.messages == ["run7-a1 t (part): two lines"]
    assert caplog.records[0].levelno == logging.ERROR


async def hangs(alert: Alert) -> None:
    await asyncio.Event().wait()


async def raises(alert: Alert) -> None:
    raise OSError("no route")


async def cancels_itself(alert: Alert) -> None:
    raise asyncio.CancelledError


def plainly_raises(alert: Alert) -> None:
    raise OSError("no route")


@pytest.mark.parametrize(
    ("dead", "error"),
    [
        (hangs, "no answer within 0.25 s"),
        (raises, "OSError: no route"),
        (cancels_itself, "it cancelled itself"),
        (plainly_raises, "OSError: no route"),
    ],
)
async def test_a_dead_handler_is_told_to_the_others_once(
    manager: AlertManager, inbox: Inbox, dead: object, error: str
) -> None:
    manager.add_notification_handler(dead, name="pager")  # type: ignore[arg-type]
    await manager.create_alert("first", "m", "warning", "c")
    await manager.create_alert("second", "m", "warning", "c")
    assert await inbox.types(2) == ["first", "second"]
    failed = await inbox.next()
    assert (failed.type, failed.severity) == ("notification_failed", "error")
    assert failed.component == "notifier:pager"
    assert failed.message == f"alerts cannot be delivered to pager: {error}"
    await manager.create_alert("third", "m", "warning", "c")
    assert await inbox.types(1) == ["third"]


async def test_a_plain_function_that_never_returns_costs_one_thread(
    manager: AlertManager, inbox: Inbox
) -> None:
    released, calls = threading.Event(), []

    def stuck(alert: Alert) -> None:
        calls.append(alert.type)
        released.wait(LONGEST_S)

    manager.add_notification_handler(stuck)
    await manager.create_alert("first", "m", "warning", "c")
    assert await inbox.types(2) == ["first", "notification_failed"]
    assert calls == ["first"]
    released.set()


async def test_what_a_handler_missed_is_kept_and_delivered_when_it_is_back(
    manager: AlertManager, inbox: Inbox
) -> None:
    heard: list[tuple[str, int]] = []
    line_is_up = False

    async def pager(alert: Alert) -> None:
        if not line_is_up:
            raise ConnectionError("down")
        heard.append((alert.type, alert.count))

    manager.add_notification_handler(pager, name="pager")
    await manager.create_alert("first", "m", "warning", "c")
    assert await inbox.types(2) == ["first", "notification_failed"]
    for severity in ("info", "warning", "error"):
        await manager.create_alert("second", "m", severity, "c")
    line_is_up = True
    await until(lambda: len(heard) == 2)
    assert heard == [("first", 1), ("second", 3)]
    await until(lambda: len(manager.get_active_alerts()) == 2)
    assert "notification_failed" not in [a.type for a in manager.get_active_alerts()]


async def test_two_handlers_of_one_name_are_told_apart(manager: AlertManager, inbox: Inbox) -> None:
    manager.add_notification_handler(raises)
    manager.add_notification_handler(raises)
    await manager.create_alert("first", "m", "warning", "c")
    await inbox.next()
    failed = {(await inbox.next()).component for _ in range(2)}
    assert failed == {"notifier:raises", "notifier:raises #2"}


async def test_stop_is_not_delayed_by_a_handler_that_ignores_its_end(bus: EventBus) -> None:
    released = asyncio.Event()

    async def stubborn(alert: Alert) -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    inbox, manager = Inbox(), AlertManager(bus, retry=replace(NOTIFICATIONS, closing=0.01))
    manager.add_notification_handler(stubborn)
    manager.add_notification_handler(inbox)
    await manager.start()
    await manager.create_alert("t", "m", "info", "c")
    await inbox.next()
    async with asyncio.timeout(LONGEST_S):
        await manager.stop()
    released.set()


# --- the database --------------------------------------------------------------------------------------


async def test_alerts_are_stored_as_they_change(
    bus: EventBus, store: Store, tmp_path: Path
) -> None:
    reader = StateReader(tmp_path / "state.db")
    clock = StillClock(1_500_000_000)
    manager = AlertManager(bus, store=store, clock=clock, flush_interval=0.001)
    await manager.start()
    alert = await stale(manager)
    await until(reader.alerts)
    clock.at = 2_000_000_000
    await stale(manager, "error", "older")
    manager.acknowledge(alert.id)
    await manager.stop()
    assert as_json(reader.alerts()) == [
        {
            "id": "run7-a1",
            "run_id": "run7",
            "type": "feed_stale",
            "severity": "error",
            "message": "older",
            "component": "feed:X",
            "created_at": "1970-01-01T00:00:01.500000Z",
            "updated_at": "1970-01-01T00:00:02.000000Z",
            "status": "acknowledged",
            "count": 2,
        }
    ]


async def test_what_was_not_flushed_is_written_at_stop(
    bus: EventBus, store: Store, tmp_path: Path
) -> None:
    manager = AlertManager(bus, store=store, flush_interval=1_000.0)
    await manager.start()
    manager.resolve((await stale(manager)).id)
    await manager.stop()
    assert [row.status for row in StateReader(tmp_path / "state.db").alerts()] == ["resolved"]


async def test_a_write_that_fails_is_kept_and_tried_again(
    bus: EventBus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, reader = Store(tmp_path / "state.db"), StateReader(tmp_path / "state.db")
    manager = AlertManager(bus, store=store, flush_interval=0.001)
    await manager.start()
    await stale(manager)
    await until(lambda: "alerts wait to be stored" in caplog.text)
    await store.open()
    await until(reader.alerts)
    await manager.stop()
    await store.close()


async def test_a_database_that_stays_closed_does_not_stop_the_stop(
    bus: EventBus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = AlertManager(bus, store=Store(tmp_path / "state.db"), flush_interval=0.001)
    await manager.start()
    await stale(manager)
    await manager.stop()
    assert "1 alert could not be stored" in caplog.text


async def test_a_locked_database_delays_no_notification(
    bus: EventBus, store: Store, tmp_path: Path
) -> None:
    inbox = Inbox()
    manager = AlertManager(bus, store=store, flush_interval=0.001)
    manager.add_notification_handler(inbox)
    await manager.start()
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for n in range(3):
        await manager.create_alert(f"t{n}", "m", "info", "c")
        await inbox.next()
    other.execute("COMMIT")
    other.close()
    await manager.stop()
    assert len(StateReader(tmp_path / "state.db").alerts()) == 3
