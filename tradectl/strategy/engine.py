"""The strategy engine: market data in, signals out.

A tick costs no more than the callbacks that want it: which these are is worked out once for each feed and
symbol (`routes`), so a tick is one look-up and the calls. What a callback raises is counted and reported
as an event; several failures in a row put its strategy in quarantine, and no other strategy is affected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from tradectl.domain.errors import UsageError
from tradectl.domain.event import Reason
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    BookEvent,
    Event,
    MarketDataEvent,
    Record,
    SignalAction,
    SystemEventKind,
    TimerFired,
)
from tradectl.domain.text import LONGEST_LINE, harmless, suggest
from tradectl.domain.views import AccountView
from tradectl.strategy import catalog, containment, silence
from tradectl.strategy.base import Strategy
from tradectl.strategy.best_exchange import BestExchange
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.instances import (
    BOOKS,
    QUOTES,
    TRADES,
    Callback,
    RunningStrategy,
    StrategyStatistics,
    SymbolSlot,
    WarmUpNeed,
    Word,
)
from tradectl.strategy.own_events import Timer, timer_name
from tradectl.strategy.own_reports import OwnReports
from tradectl.strategy.routes import BarCallbacks, Routes
from tradectl.strategy.said import Said, withdrawal
from tradectl.strategy.spoken import said_at_once, system_event, word_of

CLOSE = SignalAction.CLOSE


class StrategyEngine:
    """Runs `instances`. Pure and synchronous: the same events give the same signals.

    `max_failures` in a row of one callback put its instance in quarantine. Each instance may emit
    `max_signals_per_second` for a symbol; of those that come faster the last is deferred until it may.
    `moment` gives the number of the event that is handled: notes of an earlier one are not this one's.
    `view` is the account, of which each strategy sees its own part, and hears of its fills and orders.
    `best_exchange` says where the signals go of those that are routed.
    Raises UsageError for an instance that cannot be run.
    """

    name = "strategy"
    """what the core calls it when it fails"""

    def __init__(
        self,
        instances: Iterable[StrategyInstance],
        *,
        max_failures: int = 3,
        max_signals_per_second: int = 20,
        moment: Callable[[], int] | None = None,
        view: AccountView | None = None,
        find: Callable[[str], type[Strategy]] = catalog.find,
        decides_on: int = 0,
        best_exchange: BestExchange | None = None,
    ) -> None:
        self.alone = partial(
            StrategyEngine,
            max_failures=max_failures,
            max_signals_per_second=max_signals_per_second,
            moment=moment,
            view=view,
            best_exchange=best_exchange,
        )
        """makes an engine like this one, of other instances"""
        if max_failures < 1 or max_signals_per_second < 1:
            raise UsageError("max_failures and max_signals_per_second must be at least 1")
        self._strategies: dict[str, RunningStrategy] = {}
        for instance in instances:
            if instance.name in self._strategies:
                raise UsageError(f"two strategies are named {instance.name!r}: rename one")
            self._strategies[instance.name] = RunningStrategy(
                instance, find(instance.strategy), moment, view
            )
        self._max_failures = max_failures
        self._max_signals = max_signals_per_second
        self.said = Said(view, max_signals_per_second)
        self._routes = Routes(self._strategies, self._slots, self.said.tell, decides_on)
        self._view = view
        self.best_exchange = best_exchange
        if best_exchange is not None:
            for running in self._strategies.values():
                running.may_hold(best_exchange.listings(running.config.name))
        intervals = sorted({s.timer for s in self._strategies.values() if s.timer})
        self.timers = {timer_name(interval): interval for interval in intervals}
        """name -> interval (ns) of the timers that strategies want to hear"""
        self.own_reports = (
            None if view is None else OwnReports(self._strategies, view, self._answers)
        )

    def hold_to(self, max_failures: int, max_signals_per_second: int) -> None:
        """Other bounds than those it was made with, from here on."""
        self._max_failures, self._max_signals = max_failures, max_signals_per_second
        bounds = {"max_failures": max_failures, "max_signals_per_second": max_signals_per_second}
        self.alone = partial(StrategyEngine, **{**self.alone.keywords, **bounds})
        for running in self._strategies.values():
            for slot in running.slots.values():
                slot.limit_to(max_signals_per_second)
        self.said.look_again()

    def on_market(self, event: MarketDataEvent, record: Record) -> list[Event] | None:
        """The signals and failures of the strategies at `event`: a handler of the core, called for
        every tick."""
        at = record.at
        if event.__class__ is MarketDataEvent:
            feed = TRADES
        elif type(event) is BarEvent:
            feed = event.interval
        elif type(event) is BarOpened:
            return None  # what comes of it is not known before it closes
        else:
            feed = BOOKS if type(event) is BookEvent else QUOTES
        if at >= self.said.next_due:
            self.said.put_deferred(at)
        try:
            bars, callbacks = self._routes[feed][event.symbol]
        except KeyError:
            bars, callbacks = self._routes.make(feed, event.symbol, event.ts or at)
        if bars:
            self._call_with_bars(bars, event, at)
        self._call(callbacks, event, at)
        return self.said.taken() if self.said.events else None

    def on_timer(self, timer: TimerFired, record: Record) -> list[Event] | None:
        """What strategies say whose time has come."""
        interval = self.timers.get(timer.name)
        if interval is None:
            return None
        due = Timer(record.at)
        for running in self._strategies.values():
            if running.timer == interval and not running.quarantined:
                slots = running.objects()
                self._call(tuple(slot.callbacks["on_timer"] for slot in slots), due, record.at)
        return self.said.taken() if self.said.events else None

    def _answers(self, callbacks: tuple[Callback, ...], event: object, at: int) -> list[Event]:
        """What is said to something that concerns a few alone."""
        self._call(callbacks, event, at)
        return self.said.taken()

    def warm_up(
        self, events: Iterable[MarketDataEvent], at: int, *, goes_on: bool = False
    ) -> list[Event]:
        """Show the strategies what was recorded before this run, oldest first; what they see next
        `goes_on` from there, or comes after a hole. Nobody hears their signals; their failures are
        returned."""
        failures = self.show(events, at)
        for running in self._strategies.values():
            running.begin(at)
        if not goes_on:
            self._routes.interrupt()
        return failures

    def show(self, events: Iterable[MarketDataEvent], at: int) -> list[Event]:
        """What was recorded before, or a part of it, to be gone on from: the failures. Nobody hears what
        is said of it."""
        failures: list[Event] = []
        self.said.silent = True
        for event in events:
            failures += self.on_market(event, Record(0, event.ts or at, event)) or ()
        self.said.silent = False
        return failures

    def warm_up_needs(self) -> list[WarmUpNeed]:
        """What it takes for every strategy to be warm; nothing for those that need nothing."""
        needs = [running.warm_up_need() for running in self._strategies.values()]
        return [need for need in needs if need.count]

    def instances(self) -> Mapping[str, RunningStrategy]:
        """By their names."""
        return self._strategies

    def put(self, new: RunningStrategy, heard: StrategyEngine, at: int, why: str) -> list[Event]:
        """In the place of the one of its name, whose words are left; its bars that nobody builds yet are
        as `heard` has them."""
        old = self.instance(new.config.name)
        self.said.events += old.retire(at)
        new.go_on_from(old)
        self._strategies[new.config.name] = new
        self._routes.reset()
        self._routes.go_on_from(heard._routes)
        self.said.tell(SystemEventKind.STRATEGY_RENEWED, new.component, why)
        return self.said.taken()

    def place(self, symbol: str, at: int, like: StrategyEngine) -> None:
        """Have those there from `at` (ns) that hear its prices, as they come to another engine."""
        self._slots(symbol, like._routes.candles_of(symbol) or TRADES, at)

    def quarantine(self, name: str, reason: str = "by command") -> list[Event]:
        """Give an instance no more events; its position is not touched. UsageError if unknown."""
        running = self.instance(name)
        if running.quarantined:
            return []
        running.quarantine(harmless(reason, LONGEST_LINE))
        self._routes.reset()
        quarantined = system_event(SystemEventKind.STRATEGY_QUARANTINED, running.component, reason)
        return [quarantined, *self._withdrawn(name)]

    def _withdrawn(self, name: str) -> list[Event]:
        """Nobody looks after what it has resting."""
        if self._view is None:
            return []
        return [
            withdrawal(symbol, name, "quarantined")
            for symbol in self._view.quoted()
            if self._view.quotes(symbol).get(name)
        ]

    def release(self, name: str) -> list[Event]:
        """End an instance's quarantine; it starts with new objects. UsageError if unknown."""
        running = self.instance(name)
        if not running.quarantined:
            return []
        running.release()
        self._routes.reset()
        return [system_event(SystemEventKind.STRATEGY_RELEASED, running.component, "starts anew")]

    def quarantined(self) -> dict[str, str]:
        """Why, by the name of each instance in quarantine."""
        return {n: s.quarantined for n, s in self._strategies.items() if s.quarantined}

    def failed(self) -> dict[str, str]:
        """How often each instance failed that did, and how at last, by its name."""
        return {n: s.failed() for n, s in self._strategies.items() if s.failures}

    def nothing_trades(self) -> bool:
        """There are strategies, and all of them are in quarantine, or failed and never said anything."""
        return bool(self._strategies) and all(
            s.quarantined or (s.failures and not s.signals) for s in self._strategies.values()
        )

    def why_silent(self, name: str, symbol: str, newest: int | None) -> Reason:
        """Why an instance has said nothing about `symbol`, whose newest data is of `newest` (ns)."""
        return silence.why_silent(
            self.instance(name), symbol, self._routes.candles_of(symbol), newest
        )

    def warming(self, name: str, symbol: str) -> tuple[int, int] | None:
        """How many calls an instance needs at `symbol` and how many it saw; None once it is warm."""
        slot = self.instance(name).slots.get(symbol)
        if slot is None or slot.cold <= 0:
            return None
        return slot.need, slot.need - slot.cold

    def deferred(self, name: str, symbol: str) -> bool:
        """A signal of it waits: they came too fast."""
        return self.said.is_deferred(name, symbol)

    def statistics(self) -> list[StrategyStatistics]:
        return [running.statistics() for running in self._strategies.values()]

    def _call_with_bars(self, bars: BarCallbacks, event: MarketDataEvent, at: int) -> None:
        for builder, callbacks in bars:
            for bar in builder.update(event, at):
                self._call(callbacks, bar, at)

    def _call(self, callbacks: tuple[Callback, ...], event: object, at: int) -> None:
        for callback in callbacks:
            try:
                answer = callback.call(event)
                words = None if answer is None else self._words(callback, answer, at)
            except BaseException as error:  # a user's code: whatever it raises, the others go on
                self._count_failure(callback, error)
                continue
            callback.failures_in_a_row = 0
            if words is not None:
                slot = callback.slot
                for word in words:
                    self.said.put(slot.running.slots.get(word.symbol, slot), word, at)

    def _words(self, callback: Callback, answer: object, at: int) -> list[Word]:
        """What a callback returned, checked: one word, or several of them. Raises TypeError or
        ValueError."""
        slot = callback.slot
        said = said_at_once(answer)
        words = [word_of(slot, each, self._view) for each in said]
        at_no_symbol = callback.name == "on_timer" and not slot.running.cls.per_symbol
        if at_no_symbol and not all(each.symbol for each in said):
            raise ValueError(
                "on_timer of a strategy of all symbols: name the symbol of what it says"
            )
        if self.best_exchange is not None:
            return [self.best_exchange.routed(word, at) for word in words]
        return words

    def _count_failure(self, callback: Callback, error: BaseException) -> None:
        running = callback.slot.running
        why = containment.failure(error, running.cls)
        callback.failures_in_a_row += 1
        self._add_failure(running, f"{callback.name}: {why}")
        if containment.ends_it(error):
            self.said.events += self.quarantine(
                running.config.name, f"{callback.name} raised {why}"
            )
        elif callback.failures_in_a_row >= self._max_failures:
            reason = f"{callback.failures_in_a_row} failures in a row of {callback.name}: {why}"
            self.said.events += self.quarantine(running.config.name, reason)

    def _add_failure(self, running: RunningStrategy, message: str) -> None:
        running.failures += 1
        running.last_failure = harmless(message, LONGEST_LINE)
        self.said.tell(SystemEventKind.STRATEGY_FAILED, running.component, message)

    def instance(self, name: str) -> RunningStrategy:
        """That of this name. Raises UsageError where there is none."""
        running = self._strategies.get(name)
        if running is None:
            raise UsageError(
                f"no strategy {harmless(name, 60)!r}: {suggest(name, self._strategies)}"
            )
        return running

    def _slots(self, symbol: str, feed: int, at: int) -> list[SymbolSlot]:
        """The slots of those that `feed` of `symbol`, which begins at `at` (ns), has something for; a
        strategy that cannot start is put in quarantine."""
        slots = []
        for running in self._strategies.values():
            if not running.wants(symbol) or not running.hears(feed):
                continue
            try:
                slots.append(running.slot_for(symbol, self._max_signals, feed, at))
            except BaseException as error:  # a user's code: whatever it raises, the others go on
                why = containment.failure(error, running.cls)
                self._add_failure(running, f"start: {why}")
                self.said.events += self.quarantine(running.config.name, f"could not start: {why}")
        return slots
