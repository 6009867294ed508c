"""A component that keeps failing is left alone and tried after growing pauses; what protects never is."""

from __future__ import annotations

import asyncio

import pytest

from tests.fixtures.fake_venue import FakeTime, turns
from tests.fixtures.monitoring import StillClock
from tests.fixtures.rows import each_row
from tradectl.bus.components import ComponentRegistry
from tradectl.bus.event_bus import EventBus
from tradectl.documents.run import ComponentRow
from tradectl.domain.events import SystemEvent, SystemEventKind
from tradectl.domain.time import SECOND
from tradectl.monitoring import AlertManager, ComponentHealth, HealthStatus, SystemMonitor
from tradectl.monitoring.component_breaker import FAILURES, PROTECTING, ComponentBreaker
from tradectl.monitoring.periodic import Periodic
from tradectl.runtime.orchestrator import TradingOrchestrator
from tradectl.storage.manager import StateManager

LEFT, TRIED, STAYED, CLOSED = (
    SystemEventKind.COMPONENT_LEFT_ALONE,
    SystemEventKind.BREAKER_HALF_OPEN,
    SystemEventKind.BREAKER_STAYED_OPEN,
    SystemEventKind.BREAKER_CLOSED,
)


def breaker_at(clock: StillClock, told: list[SystemEvent]) -> ComponentBreaker:
    return ComponentBreaker("db", told.append, clock.monotonic, first_pause=10, longest_pause=30)


def test_each_step_is_told_and_the_pauses_grow_up_to_the_longest() -> None:
    clock, told = StillClock(), list[SystemEvent]()
    breaker = breaker_at(clock, told)
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.heard("gone")
    pauses = []
    for _ in range(4):
        assert not breaker.allows()
        pauses.append(breaker.retry_in)
        clock.pass_seconds(breaker.retry_in)
        assert breaker.allows()
        breaker.heard("gone still")
    assert pauses == [10, 20, 30, 30]
    clock.pass_seconds(30)
    assert breaker.allows()
    breaker.heard("")
    assert breaker.allows()
    steps = [LEFT, *[TRIED, STAYED] * 4, TRIED, CLOSED]
    assert [event.kind for event in told] == steps
    assert {event.component for event in told} == {"db"}
    assert told[0].message == "3 failures in a row, the last: gone; it is tried again in 10 s"
    assert told[2].message == "probe 1: gone still; it is tried again in 20 s"


def test_failures_that_are_not_in_a_row_open_nothing() -> None:
    clock, told = StillClock(), list[SystemEvent]()
    breaker = breaker_at(clock, told)
    for why in ["no", "no", "", "no", "no", ""]:
        breaker.heard(why)
        assert breaker.allows()
    assert told == []


class Check:
    """A checker that fails, or hangs, until it is `mended`."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.asked, self.mended, self._hangs = 0, False, hangs

    async def __call__(self) -> ComponentHealth:
        self.asked += 1
        if self._hangs and not self.mended:
            await asyncio.Event().wait()
        if not self.mended:
            raise OSError("no such host")
        return ComponentHealth("db", HealthStatus.HEALTHY)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_checker_that_keeps_failing_is_not_asked_until_a_pause_is_over(hangs: bool) -> None:
    clock = StillClock(90 * SECOND)
    bus = EventBus(components=ComponentRegistry(clock))
    alerts = AlertManager(bus)
    monitor = SystemMonitor(
        bus, StateManager(bus), alerts, check_timeout=0.01, clock=clock, stall_limit=0
    )
    check = Check(hangs=hangs)
    monitor.register_component_checker("db", check)
    for _ in range(FAILURES + 5):
        await monitor._check_all()
    assert check.asked == FAILURES
    health = await monitor.check_component_health("db")
    assert health.status is HealthStatus.UNHEALTHY
    assert "its check is left alone for 15 s more: its check failed: " in health.message
    assert health.error_rate_pct == 100
    (alert,) = alerts.get_active_alerts()  # the one of its first failure
    assert (alert.type, alert.component, alert.count) == ("component_unhealthy", "db", 1)
    clock.pass_seconds(15)
    await monitor._check_all()
    assert check.asked == FAILURES + 1
    check.mended = True
    clock.pass_seconds(30)
    await monitor._check_all()
    assert alerts.get_active_alerts() == []
    await monitor._check_all()
    assert check.asked == FAILURES + 3
    kinds = [r.event.kind for r in bus.run_dry() if isinstance(r.event, SystemEvent)]
    assert kinds == [LEFT, TRIED, STAYED, TRIED, CLOSED]


@each_row("name", sorted(PROTECTING))
async def test_the_check_of_what_protects_is_always_asked(name: str) -> None:
    bus = EventBus()
    monitor = SystemMonitor(bus, StateManager(bus), stall_limit=0)
    check = Check()
    monitor.register_component_checker(name, check)
    for _ in range(FAILURES + 5):
        await monitor.check_component_health(name)
    assert check.asked == FAILURES + 5


async def test_what_is_done_every_so_often_is_done_less_often_while_it_fails() -> None:
    time, told, asked = FakeTime(), list[SystemEvent](), list[float]()
    answers: list[str | None] = ["no", "no", None]

    async def act() -> str | None:
        asked.append(time.seconds)
        if not answers:
            raise ValueError("a bug")
        return answers.pop(0)

    class At(StillClock):
        sleep = staticmethod(time.sleep)
        monotonic = staticmethod(time.monotonic)

        def __init__(self) -> None:
            pass

    clock = At()
    breaker = ComponentBreaker(
        "beat", told.append, time.monotonic, first_pause=20, longest_pause=40
    )
    periodic = Periodic(act, 10, clock, breaker)
    await periodic.start()
    await time.pass_by(125)
    await periodic.stop()
    assert asked == [0, 10, 20, 30, 50, 90]
    assert [event.kind for event in told] == [LEFT, TRIED, STAYED, TRIED, STAYED]
    assert "ValueError: a bug" in told[0].message


async def test_another_pace_ends_the_pause_and_nothing_that_is_under_way() -> None:
    time, answers, asked = FakeTime(), asyncio.Semaphore(0), list[float]()

    async def act() -> str:
        asked.append(time.seconds)
        await answers.acquire()
        return ""

    periodic = Periodic(act, 60, time)  # type: ignore[arg-type]
    await periodic.start()
    await turns()
    periodic.every(10)
    await turns()
    assert asked == [0]
    answers.release()
    await time.pass_by(10)
    assert asked == [0, 10]
    answers.release()
    await time.pass_by(3)
    periodic.every(30)
    await turns()
    await periodic.stop()
    assert asked == [0, 10, 13]


async def test_the_list_of_components_has_what_is_told_of_breakers() -> None:
    orchestrator = TradingOrchestrator()
    bus = orchestrator.event_bus
    await orchestrator.start()

    async def row_after(kind: SystemEventKind, component: str) -> ComponentRow:
        bus.post(SystemEvent(kind=kind, component=component, message="why"))
        await bus.join()
        return bus.components.rows()[component]

    for opened, over, name in [
        (LEFT, CLOSED, "channel:team"),
        (SystemEventKind.FEED_LOST, SystemEventKind.FEED_BACK, "feed:binance:trades"),
        (SystemEventKind.HANDLER_FAILED, SystemEventKind.HANDLER_FAILED_OVER, "anomalies"),
    ]:
        row = await row_after(opened, name)
        assert (row.status, row.breaker, row.message) == ("DEGRADED", "open", "why")
        assert row.error_count == 1
        row = await row_after(over, name)
        assert (row.status, row.breaker, row.message) == ("RUNNING", "closed", "")
    for kind, name in [(TRIED, "db"), (SystemEventKind.PROJECTION_STALLED, "state")]:
        row = await row_after(kind, name)
        assert (row.status, row.breaker, row.message) == ("DEGRADED", "half_open", "why")
    await orchestrator.stop()
