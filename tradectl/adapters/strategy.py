"""Strategies on the bus: market data in, signals out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradectl.adapters.adapter import Adapter
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    MarketDataEvent,
    Record,
    SettingsChanged,
    SuccessorShown,
    TimerFired,
    WarmUpReceived,
)
from tradectl.strategy.configured import DEFAULT_STRATEGY, StrategyInstance
from tradectl.strategy.engine import StrategyEngine

if TYPE_CHECKING:
    from tradectl.strategy.succession import Candidates


class StrategyAdapter(Adapter):
    """Binds a StrategyEngine to the bus; without one, the default strategy on every symbol."""

    name = "strategy"

    def __init__(self, bus: EventBus, engine: StrategyEngine | None = None) -> None:
        super().__init__(bus)
        self.engine = engine or StrategyEngine([DEFAULT_STRATEGY])
        self._candidates: Candidates | None = None
        self.shown_in = 0
        """ns that the last part of what a candidate is shown took"""

    def attach_all(self) -> None:
        if self.engine.best_exchange is not None:  # hears it before it is asked
            self.attach(MarketDataEvent, self.engine.best_exchange.on_market, Stage.STRATEGY)
        self.attach(MarketDataEvent, self.engine.on_market, Stage.STRATEGY)
        self.attach(CommandReceived, self._on_command, Stage.STRATEGY)
        self.attach(WarmUpReceived, self._on_warm_up, Stage.STRATEGY)
        self.attach(SuccessorShown, self._on_shown, Stage.STRATEGY)
        if self.engine.timers:
            self.attach(TimerFired, self.engine.on_timer, Stage.STRATEGY)
        if self.engine.own_reports is not None:
            for kind, handler in self.engine.own_reports.handlers():
                self.attach(kind, handler, Stage.STRATEGY)

    async def start(self) -> None:
        await super().start()
        self.set_timers()

    def set_timers(self) -> None:
        """Those that strategies want to hear."""
        for name, interval in self.engine.timers.items():
            self._bus.every(interval, name)

    def change_parameters(
        self, instances: Sequence[StrategyInstance], change: SettingsChanged, at: int
    ) -> list[Event]:
        """New instances of those with other parameters, each knowing the market by what it was shown."""
        return self.candidates().take_over(instances, change, at)

    def candidates(self) -> Candidates:
        """Those that are to take another one's place, of which there are hardly ever any."""
        if self._candidates is None:
            from tradectl.strategy.succession import Candidates

            self._candidates = Candidates(self.engine)
        return self._candidates

    def _on_shown(self, event: SuccessorShown, record: Record) -> None:
        began = self._bus.clock.ticks()
        self.candidates().on_shown(event, record)
        self.shown_in = self._bus.clock.ticks() - began

    def _on_warm_up(self, warm_up: WarmUpReceived, record: Record) -> list[Event]:
        goes_on = not warm_up.run_id  # it is of the same recording
        return self.engine.warm_up(warm_up.events, record.at, goes_on=goes_on)

    def _on_command(self, command: CommandReceived, _record: Record) -> list[Event]:
        if command.command is Command.QUARANTINE:
            return self.engine.quarantine(command.target, command.reason)
        return []
