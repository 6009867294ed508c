"""Rows of a recording in their order, those held back among them whose price nobody has confirmed yet.

A wild print is told from a market that has moved by what comes after it. A recording has that at hand: a
row outside the price band waits for the symbol's next ones. Where these confirm it, it is played at its
own place; where they do not, it was a spike, and a bad row. Nothing that comes after a row that waits is
played before it is decided.
"""

from __future__ import annotations

from collections import deque

from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.price_band import UnconfirmedPrice
from tradectl.feeds.quality import Tally

MOST_WAITING = 100_000
"""Rows that may wait for a symbol's next one. What is not decided by then is a spike."""


class UnconfirmedRow(Exception):
    """A row that is good but for its price, outside the band: `event` has it."""

    def __init__(self, event: MarketDataEvent, fault: UnconfirmedPrice) -> None:
        super().__init__(str(fault))
        self.event = event
        self.fault = fault


class _Held:
    """The row at `line`; `settled` once it is known whether it is played."""

    __slots__ = ("event", "fault", "line", "played", "settled")

    def __init__(self, line: int, row: UnconfirmedRow) -> None:
        self.line = line
        self.event = row.event
        self.fault = row.fault
        self.settled = self.played = False


class RowsInOrder:
    """`add` and `hold` rows as they are read, `take` what may be played. Spikes are noted in `tally`."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._rows: deque[MarketDataEvent | _Held] = deque()
        self._held: dict[str, list[_Held]] = {}

    @property
    def is_waiting(self) -> bool:
        return bool(self._rows)

    def add(self, event: MarketDataEvent, *, confirms: bool) -> None:
        """A good row, which may confirm those of its symbol that are held."""
        held = self._held.pop(event.symbol, None)
        if held is not None:
            self._settle(held, before=event if confirms else None)
        self._rows.append(event)

    def hold(self, line: int, unconfirmed: UnconfirmedRow) -> None:
        held = self._held.setdefault(unconfirmed.event.symbol, [])
        if unconfirmed.fault.nth == 1:  # it disagrees with those before it
            self._settle(held, before=None)
            held.clear()
        row = _Held(line, unconfirmed)
        held.append(row)
        self._rows.append(row)

    def take(self) -> list[MarketDataEvent]:
        if len(self._rows) > MOST_WAITING:
            return self.take_all()
        ready: list[MarketDataEvent] = []
        rows = self._rows
        while rows:
            row = rows[0]
            if isinstance(row, _Held):
                if not row.settled:
                    break
                if row.played:
                    ready.append(row.event)
            else:
                ready.append(row)
            rows.popleft()
        return ready

    def take_all(self) -> list[MarketDataEvent]:
        """At the end of the file: one row alone is a spike, and several that agree are where it ends."""
        for held in self._held.values():
            self._settle(held, before=held[-1].event if len(held) > 1 else None)
        self._held.clear()
        return self.take()

    def _settle(self, held: list[_Held], *, before: MarketDataEvent | None) -> None:
        """Play those that come in their time before the one that confirmed them."""
        latest = 0
        for row in held:
            ts = row.event.ts
            row.settled = True
            row.played = before is not None and latest <= ts <= before.ts
            if row.played:
                latest = ts
            else:
                self._tally.note(row.line, row.fault, row.event.symbol)
