"""A venue opened, asked and listened to, against an exchange on this machine: spot and perpetual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.loopback_venue import (
    KINDS,
    SYMBOL,
    News,
    VenueHarness,
    stopped,
    user_stream,
    venue_harness,
)
from tests.fixtures.rows import each_row
from tradectl.domain.errors import AccessLost, NotExecuted, UsageError, VenueRefusal
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus, OrderType
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.ccxt_venue.client import make_client
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import Abilities, Channel, Permissions, Venue, VenueOrder
from tradectl.testkit import LoopbackExchange

pytestmark = pytest.mark.virtual_time


@pytest.fixture(params=KINDS)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[VenueHarness]:
    async with venue_harness(request.param) as opened:
        yield opened


@pytest.fixture
async def spot() -> AsyncIterator[VenueHarness]:
    async with venue_harness("spot") as opened:
        yield opened


@pytest.fixture
async def perpetual() -> AsyncIterator[VenueHarness]:
    async with venue_harness("perpetual") as opened:
        yield opened


# --- opening ------------------------------------------------------------------------------------------


def test_it_is_a_venue() -> None:
    venue: Venue = CcxtVenue(ExchangeSettings(id="binance", name="main"), {SYMBOL: SYMBOL})
    assert venue.name == "main"
    with pytest.raises(NotExecuted, match="not open"):
        venue.instrument(SYMBOL)


async def test_it_says_what_it_can(harness: VenueHarness) -> None:
    is_spot = harness.kind == "spot"
    assert harness.venue.abilities == Abilities(
        tuple(Channel),
        True,
        order_stream=True,
        fill_stream=True,
        dead_man=not is_spot,
        stop_orders=True,
        income=not is_spot,
        rate=20.0 if is_spot else 40.0,
    )


async def test_rules(harness: VenueHarness) -> None:
    rules = harness.venue.instrument(SYMBOL)
    kind = InstrumentKind.SPOT if harness.kind == "spot" else InstrumentKind.PERPETUAL
    assert (rules.symbol, rules.base, rules.quote, rules.kind) == (SYMBOL, "BTC", "USDT", kind)
    assert [info.unified for info in harness.venue.markets() if info.symbol == SYMBOL] == [
        "BTC/USDT" if harness.kind == "spot" else "BTC/USDT:USDT"
    ]
    with pytest.raises(UsageError, match=r"unknown symbol 'BTCUSDX'.*BTC/USDT"):
        harness.venue.instrument("BTCUSDX")


async def test_an_unknown_symbol_or_exchange_is_a_wrong_usage() -> None:
    async with LoopbackExchange() as exchange:
        settings = ExchangeSettings(id="binance", url=exchange.url)
        with pytest.raises(UsageError, match="unknown symbol"):
            await CcxtVenue(settings, {"BTC/USDT:USDT": "BTC/USDT:USDT"}).open()
        with pytest.raises(UsageError, match="did you mean binance"):
            await CcxtVenue(ExchangeSettings(id="binanse"), {}).open()


async def test_keys_that_are_refused_are_lost_access() -> None:
    async with LoopbackExchange() as exchange:
        settings = ExchangeSettings(id="binance", url=exchange.url)
        with pytest.raises(AccessLost):
            await CcxtVenue(settings, {SYMBOL: SYMBOL}, Credentials("x" * 64, "y" * 64)).open()


async def test_without_keys_there_is_market_data_and_nothing_private() -> None:
    async with LoopbackExchange() as exchange:
        exchange.quote(SYMBOL, "59990", "60010")
        venue = CcxtVenue(ExchangeSettings(id="binance", url=exchange.url), {SYMBOL: SYMBOL})
        await venue.open()
        assert not venue.abilities.user_stream
        assert (await venue.quote(SYMBOL)).bid == 59990
        await venue.stream_account(lambda _: None)
        with pytest.raises(AccessLost):
            await venue.holdings()
        with pytest.raises(AccessLost):
            await venue.submit(VenueHarness(exchange, "spot").spec("buy", "1"), "a")
        await venue.close()


async def test_closing_is_quick_and_safe_to_repeat(harness: VenueHarness) -> None:
    stream = asyncio.create_task(harness.venue.stream(Channel.TRADES, [SYMBOL], lambda _: None))
    await harness.exchange.until(lambda: harness.exchange.hub.sockets)
    started = time.monotonic()
    await harness.venue.close()
    await harness.venue.close()
    assert time.monotonic() - started < 3
    with pytest.raises(NotExecuted):
        await stream


async def test_an_exchange_that_is_not_there_is_not_now() -> None:
    settings = ExchangeSettings(id="binance", url="http://127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(NotExecuted):
        await CcxtVenue(settings, {SYMBOL: SYMBOL}).open()


@each_row("exchange_id", ["binance", "kraken", "bybit", "okx", "coinbase"])
@each_row("testnet", [False, True])
async def test_every_address_is_the_one_that_was_set(exchange_id: str, testnet: bool) -> None:
    settings = ExchangeSettings(
        id=exchange_id, url="http://127.0.0.1:9", testnet=testnet and exchange_id == "binance"
    )

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for item in value.values() for text in texts(item)]
        return [value] if isinstance(value, str) else []

    client = make_client(settings, None, table_of(exchange_id).quirks)
    hosts = {text.split("/")[2] for text in texts(client.urls["api"]) if "://" in text}
    schemes = {text.split(":")[0] for text in texts(client.urls["api"]) if "://" in text}
    assert hosts == {"127.0.0.1:9"}
    assert schemes <= {"http", "ws"}


# --- the account --------------------------------------------------------------------------------------


async def test_holdings(harness: VenueHarness) -> None:
    assert (await harness.venue.holdings()).balances == {"USDT": 100_000}
    await harness.submit("buy", "0.5")
    held = await harness.venue.holdings()
    if harness.kind == "spot":
        assert held.balances == {"BTC": Decimal("0.4995"), "USDT": Decimal(69995)}
        assert held.positions == {}
        return
    assert held.positions == {SYMBOL: Decimal("0.5")}
    (paid,) = await harness.venue.fills(SYMBOL, 0)
    assert held.balances == {"USDT": 100_000 - paid.fee}  # whatever the position is worth by now
    harness.quote("61000", "61010")
    assert (await harness.venue.holdings()).balances == held.balances


async def test_a_short_position_is_below_zero(perpetual: VenueHarness) -> None:
    await perpetual.submit("sell", "0.5")
    assert (await perpetual.venue.holdings()).positions == {SYMBOL: Decimal("-0.5")}
    await perpetual.submit("buy", "0.5", reduce_only=True)
    assert (await perpetual.venue.holdings()).positions == {}


async def test_permissions_and_the_clock(harness: VenueHarness) -> None:
    assert await harness.venue.permissions() == Permissions(trade=True, withdraw=False)
    harness.exchange.skew_clock(30)
    assert await harness.venue.clock_offset() == pytest.approx(30e9, abs=0.5e9)


async def test_the_dead_man_switch(perpetual: VenueHarness) -> None:
    await perpetual.submit("buy", "0.5", "59000")
    await perpetual.venue.arm_dead_man([SYMBOL, "ETHUSDT"], 60)
    await perpetual.venue.arm_dead_man([SYMBOL], 0)
    await perpetual.venue.arm_dead_man([SYMBOL], 1)
    await perpetual.exchange.until(lambda: perpetual.exchange.truth.open_orders() == [])
    assert await perpetual.venue.open_orders() == []


@pytest.mark.parametrize("seconds", [0.001, 0.5, 0.999, -1])
async def test_a_dead_man_switch_that_would_disarm_itself_is_refused(
    perpetual: VenueHarness, seconds: float
) -> None:
    with pytest.raises(UsageError):
        await perpetual.venue.arm_dead_man([SYMBOL], seconds)


async def test_there_is_none_on_spot(spot: VenueHarness) -> None:
    with pytest.raises(VenueRefusal):
        await spot.venue.arm_dead_man([SYMBOL], 60)


async def test_the_worth_of_a_currency(harness: VenueHarness) -> None:
    harness.trade("60000", "0.01")
    assert await harness.venue.price_of("BTC", "USDT") == 60000
    assert await harness.venue.price_of("XXX", "USDT") is None


# --- news ---


async def test_orders_and_fills_are_told(harness: VenueHarness) -> None:
    news = News()
    task = await user_stream(harness, news)
    await harness.submit("buy", "0.5", "60000")
    harness.trade("60000", "0.2")
    harness.trade("60000", "0.1")
    await harness.venue.cancel(SYMBOL, "cid-1", "")

    def ours() -> list[VenueOrder]:
        return [order for order in news.orders if order.client_order_id == "cid-1"]

    await harness.exchange.until(lambda: ours() and ours()[-1].status is OrderStatus.CANCELED)
    assert [(o.status, o.filled) for o in ours()] == [
        (OrderStatus.ACCEPTED, 0),
        (OrderStatus.PARTIALLY_FILLED, Decimal("0.2")),
        (OrderStatus.PARTIALLY_FILLED, Decimal("0.3")),
        (OrderStatus.CANCELED, Decimal("0.3")),
    ]
    assert [(f.client_order_id, f.quantity) for f in news.fills] == [
        ("cid-1", Decimal("0.2")),
        ("cid-1", Decimal("0.1")),
    ]
    assert news.fills == await harness.venue.fills(SYMBOL, 0)
    await stopped(task)


async def test_a_triggered_stop_is_told_as_ours(harness: VenueHarness) -> None:
    news = News()
    await harness.submit("buy", "0.5")
    task = await user_stream(harness, news)
    await harness.submit("sell", "0.4", type=OrderType.STOP_MARKET, stop_price=Decimal(59000))
    harness.quote("58900", "58920")
    harness.trade("58900", "0.1")
    await harness.exchange.until(
        lambda: [o for o in news.orders if o.status is OrderStatus.FILLED and o.side is Side.SELL]
    )
    sells = [f for f in news.fills if f.side is Side.SELL]
    assert {f.client_order_id for f in sells} == {"cid-2"}
    assert sum(f.quantity for f in sells) == Decimal("0.4")
    assert not [o for o in news.orders if o.status is OrderStatus.FILLED and o.filled < o.quantity]
    await stopped(task)


async def test_a_lost_connection_is_not_now_and_it_can_be_listened_to_again(
    harness: VenueHarness,
) -> None:
    news = News()
    task = await user_stream(harness, news)
    harness.exchange.restart_streams()
    with pytest.raises(NotExecuted):
        await task
    news.all.clear()
    again = await user_stream(harness, news)
    await harness.submit("buy", "0.5")
    await harness.exchange.until(lambda: [f for f in news.fills if f.client_order_id == "cid-1"])
    await stopped(again)


async def test_two_listeners_are_one_too_many(harness: VenueHarness) -> None:
    task = await user_stream(harness, News())
    with pytest.raises(NotExecuted, match="already"):
        await harness.venue.stream_account(lambda _: None)
    await stopped(task)


@pytest.mark.parametrize("exchange_id", ["binance", "kraken", "okx"])
async def test_a_dead_line_is_noticed_soon(exchange_id: str) -> None:
    client = make_client(ExchangeSettings(id=exchange_id), None, table_of(exchange_id).quirks)
    assert client.streaming["keepAlive"] <= 15_000
    client.ws_dial_backoff = {"wss://x": {"attempts": 9, "until": client.milliseconds() + 60_000}}
    assert 4 < client.ws_dial_delay("wss://x") <= 5
    assert client.ws_dial_delay("wss://y") == 0
