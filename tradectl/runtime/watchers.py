"""Who watches a run: its alerts, its monitor, and where it trades an account those outside of its loop.

On recorded data nobody is told, nobody outside watches, and the monitor speaks to the alerts alone: how
long a step took is no part of a recording, since two runs of one file must be the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tradectl.config.settings import Settings
from tradectl.documents.run import AlertRow
from tradectl.domain.errors import StateError
from tradectl.domain.states import AlertSeverity, TradingState
from tradectl.monitoring.alert_endings import goes_on
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.health import ComponentHealth, HealthStatus
from tradectl.monitoring.monitor import SystemMonitor
from tradectl.monitoring.resources import ResourceReader
from tradectl.monitoring.thresholds import Found, ThresholdWatch, worst_age, worst_clock, worst_lag
from tradectl.notification.threshold_settings import in_force
from tradectl.runtime.control_handlers import ControlHandlers
from tradectl.runtime.outside import heartbeat_url, stalls_of, watchers_outside
from tradectl.runtime.run_log import RunLog
from tradectl.runtime.run_options import Recording, RunOptions
from tradectl.runtime.session import Session
from tradectl.runtime.telling import (
    TRADE_NOTICES,
    dispatcher_of,
    routes_of,
    tells_of_trades,
    trade_notices,
)
from tradectl.runtime.untold import tell_untold
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import UNREADABLE
from tradectl.storage.reader import StateReader

if TYPE_CHECKING:
    from tradectl.feeds.live.event_lag import LagMeter
    from tradectl.notification.dispatcher import Dispatcher

RUN_FAILED = "run_failed"
LATCH = "halt-latch"
FAILED = "failed"
"""How the reason of an end begins that nobody asked for."""


class Watchers:
    """Of a `session`. Market data is stale after `stale_after` s; `lags` tell how late it comes;
    `handlers` do what an operator asks for. Raises ConfigError for a channel that cannot be used."""

    def __init__(
        self,
        session: Session,
        options: RunOptions,
        *,
        stale_after: float,
        lags: Mapping[str, LagMeter],
        handlers: Callable[[], ControlHandlers],
    ) -> None:
        settings, state_dir, recorded = session.settings, session.state_dir, bool(options.data)
        self._session = session
        self._recorded = recorded
        self._dispatcher = None if recorded else dispatcher_of(settings, state_dir, options.environ)
        self._heartbeat_url = "" if recorded else heartbeat_url(settings, options.environ)
        self._stalls = (
            None
            if recorded
            else stalls_of(state_dir, session.run_id, self._dispatcher, self._emergency_stop)
        )
        self._log = (
            RunLog(session, options.environ, recorded=recorded)
            if options.journal is Recording.FULL and settings.log.level != "off"
            else None
        )
        self._handlers = handlers
        self._environ = os.environ if options.environ is None else options.environ
        self.alerts = AlertManager(
            session.bus,
            store=session.store if options.journalled else None,
            dispatcher=self._dispatcher,
            run_id=session.run_id,
            renotify_after=settings.alerts.repeat_seconds,
            escalate_after=settings.alerts.remind_seconds,
            listener=self._log.alert if self._log is not None else None,
            of_a_run=not recorded,
            is_paused=lambda: session.books.trading_state is TradingState.PAUSED,
        )
        self.monitor = SystemMonitor(
            session.bus,
            session.state,
            self.alerts,
            interval=settings.orchestrator.health_check_interval_seconds,
            stale_after=stale_after,
            stall_limit=0.0 if recorded else settings.monitoring.stall_seconds,
            on_stall=self._stalls.report if self._stalls else None,
            lasting_stall=settings.monitoring.stall_stop_seconds,
            on_lasting_stall=self._stalls.stop if self._stalls else None,
            post=self.alerts.on_event if recorded else None,
            resources=ResourceReader(state_dir.path, session.journal_path),
            thresholds=None if recorded else self._thresholds(),
            lags=lags,
        )
        self._follows: list[Callable[[Settings], object]] = [self._follow]
        if not recorded:
            self.monitor.register_component_checker(LATCH, self._latch_health)

    @property
    def tells(self) -> bool:
        """People are told of something."""
        return self._dispatcher is not None

    def _thresholds(self) -> ThresholdWatch:
        """What its settings let the run use, with all that no machine tells."""
        session = self._session
        bus = session.bus

        def read() -> dict[str, Found]:
            depths = bus.queue_depths()
            deepest = max(depths, key=depths.__getitem__)
            return {
                "step_p99_ms": Found(bus.step_times.percentiles_us(0.99)[0] / 1000),
                "queue_depth": Found(depths[deepest], deepest.name.lower()),
                **dict(worst_age(self.monitor.data_age())),
                **dict(worst_lag(self.monitor.event_lag())),
                **dict(worst_clock(session.gateway.status())),
            }

        return ThresholdWatch(
            in_force(session.settings.thresholds),
            self.alerts,
            session.books.account,
            read,
            bus.post,
        )

    async def _latch_health(self) -> ComponentHealth:
        """One that cannot be read denies every order, and no event tells of it."""
        is_lost = self._session.latch.read() is UNREADABLE
        status = HealthStatus.CRITICAL if is_lost else HealthStatus.HEALTHY
        message = f"{UNREADABLE.reason}: no order leaves" if is_lost else ""
        return ComponentHealth(LATCH, status, message=message)

    def started_first(self) -> Iterator[tuple[str, Any]]:
        """By their names, in this order."""
        yield "alerts", self.alerts
        yield "monitor", self.monitor
        if self._dispatcher is not None and tells_of_trades(self._session.settings):
            yield TRADE_NOTICES, trade_notices(self._session, self._dispatcher)
        watching = self._session.settings.monitoring
        if not self._recorded and watching.anomaly_score:
            from tradectl.monitoring.anomaly_watch import AnomalyWatch  # not for recorded data

            watch = AnomalyWatch(
                self._session.bus,
                self._session.books,
                self.alerts,
                seconds=watching.anomaly_seconds,
                limit=watching.anomaly_score,
            )
            self._follows.append(lambda s: watch.tell_from(s.monitoring.anomaly_score or math.inf))
            yield watch.name, watch

    def started_last(self) -> Iterator[tuple[str, Any]]:
        """The run has begun by then. Raises UsageError for a port that is taken."""
        if not self._recorded:
            yield from watchers_outside(
                self._session,
                self.monitor,
                self.alerts,
                self._dispatcher,
                self._heartbeat_url,
                self._log,
                self._follows.append,
            )

        if not self._recorded and self._session.settings.monitoring.telegram_chats:
            yield from self._operator_chat()

    def _operator_chat(self) -> Iterator[tuple[str, Any]]:
        from tradectl.runtime.operator_chat import chat_of  # only where one is configured

        settings, folder = self._session.settings.monitoring, self._session.state_dir.path
        latch = StateDir(folder).latch.set  # its own: that of the session is the loop's
        chat = chat_of(settings, self._environ, self.alerts, self._handlers, latch)
        self._follows.append(lambda s: chat.obey(s.monitoring.telegram_chats))
        yield chat.name, chat

    async def follow(self, settings: Settings) -> None:
        """Those that have changed while the run trades: each of the watchers goes by its own from here
        on."""
        for follow in self._follows:
            follow(settings)
        if self._dispatcher is not None:
            await self._tell_of_trades(self._dispatcher, tells_of_trades(settings))

    def _follow(self, settings: Settings) -> None:
        alerts, watching = settings.alerts, settings.monitoring
        self.alerts.notify_again_after(alerts.repeat_seconds, alerts.remind_seconds)
        self.monitor.every(settings.orchestrator.health_check_interval_seconds)
        self.monitor.stall_limits(watching.stall_seconds, watching.stall_stop_seconds)
        self.monitor.hold_to(in_force(settings.thresholds))
        if self._log is not None:
            self._log.write_as(settings.log)
        if self._dispatcher is not None:
            self._dispatcher.tell_by(routes_of(settings), alerts)

    async def _tell_of_trades(self, dispatcher: Dispatcher, wanted: bool) -> None:
        orchestrator = self._session.orchestrator
        if wanted and not orchestrator.has(TRADE_NOTICES):
            notices = trade_notices(self._session, dispatcher, joins=True)
            await orchestrator.join(TRADE_NOTICES, notices, after="monitor")
        elif not wanted:
            await orchestrator.leave(TRADE_NOTICES)

    async def _emergency_stop(self, reason: str) -> None:
        await self._handlers().emergency_stop(reason)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """The `loop` of the run, from its start on."""
        if self._log is not None:
            self._log.start(self.alerts.raise_alert, self.alerts.resolve_type)
        if self._stalls is not None:
            self._stalls.watch(loop)

    def tell_failure(self, end_reason: str) -> None:
        """That the run ends because something failed: no event tells of it, and nobody may be looking."""
        failure = self._session.bus.failure
        why = str(failure) if failure is not None else end_reason
        is_failure = failure is not None or end_reason.startswith(FAILED)
        if is_failure and self._dispatcher is not None:
            message = f"the run has ended: {why}"
            self.alerts.raise_alert(RUN_FAILED, message, AlertSeverity.CRITICAL, "run")

    async def ended(self, end_reason: str) -> None:
        """All else has ended."""
        if self._log is not None:
            self._log.ended(end_reason)
            await self._log.stop()

    async def end_those_before(self) -> None:
        """What runs before have left open and is over by now."""
        if not self._recorded:
            with contextlib.suppress(StateError):  # another time
                left = await asyncio.to_thread(self._left_open)
                books = self._session.books
                await self.alerts.end_those_before(left, lambda alert: goes_on(alert, books))

    def _left_open(self) -> list[AlertRow]:
        reader = StateReader(self._session.state_dir.db)
        return reader.open_alerts(self._session.books.account.account_id)

    def tell_untold(self) -> None:
        """What the run before had no time to tell of."""
        if self._dispatcher is not None:
            tell_untold(self.alerts, self._session.recovered, self._session.state_dir.db)


__all__ = ["Watchers"]
