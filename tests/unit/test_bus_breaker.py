"""The breaker's diagram, walked with a clock that a test turns by hand."""

from __future__ import annotations

import pytest

from tradectl.domain.resilience import CircuitBreaker


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> CircuitBreaker:
    return CircuitBreaker(max_failures=3, cooldown=2.0, max_cooldown=5.0, clock=clock)


def test_a_new_breaker_is_closed(breaker: CircuitBreaker) -> None:
    assert (breaker.state, breaker.allows(), breaker.retry_in()) == ("closed", True, 0.0)


def test_only_the_failure_that_opens_it_says_so(breaker: CircuitBreaker) -> None:
    assert [breaker.failed() for _ in range(5)] == [False, False, True, False, False]


def test_an_open_breaker_allows_nothing_until_it_has_cooled(
    breaker: CircuitBreaker, clock: HandClock
) -> None:
    for _ in range(3):
        breaker.failed()
    assert (breaker.state, breaker.allows(), breaker.retry_in()) == ("open", False, 2.0)
    clock.seconds += 1.5
    assert (breaker.allows(), breaker.retry_in()) == (False, 0.5)
    clock.seconds += 0.5
    assert (breaker.state, breaker.allows(), breaker.retry_in()) == ("half_open", True, 0.0)


def test_failures_count_only_in_a_row(breaker: CircuitBreaker) -> None:
    for _ in range(4):
        assert not breaker.failed()
        assert not breaker.failed()
        breaker.succeeded()
    assert breaker.state == "closed"


def test_a_failed_trial_doubles_the_cooldown_up_to_its_limit(
    breaker: CircuitBreaker, clock: HandClock
) -> None:
    for _ in range(3):
        breaker.failed()
    waits = []
    for _ in range(4):
        waits.append(breaker.retry_in())
        clock.seconds += breaker.retry_in()
        assert breaker.state == "half_open"
        breaker.failed()
    assert waits == [2.0, 4.0, 5.0, 5.0]


def test_a_good_trial_closes_it_and_forgets_the_long_cooldown(
    breaker: CircuitBreaker, clock: HandClock
) -> None:
    for _ in range(3):
        breaker.failed()
    clock.seconds += 2
    breaker.failed()
    clock.seconds += 4
    breaker.succeeded()
    assert breaker.state == "closed"
    assert [breaker.failed() for _ in range(3)] == [False, False, True]
    assert breaker.retry_in() == 2.0
