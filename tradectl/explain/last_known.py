"""What was said last of each symbol, by a run's records: signals, targets, denials, limits reached."""

from __future__ import annotations

from tradectl.domain.events import (
    LimitBreached,
    OrderDenied,
    Record,
    StrategySignalEvent,
    TargetComputed,
)


class LastKnown:
    """Takes records; each answer is the newest one. What is kept grows with symbols, not with records."""

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], tuple[StrategySignalEvent, int]] = {}
        self._denials: dict[str, tuple[OrderDenied, int]] = {}
        self._targets: dict[str, tuple[TargetComputed, int]] = {}
        self._limits: dict[str, LimitBreached] = {}

    def take(self, record: Record) -> None:
        event = record.event
        if isinstance(event, StrategySignalEvent):
            self._signals[event.strategy, event.symbol] = event, record.at
        elif isinstance(event, TargetComputed):
            self._targets[event.symbol] = event, record.at
        elif isinstance(event, OrderDenied):
            self._denials[event.symbol] = event, record.at
        elif isinstance(event, LimitBreached):
            self._limits[event.code] = event

    def signal(self, strategy: str, symbol: str) -> tuple[StrategySignalEvent, int] | None:
        """With its time, ns."""
        return self._signals.get((strategy, symbol))

    def denial(self, symbol: str) -> tuple[OrderDenied, int] | None:
        return self._denials.get(symbol)

    def target(self, symbol: str) -> tuple[TargetComputed, int] | None:
        return self._targets.get(symbol)

    def limit(self, code: str) -> LimitBreached | None:
        return self._limits.get(code)


__all__ = ["LastKnown"]
