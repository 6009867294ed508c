"""Strategies on the bus: market data in, signals out."""

from __future__ import annotations

import msgspec

from tradectl.adapters.adapter import Adapter
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    MarketDataEvent,
    Record,
    StrategySignalEvent,
    WarmUpReceived,
)
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.instances import DEFAULT_STRATEGY


class StrategyAdapter(Adapter):
    """Binds a StrategyEngine to the bus; without one, the default strategy on every symbol."""

    name = "strategy"

    def __init__(self, bus: EventBus, engine: StrategyEngine | None = None) -> None:
        super().__init__(bus)
        self.engine = engine or StrategyEngine([DEFAULT_STRATEGY])

    def attach_all(self) -> None:
        self.attach(MarketDataEvent, self._on_market, Stage.STRATEGY)
        self.attach(CommandReceived, self._on_command, Stage.STRATEGY)
        self.attach(WarmUpReceived, self._on_warm_up, Stage.STRATEGY)

    def _on_market(self, event: MarketDataEvent, record: Record) -> list[Event] | None:
        events = self.engine.on_market(event, record.at)
        return events if events is None or len(events) == 1 else followed(events)

    def _on_warm_up(self, warm_up: WarmUpReceived, record: Record) -> list[Event]:
        return self.engine.warm_up(warm_up.events, record.at)

    def _on_command(self, command: CommandReceived, _record: Record) -> list[Event]:
        if command.command is Command.QUARANTINE:
            return self.engine.quarantine(command.target, command.reason)
        return []


def followed(events: list[Event]) -> list[Event]:
    """With a word on every signal that another one for its symbol follows: they are netted."""
    later: set[str] = set()
    for n in range(len(events) - 1, -1, -1):
        event = events[n]
        if isinstance(event, StrategySignalEvent):
            if event.symbol in later:
                events[n] = msgspec.structs.replace(event, followed=True)
            later.add(event.symbol)
    return events
