"""A symbol whose fills may be on their way is not compared, and no longer than until they are overdue."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tests.fixtures.books import PERP, SPOT, instruments
from tests.fixtures.fake_venue import FakeTime, SilentVenue, surroundings
from tradectl.domain.errors import AccessLost
from tradectl.domain.events import AccountReported, Event
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType, client_order_id
from tradectl.domain.time import SECOND
from tradectl.exchange.base import MONEY
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.moved_by_exchange import MovedByExchange
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.our_side import OurSide
from tradectl.exchange.live.reconciler import OVERDUE, Reconciler
from tradectl.exchange.live.unplaced_fills import UnplacedFills
from tradectl.exchange.venue import VenueFill, VenueOrder

D = Decimal
SPEC = OrderSpec("o1", PERP, Side.BUY, D(4))
COUNTED = VenueOrder(
    PERP, "v1", client_order_id("account", "o1"), Side.BUY, OrderStatus.FILLED, D(4), D(4)
)


class Venue(SilentVenue):
    """It has counted a fill that it tells nobody of."""

    resting: tuple[VenueOrder, ...] = ()

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        return [*self.resting]

    async def holdings(self) -> Holdings:
        return Holdings({"USDT": D(600)}, {PERP: D(4)})


class Comparing:
    def __init__(self) -> None:
        self.time, self.posted = FakeTime(), list[Event]()
        self.refused: list[AccessLost] = []
        known, settings = instruments(), ExchangeSettings(id="binance", not_found_seconds=12)
        self.tracker = OrderTracker("x", "account", known)
        reporter = ExecutionReporter(
            "x", (PERP, SPOT), self._post, lambda: None, self.refused.append
        )
        self.venue = venue = Venue()
        at = surroundings(venue, self.time, (PERP, SPOT), self._post, reporter, settings)
        side = OurSide(venue, known, None)
        unplaced = UnplacedFills(at, None, side, self.tracker.fee_of, self.tracker.is_tagged)
        moved = MovedByExchange(at, None, side, unplaced)
        self.reconciler = Reconciler(at, self.tracker, self._post, side, unplaced, moved)

    def _post(self, event: Event, _at: int) -> None:
        self.posted.append(event)

    async def report(self) -> AccountReported:
        await self.reconciler.compare(_nothing)
        report = self.posted[-1]
        assert isinstance(report, AccountReported)
        return report


async def _nothing(_: Sequence[VenueFill]) -> None:
    pass


async def test_what_is_counted_and_not_told_is_compared_when_it_is_overdue() -> None:
    compared = Comparing()
    compared.tracker.track(SPEC, 0)
    compared.tracker.apply([COUNTED])
    report = await compared.report()
    assert (report.positions, report.cash) == ({SPOT: D(0)}, None)
    compared.time.jump(OVERDUE * 12 - 1)
    assert (await compared.report()).cash is None
    compared.time.jump(1)
    report = await compared.report()
    assert (report.positions, report.cash) == ({PERP: D(4), SPOT: D(0)}, D(600))


async def test_each_time_that_fills_may_come_is_its_own() -> None:
    compared = Comparing()
    compared.tracker.track(SPEC, 0)
    await compared.report()
    compared.tracker.mark_rejected(compared.tracker.working()[0], "no")
    compared.time.jump(100)
    assert PERP in (await compared.report()).positions
    compared.tracker.track(OrderSpec("o2", PERP, Side.BUY, D(1)), 0)
    assert PERP not in (await compared.report()).positions


async def test_a_stop_that_came_back_may_go_once_another_one_rests() -> None:
    compared = Comparing()
    reconciler, tracker = compared.reconciler, compared.tracker

    def stop(order_id: str) -> VenueOrder:
        tracker.track(
            OrderSpec(order_id, PERP, Side.SELL, D(4), OrderType.STOP_MARKET, stop_price=D(9),
                      reduce_only=True), 0)  # fmt: skip
        known_as = client_order_id("account", order_id)
        return VenueOrder(PERP, f"v-{order_id}", known_as, Side.SELL, OrderStatus.ACCEPTED, D(4))

    first = stop("s1")
    (tracked,) = tracker.working()
    tracker.mark_rejected(tracked, "the exchange knows no such order")
    compared.venue.resting = (first,)
    picture = await reconciler.compare(_nothing)
    assert picture is not None
    assert picture.reopened == [tracked]
    assert reconciler.is_last_stop(tracked.spec)
    tracker.track(OrderSpec("other", PERP, Side.BUY, D(4), OrderType.STOP_MARKET, stop_price=D(11),
                            reduce_only=True), 0)  # fmt: skip
    other = tracker.get("other")
    assert other is not None
    assert not reconciler.is_last_stop(other.spec)  # of a long, a buy stop protects nothing
    compared.venue.resting = (first, stop("s2"))
    picture = await reconciler.compare(_nothing)
    assert picture is not None
    assert picture.reopened == [tracked]
    assert not reconciler.is_last_stop(tracked.spec)


async def test_a_picture_that_is_disturbed_each_time_is_no_comparison() -> None:
    compared = Comparing()

    class Busy(Venue):
        async def holdings(self) -> Holdings:
            compared.reconciler.note_activity()
            return await super().holdings()

    compared.reconciler._venue = Busy()
    assert await compared.reconciler.compare(_nothing) is None
    assert compared.posted == []


async def test_what_is_on_its_way_is_named_as_left_out() -> None:
    compared = Comparing()
    compared.tracker.track(SPEC, 0)
    compared.tracker.apply([COUNTED])
    picture = await compared.reconciler.compare(_nothing)
    assert picture is not None
    assert picture.left_out == (PERP, MONEY)


async def test_a_clock_of_ours_that_is_ahead_asks_for_no_fills_of_the_future() -> None:
    compared, asked = Comparing(), list[int]()
    ours = compared.time.now()
    theirs = ours - 3_600 * SECOND

    class Dated(Venue):
        async def time(self) -> int:
            return theirs

        async def fills(self, symbol: str, since: int) -> list[VenueFill]:
            asked.append(since)
            return []

    compared.venue.__class__ = Dated
    compared.reconciler.since = ours
    report = await compared.report()
    assert report.told_at == theirs
    assert max(asked) <= theirs
    compared.time.seconds += 5
    assert (await compared.report()).told_at == theirs + 5 * SECOND
