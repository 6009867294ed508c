"""What a screen shows of the recent past: the last signals and fills, and equity over time."""

from __future__ import annotations

from collections import deque
from typing import Any

from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import OrderFilled, Record, StrategySignalEvent
from tradectl.domain.time import iso
from tradectl.state.books import Books
from tradectl.state.status import money

SHOWN = 20
SAMPLES = 240


class RunHistory:
    """Keeps what passes on the bus; `sample` is called once in a while to note the equity."""

    def __init__(self, bus: EventBus, books: Books) -> None:
        self.equity: deque[float] = deque(maxlen=SAMPLES)
        self._books = books
        self._signals = bus.keep([StrategySignalEvent], SHOWN)
        self._fills = bus.keep([OrderFilled], SHOWN)

    def sample(self) -> None:
        self.equity.append(float(self._books.equity()))

    def signals(self) -> list[dict[str, Any]]:
        """Newest last, JSON-ready."""
        return [_signal(record) for record in self._signals]

    def fills(self) -> list[dict[str, Any]]:
        """Newest last, JSON-ready."""
        return [_fill(record) for record in self._fills]


def _signal(record: Record) -> dict[str, Any]:
    event: StrategySignalEvent = record.event  # type: ignore[assignment]
    return {
        "time": iso(record.at),
        "symbol": event.symbol,
        "action": str(event.action),
        "strategy": event.strategy,
        "strength": event.strength,
    }


def _fill(record: Record) -> dict[str, Any]:
    event: OrderFilled = record.event  # type: ignore[assignment]
    return {
        "time": iso(record.at),
        "symbol": event.symbol,
        "side": event.side.value,
        "quantity": money(event.quantity),
        "price": money(event.price),
        "fee": money(event.fee),
    }
