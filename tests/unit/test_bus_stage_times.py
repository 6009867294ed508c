"""Which stage of a step takes its time: in a sample of the steps, and nothing else is changed by it."""

from __future__ import annotations

from typing import Any

from tests.fixtures.bus import Listener, core_with, labels, note, run_step, tick
from tradectl.bus.core import Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.bus.stage_times import DISPATCH, PAUSE_NS, StageTimes
from tradectl.domain.events import Event, MarketDataEvent, Record, SystemEvent


class Ticks:
    """Nanoseconds that pass when somebody works."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def taking(self, ns: int, *says: Event) -> Any:
        def handler(_event: Event, _record: Record) -> list[Event]:
            self.now += ns
            return [*says]

        return handler


def timed_step(core: Core, times: StageTimes, ticks: Ticks, event: Event) -> None:
    """That takes 100 ns more than its handlers."""
    ticks.now += PAUSE_NS
    started = ticks.now
    times.begin(started)
    run_step(core, event)
    ticks.now += 100
    times.end(started, 1)


def noted(times: StageTimes) -> dict[str, tuple[int, int]]:
    return {name: (d.count, d.total_ns) for name, d in times.durations.items() if d.count}


def test_a_stage_has_what_all_its_handlers_took_of_a_step_and_dispatch_the_rest() -> None:
    ticks = Ticks()
    core = core_with(
        (Stage.STATE, Event, ticks.taking(1_000)),
        (Stage.STRATEGY, MarketDataEvent, ticks.taking(5_000, note("a"), note("b"))),
        (Stage.RISK, SystemEvent, ticks.taking(20_000)),
    )
    times = StageTimes(core, ticks)
    timed_step(core, times, ticks, tick())
    once = {"state": (1, 3_000), "strategy": (1, 5_000), "risk": (1, 40_000), DISPATCH: (1, 100)}
    assert noted(times) == once
    timed_step(core, times, ticks, note("x"))
    assert noted(times) == {
        **once,
        "state": (2, 4_000),
        "risk": (2, 60_000),
        DISPATCH: (2, 200),
    }
    figures = times.figures()
    assert (figures["risk"].p50_us, figures["risk"].p99_us) == (20.0, 40.0)
    assert sum(each.share_pct for each in figures.values()) == 100.0
    run_step(core, tick())
    assert noted(times)["risk"] == (2, 60_000)


def test_steps_that_are_not_told_apart_are_left_out() -> None:
    ticks = Ticks()
    core = core_with((Stage.STRATEGY, MarketDataEvent, ticks.taking(1_000)))
    times = StageTimes(core, ticks)
    times.begin(0)
    for _ in range(3):
        run_step(core, tick())
    times.end(0, 3)
    assert noted(times) == {}
    timed_step(core, times, ticks, tick())
    assert noted(times) == {"strategy": (1, 1_000), DISPATCH: (1, 100)}


class Component:
    name = "fragile"

    def fails(self, _event: Event, _record: Record) -> None:
        raise ValueError("no")


def test_what_a_timed_step_says_is_what_it_says_untimed() -> None:
    heard: list[list[Record]] = []
    for is_timed in (False, True):
        core = core_with((Stage.RISK, MarketDataEvent, Component().fails))
        times = StageTimes(core, Ticks())
        if is_timed:
            times.begin(0)
        heard.append(run_step(core, tick()))
    assert heard[0] == heard[1]
    assert [record.event.component for record in heard[0][1:]] == ["fragile"]  # type: ignore[union-attr]


def test_who_is_attached_or_detached_between_two_samples_counts_in_the_next() -> None:
    early, late = Listener(), Listener()
    core = core_with((Stage.STATE, SystemEvent, early))
    times = StageTimes(core, Ticks())
    times.begin(0)
    run_step(core, note("a"))
    core.attach(SystemEvent, late, Stage.STATE)
    run_step(core, note("b"))
    core.detach(early)
    run_step(core, note("c"))
    assert (early.log, late.log) == (["a", "b"], ["b", "c"])


def test_a_step_is_timed_at_the_beginning_of_a_turn_when_none_has_been_for_a_while() -> None:
    bus = EventBus()
    bus.attach(SystemEvent, Listener(), Stage.EXECUTION)
    for names in ("ab", "c"):
        for name in names:
            bus.post(note(name))
        assert labels(bus.turn()) == [*names]
    assert bus.stage_times.durations["execution"].count == 1
    bus.stage_times.begin(bus.clock.ticks() + PAUSE_NS)
    assert bus.stage_times.is_timed
    assert set(bus.get_metrics()["stages"]) == {"execution", DISPATCH}
