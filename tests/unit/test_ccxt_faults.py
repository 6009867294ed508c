"""An exchange that lies, stalls and forgets: what the venue makes of it, through the real ccxt."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.loopback_venue import SYMBOL, VenueHarness, venue_harness
from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    VenueRefusal,
)
from tradectl.domain.orders import OrderStatus, OrderType
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.venue import Channel
from tradectl.testkit import FOREVER, LoopbackExchange

pytestmark = pytest.mark.virtual_time

CANARY = "canarykey" + "7" * 55
CANARY_SECRET = "canarysecret" + "8" * 52


@pytest.fixture
async def harness() -> AsyncIterator[VenueHarness]:
    async with venue_harness("spot", timeout_seconds=0.3) as opened:
        yield opened


@pytest.fixture
async def perpetual() -> AsyncIterator[VenueHarness]:
    async with venue_harness("perpetual", timeout_seconds=0.3) as opened:
        yield opened


PLACED_OR_NOT = [
    # the fault, its details, whether the order stands afterwards
    ("no-reply", {}, True),
    ("no-reply", {"placed": False}, False),
    ("empty", {}, True),
    ("empty", {"placed": False}, False),
    ("truncated", {}, True),
    ("cut", {}, True),
    ("reset", {}, True),
    ("reset", {"placed": False}, False),
    ("html", {"placed": True}, True),
    ("html", {}, False),
    ("html", {"status": 503}, False),
    ("503", {"placed": True}, True),
    ("error", {"code": -1006, "placed": True}, True),
    ("error", {"code": -1007, "placed": True}, True),
    ("late", {"seconds": 0.6}, True),
]


@pytest.mark.parametrize(("kind", "more", "stands"), PLACED_OR_NOT)
async def test_an_order_without_an_answer_is_of_unknown_fate_and_sent_once(
    harness: VenueHarness, kind: str, more: dict[str, Any], stands: bool
) -> None:
    harness.exchange.misbehave(kind, method="POST", path="order", **more)
    with pytest.raises(OutcomeUnknown):
        await harness.submit("buy", "0.5", "59000")
    assert harness.exchange.truth.accepted("cid-1") == int(stands)
    found = await harness.venue.find(SYMBOL, "cid-1", "")
    assert (found is not None) is stands
    posts = [
        e for e in harness.exchange.truth.log if e.kind == "request" and "POST" in str(e.detail)
    ]
    assert len(posts) <= 1


DEFINITE = [
    ("429", {"seconds": 7}, NotExecuted, 7),
    ("418", {"seconds": 7}, NotExecuted, 7),
    ("error", {"code": -1021, "count": 2}, NotExecuted, 0),  # the second with the clock put right
    ("error", {"code": -2010}, VenueRefusal, 0),
    ("error", {"code": -2015}, AccessLost, 0),
]


@pytest.mark.parametrize(("kind", "more", "becomes", "pause"), DEFINITE)
async def test_an_answer_that_is_definite_is_taken_as_it_is(
    harness: VenueHarness,
    kind: str,
    more: dict[str, Any],
    becomes: type[ExchangeError],
    pause: float,
) -> None:
    harness.exchange.misbehave(kind, method="POST", path="order", **more)
    with pytest.raises(becomes) as raised:
        await harness.submit("buy", "0.5", "59000")
    assert harness.exchange.truth.accepted("cid-1") == 0
    assert getattr(raised.value, "retry_after", 0) == pytest.approx(pause, abs=1)


@pytest.mark.parametrize("kind", ["no-reply", "empty", "truncated", "cut", "html", "503"])
async def test_a_read_without_an_answer_may_be_asked_again(
    harness: VenueHarness, kind: str
) -> None:
    await harness.submit("buy", "0.5", "59000")
    reads: dict[str, Callable[[], Awaitable[Any]]] = {
        "order": lambda: harness.venue.find(SYMBOL, "cid-1", ""),
        "openOrders": harness.venue.open_orders,
        "myTrades": lambda: harness.venue.fills(SYMBOL, 0),
        "account": harness.venue.holdings,
        "time": harness.venue.clock_offset,
        "trades": lambda: harness.venue.recent_trades(SYMBOL, 0),
        "bookTicker": lambda: harness.venue.quote(SYMBOL),
    }
    for path, read in reads.items():
        harness.exchange.misbehave(kind, method="GET", path=path)
        with pytest.raises(NotExecuted):
            await read()
        assert await read() is not None


@pytest.mark.parametrize("body", ["{}", "null", "[", '"yes"', "5", " "])
@pytest.mark.parametrize("kind", ["spot", "perpetual"])
async def test_an_answer_that_says_nothing_is_not_taken_for_you_have_nothing(
    kind: str, body: str
) -> None:
    async with venue_harness(kind) as harness:
        harness.venue._at.client.on_rest_response = lambda *_: body
        reads: list[Callable[[], Awaitable[Any]]] = [
            harness.venue.holdings,
            harness.venue.open_orders,
            lambda: harness.venue.fills(SYMBOL, 0),
            lambda: harness.venue.find(SYMBOL, "cid-1", ""),
        ]
        for read in reads:
            with pytest.raises(NotExecuted):
                await read()
        with pytest.raises(OutcomeUnknown):
            await harness.submit("buy", "0.5", "59000")


@pytest.mark.parametrize("kind", ["no-reply", "empty", "truncated", "cut", "html"])
async def test_a_cancel_without_an_answer_is_of_unknown_fate(
    harness: VenueHarness, kind: str
) -> None:
    await harness.submit("buy", "0.5", "59000")
    harness.exchange.misbehave(kind, method="DELETE", path="order", placed=True)
    with pytest.raises(OutcomeUnknown):
        await harness.venue.cancel(SYMBOL, "cid-1", "")
    found = await harness.venue.find(SYMBOL, "cid-1", "")
    assert found is not None
    assert found.status is OrderStatus.CANCELED


async def test_a_stop_whose_cancel_was_answered_and_then_nothing(perpetual: VenueHarness) -> None:
    """The answer to the cancel of a stop says yes and no more; the look after it fails."""
    await perpetual.submit("buy", "0.5")
    sent = await perpetual.submit(
        "sell", "0.4", type=OrderType.STOP_MARKET, stop_price=Decimal(59000)
    )
    perpetual.exchange.misbehave("no-reply", method="GET", path="algoOrder")
    perpetual.exchange.misbehave("no-reply", method="GET", path="order")
    with pytest.raises(OutcomeUnknown):
        await perpetual.venue.cancel(SYMBOL, "cid-2", sent.venue_order_id)


async def test_a_dead_man_switch_that_does_not_answer(perpetual: VenueHarness) -> None:
    for kind in ("no-reply", "empty", "truncated"):
        perpetual.exchange.misbehave(kind, method="POST", path="countdownCancelAll")
        with pytest.raises(OutcomeUnknown):
            await perpetual.venue.arm_dead_man([SYMBOL], 60)


async def test_an_order_that_is_forgotten_for_a_while_is_not_found(harness: VenueHarness) -> None:
    harness.exchange.misbehave("forget", method="POST", path="order", seconds=0.2)
    await harness.submit("buy", "0.5", "59000")
    assert await harness.venue.find(SYMBOL, "cid-1", "") is None
    async with asyncio.timeout(60):
        while await harness.venue.find(SYMBOL, "cid-1", "") is None:
            pass
    assert harness.exchange.truth.accepted("cid-1") == 1


async def test_turned_away_all_but_cancels_and_looks_keep_away(harness: VenueHarness) -> None:
    await harness.submit("buy", "0.5", "59000")
    harness.exchange.misbehave("429", method="GET", path="bookTicker", seconds=30)
    with pytest.raises(NotExecuted):
        await harness.venue.quote(SYMBOL)
    with pytest.raises(NotExecuted, match="rate limit") as raised:
        await harness.submit("buy", "0.5", "58000")
    assert raised.value.retry_after == pytest.approx(30, abs=2)
    assert harness.exchange.truth.accepted("cid-2") == 0
    assert await harness.venue.find(SYMBOL, "cid-1", "") is not None
    assert await harness.venue.cancel(SYMBOL, "cid-1", "") is not None


async def test_banned_nobody_asks(harness: VenueHarness) -> None:
    harness.exchange.misbehave("418", method="GET", path="bookTicker", seconds=30)
    with pytest.raises(NotExecuted):
        await harness.venue.quote(SYMBOL)
    with pytest.raises(NotExecuted, match="rate limit"):
        await harness.venue.cancel(SYMBOL, "cid-1", "")


async def test_a_cancelled_submit_stays_a_cancellation(harness: VenueHarness) -> None:
    harness.exchange.misbehave("no-reply", method="POST", path="order")
    task = asyncio.create_task(harness.submit("buy", "0.5", "59000"))
    await harness.exchange.until(lambda: harness.exchange.truth.accepted("cid-1"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("seconds", [3600, -3600, 30, -3])
async def test_a_clock_that_is_set_while_we_run_is_put_right_and_the_order_is_placed_once(
    harness: VenueHarness, seconds: float
) -> None:
    harness.exchange.skew_clock(seconds)
    await harness.submit("buy", "0.5", "59000")
    assert harness.exchange.truth.accepted("cid-1") == 1


async def test_an_exchange_that_went_away_took_no_order() -> None:
    async with venue_harness("spot") as harness:
        await harness.exchange._server.stop()
        with pytest.raises(NotExecuted):
            await harness.venue.clock_offset()  # and with it goes the connection that was kept
        with pytest.raises(NotExecuted):
            await harness.submit("buy", "0.5", "59000")
        await harness.exchange._server.start(harness.exchange.port)
        assert harness.exchange.truth.accepted("cid-1") == 0


def all_calls(
    venue: CcxtVenue, harness: VenueHarness, ours: str
) -> list[Callable[[], Awaitable[Any]]]:
    return [
        venue.holdings,
        venue.open_orders,
        lambda: venue.submit(harness.spec("buy", "0.5"), ours),
        lambda: venue.cancel(SYMBOL, ours, ""),
        lambda: venue.find(SYMBOL, ours, ""),
        lambda: venue.fills(SYMBOL, 0),
        lambda: venue.stream_account(lambda _: None),
        lambda: venue.stream(Channel.BOOK, [SYMBOL], lambda _: None),
    ]


async def said(call: Callable[[], Awaitable[Any]]) -> str:
    """The traceback of what goes wrong with a call, as anybody would print it."""
    try:
        async with asyncio.timeout(0.3):
            await call()
    except (ExchangeError, TimeoutError) as error:
        return "".join(traceback.format_exception(error))
    return ""


@pytest.mark.parametrize("kind", ["spot", "perpetual"])
async def test_a_canary_key_is_seen_nowhere(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """In no message, cause, context or log at debug level, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    async with LoopbackExchange() as exchange:
        exchange.add_account("canary", CANARY, CANARY_SECRET)
        exchange.quote(SYMBOL, "59990", "60010")
        harness = VenueHarness(exchange, kind, timeout_seconds=0.1)
        venue = harness.venue = CcxtVenue(
            harness.settings, {SYMBOL: SYMBOL}, Credentials(CANARY, CANARY_SECRET)
        )
        await venue.open()
        for fault in ("no-reply", "empty", "truncated", "cut", "reset", "html", "503", "418"):
            exchange.misbehave(fault, path="*", count=FOREVER)
            texts += [await said(call) for call in all_calls(venue, harness, f"c-{fault}")]
            exchange.behave()
        texts += [repr(venue), repr(harness.settings)]
        await venue.close()
    shown = "\n".join(texts) + caplog.text
    assert len([text for text in texts if text]) > 50
    for hidden in (CANARY, CANARY_SECRET, "canarykey", "canarysecret", "signature=", "listenKey="):
        assert hidden not in shown
