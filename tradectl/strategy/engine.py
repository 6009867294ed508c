"""Market data in, signals out.

A tick must cost nothing but the strategies that want it. So at the first sight of a symbol on a feed
(trades, quotes, or bars of one length) the engine works out who listens there and keeps that list as a
*route*; from then on a tick is one look-up and the calls. Routes are forgotten when the
running_strategies change, and are worked out again.

A symbol's prices come from one feed, the finest that there is: bars that repeat what trades have told
would count it twice. A strategy that raises is not believed but survived: its failures are events, three
in a row end its game, and nobody else at the table notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    BarEvent,
    Event,
    MarketDataEvent,
    StrategySignalEvent,
    SystemEvent,
    SystemEventKind,
)
from tradectl.strategy import catalog
from tradectl.strategy.bars import BarBuilder, spell_timeframe
from tradectl.strategy.base import Strategy
from tradectl.strategy.instances import (
    Callback,
    RunningStrategy,
    StrategyInstance,
    StrategyRecord,
    SymbolSlot,
    signal_event,
)
from tradectl.strategy.wording import described, one_line, suggest

TRADES = 0
QUOTES = -1
"""A feed is named by the length of its bars in ns; trades are bars of no length."""


BarListeners = tuple[tuple[BarBuilder, tuple[Callback, ...]], ...]


class Route(NamedTuple):
    """Who hears a feed: first those who get longer bars made of it, then those who hear it itself."""

    bars: BarListeners
    callbacks: tuple[Callback, ...]


NOBODY = Route((), ())


class StrategyEngine:
    """Runs `instances`. Pure and synchronous: the same events give the same signals.

    `max_failures` in a row of one callback quarantine its instance. An instance may say
    `max_signals_per_second` of a symbol; of those that come faster the last is said when it may be.
    Raises UsageError for an instance that cannot be.
    """

    def __init__(
        self,
        instances: Iterable[StrategyInstance],
        *,
        max_failures: int = 3,
        max_signals_per_second: int = 20,
        find: Callable[[str], type[Strategy]] = catalog.find,
    ) -> None:
        if max_failures < 1 or max_signals_per_second < 1:
            raise UsageError("max_failures and max_signals_per_second must be at least 1")
        self._running_strategies: dict[str, RunningStrategy] = {}
        for instance in instances:
            if instance.name in self._running_strategies:
                raise UsageError(f"two strategies are named {instance.name!r}: rename one")
            self._running_strategies[instance.name] = RunningStrategy(
                instance, find(instance.strategy)
            )
        self._max_failures = max_failures
        self._pace = max_signals_per_second
        self._routes: dict[int, dict[str, Route]] = {}
        self._builders: dict[tuple[str, int], BarBuilder] = {}
        self._finest: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()
        self._held: dict[tuple[str, str], SymbolSlot] = {}
        self._out: list[Event] = []

    def on_market(self, event: MarketDataEvent, at: int) -> list[Event] | None:
        """What the strategies say to `event`, dispatched at `at` (ns UTC): signals and failures."""
        if type(event) is MarketDataEvent:
            feed = TRADES
        elif type(event) is BarEvent:
            feed = event.interval
        else:
            feed = QUOTES
        if self._held:
            self._say_held(at)
        try:
            bars, callbacks = self._routes[feed][event.symbol]
        except KeyError:
            bars, callbacks = self._open(feed, event.symbol)
        if bars:
            self._make_bars(bars, event, at)
        self._call(callbacks, event, at)
        if not self._out:
            return None
        said, self._out = self._out, []
        return said

    def quarantine(self, name: str, reason: str = "by command") -> list[Event]:
        """An instance hears nothing more; its position is not touched. UsageError if unknown."""
        running = self._running(name)
        if running.quarantined:
            return []
        running.leave()
        self._forget_routes()
        return [_system(SystemEventKind.STRATEGY_QUARANTINED, running.component, reason)]

    def release(self, name: str) -> list[Event]:
        """Let an instance play again, from a new start of its objects. UsageError if unknown."""
        running = self._running(name)
        if not running.quarantined:
            return []
        running.come_back()
        self._forget_routes()
        return [_system(SystemEventKind.STRATEGY_RELEASED, running.component, "starts anew")]

    def records(self) -> list[StrategyRecord]:
        return [running.record() for running in self._running_strategies.values()]

    def _make_bars(self, bars: BarListeners, event: MarketDataEvent, at: int) -> None:
        for builder, callbacks in bars:
            for bar in builder.update(event, at):
                self._call(callbacks, bar, at)

    def _call(self, callbacks: tuple[Callback, ...], event: MarketDataEvent, at: int) -> None:
        for callback in callbacks:
            try:
                answer = callback.call(event)
                signal = None if answer is None else signal_event(callback.slot, answer)
            except Exception as error:  # a user's code: whatever it raises, the others play on
                self._count_failure(callback, error)
                continue
            callback.failures_in_a_row = 0
            if signal is not None:
                self._say(callback.slot, signal, at)

    def _say(self, slot: SymbolSlot, signal: StrategySignalEvent, at: int) -> None:
        if slot.may_speak(at):
            slot.speak(signal, at)
            self._out.append(signal)
            return
        self._held[slot.running.config.name, slot.symbol] = slot
        if slot.hold(signal, at):
            message = f"{slot.symbol}: over {self._pace} signals in a second; the last one waits"
            self._tell(SystemEventKind.STRATEGY_THROTTLED, slot.running.component, message)

    def _say_held(self, at: int) -> None:
        """A wish must not get lost: the last of a burst may have been the exit."""
        for key, slot in list(self._held.items()):
            signal = slot.held
            if signal is None:
                del self._held[key]
            elif slot.may_speak(at):
                del self._held[key]
                slot.held = None
                slot.speak(signal, at)
                self._out.append(signal)

    def _count_failure(self, callback: Callback, error: Exception) -> None:
        callback.failures_in_a_row += 1
        running = callback.slot.running
        self._report(running, f"{callback.name}: {described(error)}")
        if callback.failures_in_a_row >= self._max_failures:
            reason = f"{callback.failures_in_a_row} failures in a row of {callback.name}"
            self._out += self.quarantine(running.config.name, reason)

    def _report(self, running: RunningStrategy, message: str) -> None:
        running.failures += 1
        self._tell(SystemEventKind.STRATEGY_FAILED, running.component, message)

    def _tell(self, kind: SystemEventKind, component: str, message: str) -> None:
        self._out.append(_system(kind, component, message))

    def _tell_once(self, kind: SystemEventKind, component: str, message: str) -> None:
        if (component, message) not in self._told:
            self._told.add((component, message))
            self._tell(kind, component, message)

    def _running(self, name: str) -> RunningStrategy:
        running = self._running_strategies.get(name)
        if running is None:
            raise UsageError(
                f"no strategy {one_line(name, 60)!r}: {suggest(name, self._running_strategies)}"
            )
        return running

    # --- routes ------------------------------------------------------------------------------------

    def _open(self, feed: int, symbol: str) -> Route:
        if feed == QUOTES:
            route = Route((), _callbacks(self._slot(symbol), "on_quote"))
        elif self._is_finest(feed, symbol):
            route = self._price_route(feed, symbol)
        else:
            route = NOBODY
            message = f"{symbol}: bars of {spell_timeframe(feed)} are ignored: there is finer data"
            self._tell_once(SystemEventKind.DATA_IGNORED, "strategy", message)
        self._routes.setdefault(feed, {})[symbol] = route
        return route

    def _is_finest(self, feed: int, symbol: str) -> bool:
        finest = self._finest.setdefault(symbol, feed)
        if feed < finest:
            self._finest[symbol] = feed
            self._routes.get(finest, {}).pop(symbol, None)  # to be opened again, for nobody
        return feed <= finest

    def _price_route(self, feed: int, symbol: str) -> Route:
        slots = self._slot(symbol)
        made: dict[int, list[Callback]] = {}
        direct: list[Callback] = []
        for callback in _callbacks(slots, "on_bar"):
            running = callback.slot.running
            if running.timeframe == feed:
                direct.append(callback)
            elif feed == TRADES or running.timeframe % feed == 0:
                made.setdefault(running.timeframe, []).append(callback)
            else:
                wanted, given = spell_timeframe(running.timeframe), spell_timeframe(feed)
                message = f"{symbol}: bars of {wanted} cannot be made from bars of {given}"
                self._tell_once(SystemEventKind.STRATEGY_IDLE, running.component, message)
        bars = tuple((self._builder(symbol, t), tuple(heard)) for t, heard in made.items())
        return Route(bars, (*direct, *_callbacks(slots, "on_trade")))

    def _slot(self, symbol: str) -> list[SymbolSlot]:
        """The slots at `symbol`; a strategy that cannot start does not play."""
        slots = []
        for running in self._running_strategies.values():
            if not running.wants(symbol):
                continue
            try:
                slots.append(running.slot_for(symbol, self._pace))
            except Exception as error:  # a user's code: whatever it raises, the others play on
                self._report(running, f"start: {described(error)}")
                self._out += self.quarantine(running.config.name, "could not start")
        return slots

    def _builder(self, symbol: str, timeframe: int) -> BarBuilder:
        return self._builders.setdefault((symbol, timeframe), BarBuilder(timeframe))

    def _forget_routes(self) -> None:
        """And the builders that nobody feeds meanwhile: they would come back with a hole."""
        self._routes.clear()
        self._builders = {
            (symbol, timeframe): builder
            for (symbol, timeframe), builder in self._builders.items()
            if any(
                p.timeframe == timeframe and p.wants(symbol) and "on_bar" in p.callbacks
                for p in self._running_strategies.values()
            )
        }


def _callbacks(slots: list[SymbolSlot], callback: str) -> tuple[Callback, ...]:
    return tuple(slot.callbacks[callback] for slot in slots if callback in slot.callbacks)


def _system(kind: SystemEventKind, component: str, message: str) -> SystemEvent:
    return SystemEvent(
        source_component="strategy", kind=kind, component=component, message=one_line(message)
    )
