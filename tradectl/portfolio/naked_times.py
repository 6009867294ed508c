"""How long a position stands without a stop that it should have.

From an entry's fill, or from the moment at which a stop was lost or had to go, to the next one at rest:
what takes longer than LATE is said, once, and said to be over.
"""

from __future__ import annotations

from collections.abc import Collection

from tradectl.domain.events import Event, SystemEventKind
from tradectl.domain.money import plain
from tradectl.domain.time import SECOND
from tradectl.portfolio.decisions import says
from tradectl.portfolio.needed_stops import NeededStop

LATE = 2 * SECOND


class NakedTimes:
    """By symbol, in ns UTC, as it was first seen."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self._said: set[str] = set()

    def due(self, symbol: str) -> int | None:
        """When it will be late, where it is waited for."""
        since = self._since.get(symbol)
        return None if since is None or symbol in self._said else since + LATE

    def look(self, symbol: str, bare: Collection[NeededStop], at: int) -> list[Event]:
        """What is to be said of the symbol, whose stops that do not rest are `bare`."""
        since = self._since.get(symbol)
        if bare and since is None:
            self._since[symbol] = at
            return []
        if since is None:
            return []
        events: list[Event] = []
        if at - since > LATE and symbol not in self._said:
            self._said.add(symbol)
            seconds = f"{(at - since) / SECOND:.1f} s"
            missing = sum(stop.staying for stop in bare)
            still = f", {plain(missing)} of it still" if missing else ""
            said = f"{symbol}: its position was without a stop at rest for {seconds}{still}"
            events.append(says(SystemEventKind.STOP_LATE, symbol, said))
        if not bare:
            del self._since[symbol]
            if symbol in self._said:
                self._said.discard(symbol)
                events.append(
                    says(SystemEventKind.STOP_LATE_OVER, symbol, "it rests, or is closed")
                )
        return events


__all__ = ["LATE", "NakedTimes"]
