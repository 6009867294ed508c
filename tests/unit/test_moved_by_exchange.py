"""Whose order a fill is of is asked ever later, where the exchange cannot find it."""

from __future__ import annotations

from decimal import Decimal

from tests.fixtures.books import PERP, SPOT, instruments
from tests.fixtures.fake_venue import FakeTime, SilentVenue, surroundings
from tradectl.domain.errors import AccessLost
from tradectl.domain.events import CloseCause, Event, ForeignTrade, PositionLiquidated
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.moved_by_exchange import MovedByExchange
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.our_side import OurSide
from tradectl.exchange.live.unplaced_fills import UnplacedFills
from tradectl.exchange.venue import VenueFill, VenueOrder

D = Decimal


class Expecting:
    """Books that expect 2 coins, and know no trade."""

    def cash(self) -> Decimal:
        return D(0)

    def quantity(self, symbol: str) -> Decimal:
        return D(2)

    def is_last_stop(self, stop: OrderSpec) -> bool:
        return False

    def income_until(self) -> int:
        return 0

    def compared_at(self) -> int:
        return 0

    def is_new(self, income_id: str, ts: int) -> bool:
        return True

    def is_new_trade(self, trade: ForeignTrade) -> bool:
        return True


class Forgetful(SilentVenue):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def find(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        self.asked += 1
        return None


def heard_at(
    symbol: str, venue: SilentVenue, time: FakeTime, posted: list[Event]
) -> tuple[UnplacedFills, MovedByExchange]:
    known = instruments()
    refused: list[AccessLost] = []

    def post(event: Event, _at: int) -> None:
        posted.append(event)

    tracker = OrderTracker("x", "account", known)
    reporter = ExecutionReporter("x", (symbol,), post, lambda: None, refused.append)
    at = surroundings(venue, time, (symbol,), post, reporter)
    side = OurSide(venue, known, Expecting())
    unplaced = UnplacedFills(at, Expecting(), side, tracker.fee_of, tracker.is_tagged)
    moved = MovedByExchange(at, Expecting(), side, unplaced)
    return unplaced, moved


async def test_an_order_that_cannot_be_found_is_asked_for_ever_later() -> None:
    time, venue, known = FakeTime(), Forgetful(), instruments()
    unplaced, moved = heard_at(SPOT, venue, time, [])
    unplaced.heard([VenueFill(SPOT, "t1", "v1", Side.SELL, D(1), D(100), ts=1)])
    holdings = Holdings({"USDT": D(0), known[SPOT].base: D(1)})
    for _ in range(3_600):
        if moved.is_missing(holdings, D(0)):
            await moved.ask(holdings)
        time.seconds += 1
    assert 5 <= venue.asked <= 20


def test_positions_that_it_closed_are_told_in_the_order_in_which_it_closed_them() -> None:
    """Each is of what the one before it had left, in whatever order they are heard of."""
    posted: list[Event] = []
    unplaced, _ = heard_at(PERP, SilentVenue(), FakeTime(), posted)
    deleveraged = VenueFill(PERP, "t2", "v2", Side.BUY, D(1), D(100), ts=2, forced=CloseCause.ADL)
    liquidated = VenueFill(
        PERP, "t1", "v1", Side.SELL, D(3), D(90), ts=1, forced=CloseCause.LIQUIDATION
    )
    unplaced.heard([deleveraged, liquidated])
    unplaced.tell_closed(busy=())
    closed = [event for event in posted if isinstance(event, PositionLiquidated)]
    assert [(event.ts, event.cause) for event in closed] == [
        (1, CloseCause.LIQUIDATION),
        (2, CloseCause.ADL),
    ]


class Hedged(SilentVenue):
    hedged = frozenset({PERP})


def test_what_it_closed_of_somebody_elses_side_is_not_ours_though_it_names_no_side() -> None:
    """A long is closed by a sale: of 2 coins that are expected, a purchase closes none."""
    posted: list[Event] = []
    unplaced, _ = heard_at(PERP, Hedged(), FakeTime(), posted)
    for number, side in enumerate((Side.BUY, Side.SELL)):
        name = f"{number}"
        fill = VenueFill(PERP, name, name, side, D(1), D(90), ts=1, forced=CloseCause.LIQUIDATION)
        unplaced.heard([fill])
    unplaced.tell_closed(busy=())
    assert [event.side for event in posted if isinstance(event, PositionLiquidated)] == [Side.SELL]
