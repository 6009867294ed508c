"""The component registry: what each component reports, and whose heart beats."""

from __future__ import annotations

import pytest

from tests.fixtures.monitoring import StillClock
from tradectl.bus.components import ComponentRegistry
from tradectl.domain.errors import UsageError
from tradectl.domain.states import ComponentStatus


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def registry(clock: StillClock) -> ComponentRegistry:
    return ComponentRegistry(clock)


def age(registry: ComponentRegistry, name: str) -> float | None:
    component = registry.get(name)
    assert component is not None
    return registry.age(component)


def test_a_component_that_is_expected_has_no_heartbeat_yet(registry: ComponentRegistry) -> None:
    registry.expect("feed")
    assert age(registry, "feed") is None
    assert registry.rows()["feed"].status == "REGISTERED"
    assert registry.rows()["feed"].last_heartbeat is None


def test_a_look_at_one_is_a_heartbeat_of_no_other(
    registry: ComponentRegistry, clock: StillClock
) -> None:
    for name in ("risk", "portfolio"):
        registry.started(name)
    others = registry._components["portfolio"].heartbeat_at
    clock.pass_seconds(1.0)
    assert age(registry, "risk") == 0.0
    assert registry._components["portfolio"].heartbeat_at == others


def test_what_runs_in_the_loop_beats_while_it_runs_and_the_rest_by_its_reports(
    registry: ComponentRegistry, clock: StillClock
) -> None:
    registry.started("risk")
    registry.report("database", ComponentStatus.RUNNING)
    clock.pass_seconds(60)
    assert (age(registry, "risk"), age(registry, "database")) == (0.0, 60.0)
    registry.stopped("risk")
    registry.heartbeat("database")
    clock.pass_seconds(60)
    assert (age(registry, "risk"), age(registry, "database")) == (60.0, 60.0)


def test_failures_are_counted_and_what_failed_stays_failed(registry: ComponentRegistry) -> None:
    registry.started("feed")
    registry.report("feed", ComponentStatus.RESTARTING, "cable out")
    registry.count_error("feed", "one more")
    registry.report("feed", ComponentStatus.FAILED, "given up")
    registry.stopped("feed")
    registry.count_error("nobody", "is not made known by it")
    assert list(registry.rows()) == ["feed"]
    feed = registry.rows()["feed"]
    assert (feed.status, feed.error_count, feed.message) == ("FAILED", 3, "given up")


@pytest.mark.parametrize("text", ["running", "Running", "RUNNING"])
def test_a_status_is_known_in_any_case(text: str) -> None:
    assert ComponentStatus.parse(text) is ComponentStatus.RUNNING


def test_an_unknown_status_is_refused_in_one_harmless_line() -> None:
    with pytest.raises(UsageError, match=r"^unknown component status '\?\[2J': expected one of"):
        ComponentStatus.parse("\x1b[2J")
