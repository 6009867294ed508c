"""Strategy instances: their configuration, their slots, and their statistics.

An *instance* is a strategy with its parameters and symbols. It has a *slot* for each symbol that it has
seen, and there one *callback* for each callback that its class overrides. Failures are counted by
callback and not by instance: a strategy whose `on_bar` always fails while its `on_trade` always succeeds
would never fail several times in a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from msgspec import Struct

from tradectl.domain.errors import Interrupted, UsageError
from tradectl.domain.events import QuotesWanted, StrategySignalEvent
from tradectl.domain.text import counted
from tradectl.domain.time import SECOND
from tradectl.domain.views import AccountView
from tradectl.strategy import containment
from tradectl.strategy.bars import parse_interval, parse_timeframe, spell_timeframe
from tradectl.strategy.base import Strategy
from tradectl.strategy.configured import WARMED_BY, StrategyInstance, check
from tradectl.strategy.own_holdings import OwnHoldings
from tradectl.strategy.own_process import apart

TRADES = 0
QUOTES = -1
BOOKS = -2
"""Feeds: bars have the length of theirs, in ns."""

OURS = "tradectl.strategy.builtin."

OF_PRICES = frozenset({"on_trade", "on_bar", "on_timer"})
OF_BOOKS = frozenset({"on_quote", "on_book"})


class StrategyStatistics(Struct, frozen=True):
    """How an instance has done. `throttled` signals are those that came too fast; `warm_since` is when it
    could first trade a symbol, having seen enough of it (ns UTC, 0 before)."""

    name: str
    strategy: str
    symbols: tuple[str, ...]
    signals: int
    failures: int
    throttled: int
    quarantined: bool
    warm: bool
    warm_since: int = 0
    last_signal: str = ""
    last_signal_at: int = 0


class WarmUpNeed(Struct, frozen=True):
    """What an instance must have seen before it is warm: `count` calls of `callback`, at each of its
    symbols (every symbol, if there are none); bars are `timeframe` ns long."""

    callback: str
    count: int
    timeframe: int
    symbols: tuple[str, ...] = ()


Word = StrategySignalEvent | QuotesWanted
"""What a strategy says, as an event."""


class Callback:
    """One callback of one strategy object. `failures_in_a_row` counts its failures in a row."""

    __slots__ = ("call", "failures_in_a_row", "name", "slot")

    def __init__(self, slot: SymbolSlot, name: str, call: Callable[[Any], object]) -> None:
        self.slot = slot
        self.name = name
        self.call = call
        self.failures_in_a_row = 0


class SymbolSlot:
    """An instance at one symbol since `began` (ns UTC), which gets bars of `timeframe` ns there; and the
    limit on its signals: `limit` in a second."""

    def __init__(
        self,
        running: RunningStrategy,
        symbol: str,
        strategy: Strategy,
        limit: int,
        *,
        timeframe: int,
        began: int,
    ) -> None:
        self.running = running
        self.symbol = symbol
        self.strategy = strategy
        self.timeframe = timeframe
        self.timeframes = running.apart.run(_timeframes, strategy, timeframe)
        self.began = began
        self.callbacks = {
            n: Callback(self, n, running.callback_of(strategy, n)) for n in running.callbacks
        }
        self.deferred: dict[type[Word], Word] = {}
        self._emitted_at: deque[int] = deque(maxlen=limit)
        self._throttled_at: int | None = None
        self.need = self.cold = running.apart.run(_need, strategy)
        """how many calls it takes until it is warm, and how many more now"""
        self._says_its_need = type(strategy).warm_up is not Strategy.warm_up
        self.warm_since = 0 if self.cold else began
        """when it had seen enough, or first said something (ns UTC); 0 before"""
        if self.cold:
            self._count_calls(self.callbacks[running.warmed_by])

    @property
    def trades(self) -> str:
        """The symbol that what it says is about, where it names none."""
        return self.running.config.trades or self.symbol

    @property
    def is_held_back(self) -> bool:
        """It has said itself what it must have seen, and has not: what it says is no reason to trade. A
        need that is only worked out from its indicators holds nothing back."""
        return self.cold > 0 and self._says_its_need

    def _count_calls(self, callback: Callback) -> None:
        """Until it is warm; after that counting costs nothing."""
        call, several = callback.call, callback.name == "on_bar" and len(self.timeframes) > 1

        def counted(event: Any) -> object:
            if several and event.interval != self.timeframe:
                return call(event)
            self.cold -= 1
            if not self.cold:
                callback.call = call
                self.warm_since = self.warm_since or event.ts
            return call(event)

        callback.call = counted

    def limit_to(self, limit: int) -> None:
        """So many signals in a second, from here on."""
        self._emitted_at = deque(self._emitted_at, maxlen=limit)

    def below_limit(self, at: int) -> bool:
        """Fewer signals than the limit were emitted in the second before `at` (ns)."""
        return at >= self.may_speak_at

    @property
    def may_speak_at(self) -> int:
        """From when on (ns) it is so, if nothing more is emitted; 0 where it is."""
        emitted_at = self._emitted_at
        return 0 if len(emitted_at) < (emitted_at.maxlen or 0) else emitted_at[0] + SECOND

    def count(self, word: Word, at: int) -> None:
        self._emitted_at.append(at)
        self.warm_since = self.warm_since or at
        self.running.count_signal(word, at)

    def defer(self, word: Word, at: int) -> bool:
        """Keep `word` for later in place of an older one. True if a burst begins with it."""
        begins = self._throttled_at is None or at - self._throttled_at >= SECOND
        self._throttled_at = at
        self.deferred[type(word)] = word
        self.running.throttled += 1
        return begins

    def disable(self) -> None:
        """Nothing is called any more, not even a callback that is next in the running loop."""
        self.deferred.clear()
        for callback in self.callbacks.values():
            callback.call = _ignore


class RunningStrategy:
    """An instance with its objects, one for each symbol, or one for all."""

    def __init__(
        self,
        config: StrategyInstance,
        cls: type[Strategy],
        moment: Callable[[], int] | None = None,
        view: AccountView | None = None,
    ) -> None:
        check(config, cls)
        self.apart = apart()
        """where its code is called"""
        try:
            probe = self.apart.run(cls, **config.parameters)
        except UsageError as error:
            raise UsageError(f"strategy {config.name!r}: {error}") from error
        except BaseException as error:  # a user's code: whatever it raises, it cannot be built
            raise UsageError(f"strategy {config.name!r}: {containment.failure(error)}") from error
        self.config = config
        self.cls = cls
        self._moment = moment
        self.callbacks = cls.callbacks()
        self.warmed_by = next(n for n in WARMED_BY if n in self.callbacks)
        self.component = f"strategy:{config.name}"
        self.timeframe = parse_timeframe(probe.timeframe)
        self.timer = parse_interval(probe.every) if "on_timer" in self.callbacks else 0
        """ns from one call of `on_timer` to the next; 0 for who has none"""
        self._holdings = OwnHoldings(config, view)
        self.slots: dict[str, SymbolSlot] = {}
        self.failures = self.signals = self.throttled = 0
        self.last_failure = ""
        self.quarantined = ""
        """why; empty while it is not"""
        self._shared: Strategy | None = None
        self._last_signal: Word | None = None
        self._last_signal_at = 0

    def wants(self, symbol: str) -> bool:
        return not self.quarantined and (not self.config.symbols or symbol in self.config.symbols)

    def hears(self, feed: int) -> bool:
        """Whether it has a callback for what comes on `feed`."""
        if feed == QUOTES:
            return "on_quote" in self.callbacks
        return not (OF_BOOKS if feed == BOOKS else OF_PRICES).isdisjoint(self.callbacks)

    def timeframes(self) -> tuple[int, ...]:
        """The lengths of its bars (ns) by its parameters; none for who hears none. Raises whatever the
        strategy raises."""
        probe = self.apart.run(self.cls, **self.config.parameters)
        self.apart.run(probe.start)
        return self.apart.run(_timeframes, probe, self.timeframe)

    def may_trade(self, symbol: str) -> bool:
        """Its signals may be about it."""
        config = self.config
        if config.trades or config.symbols:
            return symbol in config.reach(())
        return symbol in self.slots

    def may_hold(self, listings: Mapping[str, tuple[str, ...]]) -> None:
        """Its symbols at other exchanges, too."""
        self._holdings.listings = listings

    def objects(self) -> list[SymbolSlot]:
        """A slot for each object that it has."""
        slots = list(self.slots.values())
        return slots if self.cls.per_symbol else slots[:1]

    def concerned(self, symbol: str) -> list[SymbolSlot]:
        """The slots of the objects that are to hear of orders in `symbol`."""
        if self.config.trades or not self.cls.per_symbol:
            return self.objects()
        return [self.slots[s] for s in self.config.hears(symbol) if s in self.slots]

    def wants_bars(self, symbol: str, timeframe: int) -> bool:
        slot = self.slots.get(symbol)
        return (
            slot is not None
            and timeframe in slot.timeframes
            and self.wants(symbol)
            and "on_bar" in self.callbacks
        )

    def slot_for(self, symbol: str, limit: int, feed: int, at: int) -> SymbolSlot:
        """Its slot at `symbol`, taken when first asked for, at `at` (ns UTC), by an event of `feed`.
        Raises whatever the strategy raises."""
        slot = self.slots.get(symbol)
        if slot is None:
            timeframe = self._timeframe_on(feed)
            strategy = self._make_strategy(symbol, timeframe)
            slot = self.slots[symbol] = SymbolSlot(
                self, symbol, strategy, limit, timeframe=timeframe, began=at
            )
        return slot

    def _timeframe_on(self, feed: int) -> int:
        """The length of its bars: as it was set; else its own, and where that cannot be made of the
        candles that there are, theirs."""
        is_set = "timeframe" in self.config.parameters or "on_bar" not in self.callbacks
        can_be_made = feed in (TRADES, QUOTES) or self.timeframe % feed == 0
        return self.timeframe if is_set or can_be_made else feed

    def _make_strategy(self, symbol: str, timeframe: int) -> Strategy:
        if self._shared is not None:
            return self._shared
        of_symbol = symbol if self.cls.per_symbol else ""
        strategy = self.apart.run(self.cls, of_symbol, **self.config.parameters)
        if timeframe != self.timeframe:
            strategy.timeframe = spell_timeframe(timeframe)
        strategy._holdings = self._holdings
        self.apart.run(strategy.start)
        strategy._moment, strategy._noted = self._moment, None  # what `start` noted is of no event
        if not self.cls.per_symbol:
            self._shared = strategy
        return strategy

    def callback_of(self, strategy: Strategy, name: str) -> Callable[[Any], object]:
        """Made where its code is called. What comes with tradectl sets no decimal context."""
        if self.cls.__module__.startswith(OURS):
            call: Callable[[Any], object] = getattr(strategy, name)
            return call
        return partial(self.apart.run, getattr(strategy, name))

    def warm_up_need(self) -> WarmUpNeed:
        try:
            probe = self.apart.run(self.cls, **self.config.parameters)
            self.apart.run(probe.start)
            count = self.apart.run(_need, probe) if self.warmed_by != "on_timer" else 0
        except Interrupted:
            raise
        except BaseException:  # a user's code: what it cannot say it does not get
            count = 0
        return WarmUpNeed(self.warmed_by, count, self.timeframe, self.config.symbols)

    def count_signal(self, word: Word, at: int) -> None:
        self.signals += 1
        self._last_signal, self._last_signal_at = word, at

    def begin(self, at: int) -> None:
        """What it has seen up to now (ns) was of another run."""
        for slot in self.slots.values():
            slot.began = at

    def quarantine(self, reason: str) -> None:
        """It gets no more events, and its deferred signals are dropped."""
        self.quarantined = reason or "without a reason"
        for slot in self.slots.values():
            slot.disable()

    def failed(self) -> str:
        """How often, and how at last; empty where it never did."""
        if not self.failures:
            return ""
        last = ", at last" if self.failures > 1 else ""
        return f"failed {counted(self.failures, 'time')}{last}: {self.last_failure}"

    def release(self) -> None:
        """End the quarantine, with new objects: those of a strategy that failed may be in any state."""
        self.quarantined = ""
        self.apart = apart()
        self.slots.clear()
        self._shared = None

    def held(self, symbol: str) -> Decimal:
        return self._holdings.position(symbol).quantity

    def retire(self, at: int) -> list[Word]:
        """Another instance takes its place: what it had yet to say, which nobody would say later."""
        words: list[Word] = []
        for slot in self.slots.values():
            for word in slot.deferred.values():
                slot.count(word, at)
                words.append(word)
            slot.disable()
        return words

    def go_on_from(self, old: RunningStrategy) -> None:
        """What it says and gets wrong is counted on from there."""
        self.signals += old.signals
        self.failures += old.failures
        self.throttled += old.throttled
        self._last_signal, self._last_signal_at = old._last_signal, old._last_signal_at

    def statistics(self) -> StrategyStatistics:
        last = self._last_signal
        return StrategyStatistics(
            name=self.config.name,
            strategy=self.config.strategy,
            symbols=tuple(self.slots),
            signals=self.signals,
            failures=self.failures,
            throttled=self.throttled,
            quarantined=bool(self.quarantined),
            warm=bool(self.slots) and not any(slot.cold for slot in self.slots.values()),
            warm_since=min(filter(None, (s.warm_since for s in self.slots.values())), default=0),
            last_signal=_spelled(last) if last is not None else "",
            last_signal_at=self._last_signal_at,
        )


def _spelled(last: Word) -> str:
    if isinstance(last, QuotesWanted):
        bids, asks = len(last.quotes.bids), len(last.quotes.asks)
        return f"quotes {last.symbol}: {bids} x {asks} {last.reason}".rstrip()
    return f"{last.action.value} {last.symbol}: {last.reason}"


def _timeframes(strategy: Strategy, timeframe: int) -> tuple[int, ...]:
    """The lengths of its bars (ns), each once; its own is `timeframe`. Raises UsageError."""
    if "on_bar" not in strategy.callbacks():
        return ()
    own = strategy.timeframe
    found = (timeframe if t == own else parse_timeframe(t) for t in strategy.timeframes())
    return tuple(dict.fromkeys(found))


def _need(strategy: Strategy) -> int:
    """Raises TypeError for what is no number of calls."""
    need = strategy.warm_up()
    if type(need) is not int or need < 0:
        raise TypeError(
            f"warm_up: expected a number of bars, trades or quotes, got {containment.returned(need)}"
        )
    return need


def _ignore(_event: object) -> None:
    """What a disabled callback calls."""
