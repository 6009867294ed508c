"""How an exchange hangs on the bus: what it hears of the market, and where its reports go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import CancelOrder, OutboundCommand
from tradectl.domain.errors import UsageError
from tradectl.domain.events import MarketDataEvent, Record, TimerFired
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import Order
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.live.live_exchange import LiveExchange, PreSendCheck
from tradectl.exchange.paper.paper_exchange import PaperExchange

PAPER_TIMER = "paper"


class Gateway(Protocol):
    """An exchange with its place on the bus.

    `connected` is False where nothing can be sent; `outside` is True for an exchange that outlives this
    process, and so must hear of nothing that is not durable.
    """

    connected: bool
    outside: bool

    def guard(self, pre_send_check: PreSendCheck) -> None:
        """Ask `pre_send_check` once more before an order leaves, where orders wait before they do."""
        ...

    async def start(self) -> None: ...
    async def quiesce(self) -> None:
        """Let what is on its way be answered while the bus still takes answers."""
        ...

    async def stop(self) -> None: ...
    def send(self, command: OutboundCommand, at: int) -> None: ...
    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None: ...


class PaperGateway:
    """The paper exchange: sees the market just before the strategies do, and is woken by timers."""

    connected = True
    outside = False

    def __init__(
        self,
        bus: EventBus,
        instruments: Instruments,
        settings: PaperSettings | None = None,
        seed: int = 0,
    ) -> None:
        self._bus = bus
        self._exchange = PaperExchange(
            settings or PaperSettings(), instruments, bus.schedule, seed, wake_at=self._wake_at
        )

    def guard(self, pre_send_check: PreSendCheck) -> None:
        pass

    async def start(self) -> None:
        self._bus.attach(MarketDataEvent, self._exchange.on_record, Stage.EXCHANGE)
        self._bus.attach(TimerFired, self._on_timer, Stage.EXCHANGE)

    async def quiesce(self) -> None:
        pass

    async def stop(self) -> None:
        self._bus.detach(self._exchange.on_record)
        self._bus.detach(self._on_timer)

    def send(self, command: OutboundCommand, at: int) -> None:
        self._exchange.send(command, at)

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        self._exchange.restore(orders, positions)

    def _on_timer(self, record: Record) -> None:
        if record.event.name == PAPER_TIMER:  # type: ignore[union-attr]
            self._exchange.wake(record.at)

    def _wake_at(self, due: int) -> None:
        self._bus.schedule(TimerFired(source_component="paper", name=PAPER_TIMER), due)


class LiveGateway:
    """Real exchanges: each order goes to the one that its symbol belongs to."""

    connected = True
    outside = True

    def __init__(self, exchanges: Iterable[LiveExchange]) -> None:
        self.exchanges = tuple(exchanges)
        self._by_symbol = {symbol: e for e in self.exchanges for symbol in e.symbols}

    def guard(self, pre_send_check: PreSendCheck) -> None:
        for exchange in self.exchanges:
            exchange.pre_send_check = pre_send_check

    async def start(self) -> None:
        pass

    async def quiesce(self) -> None:
        await asyncio.gather(*(exchange.quiesce() for exchange in self.exchanges))

    async def stop(self) -> None:
        await asyncio.gather(*(exchange.stop() for exchange in self.exchanges))

    def send(self, command: OutboundCommand, at: int) -> None:
        symbol = command.symbol if isinstance(command, CancelOrder) else command.order.spec.symbol
        exchange = self._by_symbol.get(symbol)
        if exchange is None:
            raise UsageError(f"{symbol}: no exchange of this run trades it")
        exchange.send(command, at)

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        orders = list(orders)
        for exchange in self.exchanges:
            exchange.restore([o for o in orders if o.spec.symbol in exchange.symbols], positions)
            exchange.begin()


class NoGateway:
    """No exchange: a replay, where the journal holds every report that there was."""

    connected = False
    outside = False

    def guard(self, pre_send_check: PreSendCheck) -> None:
        pass

    async def start(self) -> None:
        pass

    async def quiesce(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def send(self, command: OutboundCommand, at: int) -> None:
        pass

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        pass
