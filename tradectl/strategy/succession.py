"""Other parameters for a strategy that runs make a new instance in the place of the old one.

It is made of the class that runs, and gets to know the market by its history before it speaks. What its
strategy holds and wants is in the books, and stays. Bars that are being built go on: it hears the next
one as the old instance would have, and the first of another length with what its history has of it. One
that cannot be made, fails on its history, hears another timer or knows the market less than the old one
is not put in its place; who asks is told why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    Event,
    MarketDataEvent,
    SignalAction,
    StrategySignalEvent,
    SystemEventKind,
)
from tradectl.domain.text import counted
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.instances import RunningStrategy
from tradectl.strategy.spoken import system_event

History = Sequence[MarketDataEvent]
NO_HISTORY: History = ()


class Successor(NamedTuple):
    """The new instance, the engine in which it heard its history, what is recorded of what it said of
    that (failures alone), why it is not to be put in the place of the old one (empty where it may be),
    and the symbols in which it holds what it would not hold by these parameters, as far as it has said
    so."""

    running: RunningStrategy
    alone: StrategyEngine
    events: list[Event]
    obstacle: str
    unlike: tuple[str, ...]

    @property
    def words(self) -> str:
        if not self.unlike:
            return "by other parameters"
        symbols = ", ".join(self.unlike)
        return f"by other parameters, and would not hold {symbols} as it does: that stays until it speaks"


def changed(
    now: Iterable[StrategyInstance], running: Mapping[str, RunningStrategy]
) -> list[StrategyInstance]:
    """Those with other parameters than what runs under their names."""
    found = (each for each in now if each.name in running)
    return [each for each in found if each.parameters != running[each.name].config.parameters]


def successor(
    engine: StrategyEngine, config: StrategyInstance, history: History, at: int
) -> Successor:
    """Of the instance of the same name, by `config`, at `at` (ns), wherever that is. Raises UsageError
    where it cannot be made."""
    old = engine.instance(config.name)
    alone = engine.alone([config], find=lambda _name: old.cls)
    running = alone.instance(config.name)
    events = alone.warm_up(history, at, goes_on=True)
    for symbol in old.slots:
        if symbol not in running.slots:
            alone.place(symbol, at, engine)
    unlike = tuple(
        symbol
        for (_, symbol), word in sorted(alone.unheard.items())
        if isinstance(word, StrategySignalEvent) and _is_unlike(running.held(symbol), word)
    )
    return Successor(running, alone, [*events, *alone.taken()], _obstacle(old, running), unlike)


def change_parameters(
    engine: StrategyEngine,
    instances: Iterable[StrategyInstance],
    history: Mapping[str, History],
    at: int,
) -> list[Event]:
    """Those with other parameters begin anew, each by its history: what they say of it, and what the ones
    before had yet to say. One that is not fit to goes on as it is, and that is said."""
    events: list[Event] = []
    for config in changed(instances, engine.instances()):
        try:
            made = successor(engine, config, history.get(config.name, NO_HISTORY), at)
        except UsageError as error:
            why = str(error)
        else:
            events += made.events
            why = made.obstacle
            if not why:
                events += engine.put(made.running, made.alone, at, made.words)
                continue
        component, why = engine.instance(config.name).component, f"goes on as before: {why}"
        events.append(system_event(SystemEventKind.STRATEGY_FAILED, component, why))
    return events


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


__all__ = ["NO_HISTORY", "History", "Successor", "change_parameters", "changed", "successor"]
