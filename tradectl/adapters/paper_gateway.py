"""The paper exchange's place on the bus: it sees the market just before the strategies do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.documents.run import ExchangeStatus
from tradectl.domain.commands import OutboundCommand
from tradectl.domain.events import (
    AccountReported,
    BarEvent,
    FundingPaid,
    MarketDataEvent,
    OrderFilled,
    PositionLiquidated,
    Record,
    TimerFired,
)
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import Order
from tradectl.domain.time import MILLISECOND
from tradectl.domain.timers import END_OF_DATA_TIMER
from tradectl.domain.views import AccountView
from tradectl.exchange.base import Accepted, Cancelled, Compared, PreSendCheck, Proof, Whose
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.funding_rates import NO_FUNDING, FundingRates
from tradectl.exchange.paper.paper_exchange import PaperExchange
from tradectl.exchange.paper.several import PaperExchanges, account_at

PAPER_TIMER = "paper"


class PaperGateway:
    """A `Gateway` to a paper exchange, which is woken by timers of the bus.

    Its exchange lives in this process and has no account but the books: there is nothing to compare
    them with, and its word on orders and positions is its own book. There are several where the
    instruments have several, each with the settings of its name.
    """

    connected = True
    remote = False

    def __init__(
        self,
        bus: EventBus,
        instruments: Instruments,
        settings: PaperSettings | None = None,
        seed: int = 0,
        *,
        view: AccountView | None = None,
        rates: FundingRates = NO_FUNDING,
    ) -> None:
        self._bus = bus
        self.funding_rates = rates
        settings = settings or PaperSettings()
        self._coarse = settings.decides_on_ms * MILLISECOND

        def make(
            settings: PaperSettings, name: str, seed: int, view: AccountView | None
        ) -> PaperExchange:
            return PaperExchange(
                settings,
                instruments,
                bus.schedule,
                seed,
                wake_at=self._wake_at,
                view=view,
                rates=rates,
                # on a live market the order meets what stands there; on recorded data that is the past
                next_event=settings.waits_for_next and not bus.clock.live,
                name=name,
            )

        self._exchange: PaperExchange | PaperExchanges
        if view is None or len(instruments.exchanges) < 2:
            name = instruments.exchanges[0] if instruments.exchanges else ""
            self._exchange = make(settings.at(name), "paper", seed, view)
            self._each = {name: self._exchange}
        else:
            self._each = {
                name: make(settings.at(name), name, seed + number, account_at(view, name))
                for number, name in enumerate(instruments.exchanges)
            }
            self._exchange = PaperExchanges(self._each, view)
        self._exchange_of = instruments.exchange_of

    def guard(self, pre_send_check: PreSendCheck) -> None:
        pass

    def bind(self) -> None:
        on_market = self._on_finer if self._coarse else self._exchange.on_market
        self._bus.attach(MarketDataEvent, on_market, Stage.EXCHANGE)
        self._bus.attach(TimerFired, self._on_timer, Stage.EXCHANGE)
        for kind in (OrderFilled, PositionLiquidated, FundingPaid, AccountReported):
            self._bus.attach(kind, self._exchange.booked, Stage.EXCHANGE)

    async def quiesce(self) -> None:
        pass

    async def stop(self) -> None:
        self._bus.detach(self._exchange.on_market)
        self._bus.detach(self._on_finer)
        self._bus.detach(self._on_timer)
        self._bus.detach(self._exchange.booked)

    def attach_read_only(self) -> None:
        pass

    def leave_switch_armed(self) -> None:
        pass

    def send(self, command: OutboundCommand, at: int) -> None:
        self._exchange.send(command, at)

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        orders = list(orders)
        for name, exchange in self._each.items():
            exchange.restore(
                [order for order in orders if self._exchange_of(order.spec.symbol) == name],
                {s: held for s, held in positions.items() if self._exchange_of(s) == name},
            )

    async def cancel_all(
        self, *, keep_protection: bool, whose: Whose = Whose.OURS, within: float
    ) -> list[Cancelled]:
        """Nobody else trades here, and nothing rests here that the books do not know."""
        if whose is not Whose.OURS:
            return []
        now = self._bus.clock.now()
        return [
            Cancelled(
                exchange=exchange.name,
                orders=exchange.cancel_all(now, keep_protection=keep_protection),
            )
            for exchange in self._each.values()
        ]

    async def reconcile(
        self, *, accepted: Accepted | None = None, within: float = 0
    ) -> list[Compared]:
        return []

    async def proof(self, *, everything: bool, within: float) -> list[Proof]:
        return [exchange.proof() for exchange in self._each.values()]

    def status(self) -> list[ExchangeStatus]:
        return []

    def _on_finer(self, event: MarketDataEvent, record: Record) -> None:
        """All but the candles that are decided on: what is in them, orders have met by then."""
        if not isinstance(event, BarEvent) or event.interval != self._coarse:
            self._exchange.on_market(event, record)

    def _on_timer(self, timer: TimerFired, record: Record) -> None:
        if timer.name == PAPER_TIMER:
            self._exchange.wake(record.at)
        elif timer.name == END_OF_DATA_TIMER:
            self._exchange.end_of_data()

    def _wake_at(self, due: int) -> None:
        self._bus.schedule(TimerFired(source_component="paper", name=PAPER_TIMER), due)


__all__ = ["PaperGateway"]
