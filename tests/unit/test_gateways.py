"""One contract for every gateway: on paper, to a real exchange, and none.

Whoever stops or compares a system asks its gateway without knowing which one it is. Each answers, none
raises for an exchange's reason, and what protects a position stays where that is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.fake_venue import SilentVenue
from tradectl.adapters.gateway import Gateway, NoGateway
from tradectl.adapters.live_gateway import LiveGateway
from tradectl.adapters.paper_gateway import PaperGateway
from tradectl.bus.clock import DataClock
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import Acceptance
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType, client_order_id
from tradectl.exchange.base import Accepted, Whose
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.live_exchange import LiveExchange
from tradectl.exchange.venue import VenueOrder

SYMBOL = "BTCUSDT"
ACCOUNT = "20240808T235415342-0a1b"
AT = 1_723_161_255_000_000_000
ONE = Decimal(1)
WITHIN_S = 5.0


def working(order_id: str, order_type: OrderType, *, reduce_only: bool = False) -> Order:
    price = Decimal(50) if order_type.has_limit else None
    stop = Decimal(40) if order_type.is_stop else None
    side = Side.SELL if reduce_only else Side.BUY
    spec = OrderSpec(order_id, SYMBOL, side, ONE, order_type, price, stop, reduce_only=reduce_only)
    return Order(spec, AT, AT, OrderStatus.ACCEPTED, venue_order_id=f"P{order_id[2]}")


ENTRY = working("r-1-1", OrderType.LIMIT)
STOP = working("r-2-1", OrderType.STOP_MARKET, reduce_only=True)
ORDERS = (ENTRY, STOP)


class AccountVenue(SilentVenue):
    """A venue that has open orders, ours and one of somebody else's."""

    def __init__(self, name: str = "fake") -> None:
        super().__init__(name)
        self.orders = [self._as_there(order) for order in ORDERS]
        self.orders.append(VenueOrder(SYMBOL, "P9", "web_1", Side.BUY, OrderStatus.ACCEPTED, ONE))
        self.answers = True

    @staticmethod
    def _as_there(order: Order) -> VenueOrder:
        spec = order.spec
        ours = client_order_id(ACCOUNT, spec.order_id)
        return VenueOrder(
            SYMBOL,
            order.venue_order_id,
            ours,
            spec.side,
            OrderStatus.ACCEPTED,
            ONE,
            type=spec.type,
        )

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        if not self.answers:
            raise NotExecuted("it is away")
        return list(self.orders)

    async def cancel(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        self.orders = [o for o in self.orders if o.venue_order_id != venue_order_id]
        return None

    async def holdings(self) -> Holdings:
        return Holdings({Instrument.guess(SYMBOL).base: ONE})


def paper() -> Gateway:
    return PaperGateway(EventBus(clock=DataClock(AT)), Instruments())


def live(*venues: AccountVenue) -> LiveGateway:
    settings, known = ExchangeSettings(id="binance"), Instruments()
    return LiveGateway(
        LiveExchange(
            venue, settings, (SYMBOL,), ACCOUNT, known, lambda _event, _at: None, now=lambda: AT
        )
        for venue in venues
    )


GATEWAYS = {"paper": paper, "live": lambda: live(AccountVenue()), "none": NoGateway}


@pytest.fixture(params=GATEWAYS)
async def gateway(request: pytest.FixtureRequest) -> Gateway:
    made: Gateway = GATEWAYS[request.param]()
    made.guard(lambda _command: "")
    made.attach_read_only()
    made.bind()
    made.restore(ORDERS, {SYMBOL: ONE})
    return made


async def open_in(gateway: Gateway) -> int:
    proofs = await gateway.proof(everything=False, within=WITHIN_S)
    return sum(len(proof.open_orders) for proof in proofs)


async def test_a_gateway_proves_what_is_open_and_held(gateway: Gateway) -> None:
    proofs = await gateway.proof(everything=False, within=WITHIN_S)
    assert len(proofs) == gateway.connected
    for proof in proofs:
        assert not proof.error
        assert proof.held[SYMBOL] == ONE
        assert {order.venue_order_id for order in proof.open_orders} == {"P1", "P2"}
        assert all(order.ours and order.symbol == SYMBOL for order in proof.open_orders)
    await gateway.stop()


async def test_a_gateway_cancels_all_but_what_protects_a_position(gateway: Gateway) -> None:
    if not gateway.connected:
        assert await gateway.cancel_all(keep_protection=True, within=WITHIN_S) == []
        return
    [cancelled] = await gateway.cancel_all(keep_protection=True, within=WITHIN_S)
    assert (len(cancelled.orders), cancelled.error) == (1, "")
    [proof] = await gateway.proof(everything=False, within=WITHIN_S)
    assert [order.venue_order_id for order in proof.open_orders] == ["P2"]
    [cancelled] = await gateway.cancel_all(keep_protection=False, within=WITHIN_S)
    assert len(cancelled.orders) == 1
    assert await open_in(gateway) == 0
    await gateway.stop()


async def test_what_the_books_know_is_not_cancelled_as_unknown(gateway: Gateway) -> None:
    for whose in (Whose.OURS_UNKNOWN, Whose.ALL_UNKNOWN):
        await gateway.cancel_all(keep_protection=False, whose=whose, within=WITHIN_S)
        assert await open_in(gateway) == 2 * gateway.connected
    await gateway.stop()


async def test_a_gateway_is_compared_and_ends(gateway: Gateway) -> None:
    await gateway.reconcile()
    await gateway.reconcile(accepted=Accepted(Acceptance.POSITION))
    assert all(status.symbols == (SYMBOL,) for status in gateway.status())
    assert len(gateway.status()) == gateway.remote
    gateway.leave_switch_armed()
    await gateway.quiesce()
    await gateway.stop()


async def test_orders_of_others_go_only_when_everything_is_meant() -> None:
    venue = AccountVenue()
    gateway = live(venue)
    [ours] = await gateway.proof(everything=False, within=WITHIN_S)
    [everybody] = await gateway.proof(everything=True, within=WITHIN_S)
    assert [o.known_as for o in everybody.open_orders if not o.ours] == ["web_1"]
    assert all(order.ours for order in ours.open_orders)
    await gateway.cancel_all(keep_protection=False, within=WITHIN_S)
    assert [order.client_order_id for order in venue.orders] == ["web_1"]
    await gateway.cancel_all(keep_protection=False, whose=Whose.ALL_UNKNOWN, within=WITHIN_S)
    assert not venue.orders


async def test_an_exchange_that_is_away_or_hangs_keeps_no_other_from_answering() -> None:
    away, hanging, well = AccountVenue("away"), AccountVenue("hanging"), AccountVenue("well")
    away.answers = False
    hanging.holdings = asyncio.Event().wait  # type: ignore[method-assign,assignment]  # never answers
    first, second, third = await live(away, hanging, well).proof(everything=False, within=0.05)
    assert (first.error, second.error) == ("it is away", "it did not answer in time")
    assert (len(third.open_orders), third.error) == (2, "")


async def test_whatever_breaks_at_an_exchange_is_told_of_that_one_and_the_others_answer() -> None:
    def broken(*_asked: object, **_more: object) -> None:
        raise KeyError("orderId")

    odd, well = AccountVenue("odd"), AccountVenue("well")
    odd.open_orders = broken  # type: ignore[method-assign,assignment]
    gateway = live(odd, well)
    first, second = await gateway.proof(everything=False, within=WITHIN_S)
    assert (first.error, second.error) == ("KeyError: 'orderId'", "")
    cancelled = await gateway.cancel_all(keep_protection=False, within=WITHIN_S)
    assert [(c.error != "", len(c.orders)) for c in cancelled] == [(True, 0), (False, 2)]
    for within in (0, WITHIN_S):
        compared = await gateway.reconcile(within=within)
        assert [told.error != "" for told in compared] == [True, False]


def test_nobody_asks_which_gateway_it_is() -> None:
    """Behaviour that depends on the kind of gateway belongs into the gateway."""
    package = Path(__file__).parents[2] / "tradectl"
    kinds = ("LiveGateway)", "PaperGateway)", "NoGateway)")
    for path in package.rglob("*.py"):
        lines = path.read_text().splitlines()
        asked = [ln for ln in lines if "isinstance" in ln and any(kind in ln for kind in kinds)]
        assert not asked, f"{path}: {asked}"
