"""What is said of an order whose cancel is asked for while nobody knows yet whether it left."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.fixtures.books import PERP, RUN, instruments
from tradectl.domain.errors import AccessLost, VenueRefusal
from tradectl.domain.events import CancelRejected, OrderRejected
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType, client_order_id
from tradectl.domain.refusals import RefusalCause
from tradectl.exchange.live.order_submitter import OrderSubmitter
from tradectl.exchange.live.order_tracker import OrderTracker, Reports
from tradectl.exchange.venue import VenueOrder

D = Decimal
STOP = OrderSpec(
    "stop", PERP, Side.SELL, D(1), OrderType.STOP_MARKET, stop_price=D(90), reduce_only=True
)


async def test_that_a_stop_is_needed_again_is_said_only_once_it_is_there() -> None:
    tracker, said = OrderTracker("venue", RUN, instruments()), list[Any]()
    tracked = tracker.track(STOP, 0)
    assert tracked is not None
    waits = 0

    def report(reports: Reports) -> None:
        said.extend(reports)

    async def sleep(_seconds: float) -> None:
        nonlocal waits
        waits += 1
        assert not said  # it may still be held back, and be denied then
        if waits == 3:
            client_id = client_order_id(RUN, STOP.order_id)
            rests = VenueOrder(PERP, "v1", client_id, STOP.side, OrderStatus.ACCEPTED, D(1), D(0))
            tracker.apply([rests])

    unused: Any = None
    reporter: Any = SimpleNamespace(report=report, problem_over=lambda _kind: None)
    submitter = OrderSubmitter(
        unused,
        tracker,
        unused,
        reporter,
        unused,
        pre_send_check=unused,
        make_safe=unused,
        answered=unused,
        refused=unused,
        is_needed=lambda _stop: True,
        monotonic=lambda: 0.0,
        sleep=sleep,
    )
    await submitter.cancel(STOP.order_id)
    assert waits == 3
    assert [type(each) for each in said] == [CancelRejected]


async def test_what_is_refused_is_told_where_asking_why_shows_that_the_keys_are() -> None:
    """A doubt about the keys, and no fault of ours that halts."""
    tracker, said, lost = OrderTracker("venue", RUN, instruments()), list[Any](), list[Any]()
    spec = OrderSpec("exit", PERP, Side.SELL, D(1), reduce_only=True)
    tracked = tracker.track(spec, 0)
    assert tracked is not None
    asked: list[tuple[RefusalCause, str]] = []

    async def submit(_spec: OrderSpec, _ours: str, _check: object) -> VenueOrder:
        raise VenueRefusal("hedge mode", RefusalCause.POSITION_SIDE)

    async def refused(cause: RefusalCause, symbol: str) -> None:
        asked.append((cause, symbol))
        raise AccessLost("denied")

    unused: Any = None
    reporter: Any = SimpleNamespace(report=said.extend, access_refused=lost.append)
    venue: Any = SimpleNamespace(submit=submit)
    submitter = OrderSubmitter(
        venue,
        tracker,
        unused,
        reporter,
        unused,
        pre_send_check=unused,
        make_safe=unused,
        answered=unused,
        refused=refused,
        is_needed=unused,
        monotonic=lambda: 0.0,
        sleep=unused,
    )
    await submitter.submit(unused, tracked)
    assert asked == [(RefusalCause.POSITION_SIDE, PERP)]
    assert [type(each) for each in said] == [OrderRejected]
    assert [str(each) for each in lost] == ["denied"]
