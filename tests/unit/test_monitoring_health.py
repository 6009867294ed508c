"""Components, their checks and heartbeats."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from tests.fixtures.monitoring import Inbox, StillClock, until
from tests.fixtures.rows import each_row
from tradectl.bus.components import ComponentRegistry
from tradectl.bus.event_bus import EventBus
from tradectl.domain.time import SECOND
from tradectl.monitoring import (
    AlertManager,
    ComponentHealth,
    HealthStatus,
    SystemMonitor,
)
from tradectl.monitoring.health import worst
from tradectl.storage.manager import StateManager

HEALTHY, UNKNOWN, DEGRADED, UNHEALTHY, CRITICAL = HealthStatus


@pytest.fixture
def clock() -> StillClock:
    return StillClock(90 * SECOND)


@pytest.fixture
def monitor(clock: StillClock) -> SystemMonitor:
    bus = EventBus(components=ComponentRegistry(clock))
    return SystemMonitor(bus, StateManager(bus), check_timeout=0.05, clock=clock, stall_limit=0)


@each_row(
    ("statuses", "expected"),
    [
        ([], UNKNOWN),
        ([HEALTHY], HEALTHY),
        ([HEALTHY, UNKNOWN], UNKNOWN),
        ([DEGRADED, UNKNOWN, HEALTHY], DEGRADED),
        ([HEALTHY, UNHEALTHY, DEGRADED], UNHEALTHY),
        ([UNHEALTHY, CRITICAL, HEALTHY], CRITICAL),
    ],
)
def test_the_system_is_as_well_as_its_worst_component(
    statuses: list[HealthStatus], expected: HealthStatus
) -> None:
    assert worst(statuses) is expected


async def test_a_name_nobody_heard_of_is_unknown_and_says_so(monitor: SystemMonitor) -> None:
    health = await monitor.check_component_health("gh\x1bost")
    assert health.status is UNKNOWN
    assert "gh?ost" in health.message
    assert (await monitor.get_system_health())["components"] == {}


async def test_before_its_first_heartbeat_a_component_is_unknown(monitor: SystemMonitor) -> None:
    monitor.register_component("feed")
    health = await monitor.check_component_health("feed")
    assert (health.status, health.last_heartbeat) == (UNKNOWN, None)
    assert health.message == "no heartbeat yet"


@pytest.mark.parametrize(
    ("age", "status"), [(0, HEALTHY), (120, HEALTHY), (120.5, UNHEALTHY), (3_600, UNHEALTHY)]
)
async def test_a_component_lives_while_its_heart_beats(
    monitor: SystemMonitor, clock: StillClock, age: float, status: HealthStatus
) -> None:
    monitor.heartbeat("feed")
    clock.pass_seconds(age)
    health = await monitor.check_component_health("feed")
    assert health.status is status
    assert health.last_heartbeat == datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC)
    assert bool(health.message) is (status is UNHEALTHY)


async def test_heartbeats_missed_are_counted_as_errors(
    monitor: SystemMonitor, clock: StillClock
) -> None:
    monitor.heartbeat("feed")
    await monitor.check_component_health("feed")
    clock.pass_seconds(121)
    health = await monitor.check_component_health("feed")
    assert (health.error_count, health.error_rate_pct) == (1, 50.0)


async def test_a_checker_has_the_word_on_its_component(monitor: SystemMonitor) -> None:
    said = ComponentHealth(
        component_name="db",
        status=DEGRADED,
        last_heartbeat=datetime(2024, 1, 1, tzinfo=UTC),
        response_time_ms=1.5,
        error_count=2,
        error_rate_pct=3.0,
        message="slow",
    )

    async def check() -> ComponentHealth:
        return said

    monitor.register_component_checker("db", check)
    monitor.heartbeat("db")
    assert await monitor.check_component_health("db") == said


async def hangs() -> ComponentHealth:
    await asyncio.Event().wait()
    raise AssertionError


async def raises() -> ComponentHealth:
    raise ValueError("bad\nthing")


async def cancels_itself() -> ComponentHealth:
    raise asyncio.CancelledError


async def raises_the_unspeakable() -> ComponentHealth:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise Unspeakable


async def says_nothing() -> ComponentHealth:
    return None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("checker", "message"),
    [
        (hangs, "its check failed: no answer within 0.05 s"),
        (raises, "its check failed: ValueError: bad thing"),
        (cancels_itself, "its check failed: it cancelled itself"),
        (raises_the_unspeakable, "its check failed: Unspeakable"),
        (says_nothing, "its check returned NoneType, not ComponentHealth"),
    ],
)
async def test_a_check_that_gives_no_answer_means_unhealthy(
    monitor: SystemMonitor, checker: object, message: str
) -> None:
    monitor.register_component_checker("db", checker)  # type: ignore[arg-type]
    health = await monitor.check_component_health("db")
    assert (health.status, health.message) == (UNHEALTHY, message)
    assert (health.error_count, health.error_rate_pct) == (1, 100.0)


async def test_checks_run_side_by_side(monitor: SystemMonitor) -> None:
    met = asyncio.Barrier(2)

    def meeting(name: str) -> None:
        async def check() -> ComponentHealth:
            await met.wait()
            return ComponentHealth(name, HEALTHY)

        monitor.register_component_checker(name, check)

    meeting("a")
    meeting("b")
    assert (await monitor.get_system_health())["status"] is HEALTHY


async def test_system_health_is_one_json_document(monitor: SystemMonitor) -> None:
    monitor.heartbeat("feed")
    monitor.register_component_checker("db", raises)
    health = json.loads(json.dumps(await monitor.get_system_health()))
    assert health["status"] == "unhealthy"
    assert health["checked_at"] == "1970-01-01T00:01:30.000000Z"
    assert health["components"]["feed"] == {
        "component_name": "feed",
        "status": "healthy",
        "last_heartbeat": "1970-01-01T00:01:30Z",
        "response_time_ms": 0.0,
        "error_count": 0,
        "error_rate_pct": 0.0,
        "message": "",
    }
    resources = health["resources"]
    assert list(resources) == [
        "cpu_pct", "rss_mb", "open_files", "open_files_pct", "threads", "disk_free_mb", "journal_mb",
        "loop_lag_ms", "utc_offset_ms",
    ]  # fmt: skip
    assert resources["rss_mb"] > 1
    assert resources["open_files"] > 0
    assert resources["threads"] > 0


async def test_a_component_that_falls_ill_raises_an_alert_until_it_is_well_again() -> None:
    bus, inbox, state = EventBus(), Inbox(), HEALTHY
    alerts = AlertManager(bus)
    alerts.add_notification_handler(inbox)
    monitor = SystemMonitor(bus, StateManager(bus), alerts, interval=0.001, stall_limit=0)
    rounds = 0

    async def check() -> ComponentHealth:
        nonlocal rounds
        rounds += 1
        return ComponentHealth("db", state, message="no room")

    async def some_rounds() -> None:
        enough = rounds + 3
        await until(lambda: rounds >= enough)

    monitor.register_component_checker("db", check)
    await alerts.start()
    await monitor.start()
    await monitor.start()
    await some_rounds()
    assert alerts.get_active_alerts() == []
    state = UNHEALTHY
    told = await inbox.next()
    assert (told.type, told.severity, told.component) == ("component_unhealthy", "error", "db")
    assert told.message == "no room"
    await some_rounds()
    state = DEGRADED
    await some_rounds()
    assert [alert.count for alert in alerts.get_active_alerts()] == [1]
    state = HEALTHY
    await until(lambda: not alerts.get_active_alerts())
    await monitor.stop()
    await monitor.stop()
    await alerts.stop()


async def test_without_an_alert_manager_the_monitor_watches_all_the_same() -> None:
    bus = EventBus()
    monitor = SystemMonitor(bus, StateManager(bus), interval=0.001, stall_limit=0)
    asked = asyncio.Event()

    async def check() -> ComponentHealth:
        asked.set()
        return ComponentHealth("db", UNHEALTHY)

    monitor.register_component_checker("db", check)
    await monitor.start()
    async with asyncio.timeout(60):
        await asked.wait()
    await monitor.stop()
