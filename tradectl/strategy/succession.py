"""Other parameters for a strategy that runs make a new instance in the place of the old one.

It is made of the class that runs, and gets to know the market by its history before it speaks, some of it
at a time, while the old one goes on; what it was shown stands in the journal. What its
strategy holds and wants is in the books, and stays. Bars that are being built go on: it hears the next
one as the old instance would have, and the first of another length with what its history has of it. One
that cannot be made, fails on its history, hears another timer or knows the market less than the old one
is not put in its place; who asks is told why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    Event,
    MarketDataEvent,
    Record,
    SettingsChanged,
    SignalAction,
    StrategySignalEvent,
    SuccessorShown,
    SystemEventKind,
)
from tradectl.domain.text import counted
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.instances import RunningStrategy
from tradectl.strategy.spoken import system_event

History = Sequence[MarketDataEvent]
NO_HISTORY: History = ()


class Successor:
    """The new instance of the strategy of that name, by `config`, wherever it gets to know the market: in
    an engine of its own. Raises UsageError where it cannot be made."""

    def __init__(self, engine: StrategyEngine, config: StrategyInstance) -> None:
        self._engine = engine
        old = engine.instance(config.name)
        self.alone = engine.alone([config], find=lambda _name: old.cls)
        self.running: RunningStrategy = self.alone.instance(config.name)
        self.shown = 0
        """events"""
        self.events: list[Event] = []
        """what is recorded of what it said of them: failures alone"""

    def show(self, history: History, at: int) -> None:
        """Some more of the market, oldest first, at `at` (ns)."""
        self.events += self.alone.show(history, at)
        self.shown += len(history)

    def take_over(self, at: int) -> list[Event]:
        """In the place of the old one, which goes on where this one is not fit to, as is said."""
        self.stand_everywhere(at)
        if self.obstacle:
            return [_goes_on(self._engine, self.running.config.name, self.obstacle)]
        words = self.words
        self.running.begin(at)
        events = [*self.events, *self.alone.said.taken()]
        return events + self._engine.put(self.running, self.alone, at, words)

    def stand_everywhere(self, at: int) -> None:
        """Where the old one is, from `at` (ns) on, also where it was shown nothing: it may fail there."""
        for symbol in self._engine.instance(self.running.config.name).slots:
            if symbol not in self.running.slots and not self.running.quarantined:
                self.alone.place(symbol, at, self._engine)

    @property
    def obstacle(self) -> str:
        """Why it is not to be put in the place of the old one by now; empty where it may be."""
        return _obstacle(self._engine.instance(self.running.config.name), self.running)

    @property
    def unlike(self) -> tuple[str, ...]:
        """The symbols in which it holds what it would not hold by these parameters, as far as it has said
        so."""
        return tuple(
            symbol
            for (_, symbol), word in sorted(self.alone.said.unheard.items())
            if isinstance(word, StrategySignalEvent) and _is_unlike(self.running.held(symbol), word)
        )

    @property
    def words(self) -> str:
        if not self.unlike:
            return "by other parameters"
        symbols = ", ".join(self.unlike)
        return f"by other parameters, and would not hold {symbols} as it does: that stays until it speaks"


class Candidates:
    """Those that get to know the market while the ones whose place they are to take go on."""

    def __init__(self, engine: StrategyEngine) -> None:
        self._engine = engine
        self._known: dict[str, Successor] = {}
        self.left: dict[str, str] = {}
        """why those go on as they were whose place nobody took with the last change, by name"""

    def get(self, name: str) -> Successor | None:
        return self._known.get(name)

    def on_shown(self, event: SuccessorShown, record: Record) -> None:
        """A handler of the core; one that cannot be made is not there."""
        name = event.strategy
        if event.begins:
            config = replace(self._engine.instance(name).config, parameters=event.parameters)
            with suppress(UsageError):
                self._known[name] = Successor(self._engine, config)
        candidate = self._known.get(name)
        if candidate is not None:
            candidate.show(event.events, record.at)
        if event.over:
            self._known.pop(name, None)

    def take_over(
        self, instances: Iterable[StrategyInstance], change: SettingsChanged, at: int
    ) -> list[Event]:
        """Those with other parameters begin anew, each by what it was shown and the last of that."""
        events: list[Event] = []
        self.left = {}
        for config in changed(instances, self._engine.instances()):
            name = config.name
            try:
                found = self._known.get(name)
                if found is None or found.shown != change.shown.get(name, 0):
                    found = Successor(self._engine, config)
            except UsageError as error:
                self.left[name] = str(error)
                events.append(_goes_on(self._engine, name, str(error)))
                continue
            found.show(change.history.get(name, NO_HISTORY), at)
            events += found.take_over(at)
            if self._engine.instance(name) is not found.running:
                self.left[name] = found.obstacle
        self._known.clear()
        return events


def _goes_on(engine: StrategyEngine, name: str, why: str) -> Event:
    component = engine.instance(name).component
    return system_event(SystemEventKind.STRATEGY_FAILED, component, f"goes on as before: {why}")


def changed(
    now: Iterable[StrategyInstance], running: Mapping[str, RunningStrategy]
) -> list[StrategyInstance]:
    """Those with other parameters than what runs under their names."""
    found = (each for each in now if each.name in running)
    return [each for each in found if each.parameters != running[each.name].config.parameters]


def _is_unlike(held: Decimal, word: StrategySignalEvent) -> bool:
    """What is held is not what it said last."""
    side = {SignalAction.BUY: 1, SignalAction.SELL: -1}.get(word.action, 0)
    return bool(held) and side * held <= 0


def _obstacle(old: RunningStrategy, new: RunningStrategy) -> str:
    """Why `new` is not to be put in the place of `old`; empty where it may be."""
    if old.quarantined:
        return f"it is in quarantine ({old.quarantined}), and a restart begins with it anew"
    if new.quarantined:
        return f"by these parameters it fails: {new.quarantined}"
    if new.timer != old.timer:
        return "its timer would be another one, and timers are set as a run begins"
    for symbol, slot in old.slots.items():
        there = new.slots.get(symbol)
        if slot.cold <= 0 and there is not None and there.cold > 0:
            what = counted(there.need, new.warmed_by.removeprefix("on_"))
            return (
                f"it cannot be warmed: of {symbol} it must have seen {what}, and this run has "
                f"{there.need - there.cold}"
            )
    return ""


__all__ = ["Candidates", "History", "Successor", "changed"]
