"""Real exchanges: each order goes to the one that its symbol belongs to, and each is asked by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from tradectl.bus.clock import ComputerClock, Sleep
from tradectl.documents.run import ExchangeStatus
from tradectl.domain.commands import CancelOrder, OutboundCommand
from tradectl.domain.errors import ExchangeError, NotExecuted, UsageError
from tradectl.domain.orders import Order
from tradectl.domain.text import harmless
from tradectl.exchange.base import Accepted, Cancelled, Compared, PreSendCheck, Proof, Whose
from tradectl.exchange.live.live_exchange import LiveExchange
from tradectl.exchange.live.unreached import UnreachedExchange
from tradectl.exchange.paper.funding_rates import NO_FUNDING
from tradectl.exchange.venue import waiting

T = TypeVar("T")
AnyExchange = LiveExchange | UnreachedExchange


class LiveGateway:
    """A `Gateway` to one or more live exchanges. One that hangs or fails keeps none of the others."""

    connected = True
    remote = True
    funding_rates = NO_FUNDING

    def __init__(
        self,
        exchanges: Iterable[LiveExchange],
        unreached: Iterable[UnreachedExchange] = (),
        *,
        sleep: Sleep = ComputerClock.sleep,
    ) -> None:
        self.exchanges = tuple(exchanges)
        self._each: tuple[AnyExchange, ...] = (*self.exchanges, *unreached)
        self._sleep = sleep
        self._by_symbol = {symbol: e for e in self._each for symbol in e.symbols}

    def guard(self, pre_send_check: PreSendCheck) -> None:
        for exchange in self._each:
            exchange.pre_send_check = pre_send_check

    def bind(self) -> None:
        pass

    async def quiesce(self) -> None:
        await asyncio.gather(*(exchange.quiesce() for exchange in self._each))

    async def stop(self) -> None:
        await asyncio.gather(*(exchange.stop() for exchange in self._each))

    def attach_read_only(self) -> None:
        for exchange in self._each:
            exchange.attach_read_only()

    def leave_switch_armed(self) -> None:
        for exchange in self._each:
            exchange.leave_switch_armed()

    def send(self, command: OutboundCommand, at: int) -> None:
        symbol = command.symbol if isinstance(command, CancelOrder) else command.order.spec.symbol
        exchange = self._by_symbol.get(symbol)
        if exchange is None:
            raise UsageError(f"{symbol}: no exchange of this run trades it")
        exchange.send(command, at)

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        orders = list(orders)
        for exchange in self._each:
            symbols = frozenset(exchange.symbols)
            exchange.restore([o for o in orders if o.spec.symbol in symbols], positions)
            exchange.begin()

    async def cancel_all(
        self, *, keep_protection: bool, whose: Whose = Whose.OURS, within: float
    ) -> list[Cancelled]:
        async def cancel(exchange: AnyExchange) -> Cancelled:
            orders = await exchange.cancel_all(keep_protection=keep_protection, whose=whose)
            return Cancelled(exchange=exchange.name, orders=orders)

        return await self._ask_each(
            cancel, lambda name, why: Cancelled(exchange=name, error=why), within
        )

    async def reconcile(
        self, *, accepted: Accepted | None = None, within: float = 0
    ) -> list[Compared]:
        async def compare(exchange: AnyExchange) -> Compared:
            while True:
                told = await exchange.reconcile(accepted)
                if not 0 < told.pause <= within:
                    return told
                await self._sleep(told.pause)

        def failed(name: str, why: str) -> Compared:
            return Compared(exchange=name, error=why)

        return await self._ask_each(compare, failed, within)

    async def proof(self, *, everything: bool, within: float) -> list[Proof]:
        async def ask(exchange: AnyExchange) -> Proof:
            while True:
                try:
                    return await exchange.proof(everything=everything)
                except NotExecuted as error:
                    if not 0 < error.retry_after <= within:
                        raise
                    await self._sleep(error.retry_after)

        return await self._ask_each(ask, lambda name, why: Proof(exchange=name, error=why), within)

    def status(self) -> list[ExchangeStatus]:
        return [exchange.status() for exchange in self._each]

    async def _ask_each(
        self,
        ask: Callable[[AnyExchange], Awaitable[T]],
        failed: Callable[[str, str], T],
        within: float,
    ) -> list[T]:
        """All at once, each for at most `within` seconds (0: for as long as it takes), the pauses that
        its rate limit asks for among them; what `failed` makes of one that did not."""

        async def answer(exchange: AnyExchange) -> T:
            try:
                if not within:
                    return await ask(exchange)
                async with asyncio.timeout(within):
                    with waiting(within):
                        return await ask(exchange)
            except TimeoutError as error:
                return failed(exchange.name, str(error) or "it did not answer in time")
            except ExchangeError as error:
                return failed(exchange.name, str(error))
            except Exception as error:  # whatever broke, the others have done theirs
                return failed(exchange.name, harmless(f"{type(error).__name__}: {error}"))

        return await asyncio.gather(*(answer(exchange) for exchange in self._each))


__all__ = ["LiveGateway"]
