"""A component that fails: each step of its recovery is told, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.fixtures.fake_venue import FakeTime, turns
from tradectl.bus.delivery import RetryPolicy
from tradectl.bus.event_bus import EventBus
from tradectl.bus.mailbox import Mailbox
from tradectl.config.settings import OrchestratorConfig
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Record, SystemEvent
from tradectl.domain.states import ComponentStatus
from tradectl.monitoring import AlertManager
from tradectl.runtime.orchestrator import SupervisedBy, TradingOrchestrator
from tradectl.runtime.supervisor import STEADY_AFTER_S, Loop, supervise

FOREVER = 1e9


class Supervised:
    """A loop under supervision, in time that the test moves, on a bus that writes down what it hears."""

    def __init__(self, loop: Callable[[FakeTime], Loop], max_restarts: int = 3) -> None:
        self.time = FakeTime()
        self.bus = EventBus()
        self.told: list[tuple[str, str]] = []
        self.task = asyncio.ensure_future(
            supervise(
                "part", loop(self.time), SupervisedBy(self.bus),
                clock=self.time, most=lambda: max_restarts,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    async def pass_by(self, seconds: float) -> None:
        await self.time.pass_by(seconds)
        self.bus.turn()
        events = [r.event for r in self.bus.history() if isinstance(r.event, SystemEvent)]
        self.told = [(event.kind.removeprefix("component_"), event.message) for event in events]

    @property
    def row(self) -> tuple[str, str, int]:
        found = self.bus.components.rows()["part"]
        return found.status, found.breaker, found.restarts


def failing(times: int) -> Callable[[FakeTime], Loop]:
    """It raises at once, so many times, and then goes on for ever."""
    left = [times]

    def made(time: FakeTime) -> Loop:
        async def loop() -> None:
            if left[0]:
                left[0] -= 1
                raise RuntimeError("cable out")
            await time.sleep(FOREVER)

        return loop

    return made


async def test_each_step_is_told_and_it_has_recovered_once_it_runs_for_a_while() -> None:
    part = Supervised(failing(2))
    await part.pass_by(0)
    assert part.row == ("RESTARTING", "open", 0)
    await part.pass_by(0.1)
    await part.pass_by(0.2)
    assert part.row == ("RUNNING", "half_open", 2)
    await part.pass_by(STEADY_AFTER_S)
    assert part.row == ("RUNNING", "closed", 2)
    assert part.told == [
        ("failed", "RuntimeError: cable out; restart 1 of 3 in 0.1 s"),
        ("restarted", "restart 1"),
        ("failed", "RuntimeError: cable out; restart 2 of 3 in 0.2 s"),
        ("restarted", "restart 2"),
        ("recovered", "it runs again"),
    ]
    part.task.cancel()


async def test_it_is_given_up_after_so_many_and_that_is_told() -> None:
    part = Supervised(failing(9), max_restarts=2)
    await part.pass_by(60)
    with pytest.raises(RuntimeError):
        await part.task
    assert part.told[-1] == ("given_up", "RuntimeError: cable out (given up after 3 failures)")
    assert [kind for kind, _ in part.told].count("restarted") == 2
    assert part.row == ("FAILED", "open", 2)


async def test_what_is_meant_for_the_user_is_not_tried_again() -> None:
    def made(_: FakeTime) -> Loop:
        async def loop() -> None:
            raise UsageError("no such symbol")

        return loop

    part = Supervised(made)
    await part.pass_by(60)
    with pytest.raises(UsageError):
        await part.task
    assert part.told == [("failed", "no such symbol")]


async def test_a_component_that_flaps_is_one_alert_with_a_count_and_over_by_itself() -> None:
    """A loop that really raises, in an orchestrator as a run has it."""
    time = FakeTime()
    orchestrator = TradingOrchestrator(OrchestratorConfig(max_restarts=5))
    bus = orchestrator.event_bus
    bus.clock.sleep = time.sleep  # type: ignore[method-assign]
    alerts = AlertManager(bus)
    orchestrator.add_loop("part", failing(3)(time))
    await orchestrator.start()
    await alerts.start()
    for _ in range(12):
        await time.pass_by(0.1)
        await bus.join()
    await turns()
    (alert,) = alerts.get_active_alerts()
    assert (alert.type, alert.component, alert.count) == ("component_failed", "part", 3)
    await time.pass_by(STEADY_AFTER_S)
    await bus.join()
    await turns()
    assert alerts.get_active_alerts() == []
    assert bus.components.rows()["part"].status is ComponentStatus.RUNNING
    await alerts.stop()
    await orchestrator.stop()


async def test_an_observer_that_fails_and_works_again_says_both() -> None:
    told: list[str] = []
    fails = [True, True, False]

    def observer(_: object) -> None:
        if fails.pop(0):
            raise RuntimeError("no")

    box = Mailbox(
        observer,
        name="mine",
        limit=9,
        on_dead=lambda letter: None,
        on_open=lambda name, error: told.append(f"{name}: {error}"),
        on_close=lambda name: told.append(f"{name} works"),
        policy=RetryPolicy(attempts=1, failures=2, cooldown=0.0),
    )
    box.start()
    for seq in range(1, 4):
        box.put(Record(seq, 1, SystemEvent(kind="news")))
    await box.drain()
    await turns()
    assert told == ["mine: RuntimeError: no", "mine works"]
    await box.stop()
