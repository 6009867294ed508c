"""The dead-man switch is armed where nothing rests that has to stay, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.fake_venue import FakeTime, SilentVenue, turns
from tradectl.domain.errors import AccessLost, NotExecuted, OutcomeUnknown
from tradectl.domain.events import Event, SystemEvent
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.exchange.live.dead_man import DeadManSwitch
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.tracked_order import TrackedOrder
from tradectl.exchange.venue import Abilities, VenueOrder

BTC, ETH = "BTCUSDT", "ETHUSDT"
D = Decimal
OFFERED = Abilities(user_stream=True, dead_man=True)


class Venue(SilentVenue):
    """Notes what the switch was set to; `failing` is raised instead, once for each."""

    def __init__(self, abilities: Abilities = OFFERED) -> None:
        super().__init__(abilities=abilities)
        self.set_to: list[tuple[str, float]] = []
        self.failing: list[Exception] = []

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        (symbol,) = symbols
        if self.failing:
            raise self.failing.pop(0)
        self.set_to.append((symbol, seconds))

    def take(self) -> list[tuple[str, float]]:
        taken, self.set_to = self.set_to, []
        return taken


class Harness:
    def __init__(self, abilities: Abilities = OFFERED, seconds: float = 60) -> None:
        self.venue, self.time = Venue(abilities), FakeTime()
        self.posted: list[Event] = []
        self.looks, self.answers = 0, True
        self.refused: list[AccessLost] = []
        reporter = ExecutionReporter("x", (BTC, ETH), self._post, lambda: None, self.refused.append)
        self.tracker = OrderTracker("x", "account", Instruments())
        self.switch = DeadManSwitch(
            self.venue,
            (BTC, ETH),
            self.tracker,
            reporter,
            seconds,
            look=self._look,
            monotonic=self.time.monotonic,
        )

    def _post(self, event: Event, _at: int) -> None:
        self.posted.append(event)

    async def _look(self) -> None:
        self.looks += 1
        if not self.answers:
            raise NotExecuted("down")

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.switch.keep())
        await turns()
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def later(self, seconds: float) -> None:
        """The time passes, and the switch gets to know."""
        self.time.jump(seconds)
        self.switch.on_compared()
        await turns()

    def stop(self, symbol: str = BTC) -> None:
        self.tracker.track(
            OrderSpec("s", symbol, Side.SELL, D(1), OrderType.STOP_MARKET, stop_price=D(9),
                      reduce_only=True), 0)  # fmt: skip

    def foreign(self, symbol: str = BTC, status: OrderStatus = OrderStatus.ACCEPTED) -> None:
        self.tracker.apply([VenueOrder(symbol, "7", "web", Side.BUY, status, D(1))])
        self.switch.on_foreign_order(symbol)

    def told(self) -> list[str]:
        return [e.kind for e in self.posted if isinstance(e, SystemEvent)]


async def test_it_is_armed_at_once_and_again_well_within_its_time() -> None:
    harness = Harness()
    async with harness.kept():
        assert harness.venue.take() == [(BTC, 60), (ETH, 60)]
        assert harness.switch.status() == {BTC: "armed", ETH: "armed"}
        await harness.later(14.9)
        assert harness.venue.take() == []
        await harness.later(0.2)
        assert harness.venue.take() == [(BTC, 60), (ETH, 60)]


def entry(*, since_before: bool = False) -> TrackedOrder:
    spec = OrderSpec("e", BTC, Side.BUY, D(1), OrderType.LIMIT, D(9))
    return TrackedOrder(spec, "client", 0, since_before=since_before)


async def test_for_a_while_after_it_ran_out_it_may_have_cancelled_what_is_gone() -> None:
    harness = Harness()
    async with harness.kept():
        assert not harness.switch.may_have_cancelled(entry())
        await harness.later(61)  # it was armed 61 s ago, and is armed again
        assert harness.venue.take()[-1] == (ETH, 60)
        assert harness.switch.may_have_cancelled(entry())
        for _ in range(3):
            await harness.later(15)
            assert harness.switch.may_have_cancelled(entry())
        await harness.later(16)
        assert not harness.switch.may_have_cancelled(entry())


async def test_one_that_ran_out_while_the_exchange_did_not_answer_is_not_forgotten() -> None:
    harness = Harness()
    async with harness.kept():
        harness.venue.failing = [NotExecuted("down")] * 10
        for _ in range(5):
            await harness.later(15)  # armed 75 s ago, and nothing was confirmed since
        assert harness.switch.may_have_cancelled(entry())
        harness.venue.failing = []
        await harness.later(15)
        assert harness.switch.may_have_cancelled(entry())
        for _ in range(5):
            await harness.later(15)
        assert not harness.switch.may_have_cancelled(entry())


@pytest.mark.parametrize(
    ("abilities", "seconds", "may"),
    [(OFFERED, 60, True), (OFFERED, 0, False), (Abilities(), 60, False)],
)
async def test_that_of_a_run_before_may_have_cancelled_what_is_gone_as_this_one_begins(
    abilities: Abilities, seconds: float, may: bool
) -> None:
    """Where there is one; and another order until the exchange has confirmed this run's own."""
    harness = Harness(abilities, seconds)
    assert harness.switch.may_have_cancelled(entry()) is may
    if may:
        async with harness.kept():
            assert not harness.switch.may_have_cancelled(entry())
            await harness.later(30)
            assert harness.switch.may_have_cancelled(entry(since_before=True))
    else:
        assert not harness.switch.may_have_cancelled(entry(since_before=True))


async def test_where_a_stop_of_ours_rests_it_is_off() -> None:
    harness = Harness()
    harness.stop()
    async with harness.kept():
        assert harness.venue.take() == [(BTC, 0), (ETH, 60)]
        assert harness.switch.status() == {BTC: "off: a stop of ours rests", ETH: "armed"}
        await harness.later(16)
        assert harness.venue.take() == [(ETH, 60)]


async def test_an_order_of_others_disarms_it_until_it_is_over() -> None:
    harness = Harness()
    async with harness.kept():
        harness.venue.take()
        harness.foreign()
        await turns()
        assert harness.venue.take() == [(BTC, 0)]
        assert harness.switch.status()[BTC] == "off: an order of others rests"
        harness.foreign(status=OrderStatus.CANCELED)
        await harness.later(16)
        assert harness.venue.take() == [(BTC, 60), (ETH, 60)]


async def test_before_a_stop_is_placed_it_is_off_and_it_stays_off() -> None:
    harness = Harness()
    async with harness.kept():
        harness.venue.take()
        harness.stop()
        await harness.switch.make_safe(BTC)
        assert harness.venue.take() == [(BTC, 0)]
        await harness.switch.make_safe(BTC)
        await harness.later(16)
        assert harness.venue.take() == [(ETH, 60)]


async def test_what_a_run_before_may_have_armed_is_off_before_a_stop_is_placed() -> None:
    harness = Harness(seconds=0)
    for _ in range(2):
        await harness.switch.make_safe(BTC)
    assert harness.venue.take() == [(BTC, 0)]
    assert harness.switch.status() == dict.fromkeys(
        (BTC, ETH), "off: exchanges.dead_man_seconds is 0"
    )


async def test_a_stop_does_not_wait_for_a_switch_that_cannot_be_disarmed_and_it_is_tried_again() -> (
    None
):
    harness = Harness()
    async with harness.kept():
        harness.venue.take()
        harness.stop()
        harness.venue.failing = [NotExecuted("down"), NotExecuted("down")]
        await harness.switch.make_safe(BTC)
        assert harness.told() == ["dead_man_failed"]
        assert harness.switch.status()[BTC] == "being disarmed: a stop of ours rests"
        await turns()
        await harness.later(0)
        assert harness.venue.take() == [(BTC, 0)]
        assert harness.told() == ["dead_man_failed", "dead_man_failed_over"]


async def test_an_arming_whose_answer_was_lost_is_disarmed_until_it_cannot_come_any_more() -> None:
    harness = Harness()
    harness.venue.failing = [OutcomeUnknown("no answer")]
    async with harness.kept():
        harness.stop()
        await harness.switch.make_safe(BTC)
        assert harness.venue.take() == [(ETH, 60), (BTC, 0)]
        assert harness.switch.may_run(BTC)
        await harness.later(16)
        assert (BTC, 0) in harness.venue.take()
        assert not harness.switch.may_run(BTC)


@pytest.mark.parametrize(
    ("leave_armed", "disarmed"), [(False, [(BTC, 0), (ETH, 0)]), (True, [(BTC, 0)])]
)
async def test_at_the_end_it_is_off_or_left_armed_where_nothing_rests_that_has_to_stay(
    leave_armed: bool, disarmed: list[Any]
) -> None:
    harness = Harness()
    async with harness.kept():
        harness.venue.take()
        harness.foreign()
        await harness.switch.end(leave_armed=leave_armed)
        assert harness.venue.take() == disarmed


@pytest.mark.parametrize("abilities", [OFFERED, Abilities(dead_man=True)])
async def test_what_rests_is_asked_for_each_time_before_it_is_armed(abilities: Abilities) -> None:
    harness = Harness(abilities)
    async with harness.kept():
        assert harness.looks == 1
        harness.venue.take()
        await harness.later(16)
        assert (harness.looks, harness.venue.take()) == (2, [(BTC, 60), (ETH, 60)])
        harness.answers = False
        await harness.later(16)
        assert (harness.looks, harness.venue.take()) == (3, [])


async def test_what_has_to_stay_disarms_it_also_while_nobody_says_what_rests() -> None:
    harness = Harness()
    async with harness.kept():
        harness.venue.take()
        harness.answers = False
        harness.time.jump(16)
        harness.foreign()
        await turns()
        assert harness.venue.take() == [(BTC, 0)]


async def test_while_nobody_knows_what_rests_it_is_not_armed() -> None:
    harness = Harness()
    harness.answers = False
    async with harness.kept():
        assert harness.venue.take() == []
        assert harness.told() == ["dead_man_failed"]


async def test_an_exchange_without_one_is_left_alone() -> None:
    harness = Harness(Abilities())
    await harness.switch.make_safe(BTC)
    await harness.switch.end(leave_armed=False)
    assert harness.venue.take() == []
    assert harness.switch.status() == {}
