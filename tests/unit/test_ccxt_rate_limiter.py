"""The bucket of tokens: what is kept back, who waits, and when nobody does."""

from __future__ import annotations

import pytest

from tradectl.domain.errors import NotExecuted
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter


class Time:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def rate_limiter(time: Time, patience: float = 10.0) -> RateLimiter:
    """10 tokens, 2 a second, 4 of them kept back."""
    return RateLimiter(2, 10, 4, patience=patience, clock=time.clock, sleep=time.sleep)


async def test_a_burst_goes_at_once_and_then_at_the_rate(time: Time) -> None:
    bucket = rate_limiter(time)
    for _ in range(8):
        await bucket.take(1)
    assert time.slept == [0.5, 0.5]


async def test_the_reserve_is_for_privileged_calls_only(time: Time) -> None:
    bucket = rate_limiter(time)
    await bucket.take(6)
    assert bucket.wait(1) == pytest.approx(0.5)
    for _ in range(4):
        await bucket.take(1, privileged=True)
    assert time.slept == []
    await bucket.take(1, privileged=True)
    assert time.slept == [0.5]


async def test_a_call_that_costs_more_than_there_ever_is_goes_when_the_bucket_is_full(
    time: Time,
) -> None:
    bucket = rate_limiter(time)
    await bucket.take(50)
    assert time.slept == []
    assert bucket.wait(1, privileged=True) == pytest.approx(20.5)


async def test_time_fills_it_to_its_capacity_and_no_more(time: Time) -> None:
    bucket = rate_limiter(time)
    time.now += 3600
    await bucket.take(10, privileged=True)
    assert bucket.wait(1, privileged=True) == pytest.approx(0.5)


async def test_turned_away_all_wait_but_the_privileged(time: Time) -> None:
    bucket = rate_limiter(time)
    bucket.back_off(3)
    await bucket.take(1, privileged=True)
    assert time.slept == []
    await bucket.take(1)
    assert time.slept == [3.0]


async def test_banned_nobody_asks(time: Time) -> None:
    bucket = rate_limiter(time)
    bucket.back_off(3, banned=True)
    await bucket.take(1, privileged=True)
    assert time.slept == [3.0]


async def test_a_shorter_pause_does_not_end_a_longer_one(time: Time) -> None:
    bucket = rate_limiter(time)
    bucket.back_off(9)
    bucket.back_off(1)
    assert bucket.wait(1) == pytest.approx(9)


async def test_beyond_patience_it_is_not_now_with_the_time_it_takes(time: Time) -> None:
    bucket = rate_limiter(time, patience=5)
    bucket.back_off(120, banned=True)
    with pytest.raises(NotExecuted) as raised:
        await bucket.take(1, privileged=True)
    assert raised.value.retry_after == pytest.approx(120)
    assert time.slept == []
    assert bucket.wait(0) == pytest.approx(120)
