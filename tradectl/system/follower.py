"""Following a recorded log: the one path of a recovery, a replay and a stand-by.

    fold      the books hear of every record as it happened, and nobody decides: a recovery
    decide    each input goes through the whole system again, and what was recorded as following from it
              is compared with what follows now: a replay, and a stand-by that can be promoted as it is

Either way groups of a log are taken in their order, whether the log is finished or still being written.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from tradectl.domain.events import Record
from tradectl.system.trading_system import BookkeepingSystem


class Differences(Protocol):
    """Who hears of what was recorded and is not decided now, or the other way round (None: nothing)."""

    def __call__(self, recorded: Record | None, decided: Record | None) -> None: ...


class Folding:
    """Takes records as they happened, from after number `after` on; `records` were taken."""

    def __init__(self, system: BookkeepingSystem, after: int = 0) -> None:
        self._system = system
        self._after = after
        self.records = 0

    def take(self, *records: Record) -> None:
        if records and records[0].seq <= self._after:
            records = tuple(record for record in records if record.seq > self._after)
        self._system.fold(*records)
        self.records += len(records)


class Deciding:
    """Has every input decided again: `records` were taken, `inputs` of them decided, the others
    `compared` if somebody hears of `differences`."""

    def __init__(self, system: BookkeepingSystem, differences: Differences | None = None) -> None:
        self._system = system
        self._differ = differences
        self._expected: deque[Record] = deque()
        self.records = self.inputs = self.compared = 0

    def take(self, record: Record) -> None:
        self.records += 1
        if record.cause:
            if self._differ is not None:
                self._compare(record)
            return
        self.end()
        self.inputs += 1
        decided = self._system.repeat(record)
        if self._differ is not None:
            self._expected.extend(decided)
            self._expected.popleft()  # the input itself

    def _compare(self, recorded: Record) -> None:
        self.compared += 1
        decided = self._expected.popleft() if self._expected else None
        if decided != recorded and self._differ is not None:
            self._differ(recorded, decided)

    def end(self) -> None:
        """The next input comes, or the end: what was decided and not recorded is missing from the log."""
        while self._expected:
            decided = self._expected.popleft()
            if self._differ is not None:
                self._differ(None, decided)


__all__ = ["Deciding", "Differences", "Folding"]
