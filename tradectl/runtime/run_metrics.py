"""A run's figures for Prometheus: what is counted anyway, read when somebody asks.

What happens is counted by an observer, class by class, as the journal has it; market data is not, the bus
knows how much there was. No figure is an amount of money unless that is asked for.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from tradectl.domain.event import EventType
from tradectl.domain.events import (
    ExecutionEvent,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
    Record,
)
from tradectl.domain.resilience import CLOSED
from tradectl.domain.states import AlertSeverity, ComponentStatus, TradingState
from tradectl.domain.time import SECOND
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.metrics import MetricsCollector
from tradectl.monitoring.metrics_server import OWN_HELPS
from tradectl.monitoring.monitor import SystemMonitor
from tradectl.notification.dispatcher import Dispatcher
from tradectl.runtime.session import Session
from tradectl.version import __version__

if TYPE_CHECKING:
    from tradectl.documents.run import Resources
    from tradectl.runtime.run_log import RunLog

COUNTED = tuple(kind for kind in EventType if kind is not EventType.MARKET_DATA)
MOST_SYMBOLS = 500
MOST_ORDERS = 10_000
"""Under way, whose times are waited for."""
MEBIBYTE = 1 << 20

HELPS = {
    **OWN_HELPS,
    "info": "1; the version, the mode and the source of market data are labels",
    "events": "events of this run by class, as its journal has them, market data aside",
    "journal_seq": "the number of the newest record",
    "bus_published": "inputs handed to the bus",
    "bus_processed": "inputs and what followed from them",
    "bus_failed": "events that a handler could not handle",
    "bus_dropped": "market data shed or conflated",
    "bus_queue_depth": "inputs that wait, by class",
    "bus_wait_seconds": "how long a sample of the inputs waited to be dispatched, by class",
    "step_seconds": "steps of the core, from an input to its last consequence",
    "step_p50_seconds": "the newest steps of the core: of half",
    "step_p99_seconds": "the same: of 99 in 100",
    "stage_seconds": "what a stage took of each step, in a sample of them; dispatch is the rest",
    "journal_write_seconds": "a group of records, to the operating system",
    "journal_sync_seconds": "what was written, to the disk",
    "projection_write_seconds": "changes of the account, to the database, with the journal's sync",
    "handler_handled": "events that an observer has handled",
    "handler_failures": "failed tries of an observer",
    "handler_missed": "events that an observer did not get",
    "handler_waiting": "events that wait for an observer",
    "handler_mean_seconds": "what an observer takes for an event",
    "order_accept_seconds": "from an order's release to the exchange's word that it works",
    "order_fill_seconds": "from an order's release to its first fill",
    "orders": "orders of the account",
    "orders_denied": "orders that risk denied",
    "fills": "fills of the account",
    "orders_open": "orders that work",
    "orders_unknown": "orders whose fate an exchange has not told",
    "breaker_open": "1 for an exchange that does not answer: entries wait",
    "requests_answered": "requests that an exchange answered, if only to refuse",
    "requests_failed": "requests to an exchange without an answer",
    "positions_open": "positions that are not flat",
    "drawdown_ratio": "below the highest equity, as a part of it",
    "state": "1 for the state that the run is in",
    "entries_possible": "1 where entries may leave",
    "available_ratio": "of the run's time that entries could leave",
    "held_back_ratio": "of the run's time that a cause held entries back",
    "component_up": "0 for a component that has failed or is restarted",
    "component_breaker_open": "1 for one that failed some times in a row: it is tried after pauses",
    "component_errors": "errors that a component has counted",
    "data_age_seconds": f"since the newest market data of a symbol; of the {MOST_SYMBOLS} oldest",
    "data_age_max_seconds": "of the oldest of all of them",
    "event_lag_seconds": "from an exchange's date of a trade to our having it, by the exchange's clock",
    "event_lag_newest_seconds": "the same: of half of the newest trades",
    "clock_offset_seconds": "how far an exchange's clock is ahead of this machine's",
    "utc_offset_seconds": "how far UTC is ahead of this machine's clock, by its time server",
    "clock_set_seconds": "how far this machine's clock was set ahead, and is not followed yet",
    "alerts_open": "alerts that are not over, by severity",
    "alert_delivery_seconds": "from what happened to a channel's word that it has it",
    "log_lines": "lines of the log that were written",
    "log_dropped": "lines that were not: too many, or it could not be written",
    "outbox_waiting": "messages that nobody could be told yet",
    "outbox_dropped": "messages let go untold: too many, or too old",
    "process_cpu_percent": "100 is one core",
    "process_rss_bytes": "resident memory",
    "process_open_files": "file descriptors",
    "process_threads": "threads",
    "loop_lag_seconds": "how late the loop woke the monitor last",
    "loop_tasks": "asyncio tasks that are not done",
    "equity": "of the account, in its currency",
    "profit": "since the account was opened, open positions included",
    "fees": "paid",
    "position_size": "signed, in coins",
}
MONEY = ("equity", "profit", "fees", "position_size")


class RunMetrics:
    """Of a session, and of those who watch it; `troubles` are the names of what is not well. `money`:
    amounts, too."""

    name = "metrics"

    def __init__(
        self,
        session: Session,
        monitor: SystemMonitor,
        alerts: AlertManager,
        dispatcher: Dispatcher | None,
        troubles: Callable[[], list[str]],
        *,
        log: RunLog | None = None,
        money: bool = False,
    ) -> None:
        self._session = session
        self._monitor = monitor
        self._alerts = alerts
        self._dispatcher = dispatcher
        self._log = log
        self.troubles = troubles
        self._money = money
        self._figures = MetricsCollector(HELPS)
        self._events: Counter[str] = Counter()
        self._unaccepted: dict[str, int] = {}
        self._unfilled: dict[str, int] = {}
        session.bus.listen(COUNTED, self._on_record)
        self._find_histograms()

    def text(self) -> str:
        """Those of now, for Prometheus; to be asked for in the loop."""
        figures = self._figures
        figures.forget_gauges()
        self._of_the_run()
        self._of_the_bus()
        self._of_the_account()
        self._of_the_components()
        self._of_the_machine(self._monitor.resources())
        if self._money:
            self._of_the_money()
        return figures.prometheus()

    def show_money(self, money: bool) -> None:
        """Amounts, too, or not, from here on."""
        self._money = money

    @property
    def state(self) -> str:
        return self._session.orchestrator.state

    def _find_histograms(self) -> None:
        """What is measured where it happens."""
        kept, bus = self._figures.histogram, self._session.bus
        kept("step_seconds", bus.step_times.durations)
        for stage, taken in bus.stage_times.durations.items():
            kept("stage_seconds", taken, {"stage": stage})
        kept("journal_write_seconds", bus.command_release.write_times)
        kept("journal_sync_seconds", bus.command_release.sync_times)
        for exchange, lag in self._monitor.lags.items():
            kept("event_lag_seconds", lag.durations, {"exchange": exchange})
        for priority, waits in bus.input_waits.items():
            kept("bus_wait_seconds", waits, {"class": priority.name.lower()})
        if self._session.state.write_times is not None:
            kept("projection_write_seconds", self._session.state.write_times)
        if self._dispatcher is not None:
            for channel, times in self._dispatcher.delivery_times.items():
                kept("alert_delivery_seconds", times, {"channel": channel})

    # --- what happens --------------------------------------------------------------------------------

    def _on_record(self, record: Record) -> None:
        event = record.event
        self._events[type(event).__name__] += 1
        if isinstance(event, OrderSubmitted):
            for waiting in (self._unaccepted, self._unfilled):
                while len(waiting) >= MOST_ORDERS:
                    del waiting[next(iter(waiting))]
                waiting[event.order_id] = record.at
        elif isinstance(event, OrderAccepted):
            self._took("order_accept_seconds", event, self._unaccepted, record.at)
        elif isinstance(event, OrderFilled):
            self._took("order_fill_seconds", event, self._unfilled, record.at)

    def _took(self, name: str, event: ExecutionEvent, since: dict[str, int], at: int) -> None:
        """The first time; a fill may come before its order's acceptance."""
        sent = since.pop(event.order_id, None)
        if sent is not None:
            took = max(0, at - sent) / SECOND
            self._figures.observe(name, took, {"exchange": event.source_component})

    # --- what is ------------------------------------------------------------------------------------

    def _of_the_run(self) -> None:
        figures, session = self._figures, self._session
        labels = {"version": __version__, "mode": session.settings.mode, "source": session.source}
        figures.gauge("info", 1, labels)
        for name, count in self._events.items():
            figures.total("events", count, {"kind": name})
        figures.gauge("journal_seq", session.system.last_seq)
        figures.gauge("state", 1, {"state": self.state})
        running = session.books.trading_state is TradingState.RUNNING
        figures.gauge("entries_possible", float(running and self.state == "RUNNING"))
        found = session.state.availability()
        if found is not None:
            figures.gauge("available_ratio", found.available_pct / 100)
            for each in found.held_back:
                figures.gauge("held_back_ratio", each.share, {"cause": each.cause})
        for severity in AlertSeverity:
            count = sum(a.severity is severity for a in self._alerts.get_active_alerts())
            figures.gauge("alerts_open", count, {"severity": severity.value})
        if self._log is not None:
            figures.total("log_lines", self._log.written)
            figures.total("log_dropped", self._log.dropped)
        if self._dispatcher is not None:
            figures.gauge("outbox_waiting", self._dispatcher.waiting)
            figures.total("outbox_dropped", self._dispatcher.dropped)

    def _of_the_bus(self) -> None:
        figures, bus = self._figures, self._session.bus.figures()
        figures.total("bus_published", bus.published)
        figures.total("bus_processed", bus.processed)
        figures.total("bus_failed", bus.failed)
        figures.total("bus_dropped", bus.dropped)
        for priority, depth in self._session.bus.queue_depths().items():
            figures.gauge("bus_queue_depth", depth, {"class": priority.name.lower()})
        figures.gauge("step_p50_seconds", bus.latency_p50_us / 1e6)
        figures.gauge("step_p99_seconds", bus.latency_p99_us / 1e6)
        for name, handler in bus.handlers.items():
            labels = {"handler": name}
            figures.total("handler_handled", handler.handled, labels)
            figures.total("handler_failures", handler.failures, labels)
            figures.total("handler_missed", handler.missed + handler.dropped, labels)
            figures.gauge("handler_waiting", handler.waiting, labels)
            figures.gauge("handler_mean_seconds", handler.mean_us / 1e6, labels)

    def _of_the_account(self) -> None:
        figures, books = self._figures, self._session.books
        account = books.account
        figures.total("orders", account.orders_count)
        figures.total("orders_denied", account.denied_count)
        figures.total("fills", account.fills_count)
        figures.gauge("orders_open", len(books.working_orders()))
        figures.gauge("positions_open", sum(bool(p.quantity) for p in account.positions.values()))
        figures.gauge("drawdown_ratio", float(books.drawdown()))
        self._of_the_data(self._monitor.data_age())
        for name, lag in self._monitor.event_lag().items():
            figures.gauge("event_lag_newest_seconds", lag.p50_ms / 1000, {"exchange": name})
        for exchange in self._session.gateway.status():
            labels = {"exchange": exchange.name}
            figures.gauge("orders_unknown", exchange.unknown_orders, labels)
            if exchange.clock_offset_ms is not None:
                figures.gauge("clock_offset_seconds", exchange.clock_offset_ms / 1000, labels)
            if exchange.breaker is not None:
                figures.gauge("breaker_open", float(exchange.breaker.state != CLOSED), labels)
            if exchange.calls is not None:
                figures.total("requests_answered", exchange.calls.answered, labels)
                figures.total("requests_failed", exchange.calls.failed, labels)

    def _of_the_data(self, ages: Mapping[str, float]) -> None:
        """Of a thousand symbols those that matter."""
        self._figures.gauge("data_age_max_seconds", max(ages.values(), default=0.0))
        for symbol in heapq.nlargest(MOST_SYMBOLS, ages, key=ages.__getitem__):
            self._figures.gauge("data_age_seconds", ages[symbol], {"symbol": symbol})

    def _of_the_components(self) -> None:
        for name, component in self._session.bus.components.all().items():
            labels = {"component": name}
            down = component.status in (ComponentStatus.FAILED, ComponentStatus.RESTARTING)
            self._figures.gauge("component_up", float(not down), labels)
            is_open = float(component.breaker != CLOSED)
            self._figures.gauge("component_breaker_open", is_open, labels)
            self._figures.total("component_errors", component.error_count, labels)

    def _of_the_machine(self, found: Resources) -> None:
        figures = self._figures
        rss = None if found.rss_mb is None else found.rss_mb * MEBIBYTE
        for name, value in (
            ("process_cpu_percent", found.cpu_pct),
            ("process_rss_bytes", rss),
            ("process_open_files", found.open_files),
            ("process_threads", found.threads),
        ):
            if value is not None:
                figures.gauge(name, value)
        figures.gauge("loop_tasks", len(asyncio.all_tasks()))
        figures.gauge("clock_set_seconds", self._session.bus.clock.moved / SECOND)
        figures.gauge("loop_lag_seconds", (found.loop_lag_ms or 0) / 1000)
        if found.utc_offset_ms is not None:
            figures.gauge("utc_offset_seconds", found.utc_offset_ms / 1000)

    def _of_the_money(self) -> None:
        figures, books = self._figures, self._session.books
        figures.gauge("equity", float(books.equity()))
        figures.gauge("profit", float(books.profit()))
        fees = sum((p.fees for p in books.account.positions.values()), start=0)
        figures.gauge("fees", float(fees))
        for symbol, position in islice(books.account.positions.items(), MOST_SYMBOLS):
            figures.gauge("position_size", float(position.quantity), {"symbol": symbol})


__all__ = ["HELPS", "MONEY", "RunMetrics"]
