"""Trades that happened in a symbol, and the candles made of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

APART = 10**13
UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True)
class Trade:
    id: int
    price: Decimal
    quantity: Decimal
    ms: int
    buyer_is_maker: bool


def interval_ms(interval: str) -> int:
    """Raises KeyError or ValueError for one that there is not."""
    return int(interval[:-1]) * UNITS[interval[-1]]


class Trades:
    """What was traded in one symbol; ids rise by one. Once a recording is played these are its trades
    only: what our orders trade then gets ids far from theirs and is not shown."""

    def __init__(self, first_id: int) -> None:
        self.trades: list[Trade] = []
        self._next_id = first_id
        self._recorded = False

    def make(self, price: Decimal, quantity: Decimal, ms: int, buyer_is_maker: bool) -> Trade:
        trade = Trade(self._next_id, price, quantity, ms, buyer_is_maker)
        self._next_id += 1
        if not self._recorded:
            self.trades.append(trade)
        return trade

    def record(self) -> None:
        """Only what is added by hand from now on."""
        self.trades.clear()
        self._recorded = True
        self._next_id = APART

    def add(self, trade: Trade) -> None:
        self.trades.append(trade)

    def since_id(self, first: int, limit: int) -> list[Trade]:
        at = bisect_left(self.trades, first, key=lambda trade: trade.id)
        return self.trades[at : at + limit]

    def between(self, start: int | None, end: int | None, limit: int) -> list[Trade]:
        """The oldest in the window, or without a start the newest."""
        trades = self.trades
        low = bisect_left(trades, start, key=lambda t: t.ms) if start is not None else 0
        high = bisect_left(trades, end + 1, key=lambda t: t.ms) if end is not None else len(trades)
        return trades[low:high][:limit] if start is not None else trades[low:high][-limit:]

    def since_ms(self, ms: int) -> list[Trade]:
        return self.trades[bisect_left(self.trades, ms, key=lambda trade: trade.ms) :]


@dataclass
class Candle:
    start: int
    length: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    count: int
    first_id: int
    last_id: int

    def row(self) -> list[Any]:
        return [
            self.start,
            str(self.open),
            str(self.high),
            str(self.low),
            str(self.close),
            str(self.volume),
            self.start + self.length - 1,
            str(self.turnover),
            self.count,
            "0",
            "0",
            "0",
        ]


def candles(trades: Iterable[Trade], length: int) -> list[Candle]:
    made: list[Candle] = []
    for trade in trades:
        start = trade.ms // length * length
        worth = trade.price * trade.quantity
        if not made or made[-1].start != start:
            p, q = trade.price, trade.quantity
            made.append(Candle(start, length, p, p, p, p, q, worth, 1, trade.id, trade.id))
            continue
        last = made[-1]
        last.high = max(last.high, trade.price)
        last.low = min(last.low, trade.price)
        last.close = trade.price
        last.volume += trade.quantity
        last.turnover += worth
        last.count += 1
        last.last_id = trade.id
    return made
