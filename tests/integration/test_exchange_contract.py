"""One contract for every exchange: the paper one, and a real one through ccxt (spot and perpetual).

An exchange is sent commands and reports what became of them. Whatever it is, its reports make a legal
life of an order, its fills add up, and what is sent twice is done once.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.live_trader import QUICK
from tests.fixtures.paper_exchange import quote, trade
from tradectl.domain.commands import ApprovedOrder, CancelOrder, SubmitOrder
from tradectl.domain.events import Event, ExecutionEvent, MarketDataEvent, OrderFilled, Record
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import Side
from tradectl.domain.orders import (
    WORKING,
    Order,
    OrderSpec,
    OrderStatus,
    OrderType,
    TimeInForce,
    Trigger,
    step,
)
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.base import Exchange
from tradectl.exchange.ccxt_venue import CcxtVenue, Credentials
from tradectl.exchange.exchange_settings import ExchangeSettings, PaperSettings
from tradectl.exchange.live.live_exchange import LiveExchange
from tradectl.exchange.paper.paper_exchange import PaperExchange
from tradectl.testkit import KEY, SECRET, LoopbackExchange

pytestmark = pytest.mark.virtual_time

BUY, SELL = Side.BUY, Side.SELL
PATIENCE_S = 60.0
S = OrderStatus


class ExchangeHarness(ABC):
    """An exchange under test, and the market that it is at."""

    symbol: str
    exchange: Exchange

    def __init__(self) -> None:
        self.reports: list[ExecutionEvent] = []
        self.status: dict[str, OrderStatus] = {}
        self.at = 0

    def heard(self, event: Event, _due: int) -> None:
        if isinstance(event, ExecutionEvent):
            self.reports.append(event)
            before = self.status.get(event.order_id)
            if before is not None:
                self.status[event.order_id] = step(before, self._trigger(event))

    def _trigger(self, event: ExecutionEvent) -> Trigger:
        if not isinstance(event, OrderFilled):
            return event.trigger
        whole = self.filled(event.order_id) == self.quantities[event.order_id]
        return Trigger.FILL if whole else Trigger.PARTIAL_FILL

    @abstractmethod
    async def move(self, price: str) -> None:
        """The market is at `price`, and trades there."""

    @abstractmethod
    def now(self) -> int: ...

    # --- talking to the exchange ----------------------------------------------------------------------

    quantities: dict[str, Decimal]

    def send(self, order_id: str, side: Side, quantity: str, **more: Any) -> OrderSpec:
        spec = OrderSpec(order_id, self.symbol, side, Decimal(quantity), **more)
        self.quantities[order_id] = spec.quantity
        self.status.setdefault(order_id, S.SUBMITTED)
        self.exchange.send(SubmitOrder(ApprovedOrder(spec, self.now())), self.now())
        return spec

    def limit(self, order_id: str, side: Side, quantity: str, price: str, **more: Any) -> OrderSpec:
        at = {"type": OrderType.LIMIT, "price": Decimal(price), **more}
        return self.send(order_id, side, quantity, **at)

    def cancel(self, order_id: str) -> None:
        status = self.status[order_id]
        if status in WORKING:
            self.status[order_id] = step(status, Trigger.REQUEST_CANCEL)
        self.exchange.send(CancelOrder(order_id, self.symbol), self.now())

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():  # noqa: ASYNC110  what is waited for has no event of its own
                await asyncio.sleep(0.002)

    async def comes_to(self, order_id: str, *wanted: OrderStatus) -> OrderStatus:
        await self.until(lambda: self.status[order_id] in wanted)
        return self.status[order_id]

    def fills(self, order_id: str) -> list[OrderFilled]:
        return [r for r in self.reports if isinstance(r, OrderFilled) and r.order_id == order_id]

    def filled(self, order_id: str) -> Decimal:
        return sum((fill.quantity for fill in self.fills(order_id)), Decimal(0))

    def of(self, order_id: str) -> list[ExecutionEvent]:
        return [report for report in self.reports if report.order_id == order_id]


class PaperBench(ExchangeHarness):
    symbol = "COINUSDT"

    def __init__(self) -> None:
        super().__init__()
        self.quantities = {}
        self.time = 0
        coin = Instrument(
            self.symbol, "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5), base="COIN"
        )
        settings = PaperSettings(slippage_bps=Decimal(0))
        self.instruments = Instruments([coin], known=True)
        self.exchange = self.paper = PaperExchange(settings, self.instruments, self.heard, seed=1)

    async def move(self, price: str) -> None:
        self.time += MILLISECOND
        at = Decimal(price)
        self.see(quote(str(at - 1), str(at + 1), "100", "100"))
        self.time += MILLISECOND
        self.see(trade(price, "100"))

    def see(self, event: MarketDataEvent) -> None:
        self.paper.on_market(event, Record(1, self.time, event))

    def now(self) -> int:
        return self.time


class LiveBench(ExchangeHarness):
    symbol = "BTCUSDT"

    def __init__(self, loopback: LoopbackExchange, market: str, live: LiveExchange | None) -> None:
        super().__init__()
        self.quantities = {}
        self.loopback = loopback
        self.market = market
        if live is not None:
            self.exchange = live

    async def move(self, price: str) -> None:
        self.loopback.move(self.symbol, Decimal(price), market=self.market)

    def now(self) -> int:
        return self.loopback.now_ns()


@asynccontextmanager
async def paper(_folder: Path) -> AsyncIterator[ExchangeHarness]:
    harness = PaperBench()
    await harness.move("60000")
    yield harness


def live(kind: str) -> Callable[[Path], Any]:
    market = "spot" if kind == "spot" else "futures"

    @asynccontextmanager
    async def made(_folder: Path) -> AsyncIterator[ExchangeHarness]:
        async with LoopbackExchange(seed=1) as loopback:
            settings = ExchangeSettings(
                id="binance",
                market="spot" if kind == "spot" else "perpetual",
                url=loopback.url,
                timeout_seconds=QUICK.timeout_seconds,
                reconcile_seconds=0.2,
                not_found_seconds=1.0,
            )
            symbol = LiveBench.symbol
            venue = CcxtVenue(settings, {symbol: symbol}, Credentials(KEY, SECRET))
            await venue.open()
            harness = LiveBench(loopback, market, None)
            instruments = Instruments([venue.instrument(symbol)])
            exchange = LiveExchange(
                venue, settings, [symbol], "acct", instruments, harness.heard, now=harness.now
            )
            harness.exchange = exchange
            await harness.move("60000")
            exchange.restore([], {})
            exchange.begin()
            hub = loopback.hub
            await loopback.until(lambda: any(s.account and s.market == market for s in hub.sockets))
            try:
                yield harness
            finally:
                await exchange.stop()
                await venue.close()
            assert loopback.truth.duplicates() == []

    return made


EXCHANGES = {"paper": paper, "spot": live("spot"), "perpetual": live("perpetual")}


@pytest.fixture(params=EXCHANGES)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ExchangeHarness]:
    async with EXCHANGES[request.param](tmp_path) as made:
        yield made


# --- the contract ---------------------------------------------------------------------------------------


async def test_a_market_order_is_filled_whole_by_fills_with_ids_of_their_own(
    harness: ExchangeHarness,
) -> None:
    harness.send("o1", BUY, "0.1")
    await harness.comes_to("o1", S.FILLED)
    fills = harness.fills("o1")
    assert harness.filled("o1") == Decimal("0.1")
    assert len({fill.trade_id for fill in fills}) == len(fills)
    for fill in fills:
        assert fill.side is BUY
        assert Decimal(59_000) < fill.price < Decimal(61_000)
        assert fill.fee >= 0
        assert fill.symbol == harness.symbol


async def test_a_limit_order_rests_until_the_market_comes_through_it(
    harness: ExchangeHarness,
) -> None:
    harness.limit("o1", BUY, "0.1", "59000")
    await harness.comes_to("o1", S.ACCEPTED)
    assert harness.fills("o1") == []
    assert harness.of("o1")[0].venue_order_id
    await harness.move("58900")
    await harness.comes_to("o1", S.FILLED)
    assert all(fill.price <= 59_000 for fill in harness.fills("o1"))


async def test_a_cancel_ends_an_order_that_rests(harness: ExchangeHarness) -> None:
    harness.limit("o1", SELL if harness.symbol == "COINUSDT" else BUY, "0.1", _far(harness))
    await harness.comes_to("o1", S.ACCEPTED)
    harness.cancel("o1")
    await harness.comes_to("o1", S.CANCELED)
    await harness.move("58000")
    assert harness.fills("o1") == []


def _far(harness: ExchangeHarness) -> str:
    return "70000" if harness.symbol == "COINUSDT" else "50000"


async def test_what_is_submitted_twice_is_done_once(harness: ExchangeHarness) -> None:
    harness.send("o1", BUY, "0.1")
    harness.send("o1", BUY, "0.1")
    await harness.comes_to("o1", S.FILLED)
    harness.send("o1", BUY, "0.1")
    harness.send("o2", BUY, "0.1")
    await harness.comes_to("o2", S.FILLED)
    assert harness.filled("o1") == Decimal("0.1")


async def test_a_cancel_of_an_order_that_is_over_changes_nothing(harness: ExchangeHarness) -> None:
    harness.send("o1", BUY, "0.1")
    await harness.comes_to("o1", S.FILLED)
    harness.exchange.send(CancelOrder("o1", harness.symbol), harness.now())
    harness.send("o2", BUY, "0.1")
    await harness.comes_to("o2", S.FILLED)
    assert harness.status["o1"] is S.FILLED


async def test_what_cannot_be_an_order_is_rejected_with_a_reason(harness: ExchangeHarness) -> None:
    harness.limit("o1", BUY, "0", "59000")
    await harness.comes_to("o1", S.REJECTED)
    assert harness.of("o1")[-1].reason


async def test_post_only_never_takes(harness: ExchangeHarness) -> None:
    harness.limit("o1", BUY, "0.1", "61000", post_only=True)
    assert await harness.comes_to("o1", S.REJECTED, S.EXPIRED, S.CANCELED)
    assert harness.fills("o1") == []


async def test_immediate_or_cancel_never_rests(harness: ExchangeHarness) -> None:
    harness.limit("o1", BUY, "0.1", "59000", time_in_force=TimeInForce.IOC)
    assert await harness.comes_to("o1", S.CANCELED, S.EXPIRED)
    harness.limit("o2", BUY, "0.1", "61000", time_in_force=TimeInForce.IOC)
    await harness.comes_to("o2", S.FILLED)


async def test_a_stop_waits_for_its_price_and_then_trades(harness: ExchangeHarness) -> None:
    harness.send("o1", BUY, "0.1")
    await harness.comes_to("o1", S.FILLED)
    stop = {"type": OrderType.STOP_MARKET, "stop_price": Decimal(59_000)}
    harness.send("o2", SELL, "0.09", **stop)
    await harness.comes_to("o2", S.ACCEPTED)
    await harness.move("59500")
    assert harness.fills("o2") == []
    await harness.move("58900")
    await harness.comes_to("o2", S.FILLED)


async def test_a_fill_that_races_a_cancel_stays(harness: ExchangeHarness) -> None:
    harness.limit("o1", BUY, "0.1", "59000")
    await harness.comes_to("o1", S.ACCEPTED)
    await harness.move("58900")
    harness.cancel("o1")
    end = await harness.comes_to("o1", S.FILLED, S.CANCELED)
    assert (end is S.FILLED) == (harness.filled("o1") == Decimal("0.1"))


@pytest.mark.parametrize("status", [S.SUBMITTED, S.UNKNOWN])
async def test_an_order_that_never_arrived_is_found_out_after_a_restart(
    harness: ExchangeHarness, status: OrderStatus
) -> None:
    spec = OrderSpec("o1", harness.symbol, BUY, Decimal("0.1"))
    harness.status["o1"], harness.quantities["o1"] = status, spec.quantity
    harness.exchange.restore([Order(spec, harness.now(), harness.now(), status)], {})
    await harness.comes_to("o1", S.EXPIRED)
    harness.exchange.send(SubmitOrder(ApprovedOrder(spec, harness.now())), harness.now())
    harness.send("o2", BUY, "0.1")
    await harness.comes_to("o2", S.FILLED)
    assert harness.fills("o1") == []
