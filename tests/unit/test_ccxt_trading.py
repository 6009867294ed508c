"""Orders sent, found, listed and cancelled, against an exchange on this machine: spot and perpetual."""

from __future__ import annotations

import decimal
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.loopback_venue import KINDS, SYMBOL, VenueHarness, venue_harness
from tradectl.domain.errors import OutcomeUnknown, VenueRefusal
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus, OrderType, TimeInForce

pytestmark = pytest.mark.virtual_time


@pytest.fixture(params=KINDS)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[VenueHarness]:
    async with venue_harness(request.param) as opened:
        yield opened


async def test_a_market_order_is_filled(harness: VenueHarness) -> None:
    order = await harness.submit("buy", "0.5")
    assert (order.symbol, order.client_order_id) == (SYMBOL, "cid-1")
    assert (order.status, order.type) == (OrderStatus.FILLED, OrderType.MARKET)
    assert order.filled == order.quantity == Decimal("0.5")
    (fill,) = await harness.venue.fills(SYMBOL, 0)
    assert (fill.quantity, fill.price) == (Decimal("0.5"), Decimal(60010))
    assert (fill.venue_order_id, fill.client_order_id) == (order.venue_order_id, "cid-1")
    assert fill.fee_currency == ("BTC" if harness.kind == "spot" else "USDT")
    if order.fills:
        assert [f.trade_id for f in order.fills] == [fill.trade_id]


async def test_ccxt_does_not_change_how_our_decimals_are_rounded(harness: VenueHarness) -> None:
    """It sets rounding and traps of whatever decimal context it runs in, at every order."""
    before = decimal.getcontext().copy()
    assert Decimal("0.5").quantize(Decimal(1)) == 0
    await harness.submit("buy", "0.1")
    await harness.submit("buy", "0.1", "59000")
    await harness.venue.open_orders()
    after = decimal.getcontext()
    assert (after.rounding, after.traps) == (before.rounding, before.traps)
    assert Decimal("0.5").quantize(Decimal(1)) == 0


async def test_a_limit_order_rests_is_found_and_is_cancelled(harness: VenueHarness) -> None:
    sent = await harness.submit("buy", "0.5", "59000.05")
    assert (sent.status, sent.filled) == (OrderStatus.ACCEPTED, 0)
    assert sent.price == (Decimal("59000.05") if harness.kind == "spot" else Decimal(59000))
    assert await harness.venue.find(SYMBOL, "cid-1", "") == sent
    by_their_id = await harness.venue.find(SYMBOL, "", sent.venue_order_id)
    assert by_their_id is not None
    assert by_their_id.client_order_id == "cid-1"
    assert [o.client_order_id for o in await harness.venue.open_orders()] == ["cid-1"]
    assert [o.client_order_id for o in await harness.venue.open_orders([SYMBOL])] == ["cid-1"]

    gone = await harness.venue.cancel(SYMBOL, "cid-1", "")
    assert gone is not None
    assert (gone.status, gone.client_order_id) == (OrderStatus.CANCELED, "cid-1")
    assert await harness.venue.open_orders() == []
    assert await harness.venue.cancel(SYMBOL, "cid-1", "") is None
    found = await harness.venue.find(SYMBOL, "cid-1", sent.venue_order_id)
    assert found is not None
    assert found.status is OrderStatus.CANCELED


async def test_a_cancel_by_the_exchanges_id_alone(harness: VenueHarness) -> None:
    sent = await harness.submit("buy", "0.5", "59000")
    gone = await harness.venue.cancel(SYMBOL, "", sent.venue_order_id)
    assert gone is not None
    assert gone.status is OrderStatus.CANCELED


async def test_an_order_that_nobody_sent_is_not_found(harness: VenueHarness) -> None:
    assert await harness.venue.find(SYMBOL, "never", "") is None
    assert await harness.venue.find(SYMBOL, "", "123456789") is None
    assert await harness.venue.cancel(SYMBOL, "never", "") is None


async def test_a_part_that_was_filled_before_the_cancel_is_told(harness: VenueHarness) -> None:
    await harness.submit("buy", "0.5", "60000")
    harness.trade("60000", "0.2")
    gone = await harness.venue.cancel(SYMBOL, "cid-1", "")
    assert gone is not None
    assert (gone.status, gone.filled) == (OrderStatus.CANCELED, Decimal("0.2"))


async def test_times_in_force(harness: VenueHarness) -> None:
    harness.quote("59990", "60010", "0.5")
    ioc = await harness.submit("buy", "1.6", "60010", time_in_force=TimeInForce.IOC)
    assert ioc.status in (OrderStatus.EXPIRED, OrderStatus.CANCELED)
    assert 0 < ioc.filled < Decimal("1.6")
    harness.quote("990", "1010", "0.5")
    if harness.kind == "perpetual":
        with pytest.raises(VenueRefusal, match="FOK"):
            await harness.submit("buy", "5", "1010", time_in_force=TimeInForce.FOK)
        return
    fok = await harness.submit("buy", "5", "1010", time_in_force=TimeInForce.FOK)
    assert (fok.status, fok.filled) == (OrderStatus.EXPIRED, 0)


async def test_post_only_that_would_take_is_not_placed(harness: VenueHarness) -> None:
    try:
        order = await harness.submit("buy", "0.5", "60010", post_only=True)
    except VenueRefusal:
        return
    assert (order.status, order.filled) == (OrderStatus.EXPIRED, 0)


async def test_post_only_that_rests(harness: VenueHarness) -> None:
    order = await harness.submit("buy", "0.5", "59990", post_only=True)
    assert order.status is OrderStatus.ACCEPTED


async def test_refused_by_the_exchange(harness: VenueHarness) -> None:
    with pytest.raises(VenueRefusal):
        await harness.submit("buy", "900", "50000")
    assert harness.exchange.truth.accepted("cid-1") == 0


async def test_our_id_used_twice_may_be_our_own_order(harness: VenueHarness) -> None:
    await harness.submit("buy", "0.5", "59000")
    with pytest.raises(OutcomeUnknown):
        await harness.venue.submit(harness.spec("buy", "0.5", "59000"), "cid-1")
    assert harness.exchange.truth.accepted("cid-1") == 1


async def test_orders_of_others_are_shown(harness: VenueHarness) -> None:
    harness.exchange.outside_order(
        "main", "ETHUSDT", "buy", "1", "2000", market=harness.market, client_order_id="web_1"
    )
    (order,) = await harness.venue.open_orders()
    assert (order.symbol, order.client_order_id) == ("ETHUSDT", "web_1")
    assert await harness.venue.open_orders([SYMBOL]) == []


async def test_a_stop_rests_is_listed_and_is_cancelled(harness: VenueHarness) -> None:
    await harness.submit("buy", "0.5")
    sent = await harness.submit(
        "sell",
        "0.4",
        "58000",
        type=OrderType.STOP_LIMIT,
        stop_price=Decimal(58500),
        reduce_only=True,
    )
    assert (sent.status, sent.type) == (OrderStatus.ACCEPTED, OrderType.STOP_LIMIT)
    assert [sent.price, sent.stop_price] == [58000, 58500]
    assert sent.venue_order_id.startswith("stop:") is (harness.kind == "perpetual")
    assert [o.venue_order_id for o in await harness.venue.open_orders()] == [sent.venue_order_id]
    for ours, theirs in (("cid-2", ""), ("", sent.venue_order_id)):
        found = await harness.venue.find(SYMBOL, ours, theirs)
        assert found is not None
        assert found.client_order_id == "cid-2"
        assert found.stop_price == 58500
    gone = await harness.venue.cancel(SYMBOL, "cid-2", sent.venue_order_id)
    assert gone is not None
    assert (gone.status, gone.client_order_id) == (OrderStatus.CANCELED, "cid-2")
    assert await harness.venue.open_orders() == []


async def test_a_stop_that_was_triggered_is_found_as_what_it_became(harness: VenueHarness) -> None:
    await harness.submit("buy", "0.5")
    await harness.submit("sell", "0.4", type=OrderType.STOP_MARKET, stop_price=Decimal(59000))
    harness.quote("58900", "58920")
    harness.trade("58900", "0.1")
    found = await harness.venue.find(SYMBOL, "cid-2", "")
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.FILLED, Decimal("0.4"))
    assert found.client_order_id == "cid-2"
    fills = await harness.venue.fills(SYMBOL, 0)
    assert [fill.quantity for fill in fills if fill.side is Side.SELL] == [Decimal("0.4")]
    assert fills[-1].client_order_id == "cid-2"


async def test_fills_come_by_pages_and_none_is_missed(harness: VenueHarness) -> None:
    harness.quote("59990", "60010", "200000")
    await harness.submit("buy", "0.05", "60005")
    for _ in range(25):
        harness.trade("60005", "0.001" if harness.kind == "perpetual" else "0.002")
    whole = await harness.venue.fills(SYMBOL, 0)
    account = harness.venue._at.account
    account._quirks = replace(account._quirks, fills_limit=3)
    assert await harness.venue.fills(SYMBOL, 0) == whole
    account._quirks = replace(account._quirks, fills_limit=None, fills_from_id="")
    assert await harness.venue.fills(SYMBOL, 0) == whole
    assert len(whole) == 25
    assert [fill.ts for fill in whole] == sorted(fill.ts for fill in whole)
    since = whole[10].ts
    assert await harness.venue.fills(SYMBOL, since) == [fill for fill in whole if fill.ts >= since]


async def test_two_orders_of_ours_that_trade_with_each_other_have_a_fill_each(
    harness: VenueHarness,
) -> None:
    await harness.submit("buy", "0.5")
    harness.quote("59000", "61000")
    await harness.submit("buy", "0.1", "60000")
    await harness.submit("sell", "0.1", "60000")
    account = harness.venue._at.account
    for limit in (1000, 3):
        account._quirks = replace(account._quirks, fills_limit=limit)
        _, ours, theirs = await harness.venue.fills(SYMBOL, 0)
        assert ours.trade_id == theirs.trade_id
        assert {ours.side, theirs.side} == {Side.BUY, Side.SELL}
        assert {ours.client_order_id, theirs.client_order_id} == {"cid-2", "cid-3"}
