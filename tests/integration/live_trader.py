"""A live run in this process, beside the loopback exchange that it trades on: both on one loop.

    async with LoopbackExchange() as exchange, trading(exchange, folder) as trader:
        order = trader.buy("0.1")
        await trader.until(lambda: trader.status(order) == "filled")

The run is the real one, from the lock to the footer of its journal, and takes orders from the test as
it would from a strategy: as intents, judged by risk, written down, sent. At the end its journal is
replayed, and what the books hold is compared with what the exchange holds.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.integration.command import journals
from tests.loopback import KEY, SECRET, LoopbackExchange
from tradectl.config.settings import FeedSettings, OrchestratorConfig, Settings
from tradectl.domain.events import (
    CancelRequested,
    Event,
    EventType,
    LimitBreached,
    OrderDenied,
    OrderInitialized,
    Record,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderSpec, OrderType, client_order_id
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.live_exchange import LiveExchange
from tradectl.replay.replay import Replay
from tradectl.risk.limits import RiskLimits
from tradectl.runtime.run import TradingRun, trade
from tradectl.runtime.run_options import Approve, RunOptions
from tradectl.state.directory import StateDir

SPOT = "BTCUSDT"
"""On futures it is called the same."""
KEYS = {"TRADECTL_BINANCE_API_KEY": KEY, "TRADECTL_BINANCE_API_SECRET": SECRET}
QUICK = ExchangeSettings(
    id="binance",
    timeout_seconds=0.4,
    reconcile_seconds=0.2,
    not_found_seconds=0.5,
    dead_man_seconds=0,
)
"""Impatient, so that what takes minutes with an exchange takes a moment with the loopback."""
PATIENCE_S = 10.0
_numbers = itertools.count(1)


def settings_for(
    exchange: LoopbackExchange,
    *,
    at: ExchangeSettings = QUICK,
    market: str = "",
    symbols: tuple[str, ...] = (SPOT,),
    stale_after: float = 30.0,
    url: str = "",
    **more: Any,
) -> Settings:
    """Without strategies: orders come from the test. `url` is a detour to the exchange."""
    if market:
        kind: Any = "spot" if market == "spot" else "perpetual"
        at = msgspec.structs.replace(at, market=kind)
    return Settings(
        mode="live",
        symbols=symbols,
        strategies=(),
        exchanges=(msgspec.structs.replace(at, url=url or exchange.url),),
        feed=FeedSettings(stale_after_seconds=stale_after),
        orchestrator=OrchestratorConfig(
            risk_check_interval_seconds=0.2, health_check_interval_seconds=0.2
        ),
        risk=RiskLimits(duplicate_window_ms=0),
        **more,
    )


class Trader:
    """The run, and the test's hands on it. `seen` are all records so far, market data aside."""

    def __init__(self, exchange: LoopbackExchange, market: str) -> None:
        self.exchange = exchange
        self.market = market
        self.seen: list[Record] = []
        self.ready = asyncio.Event()
        self.task: asyncio.Task[dict[str, Any]]
        self.run: TradingRun

    # --- a screen ---------------------------------------------------------------------------------

    async def start(self, run: TradingRun) -> None:
        self.run = run
        kinds = [family for family in EventType if family is not EventType.MARKET_DATA]
        run.bus.observe(kinds, self.seen.append, name="test")
        self.ready.set()

    async def stop(self) -> None: ...

    # --- asking -----------------------------------------------------------------------------------

    @property
    def live(self) -> LiveExchange:
        gateway: Any = self.run.gateway
        exchange: LiveExchange = gateway.exchanges[0]
        return exchange

    @property
    def held(self) -> Decimal:
        return self.run.books.position(SPOT).quantity

    def order(self, order_id: str) -> Order:
        found = self.run.books.order(order_id)
        assert found is not None, order_id
        return found

    def status(self, order_id: str) -> str:
        found = self.run.books.order(order_id)
        return found.status.value if found is not None else ""

    def client_id(self, order_id: str) -> str:
        """What the exchange knows it by."""
        return client_order_id(self.run.books.account.account_id, order_id)

    def holds(self, symbol: str = SPOT) -> set[RestrictionKind]:
        return set(self.run.books.holds(symbol))

    def events(self, kind: type[Event]) -> list[Any]:
        return [record.event for record in self.seen if type(record.event) is kind]

    def said(self, kind: str) -> list[str]:
        return [event.message for event in self.events(SystemEvent) if event.kind == kind]

    def alerts(self) -> dict[str, Any]:
        return {alert.type: alert for alert in self.run.alerts.get_active_alerts()}

    def orders(self) -> list[Order]:
        """All that the books know, the oldest first."""
        account = self.run.books.snapshot()
        return sorted([*account.orders, *account.finished], key=lambda order: order.created_at)

    def held_for(self) -> set[RestrictionKind]:
        """Why trading was held back, at any time so far."""
        return {event.kind for event in self.events(SymbolRestricted) if event.held}

    def denied(self, order_id: str) -> str:
        """The code that risk denied it with."""
        found = [e.code for e in self.events(OrderDenied) if e.order_id == order_id]
        return found[0] if found else ""

    def halted_by(self) -> list[str]:
        return [event.code for event in self.events(LimitBreached) if event.action == "halt"]

    async def until(self, done: Callable[[], object], seconds: float = PATIENCE_S) -> None:
        async with asyncio.timeout(seconds):
            while not done():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.002)

    # --- doing ------------------------------------------------------------------------------------

    def buy(self, quantity: str, price: str | None = None, **more: Any) -> str:
        return self._intend(Side.BUY, quantity, price, more)

    def sell(self, quantity: str, price: str | None = None, **more: Any) -> str:
        return self._intend(Side.SELL, quantity, price, more)

    def _intend(self, side: Side, quantity: str, price: str | None, more: dict[str, Any]) -> str:
        """An intent, as a portfolio has it: what becomes of it is the system's affair."""
        order_id = f"{self.run.run_id}-t{next(_numbers)}"
        kind = OrderType.LIMIT if price is not None else OrderType.MARKET
        asked = {
            "type": kind,
            "price": Decimal(price) if price is not None else None,
            **more,
        }
        spec = OrderSpec(order_id, asked.pop("symbol", SPOT), side, Decimal(quantity), **asked)
        self.run.bus.post(OrderInitialized(order=spec, reason="the test"))
        return order_id

    def cancel(self, order_id: str) -> None:
        symbol = self.order(order_id).spec.symbol
        self.run.bus.post(CancelRequested(order_id=order_id, symbol=symbol, reason="the test"))

    async def price(self, price: str, symbol: str = SPOT) -> None:
        """The market moves there, and we have heard of it."""
        wanted = Decimal(price)
        self.exchange.move(symbol, wanted, market=self.market)

        def heard() -> bool:
            tick = self.run.books.last.get(symbol)
            return tick is not None and abs(tick.price - wanted) < wanted / 1000

        await self.until(heard)

    async def first_entry(self) -> str:
        """Try until an entry is let through, as a strategy would."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                order = self.buy("0.01")
                if (await self.settled(order)).status == "filled":
                    return order
                await asyncio.sleep(0.005)

    async def judged(self, order_id: str) -> None:
        """Until risk has said yes or no to it."""
        await self.until(lambda: self.run.books.seen(order_id))

    async def settled(self, order_id: str) -> Order:
        """Until it is over, whichever way."""
        books = self.run.books
        await self.until(lambda: (found := books.order(order_id)) is not None and found.is_over)
        return self.order(order_id)

    async def in_status(self, order_id: str, status: str, seconds: float = PATIENCE_S) -> Order:
        await self.until(lambda: self.status(order_id) == status, seconds)
        return self.order(order_id)

    async def clean(self) -> None:
        """Until nothing holds trading back."""
        await self.until(lambda: not self.holds())

    async def compared(self) -> None:
        """Until a comparison that begins now has come out clean."""
        await self.live.reconcile()
        await self.run.bus.dispatched()

    async def quiet(self) -> None:
        """Until no order works and the exchange has confirmed what we hold."""
        await self.until(lambda: not self.run.books.working_orders())
        await self.until(lambda: self.held == self.true_position)
        await self.compared()
        await self.clean()

    @property
    def true_position(self) -> Decimal:
        """What the exchange holds of us: beyond what was there before us."""
        account = self.run.books.account
        external = account.at_exchange().external.get(SPOT, Decimal(0))
        if self.market == "spot":
            return self.exchange.balance("BTC") - external
        return self.exchange.position(SPOT) - external

    async def end(self) -> dict[str, Any]:
        """A graceful end; the run's summary."""
        if not self.task.done():
            self.run.end("the test is over")
        return await self.task


@asynccontextmanager
async def trading(
    exchange: LoopbackExchange,
    folder: Path,
    *,
    settings: Settings | None = None,
    market: str = "spot",
    approve: Approve | None = None,
) -> AsyncIterator[Trader]:
    """A run that has compared its books and knows a price; ended and replayed at the end."""
    trader = Trader(exchange, market)
    options = RunOptions(
        settings=settings or settings_for(exchange),
        state_dir=StateDir(folder),
        duration=60,
        approve=approve,
    )
    trader.task = asyncio.ensure_future(trade(options, trader))
    try:
        waiting = asyncio.ensure_future(trader.ready.wait())
        await asyncio.wait([waiting, trader.task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if trader.task.done():
            trader.task.result()
        await listening(trader)
        await trader.price("60000")
        await trader.clean()
        yield trader
        await trader.end()
    finally:
        if not trader.task.done():
            trader.task.cancel()
            await asyncio.gather(trader.task, return_exceptions=True)
    await verified(folder)
    assert exchange.truth.duplicates() == []


async def listening(trader: Trader) -> None:
    """Until the market data and the account's news are subscribed to."""
    hub, market = trader.exchange.hub, trader.market
    streams = [f"{s.lower()}@{name}" for s in (SPOT,) for name in ("trade", "bookTicker")]
    await trader.until(lambda: all(hub.wanted(market, [stream]) for stream in streams))
    await trader.until(lambda: any(s.account and s.market == market for s in hub.sockets))


async def verified(folder: Path) -> None:
    """The newest journal replays to the same decisions and the same state."""
    result = await Replay(journals(folder)[-1]).run()
    assert result.verified, result.first_divergence
    assert result.clean


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in KEYS.items():
        monkeypatch.setenv(name, text)


__all__ = [
    "KEYS",
    "QUICK",
    "SPOT",
    "Trader",
    "keys",
    "listening",
    "settings_for",
    "trading",
    "verified",
]
