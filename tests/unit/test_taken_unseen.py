"""An order that the exchange says no more than yes to, and then denies the look at it: it rests."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import ccxt
import pytest

from tests.fixtures.books import PERP, RUN, instruments
from tests.fixtures.ccxt_markets import client, markets, reports
from tests.fixtures.rows import each_row
from tradectl.domain.errors import AccessLost, OutcomeUnknown
from tradectl.domain.events import OrderAccepted
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.client import CALL
from tradectl.exchange.ccxt_venue.errors import ErrorRules
from tradectl.exchange.ccxt_venue.order_calls import OrderCalls
from tradectl.exchange.ccxt_venue.position_modes import PositionModes
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.live.order_submitter import OrderSubmitter
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.venue import TakenUnseen, VenueOrder

SPEC = OrderSpec("o", "BTCUSDT", Side.BUY, Decimal("0.1"), OrderType.LIMIT, Decimal(50_000))
DENIED = [
    ccxt.AuthenticationError('binance {"code":-2014,"msg":"API-key format invalid."}'),
    ccxt.PermissionDenied('binance {"code":-2015,"msg":"Invalid API-key, IP, or permissions."}'),
]


def calls(venue_id: str, then: Exception) -> OrderCalls:
    """It answers yes, with this id, and `then` to whoever looks."""
    exchange = client()

    async def yes(*_asked: Any) -> dict[str, Any]:
        return {"id": venue_id, "status": None, "info": {"ok": "1"}}

    async def no(*_asked: Any) -> None:
        reply = CALL.get()
        assert reply is not None
        reply.sent = True
        raise then

    exchange.create_order, exchange.fetch_order = yes, no
    caller, quirks = Caller(RateLimiter(100, 100, 10), ErrorRules()), table_of("binance").quirks
    modes = PositionModes(exchange, caller, markets(), None, ())
    return OrderCalls(exchange, caller, markets(), reports(), quirks, "spot", modes)


@pytest.mark.parametrize("then", DENIED)
async def test_with_an_id_it_is_accepted_and_the_lost_access_told_beside_it(
    then: Exception,
) -> None:
    with pytest.raises(TakenUnseen, match="cid-1 was taken, and then: ") as lost:
        await calls("77", then).submit(SPEC, "cid-1", lambda: None)
    order = lost.value.order
    assert (order.venue_order_id, order.client_order_id) == ("77", "cid-1")
    assert (order.status, order.quantity) == (OrderStatus.ACCEPTED, SPEC.quantity)


@each_row("then", [*DENIED, ccxt.RequestTimeout("busy"), KeyError("status")])
async def test_without_an_id_its_fate_is_unknown(then: Exception) -> None:
    with pytest.raises(OutcomeUnknown, match="cid-1 was taken, and then: "):
        await calls("", then).submit(SPEC, "cid-1", lambda: None)


@pytest.mark.parametrize("then", [ccxt.RequestTimeout("busy"), KeyError("status")])
async def test_a_look_that_fails_otherwise_leaves_it_accepted(then: Exception) -> None:
    order = await calls("77", then).submit(SPEC, "cid-1", lambda: None)
    assert (order.venue_order_id, order.status) == ("77", OrderStatus.ACCEPTED)


@pytest.mark.parametrize("is_taken", [True, False])
async def test_it_is_booked_as_accepted_and_the_access_as_lost(is_taken: bool) -> None:
    tracker, said, lost = OrderTracker("venue", RUN, instruments()), list[Any](), list[Any]()
    spec = OrderSpec("o", PERP, Side.BUY, Decimal(1), OrderType.LIMIT, Decimal(50))
    tracked = tracker.track(spec, 0)
    assert tracked is not None

    async def submit(_spec: OrderSpec, ours: str, _check: object) -> VenueOrder:
        if not is_taken:
            raise AccessLost("denied")
        order = VenueOrder(PERP, "v1", ours, Side.BUY, OrderStatus.ACCEPTED, Decimal(1))
        raise TakenUnseen("taken, and then: denied", order)

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
        answered=lambda _at: None,
        refused=unused,
        is_needed=unused,
        monotonic=lambda: 0.0,
        sleep=unused,
    )
    await submitter.submit(unused, tracked)
    assert (type(said[0]) is OrderAccepted, len(said), len(lost)) == (is_taken, 1, 1)
    assert (tracked.venue_id, tracked.is_over) == (("v1", False) if is_taken else ("", True))
