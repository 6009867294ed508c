"""The whole of it, through the real ccxt, against an exchange on this machine: spot and perpetual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tests.loopback import LoopbackExchange
from tests.loopback.symbols import FUTURES, SPOT
from tradectl.domain.errors import AccessLost, NotNow, Refused, UsageError
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType, TimeInForce
from tradectl.exchange.ccxt_venue import CcxtVenue, Keys, exchange_ids
from tradectl.exchange.ccxt_venue.client import make_client
from tradectl.exchange.ccxt_venue.quirks import quirks_of
from tradectl.exchange.settings import ExchangeSettings
from tradectl.exchange.venue import Abilities, Channel, Permissions, Venue, VenueFill, VenueOrder

KINDS = ("spot", "perpetual")
SYMBOL = "BTCUSDT"


class Desk:
    """An exchange, and our venue at it."""

    def __init__(self, exchange: LoopbackExchange, kind: str, **settings: Any) -> None:
        self.exchange = exchange
        self.kind = kind
        self.market = SPOT if kind == "spot" else FUTURES
        self.settings = ExchangeSettings(
            id="binance",
            market="spot" if kind == "spot" else "perpetual",
            url=exchange.url,
            **{"timeout_seconds": 2.0, **settings},
        )
        self.venue = CcxtVenue(self.settings, {SYMBOL: SYMBOL}, Keys(exchange.key, exchange.secret))
        self.sent = 0

    def quote(self, bid: str, ask: str, size: str = "2") -> None:
        self.exchange.quote(SYMBOL, bid, ask, size, market=self.market)

    def trade(self, price: str, quantity: str) -> None:
        self.exchange.print_trade(SYMBOL, price, quantity, market=self.market)

    def spec(self, side: str, quantity: str, price: str | None = None, **more: Any) -> OrderSpec:
        kind = more.pop("type", OrderType.MARKET if price is None else OrderType.LIMIT)
        limit = None if price is None else Decimal(price)
        return OrderSpec("o", SYMBOL, Side(side), Decimal(quantity), kind, limit, **more)

    async def submit(self, side: str, quantity: str, price: str | None = None, **more: Any) -> Any:
        self.sent += 1
        return await self.venue.submit(self.spec(side, quantity, price, **more), f"cid-{self.sent}")


@asynccontextmanager
async def a_desk(kind: str, **settings: Any) -> AsyncIterator[Desk]:
    async with LoopbackExchange(seed=1) as exchange:
        desk = Desk(exchange, kind, **settings)
        await desk.venue.open()
        desk.quote("59990", "60010")
        try:
            yield desk
        finally:
            await desk.venue.close()


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with a_desk(request.param) as opened:
        yield opened


@pytest.fixture
async def spot() -> AsyncIterator[Desk]:
    async with a_desk("spot") as opened:
        yield opened


@pytest.fixture
async def perpetual() -> AsyncIterator[Desk]:
    async with a_desk("perpetual") as opened:
        yield opened


# --- opening ------------------------------------------------------------------------------------------


def test_it_is_a_venue() -> None:
    venue: Venue = CcxtVenue(ExchangeSettings(id="binance", name="main"), {SYMBOL: SYMBOL})
    assert venue.name == "main"
    with pytest.raises(NotNow, match="not open"):
        venue.instrument(SYMBOL)


def test_ccxt_lists_its_exchanges() -> None:
    assert {"binance", "kraken", "okx"} <= set(exchange_ids())


async def test_it_says_what_it_can(desk: Desk) -> None:
    is_spot = desk.kind == "spot"
    assert desk.venue.abilities == Abilities(
        tuple(Channel), True, dead_man=not is_spot, stop_orders=True, reduce_only=not is_spot
    )


async def test_rules(desk: Desk) -> None:
    rules = desk.venue.instrument(SYMBOL)
    kind = InstrumentKind.SPOT if desk.kind == "spot" else InstrumentKind.PERPETUAL
    assert (rules.symbol, rules.base, rules.quote, rules.kind) == (SYMBOL, "BTC", "USDT", kind)
    assert [info.unified for info in desk.venue.markets() if info.symbol == SYMBOL] == [
        "BTC/USDT" if desk.kind == "spot" else "BTC/USDT:USDT"
    ]
    with pytest.raises(UsageError, match=r"unknown symbol 'BTCUSDX'.*BTC/USDT"):
        desk.venue.instrument("BTCUSDX")


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
            await CcxtVenue(settings, {SYMBOL: SYMBOL}, Keys("x" * 64, "y" * 64)).open()


async def test_without_keys_there_is_market_data_and_nothing_private() -> None:
    async with LoopbackExchange() as exchange:
        exchange.quote(SYMBOL, "59990", "60010")
        venue = CcxtVenue(ExchangeSettings(id="binance", url=exchange.url), {SYMBOL: SYMBOL})
        await venue.open()
        assert not venue.abilities.user_stream
        assert (await venue.quote(SYMBOL)).bid == 59990
        await venue.listen(lambda _: None)
        with pytest.raises(AccessLost):
            await venue.holdings()
        with pytest.raises(AccessLost):
            await venue.submit(Desk(exchange, "spot").spec("buy", "1"), "a")
        await venue.close()


async def test_closing_is_quick_and_safe_to_repeat(desk: Desk) -> None:
    stream = asyncio.create_task(desk.venue.stream(Channel.TRADES, [SYMBOL], lambda _: None))
    await desk.exchange.until(lambda: desk.exchange.hub.sockets)
    started = time.monotonic()
    await desk.venue.close()
    await desk.venue.close()
    assert time.monotonic() - started < 3
    with pytest.raises(NotNow):
        await stream


async def test_an_exchange_that_is_not_there_is_not_now() -> None:
    settings = ExchangeSettings(id="binance", url="http://127.0.0.1:9", timeout_seconds=1)
    with pytest.raises(NotNow):
        await CcxtVenue(settings, {SYMBOL: SYMBOL}).open()


@pytest.mark.parametrize("exchange_id", ["binance", "kraken", "bybit", "okx", "coinbase"])
@pytest.mark.parametrize("testnet", [False, True])
async def test_every_address_is_the_one_that_was_set(exchange_id: str, testnet: bool) -> None:
    settings = ExchangeSettings(
        id=exchange_id, url="http://127.0.0.1:9", testnet=testnet and exchange_id == "binance"
    )

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for item in value.values() for text in texts(item)]
        return [value] if isinstance(value, str) else []

    client = make_client(settings, None, quirks_of(exchange_id))
    hosts = {text.split("/")[2] for text in texts(client.urls["api"]) if "://" in text}
    schemes = {text.split(":")[0] for text in texts(client.urls["api"]) if "://" in text}
    assert hosts == {"127.0.0.1:9"}
    assert schemes <= {"http", "ws"}


# --- orders -------------------------------------------------------------------------------------------


async def test_a_market_order_is_filled(desk: Desk) -> None:
    order = await desk.submit("buy", "0.5")
    assert (order.symbol, order.client_order_id) == (SYMBOL, "cid-1")
    assert (order.status, order.type) == (OrderStatus.FILLED, OrderType.MARKET)
    assert order.filled == order.quantity == Decimal("0.5")
    (fill,) = await desk.venue.fills(SYMBOL, 0)
    assert (fill.quantity, fill.price) == (Decimal("0.5"), Decimal(60010))
    assert (fill.venue_order_id, fill.client_order_id) == (order.venue_order_id, "cid-1")
    assert fill.fee_currency == ("BTC" if desk.kind == "spot" else "USDT")
    if order.fills:
        assert [f.trade_id for f in order.fills] == [fill.trade_id]


async def test_a_limit_order_rests_is_found_and_is_cancelled(desk: Desk) -> None:
    sent = await desk.submit("buy", "0.5", "59000.05")
    assert (sent.status, sent.filled) == (OrderStatus.ACCEPTED, 0)
    assert sent.price == (Decimal("59000.05") if desk.kind == "spot" else Decimal(59000))
    assert await desk.venue.find(SYMBOL, "cid-1", "") == sent
    by_their_id = await desk.venue.find(SYMBOL, "", sent.venue_order_id)
    assert by_their_id is not None
    assert by_their_id.client_order_id == "cid-1"
    assert [o.client_order_id for o in await desk.venue.open_orders()] == ["cid-1"]
    assert [o.client_order_id for o in await desk.venue.open_orders([SYMBOL])] == ["cid-1"]

    gone = await desk.venue.cancel(SYMBOL, "cid-1", "")
    assert gone is not None
    assert (gone.status, gone.client_order_id) == (OrderStatus.CANCELED, "cid-1")
    assert await desk.venue.open_orders() == []
    assert await desk.venue.cancel(SYMBOL, "cid-1", "") is None
    found = await desk.venue.find(SYMBOL, "cid-1", sent.venue_order_id)
    assert found is not None
    assert found.status is OrderStatus.CANCELED


async def test_a_cancel_by_the_exchanges_id_alone(desk: Desk) -> None:
    sent = await desk.submit("buy", "0.5", "59000")
    gone = await desk.venue.cancel(SYMBOL, "", sent.venue_order_id)
    assert gone is not None
    assert gone.status is OrderStatus.CANCELED


async def test_an_order_that_nobody_sent_is_not_found(desk: Desk) -> None:
    assert await desk.venue.find(SYMBOL, "never", "") is None
    assert await desk.venue.find(SYMBOL, "", "123456789") is None
    assert await desk.venue.cancel(SYMBOL, "never", "") is None


async def test_a_part_that_was_filled_before_the_cancel_is_told(desk: Desk) -> None:
    await desk.submit("buy", "0.5", "60000")
    desk.trade("60000", "0.2")
    gone = await desk.venue.cancel(SYMBOL, "cid-1", "")
    assert gone is not None
    assert (gone.status, gone.filled) == (OrderStatus.CANCELED, Decimal("0.2"))


async def test_times_in_force(desk: Desk) -> None:
    desk.quote("59990", "60010", "0.5")
    ioc = await desk.submit("buy", "1.6", "60010", time_in_force=TimeInForce.IOC)
    assert ioc.status in (OrderStatus.EXPIRED, OrderStatus.CANCELED)
    assert 0 < ioc.filled < Decimal("1.6")
    desk.quote("990", "1010", "0.5")
    if desk.kind == "perpetual":
        with pytest.raises(Refused, match="FOK"):
            await desk.submit("buy", "5", "1010", time_in_force=TimeInForce.FOK)
        return
    fok = await desk.submit("buy", "5", "1010", time_in_force=TimeInForce.FOK)
    assert (fok.status, fok.filled) == (OrderStatus.EXPIRED, 0)


async def test_post_only_that_would_take_is_not_placed(desk: Desk) -> None:
    try:
        order = await desk.submit("buy", "0.5", "60010", post_only=True)
    except Refused:
        return
    assert (order.status, order.filled) == (OrderStatus.EXPIRED, 0)


async def test_post_only_that_rests(desk: Desk) -> None:
    order = await desk.submit("buy", "0.5", "59990", post_only=True)
    assert order.status is OrderStatus.ACCEPTED


async def test_refused_by_the_exchange(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.submit("buy", "900", "50000")
    assert desk.exchange.truth.accepted("cid-1") == 0


async def test_our_id_used_twice_may_be_our_own_order(desk: Desk) -> None:
    from tradectl.domain.errors import OutcomeUnknown

    await desk.submit("buy", "0.5", "59000")
    with pytest.raises(OutcomeUnknown):
        await desk.venue.submit(desk.spec("buy", "0.5", "59000"), "cid-1")
    assert desk.exchange.truth.accepted("cid-1") == 1


async def test_orders_of_others_are_shown(desk: Desk) -> None:
    desk.exchange.outside_order(
        "main", "ETHUSDT", "buy", "1", "2000", market=desk.market, client_order_id="web_1"
    )
    (order,) = await desk.venue.open_orders()
    assert (order.symbol, order.client_order_id) == ("ETHUSDT", "web_1")
    assert await desk.venue.open_orders([SYMBOL]) == []


async def test_a_stop_rests_is_listed_and_is_cancelled(desk: Desk) -> None:
    await desk.submit("buy", "0.5")
    sent = await desk.submit(
        "sell",
        "0.4",
        "58000",
        type=OrderType.STOP_LIMIT,
        stop_price=Decimal(58500),
        reduce_only=True,
    )
    assert (sent.status, sent.type) == (OrderStatus.ACCEPTED, OrderType.STOP_LIMIT)
    assert [sent.price, sent.stop_price] == [58000, 58500]
    assert sent.venue_order_id.startswith("stop:") is (desk.kind == "perpetual")
    assert [o.venue_order_id for o in await desk.venue.open_orders()] == [sent.venue_order_id]
    for ours, theirs in (("cid-2", ""), ("", sent.venue_order_id)):
        found = await desk.venue.find(SYMBOL, ours, theirs)
        assert found is not None
        assert found.client_order_id == "cid-2"
        assert found.stop_price == 58500
    gone = await desk.venue.cancel(SYMBOL, "cid-2", sent.venue_order_id)
    assert gone is not None
    assert (gone.status, gone.client_order_id) == (OrderStatus.CANCELED, "cid-2")
    assert await desk.venue.open_orders() == []


async def test_a_stop_that_was_triggered_is_found_as_what_it_became(desk: Desk) -> None:
    await desk.submit("buy", "0.5")
    await desk.submit("sell", "0.4", type=OrderType.STOP_MARKET, stop_price=Decimal(59000))
    desk.quote("58900", "58920")
    desk.trade("58900", "0.1")
    found = await desk.venue.find(SYMBOL, "cid-2", "")
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.FILLED, Decimal("0.4"))
    assert found.client_order_id == "cid-2"
    fills = await desk.venue.fills(SYMBOL, 0)
    assert [fill.quantity for fill in fills if fill.side is Side.SELL] == [Decimal("0.4")]
    assert fills[-1].client_order_id == "cid-2"


async def test_fills_come_by_pages_and_none_is_missed(desk: Desk) -> None:
    desk.quote("59990", "60010", "200000")
    await desk.submit("buy", "0.05", "60005")
    for _ in range(25):
        desk.trade("60005", "0.001" if desk.kind == "perpetual" else "0.002")
    whole = await desk.venue.fills(SYMBOL, 0)
    account = desk.venue._at.account
    account._quirks = replace(account._quirks, fills_limit=3)
    assert await desk.venue.fills(SYMBOL, 0) == whole
    account._quirks = replace(account._quirks, fills_limit=None, fills_from_id="")
    assert await desk.venue.fills(SYMBOL, 0) == whole
    assert len(whole) == 25
    assert [fill.ts for fill in whole] == sorted(fill.ts for fill in whole)
    since = whole[10].ts
    assert await desk.venue.fills(SYMBOL, since) == [fill for fill in whole if fill.ts >= since]


# --- the account --------------------------------------------------------------------------------------


async def test_holdings(desk: Desk) -> None:
    assert (await desk.venue.holdings()).balances == {"USDT": 100_000}
    await desk.submit("buy", "0.5")
    held = await desk.venue.holdings()
    if desk.kind == "spot":
        assert held.balances == {"BTC": Decimal("0.4995"), "USDT": Decimal(69995)}
        assert held.positions == {}
        return
    assert held.positions == {SYMBOL: Decimal("0.5")}
    (paid,) = await desk.venue.fills(SYMBOL, 0)
    assert held.balances == {"USDT": 100_000 - paid.fee}  # whatever the position is worth by now
    desk.quote("61000", "61010")
    assert (await desk.venue.holdings()).balances == held.balances


async def test_a_short_position_is_below_zero(perpetual: Desk) -> None:
    await perpetual.submit("sell", "0.5")
    assert (await perpetual.venue.holdings()).positions == {SYMBOL: Decimal("-0.5")}
    await perpetual.submit("buy", "0.5", reduce_only=True)
    assert (await perpetual.venue.holdings()).positions == {}


async def test_permissions_and_the_clock(desk: Desk) -> None:
    assert await desk.venue.permissions() == Permissions(trade=True, withdraw=False)
    desk.exchange.skew_clock(30)
    assert await desk.venue.clock_offset() == pytest.approx(30e9, abs=0.5e9)


async def test_the_dead_man_switch(perpetual: Desk) -> None:
    await perpetual.submit("buy", "0.5", "59000")
    await perpetual.venue.arm_dead_man([SYMBOL, "ETHUSDT"], 60)
    await perpetual.venue.arm_dead_man([SYMBOL], 0)
    await perpetual.venue.arm_dead_man([SYMBOL], 1)
    await perpetual.exchange.until(lambda: perpetual.exchange.truth.open_orders() == [])
    assert await perpetual.venue.open_orders() == []


@pytest.mark.parametrize("seconds", [0.001, 0.5, 0.999, -1])
async def test_a_dead_man_switch_that_would_disarm_itself_is_refused(
    perpetual: Desk, seconds: float
) -> None:
    with pytest.raises(UsageError):
        await perpetual.venue.arm_dead_man([SYMBOL], seconds)


async def test_there_is_none_on_spot(spot: Desk) -> None:
    with pytest.raises(Refused):
        await spot.venue.arm_dead_man([SYMBOL], 60)


async def test_the_worth_of_a_currency(desk: Desk) -> None:
    desk.trade("60000", "0.01")
    assert await desk.venue.price_of("BTC", "USDT") == 60000
    assert await desk.venue.price_of("XXX", "USDT") is None


# --- news ---------------------------------------------------------------------------------------------


class News:
    def __init__(self) -> None:
        self.orders: list[VenueOrder] = []
        self.fills: list[VenueFill] = []
        self.all: list[VenueOrder | VenueFill] = []

    def __call__(self, told: Any) -> None:
        for item in told:
            self.all.append(item)
            if isinstance(item, VenueOrder):
                self.orders.append(item)
            else:
                self.fills.append(item)


async def listening(desk: Desk, news: News) -> asyncio.Task[None]:
    """Begun, and known to be heard: an order of somebody else is told."""
    task = asyncio.create_task(desk.venue.listen(news))
    heard = asyncio.Event()

    def anything() -> bool:
        if task.done():
            task.result()
        return bool(news.all)

    while not heard.is_set():
        desk.exchange.outside_order("main", SYMBOL, "buy", "0.01", "50000", market=desk.market)
        try:
            await desk.exchange.until(anything, 0.2)
            heard.set()
        except TimeoutError:
            continue
    await asyncio.sleep(0)
    return task


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_orders_and_fills_are_told(desk: Desk) -> None:
    news = News()
    task = await listening(desk, news)
    await desk.submit("buy", "0.5", "60000")
    desk.trade("60000", "0.2")
    desk.trade("60000", "0.1")
    await desk.venue.cancel(SYMBOL, "cid-1", "")

    def ours() -> list[VenueOrder]:
        return [order for order in news.orders if order.client_order_id == "cid-1"]

    await desk.exchange.until(lambda: ours() and ours()[-1].status is OrderStatus.CANCELED)
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
    assert news.fills == await desk.venue.fills(SYMBOL, 0)
    await stopped(task)


async def test_a_triggered_stop_is_told_as_ours(desk: Desk) -> None:
    news = News()
    await desk.submit("buy", "0.5")
    task = await listening(desk, news)
    await desk.submit("sell", "0.4", type=OrderType.STOP_MARKET, stop_price=Decimal(59000))
    desk.quote("58900", "58920")
    desk.trade("58900", "0.1")
    await desk.exchange.until(
        lambda: [o for o in news.orders if o.status is OrderStatus.FILLED and o.side is Side.SELL]
    )
    sells = [f for f in news.fills if f.side is Side.SELL]
    assert {f.client_order_id for f in sells} == {"cid-2"}
    assert sum(f.quantity for f in sells) == Decimal("0.4")
    assert not [o for o in news.orders if o.status is OrderStatus.FILLED and o.filled < o.quantity]
    await stopped(task)


async def test_a_lost_connection_is_not_now_and_it_can_be_listened_to_again(desk: Desk) -> None:
    news = News()
    task = await listening(desk, news)
    desk.exchange.restart_streams()
    with pytest.raises(NotNow):
        await task
    news.all.clear()
    again = await listening(desk, news)
    await desk.submit("buy", "0.5")
    await desk.exchange.until(lambda: [f for f in news.fills if f.client_order_id == "cid-1"])
    await stopped(again)


async def test_two_listeners_are_one_too_many(desk: Desk) -> None:
    task = await listening(desk, News())
    with pytest.raises(NotNow, match="already"):
        await desk.venue.listen(lambda _: None)
    await stopped(task)
