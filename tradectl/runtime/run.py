"""One run: a session with a feed, with those who watch it, and with those who can talk to it.

    build -> start -> trade -> end

Ends by itself with recorded data or its duration, by a signal or `stop`, by a halt, or because the
journal could not be written; in each case what is known is written down and reported.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tradectl.bus.clock import Clock, DataClock, WallClock
from tradectl.bus.core import Stage
from tradectl.control.server import ControlServer
from tradectl.documents.run import Summary
from tradectl.domain.errors import TradectlError
from tradectl.domain.events import (
    Event,
    HaltContinued,
    MarketDataEvent,
    Record,
    TimerFired,
    TradingConcluded,
)
from tradectl.domain.time import MILLISECOND
from tradectl.domain.timers import END_TIMER
from tradectl.feeds.recorded import RecordedFeed
from tradectl.feeds.simulated import SimulatedMarket
from tradectl.recovery.history import History
from tradectl.recovery.recovery import Recovered
from tradectl.runtime.conclusion import await_conclusion, await_protection, await_stops
from tradectl.runtime.control_handlers import ControlHandlers
from tradectl.runtime.day_history import with_history
from tradectl.runtime.feed_driver import LiveFeedDriver, RecordedFeedDriver
from tradectl.runtime.funding_coverage import refuse_useless_file
from tradectl.runtime.halted_start import halted_or
from tradectl.runtime.in_process_stop import leave_only_protection
from tradectl.runtime.left_behind import hold_back, settings_left
from tradectl.runtime.left_notes import LeftNotes
from tradectl.runtime.named_symbols import refuse_absent_symbols
from tradectl.runtime.reloads import Reloads
from tradectl.runtime.run_options import (
    Recording,
    RunOptions,
    account_kind,
    market_source,
    open_feed,
    starting_account,
    symbols_ahead,
    with_finer_data,
)
from tradectl.runtime.run_status import RunStatus
from tradectl.runtime.run_warnings import RunWarnings
from tradectl.runtime.session import Session
from tradectl.runtime.signals import ended_by_signals
from tradectl.runtime.watchers import Watchers
from tradectl.state.account import Account

if TYPE_CHECKING:
    from tradectl.runtime.exchanges import Venues

ORDERS_DONE_S = 10.0
STOP_DONE_S = 30.0


class Screen(Protocol):
    """Whoever shows the run to a human."""

    async def start(self, run: TradingRun) -> None: ...
    async def stop(self) -> None: ...


class TradingRun(Session):
    """A session with a feed, and with those who watch it and can talk to it. `venues` are the exchanges
    whose market data is traded on, with the `account` to start from; without them the feed is a
    recording or the simulated market. `rebuilt_word` says why the database had to be made anew, if so,
    and `blind` which history exchanges did not tell."""

    def __init__(
        self,
        options: RunOptions,
        recovered: Recovered | None,
        venues: Venues | None = None,
        account: Account | None = None,
        *,
        rebuilt_word: str = "",
        blind: str = "",
    ) -> None:
        self._rebuilt_word, self._blind = rebuilt_word, blind
        self.venues = venues
        clock: Clock = venues.clock if venues else DataClock() if options.data else WallClock()
        now = clock.wall()
        self.options = options = with_finer_data(options, now)
        settings = options.settings
        self._history: History | None = None
        marks = account.marks if account else {}
        live = venues.feed(self._post_market, self._post, clock, marks) if venues else None
        self.feed = live or open_feed(options, now, recovered, self._hear_before)
        ahead = symbols_ahead(options, self.feed, now)
        if options.symbols or not options.data:
            refuse_useless_file(settings, ahead)
        refuse_absent_symbols(options, ahead)
        begun = account or starting_account(settings, ahead, recovered)
        hold_back(begun, recovered, settings, now)
        self.end_reason = ""
        self._end = asyncio.Event()
        super().__init__(
            settings,
            options.state_dir,
            with_history(begun, options, now),
            clock,
            source="recorded" if options.data else "exchange" if venues else "simulated",
            account_kind=account_kind(options),
            recovered=recovered,
            gateway=venues.gateway if venues is not None and options.live else None,
            projected=options.journalled,
            journalled=options.journalled,
            market=market_source(options, now) if options.journal is Recording.REFERENCE else None,
            find=options.find,
            listener=options.listener,
        )
        self._watchers = Watchers(
            self,
            options,
            # an exchange's feed watches the age of its data itself, and holds back what is old
            stale_after=math.inf if venues else settings.feed.stale_after_seconds,
            lags=live.lags if live else {},
            handlers=self._handlers,
        )
        self._reloads = Reloads(self, options, self._watchers)
        self.alerts, self.monitor = self._watchers.alerts, self._watchers.monitor
        self.warnings = RunWarnings(self.alerts)
        self.status = RunStatus(self, self.feed, self.alerts, self.monitor)
        self.state.describe = self.status.with_run
        self.state.why_untraded = self.status.untraded
        if options.data:
            # where recorded data is not read on is decided in the core: at which tick the end of a halt
            # is noticed out here would be chance
            self.bus.attach(TradingConcluded, self._end_of_trading, Stage.PORTFOLIO)
        else:
            self.orchestrator.settle = lambda: await_protection(self, ORDERS_DONE_S)
        self._compose()

    def _end_of_trading(self, _: TradingConcluded, _record: Record) -> None:
        self.bus.conclude()

    def _compose(self) -> None:
        """Who is started, in this order: watchers, then the trading part, then what lets orders in."""
        add, add_loop = self.orchestrator.add, self.orchestrator.add_loop
        for name, watcher in self._watchers.started_first():
            add(name, watcher)
        for name, component in self.system.components():
            add(name, component)
        if not self.options.data:
            add("control", ControlServer(self.state_dir.socket, self._handlers().by_command()))
        if isinstance(self.feed, SimulatedMarket):
            add_loop("feed", LiveFeedDriver(self.bus, self.feed).run)
        elif isinstance(self.feed, RecordedFeed):
            add_loop("feed", self._recorded_driver(self.feed).run, retry=False)
        else:
            add_loop("feed", self.feed.run)
        add_loop("sampler", self._sample)
        for name, watcher in self._watchers.started_last():
            add(name, watcher)
        self.status.tell_of_exchanges()

    def _handlers(self) -> ControlHandlers:
        return ControlHandlers(self, self.status, self.alerts, self.end, self._reloads)

    def _recorded_driver(self, feed: RecordedFeed) -> RecordedFeedDriver:
        return RecordedFeedDriver(
            self.bus,
            feed,
            self.options.speed,
            flatten=self.options.flatten_at_end,
            history=self._history_inputs,
        )

    def _history_inputs(self) -> Sequence[Event]:
        return () if self._history is None else self._history.inputs()

    # The feed is made before the bus that it posts to: these look for it when they are called.

    def _hear_before(self, events: list[MarketDataEvent]) -> None:
        """What recorded data has before the part that is played."""
        if self._history is None:
            needs = self.system.strategy.engine.warm_up_needs()
            decides_on = self.settings.paper.decides_on_ms * MILLISECOND
            self._history = History(needs, decides_on)
        self._history.hear(events)

    def _post_market(self, events: list[MarketDataEvent]) -> None:
        self.bus.post_market(events)

    def _post(self, event: Event) -> None:
        self.bus.post(event)

    # --- life ----------------------------------------------------------------------------------------

    def end(self, reason: str) -> None:
        """Ask the run to end; the first reason counts."""
        self.end_reason = self.end_reason or reason
        self._end.set()

    async def execute(self, screen: Screen) -> Summary:
        """Start, trade until something ends it, stop. The summary."""
        with ended_by_signals(self.end):
            try:
                with halted_or(self.latch):
                    await self.open()
                notes = LeftNotes(self.state_dir, account_kind(self.options), self.bus)
                if not self.options.data:
                    notes.tell(is_halted=self.options.halt is not None)
                self.warm_up()
                self._watchers.watch(asyncio.get_running_loop())
                await self.orchestrator.start()
                self._continue_halt()
                await notes.forget()
                self.report_recovery()
                self._watchers.tell_untold()
                self.check_passed_over()
                await screen.start(self)
                self._warn_at_the_start()
                await self._watchers.end_those_before()
                await self._until_the_end()
            finally:
                await self._end_all(screen)
        if self.bus.failure is not None:
            raise self.bus.failure
        return self.status.summary(self.end_reason)

    def _continue_halt(self) -> None:
        """Where a halt is latched, or settings of now keep from entering: before anything that waits, and
        before the feed begins."""
        halt = self.options.halt
        if halt is not None:
            self.bus.post(
                HaltContinued(source_component="run", state=halt.state, reason=halt.reason)
            )
        for event in settings_left(self):
            self.bus.post(event)

    def _warn_at_the_start(self) -> None:
        self.warnings.database_made_anew(self._rebuilt_word)
        self.warnings.history_missing(self._blind)
        if not self.options.data:
            foreign, missing = self.state_dir.latch.foreign(), self.status.funding_missing()
            self.warnings.of_the_account(foreign, self.feed, self.settings, missing)

    async def _end_all(self, screen: Screen) -> None:
        """Whatever fails on the way, what was begun is closed."""
        try:
            if isinstance(self.feed, RecordedFeed):
                self.warnings.bad_rows(self.feed.progress)
                self.warnings.no_funding(self.status.funding_missing())
            await screen.stop()
            self._watchers.tell_failure(self.end_reason)
            if self.bus.failure is None and not self.options.data:
                self.bus.post(TimerFired(source_component="run", name=END_TIMER))
            if self.bus.failure is not None:
                await leave_only_protection(self.gateway, self.latch)
            await self.orchestrator.stop()
            self.status.sample()
        finally:
            try:
                await self.close(self.end_reason or "failed")
            finally:
                await self._watchers.ended(self.end_reason)

    async def _until_the_end(self) -> None:
        """The first of: asked to end, feed at its end, time is up, halted, the journal failed.

        Recorded data is played on after a halt, until the core itself takes no more of it.
        """
        ends = {
            asyncio.ensure_future(self._end.wait()): "",
            asyncio.ensure_future(self.bus.failed.wait()): "the journal failed",
            asyncio.ensure_future(self.orchestrator.finished("feed")): "end of data",
        }
        if not self.options.data:
            ends[asyncio.ensure_future(self.orchestrator.halted.wait())] = "halted"
        try:
            done, _ = await asyncio.wait(
                ends, timeout=self.options.duration, return_when=asyncio.FIRST_COMPLETED
            )
            reasons = [why for task, why in ends.items() if task in done]  # several may have come
            self.end_reason = self.end_reason or (reasons[0] if done else "duration is over")
            for task in done:
                task.result()
            if self.options.data and self.books.trading_state.is_halt:
                self.end_reason = "halted"
            elif self.orchestrator.halted.is_set():
                self.end_reason = "halted"
                await await_conclusion(self, ORDERS_DONE_S)
                await await_stops(self, STOP_DONE_S)
        except TradectlError as error:
            self.end_reason = f"failed: {error}"
            raise
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            self.status.sample()
            self.status.tell_of_exchanges()
            await self.bus.clock.sleep(1.0)
