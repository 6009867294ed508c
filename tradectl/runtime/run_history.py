"""What a live screen shows of the recent past: the last signals and fills, and equity over time."""

from __future__ import annotations

from collections import deque

from tradectl.bus.event_bus import EventBus
from tradectl.documents.account import FillRow
from tradectl.documents.run import SignalRow
from tradectl.domain.events import OrderFilled, Record, StrategySignalEvent
from tradectl.domain.time import iso
from tradectl.state.account import Fill
from tradectl.state.books import Books
from tradectl.state.status import fill_row

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

    def signals(self) -> list[SignalRow]:
        """Newest last."""
        return [_signal(record) for record in self._signals]

    def fills(self) -> list[FillRow]:
        """Newest last."""
        return [self._fill(record) for record in self._fills]

    def _fill(self, record: Record) -> FillRow:
        event: OrderFilled = record.event  # type: ignore[assignment]
        order = self._books.order(event.order_id)
        fill = Fill(event, order.spec.strategy if order is not None else "", record.at)
        return fill_row(fill, self._books.account.account_id)


def _signal(record: Record) -> SignalRow:
    event: StrategySignalEvent = record.event  # type: ignore[assignment]
    return SignalRow(
        time=iso(record.at),
        symbol=event.symbol,
        action=event.action,
        strategy=event.strategy,
        strength=event.strength,
    )
