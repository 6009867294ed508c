"""Which callbacks get a feed's events, worked out once for each symbol.

A feed is named by the length of its bars in ns; trades are bars of no length, quotes a feed of their own.
A symbol's prices come from one feed, the finest that there is: bars made of trades that were already
seen would count them twice. Strategies that want longer bars get them built from that feed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tradectl.domain.events import SystemEventKind
from tradectl.domain.time import DAY
from tradectl.strategy.bars import BarBuilder, spell_timeframe
from tradectl.strategy.instances import BOOKS, QUOTES, TRADES, Callback, RunningStrategy, SymbolSlot

BarCallbacks = tuple[tuple[BarBuilder, tuple[Callback, ...]], ...]


class Route(NamedTuple):
    """The callbacks of one feed and symbol: those that get bars built of it, then those that get the
    events themselves."""

    bars: BarCallbacks
    callbacks: tuple[Callback, ...]


NO_CALLBACKS = Route((), ())


class Routes(dict[int, dict[str, Route]]):
    """Routes by feed and symbol.

    `slots(symbol, feed, at)` gives the symbol's slots, one for each strategy that the feed, which begins
    at `at` (ns), has something for; `report(kind, component, message)` is told of data that cannot be
    used, once for each message. With `decides_on` prices are those candles alone, of so many ns.
    """

    def __init__(
        self,
        strategies: Mapping[str, RunningStrategy],
        slots: Callable[[str, int, int], list[SymbolSlot]],
        report: Callable[[SystemEventKind, str, str], None],
        decides_on: int = 0,
    ) -> None:
        super().__init__()
        self._strategies = strategies
        self._slots = slots
        self._report = report
        self._decides_on = decides_on
        self._builders: dict[tuple[str, int], BarBuilder] = {}
        self._finest: dict[str, int] = {}
        self._reported: set[tuple[str, str]] = set()

    def make(self, feed: int, symbol: str, at: int) -> Route:
        """At the first event of `symbol` on `feed`, at `at` (ns), and again after `reset`."""
        if feed == QUOTES:
            route = Route((), callbacks_of(self._slots(symbol, feed, at), "on_quote"))
        elif feed == BOOKS:
            slots = self._slots(symbol, feed, at)
            both = callbacks_of(slots, "on_quote"), callbacks_of(slots, "on_book")
            route = Route((), (*both[0], *both[1]))
        elif self._decides_on and feed != self._decides_on:
            route = NO_CALLBACKS
        elif self._is_finest(feed, symbol):
            route = self._price_route(feed, symbol, at)
        else:
            route = NO_CALLBACKS
            message = f"{symbol}: bars of {spell_timeframe(feed)} are ignored: there is finer data"
            self._report_once(SystemEventKind.DATA_IGNORED, "strategy", message)
        self.setdefault(feed, {})[symbol] = route
        return route

    def reset(self) -> None:
        """After strategies came or went. Builders that no longer get data are dropped: they would
        continue with a hole in it."""
        self.clear()
        self._builders = {
            (symbol, timeframe): builder
            for (symbol, timeframe), builder in self._builders.items()
            if any(s.wants_bars(symbol, timeframe) for s in self._strategies.values())
        }

    def go_on_from(self, other: Routes) -> None:
        """Bars that are built there, and not here, go on here."""
        self._builders = {**other._builders, **self._builders}

    def candles_of(self, symbol: str) -> int | None:
        """The length (ns) of the candles that its prices come as; 0 for trades, None where none came."""
        return self._finest.get(symbol)

    def interrupt(self) -> None:
        """There is a hole in the data before the next event."""
        for builder in self._builders.values():
            builder.interrupt()

    def _is_finest(self, feed: int, symbol: str) -> bool:
        finest = self._finest.setdefault(symbol, feed)
        if feed < finest:
            self._finest[symbol] = feed
            # made again at its next event, without callbacks
            self.get(finest, {}).pop(symbol, None)
        return feed <= finest

    def _price_route(self, feed: int, symbol: str, at: int) -> Route:
        slots = self._slots(symbol, feed, at)
        built: dict[int, list[Callback]] = {}
        for callback in callbacks_of(slots, "on_bar"):
            slot = callback.slot
            for timeframe in slot.timeframes:
                if feed == TRADES or timeframe % feed == 0:
                    built.setdefault(timeframe, []).append(callback)
                    continue
                message = f"{symbol}: {cannot_be_made(timeframe, feed)}"
                self._report_once(SystemEventKind.STRATEGY_IDLE, slot.running.component, message)
        bars = tuple((self._builder(symbol, t), tuple(group)) for t, group in built.items())
        return Route(bars, callbacks_of(slots, "on_trade"))

    def _builder(self, symbol: str, timeframe: int) -> BarBuilder:
        return self._builders.setdefault((symbol, timeframe), BarBuilder(timeframe))

    def _report_once(self, kind: SystemEventKind, component: str, message: str) -> None:
        if (component, message) not in self._reported:
            self._reported.add((component, message))
            self._report(kind, component, message)


def cannot_be_made(timeframe: int, candles: int) -> str:
    """Why there are no bars of `timeframe` ns where prices come as candles of `candles` ns."""
    wanted, given = spell_timeframe(timeframe), spell_timeframe(candles)
    mend = f"set its timeframe to {given}, or to a multiple"
    if DAY % candles:  # which no timeframe that is set may be
        mend = "leave its timeframe out to get those"
    return f"the data has bars of {given}, the strategy wants {wanted}: {mend}"


def callbacks_of(slots: Iterable[SymbolSlot], name: str) -> tuple[Callback, ...]:
    return tuple(slot.callbacks[name] for slot in slots if name in slot.callbacks)
