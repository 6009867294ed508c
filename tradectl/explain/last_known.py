"""What was said last, by a run's records: of each symbol signals, targets, denials, limits reached; of
each strategy how it failed, and whether it is in quarantine."""

from __future__ import annotations

from collections import Counter

from tradectl.domain.events import (
    LimitBreached,
    OrderDenied,
    QuotesApproved,
    QuotesDenied,
    Record,
    StrategySignalEvent,
    SystemEvent,
    SystemEventKind,
    TargetComputed,
)
from tradectl.domain.text import counted

STRATEGY = "strategy:"
"""What the component of an event of a strategy begins with."""


class LastKnown:
    """Takes records; each answer is the newest one. What is kept grows with symbols and strategies,
    not with records."""

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], tuple[StrategySignalEvent, int]] = {}
        self._denials: dict[str, tuple[OrderDenied, int]] = {}
        self._targets: dict[str, tuple[TargetComputed, int]] = {}
        self._refused: dict[tuple[str, str], tuple[QuotesDenied, int]] = {}
        self._limits: dict[str, LimitBreached] = {}
        self._failures = Counter[str]()
        self._failed: dict[str, str] = {}
        self._quarantined: dict[str, tuple[str, int]] = {}

    def take(self, record: Record) -> None:
        event = record.event
        if isinstance(event, StrategySignalEvent):
            self._signals[event.strategy, event.symbol] = event, record.at
        elif isinstance(event, QuotesDenied):
            self._refused[event.strategy, event.symbol] = event, record.at
        elif isinstance(event, QuotesApproved):
            self._refused.pop((event.strategy, event.symbol), None)
        elif isinstance(event, TargetComputed):
            self._targets[event.symbol] = event, record.at
        elif isinstance(event, OrderDenied):
            self._denials[event.symbol] = event, record.at
        elif isinstance(event, LimitBreached):
            self._limits[event.code] = event
        elif isinstance(event, SystemEvent) and event.component.startswith(STRATEGY):
            self._take_failure(event, record.at)

    def _take_failure(self, event: SystemEvent, at: int) -> None:
        name = event.component.removeprefix(STRATEGY)
        match event.kind:
            case SystemEventKind.STRATEGY_FAILED:
                self._failures[name] += 1
                self._failed[name] = event.message
            case SystemEventKind.STRATEGY_QUARANTINED:
                self._quarantined[name] = event.message, at
            case SystemEventKind.STRATEGY_RELEASED:
                self._quarantined.pop(name, None)

    def signal(self, strategy: str, symbol: str) -> tuple[StrategySignalEvent, int] | None:
        """With its time, ns."""
        return self._signals.get((strategy, symbol))

    def refused_quotes(self, strategy: str, symbol: str) -> tuple[QuotesDenied, int] | None:
        """The newest word of a strategy on what is to rest, where risk refused it, with its time, ns."""
        return self._refused.get((strategy, symbol))

    def denial(self, symbol: str) -> tuple[OrderDenied, int] | None:
        return self._denials.get(symbol)

    def target(self, symbol: str) -> tuple[TargetComputed, int] | None:
        return self._targets.get(symbol)

    def quarantined(self) -> dict[str, tuple[str, int]]:
        """Why and since when (ns), by strategy."""
        return self._quarantined

    def failed(self) -> dict[str, str]:
        """How each strategy failed, and what became of it."""
        found = {}
        for name in dict.fromkeys([*self._failed, *self._quarantined]):
            why, _ = self._quarantined.get(name, ("", 0))
            told = (
                [f"failed {counted(self._failures[name], 'time')}"] if name in self._failed else []
            )
            told += [f"quarantined: {why}"] if why else [f"at last: {self._failed[name]}"]
            found[name] = ", ".join(told)
        return found

    def limit(self, code: str) -> LimitBreached | None:
        return self._limits.get(code)


__all__ = ["LastKnown"]
