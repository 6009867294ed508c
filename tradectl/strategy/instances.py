"""The strategies that play: their configuration, their slots, and how they have done.

An *instance* is a strategy with its parameters and symbols. It has a *slot* at each symbol that it has
seen, and there one *callback* for each callback that its class overrides. Counting failures by callback
rather than by instance is what finds a strategy out whose `on_bar` always fails while its `on_trade`
always succeeds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.events import SignalAction, StrategySignalEvent
from tradectl.domain.money import ONE, is_sane
from tradectl.domain.setting import Share
from tradectl.domain.time import SECOND
from tradectl.strategy.bars import parse_timeframe
from tradectl.strategy.base import Signal, Strategy, Value
from tradectl.strategy.wording import described, one_line


class StrategyInstance(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One strategy to run."""

    name: Annotated[str, "what it is called in orders, records and alerts"]
    strategy: Annotated[
        str, "a name that `tradectl strategies` lists, or path/to/file.py:ClassName"
    ]
    symbols: Annotated[tuple[str, ...], "those it hears and trades; none means every symbol"] = ()
    trades: Annotated[
        str, "the symbol that its signals are about, where it is not the one it hears"
    ] = ""
    parameters: Annotated[dict[str, Value], "by name, as `tradectl strategies` lists them"] = {}
    allocation: Annotated[Share, "share of the equity"] = ONE

    def reach(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a run's `symbols` that its signals may be about."""
        return (self.trades,) if self.trades else self.symbols or symbols


class StrategyRecord(Struct, frozen=True):
    """How an instance has done. `throttled` signals are those that came too fast."""

    name: str
    strategy: str
    symbols: tuple[str, ...]
    signals: int
    failures: int
    throttled: int
    quarantined: bool
    last_signal: str = ""
    last_signal_at: int = 0


class Callback:
    """One callback of one strategy object. `failures_in_a_row` counts its failures in a row."""

    __slots__ = ("call", "failures_in_a_row", "name", "slot")

    def __init__(self, slot: SymbolSlot, name: str, call: Callable[[Any], object]) -> None:
        self.slot = slot
        self.name = name
        self.call = call
        self.failures_in_a_row = 0


class SymbolSlot:
    """An instance at one symbol, and the pace at which it speaks."""

    def __init__(
        self, running: RunningStrategy, symbol: str, strategy: Strategy, limit: int
    ) -> None:
        self.running = running
        self.symbol = symbol
        self.callbacks = {n: Callback(self, n, getattr(strategy, n)) for n in running.callbacks}
        self.held: StrategySignalEvent | None = None
        self._spoken: deque[int] = deque(maxlen=limit)
        self._refused_at: int | None = None

    def may_speak(self, at: int) -> bool:
        """Fewer than the limit were said in the second before `at` (ns)."""
        spoken = self._spoken
        return len(spoken) < (spoken.maxlen or 0) or at - spoken[0] >= SECOND

    def speak(self, signal: StrategySignalEvent, at: int) -> None:
        self._spoken.append(at)
        self.running.said(signal, at)

    def hold(self, signal: StrategySignalEvent, at: int) -> bool:
        """Keep `signal` for later in place of an older one. True if a burst begins with it."""
        begins = self._refused_at is None or at - self._refused_at >= SECOND
        self._refused_at = at
        self.held = signal
        self.running.throttled += 1
        return begins

    def deafen(self) -> None:
        """Even those that are just being called hear nothing more."""
        self.held = None
        for callback in self.callbacks.values():
            callback.call = _ignore


class RunningStrategy:
    """An instance in play."""

    def __init__(self, config: StrategyInstance, cls: type[Strategy]) -> None:
        _check(config, cls)
        try:
            probe = cls(**config.parameters)
        except UsageError as error:
            raise UsageError(f"strategy {config.name!r}: {error}") from error
        except Exception as error:  # a user's code: whatever it raises, it cannot be built
            raise UsageError(f"strategy {config.name!r}: {described(error)}") from error
        self.config = config
        self.cls = cls
        self.callbacks = cls.callbacks()
        self.component = f"strategy:{config.name}"
        self.timeframe = parse_timeframe(probe.timeframe)
        self.slots: dict[str, SymbolSlot] = {}
        self.failures = self.signals = self.throttled = 0
        self.quarantined = False
        self._shared: Strategy | None = None
        self._last: StrategySignalEvent | None = None
        self._last_at = 0

    def wants(self, symbol: str) -> bool:
        return not self.quarantined and (not self.config.symbols or symbol in self.config.symbols)

    def slot_for(self, symbol: str, limit: int) -> SymbolSlot:
        """Its slot at `symbol`, taken when first asked for. Raises whatever the strategy raises."""
        slot = self.slots.get(symbol)
        if slot is None:
            strategy = self._strategy(symbol)
            slot = self.slots[symbol] = SymbolSlot(self, symbol, strategy, limit)
        return slot

    def _strategy(self, symbol: str) -> Strategy:
        if self._shared is not None:
            return self._shared
        strategy = self.cls(symbol if self.cls.per_symbol else "", **self.config.parameters)
        strategy.start()
        if not self.cls.per_symbol:
            self._shared = strategy
        return strategy

    def said(self, signal: StrategySignalEvent, at: int) -> None:
        self.signals += 1
        self._last, self._last_at = signal, at

    def leave(self) -> None:
        """Quarantine: it hears nothing, and what it still wanted to say is forgotten."""
        self.quarantined = True
        for slot in self.slots.values():
            slot.deafen()

    def come_back(self) -> None:
        """With new objects: those of a strategy that failed may be in any state."""
        self.quarantined = False
        self.slots.clear()
        self._shared = None

    def record(self) -> StrategyRecord:
        last = self._last
        return StrategyRecord(
            name=self.config.name,
            strategy=self.config.strategy,
            symbols=tuple(self.slots),
            signals=self.signals,
            failures=self.failures,
            throttled=self.throttled,
            quarantined=self.quarantined,
            last_signal=f"{last.action.value} {last.symbol}: {last.reason}" if last else "",
            last_signal_at=self._last_at,
        )


def signal_event(slot: SymbolSlot, signal: object) -> StrategySignalEvent:
    """What a callback returned, checked. Raises TypeError or ValueError for what is no good signal."""
    if not isinstance(signal, Signal) or not isinstance(signal.action, SignalAction):
        raise TypeError(f"expected a Signal or None, got {signal!r:.60}")
    return StrategySignalEvent(
        source_component="strategy",
        symbol=slot.running.config.trades or slot.symbol,
        action=signal.action,
        strategy=slot.running.config.name,
        strength=_share("strength", signal.strength),
        confidence=_share("confidence", signal.confidence),
        reason=one_line(signal.reason),
    )


def _share(what: str, value: float) -> float:
    value = float(value)
    if not (isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{what} must be between 0 and 1, got {value}")
    return value


def _check(config: StrategyInstance, cls: type[Strategy]) -> None:
    where = f"strategy {one_line(config.name, 60)!r}"
    if not config.name or one_line(config.name, 100) != config.name:
        raise UsageError(f"{where}: expected a name of 1 to 100 printable characters")
    if not (is_sane(config.allocation) and config.allocation >= 0):
        raise UsageError(f"{where}: allocation must not be negative, got {config.allocation}")
    if not cls.callbacks():
        raise UsageError(f"{where}: {cls.__name__} has none of on_trade, on_quote and on_bar")


def _ignore(_event: object) -> None:
    """What a deaf callback calls."""
