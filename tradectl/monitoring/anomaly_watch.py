"""What is unlike before becomes an alert, and is over once it has been usual again for a while.

An observer of a live market, with a mailbox of its own: nothing here delays trading or decides on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.anomaly.finding import Finding
from tradectl.anomaly.market import MarketWatch
from tradectl.anomaly.trading import ACCOUNT, TradingWatch
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import (
    BarOpened,
    EventType,
    MarketDataEvent,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
    Record,
)
from tradectl.domain.states import AlertSeverity
from tradectl.monitoring.component_breaker import ComponentBreaker
from tradectl.monitoring.periodic import Periodic

if TYPE_CHECKING:
    from tradectl.monitoring.alert_manager import AlertManager
    from tradectl.state.books import Books

KINDS = (EventType.MARKET_DATA, OrderSubmitted, OrderAccepted, OrderRejected, OrderFilled)
OVER_AFTER = 15
"""stretches"""


class AnomalyWatch:
    """Of a run's symbols and its account; a stretch is `seconds` long, and what scores `limit` or more is
    told. The latter is about the number of usual deviations."""

    name = "anomalies"

    def __init__(
        self, bus: EventBus, books: Books, alerts: AlertManager, *, seconds: float, limit: float
    ) -> None:
        self._bus = bus
        self._books = books
        self._alerts = alerts
        self._seconds, self._limit = seconds, limit
        self._markets: dict[str, MarketWatch] = {}
        self._trading = TradingWatch(limit=limit)
        self._open: dict[tuple[str, str], float] = {}
        self._observes = False
        breaker = ComponentBreaker(self.name, bus.post, bus.clock.monotonic, alerts=True)
        self._looking = Periodic(self._look, seconds, bus.clock, breaker)

    def tell_from(self, limit: float) -> None:
        """The score, from here on."""
        self._limit = self._trading.limit = limit
        for watch in self._markets.values():
            watch.limit = limit

    async def start(self) -> None:
        if not self._observes:
            self._observes = True
            self._bus.observe(KINDS, self._on_record, name=self.name)
            await self._looking.start()

    async def stop(self) -> None:
        if self._observes:
            self._observes = False
            for kind in KINDS:
                self._bus.unsubscribe(kind, self._on_record)
            await self._looking.stop()

    def _on_record(self, record: Record) -> None:
        event, trading = record.event, self._trading
        if isinstance(event, MarketDataEvent):
            if not isinstance(event, BarOpened):
                self._tell(self._market(event.symbol).take(event))
        elif isinstance(event, OrderSubmitted):
            last = self._books.last.get(event.symbol)
            trading.sent(event.order_id, record.at, float(last.price) if last is not None else 0.0)
        elif isinstance(event, OrderFilled):
            is_buy = event.side.signed(event.quantity) > 0
            self._tell(trading.filled(event.order_id, float(event.price), is_buy=is_buy))
        elif isinstance(event, OrderAccepted | OrderRejected):
            is_rejected = isinstance(event, OrderRejected)
            self._tell(trading.answered(event.order_id, record.at, rejected=is_rejected))

    def _market(self, symbol: str) -> MarketWatch:
        watch = self._markets.get(symbol)
        if watch is None:
            seed = len(self._markets)
            watch = MarketWatch(symbol, seconds=self._seconds, limit=self._limit, seed=seed)
            self._markets[symbol] = watch
        return watch

    async def _look(self) -> str:
        """At the equity, once a stretch, and at what is over."""
        self._tell(self._trading.worth(float(self._books.equity())))
        now = self._bus.clock.monotonic()
        for (kind, component), since in list(self._open.items()):
            if now - since >= OVER_AFTER * self._seconds:
                del self._open[kind, component]
                self._alerts.resolve_type(kind, component)
        return ""

    def _tell(self, found: list[Finding]) -> None:
        for each in found:
            component = ACCOUNT if each.subject == ACCOUNT else f"symbol:{each.subject}"
            kind = f"anomaly_{each.kind}"
            self._alerts.raise_alert(kind, each.text, AlertSeverity.WARNING, component)
            self._open[kind, component] = self._bus.clock.monotonic()


__all__ = ["AnomalyWatch"]
