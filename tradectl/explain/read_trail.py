"""Reading the way of an order from a journal, and not from its start if that can be helped.

The order's number says where it was made. A little before that its way is followed; up to there the books
alone are folded, from the newest snapshot that the database has. Some orders go back further: to a signal
of long ago, a bar that takes a day, a position that is held for a month. Then ten times as much is
followed, and in the end all.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from tradectl.analysis.round_trips import RoundTrip
from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.events import Record
from tradectl.domain.orders import BY_HAND
from tradectl.domain.text import harmless
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.explain.order_trail import OrderTrail
from tradectl.explain.runs import run_after
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import LogReader
from tradectl.recovery.recovery import key_of, snapshots
from tradectl.state.account import Account
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

FOLLOWED_BEFORE = (20_000, 200_000)
"""Records before the order."""


def trail_of(
    path: Path,
    order_id: str,
    stored_in: StateDir | None = None,
    followed: tuple[int, ...] = FOLLOWED_BEFORE,
) -> OrderTrail:
    """Of an order that the run of the journal `path` made; `stored_in` may have snapshots of the run.
    What is `followed` before an order is tried in turn. Raises UsageError where the run made none."""
    nearby = (_nearby(path, order_id, records, stored_in) for records in followed)
    trail = next(filter(None, nearby), None) or _from_the_start(path, order_id)
    if trail.made is None:
        raise UsageError(f"run {trail.header.run_id} made no order {harmless(order_id, 60)!r}")
    while trail.works and (later := run_after(path)) is not None:
        path = later
        with read_log(path) as log:
            trail.go_on(log.header)
            _follow(trail, log)
    trail.end()
    return trail


def _from_the_start(path: Path, order_id: str) -> OrderTrail:
    with read_log(path) as log:
        trail = OrderTrail(log.header, order_id)
        _follow(trail, log)
    return trail


def _follow(trail: OrderTrail, log: LogReader) -> None:
    for record in log.records():
        trail.take(record)
        if trail.is_over:
            return


def _nearby(
    path: Path, order_id: str, records: int, stored_in: StateDir | None
) -> OrderTrail | None:
    """The same, if all that is told of the order came in so many records before it."""
    start = _made_by(order_id) - records
    if start <= 0:
        return None
    with read_log(path) as log:
        nearby = _Nearby(log, order_id, start, stored_in)
        nearby.read()
    return nearby.trail if nearby.has_all() else None


def _made_by(order_id: str) -> int:
    """The record that led to it; 0 where the id does not say."""
    _, _, number = order_id.rpartition("-")[0].rpartition("-")
    return int(number) if number.isdecimal() else 0


class _Nearby:
    """Follows an order after record `start`, and what came before folds."""

    def __init__(
        self, log: LogReader, order_id: str, start: int, stored_in: StateDir | None
    ) -> None:
        self._log, self._start = log, start
        self._known, account = _snapshot(log, start, stored_in)
        self.trail = OrderTrail(log.header, order_id, account)
        self._first: Record | None = None
        self._unsold: set[tuple[str, str]] = set()

    def read(self) -> None:
        trail, start = self.trail, self._start
        for group in self._log.groups(after=self._known, folded=self._is_folded):
            if not group or group[-1].seq <= start:
                trail.fold([record for record in group if record.seq > self._known])
                continue
            for record in group if self._first is not None else self._begun_with(group):
                trail.take(record)
                if trail.is_over:
                    return

    def _begun_with(self, group: list[Record]) -> list[Record]:
        """What is followed of it: from an input on, since what came of a step is told with its input."""
        inputs = (n for n, record in enumerate(group) if not record.cause)
        first = next(inputs, len(group))
        self.trail.fold(group[:first])
        if first < len(group):
            self._first, self._unsold = group[first], self.trail.begin()
        return group[first:]

    def _is_folded(self, last: int) -> bool:
        """Where each price counts, all are read."""
        return last <= self._start and not self.trail.books.limits.breaks

    def has_all(self) -> bool:
        """Whether it is what reading from the start would tell."""
        trail, first = self.trail, self._first
        if trail.made is None or trail.spec is None or first is None:
            return False
        limits, spec = trail.books.limits, trail.spec
        window = max(limits.rate_window_seconds * SECOND, limits.duplicate_window_ms * MILLISECOND)
        speakers = [owner for owner in spec.owners if owner != BY_HAND]
        return (
            trail.made.at - first.at >= window
            and len(trail.signals) == len(speakers)
            and (not spec.parent_id or _made_by(spec.parent_id) > self._start)
            and spec.symbol in trail.books.last
            and all(trail.tells_whole_bar(said, first.at) for said in trail.signals)
            and all(map(self._has_all_of, [*trail.trips, *trail.open_trips()]))
        )

    def _has_all_of(self, trip: RoundTrip) -> bool:
        """From its beginning, with the signal that it began with."""
        orders = [order for order in (trip.entry_order, trip.exit_order) if order]
        return (
            not trip.carried
            and (trip.strategy, trip.symbol) not in self._unsold
            and (trip.signal_at > 0 or trip.strategy == BY_HAND)
            and all(_made_by(order) > self._start for order in orders)
        )


def _snapshot(
    log: LogReader, before: int, stored_in: StateDir | None
) -> tuple[int, Account | None]:
    """The newest right one of records `before` that, and its number: the log is read on from it."""
    if stored_in is not None:
        key = key_of(log.header, stored_in.keys)
        with contextlib.suppress(StateError):  # without a readable database there is the journal
            for seq, account, sealed in snapshots(
                log.header, StateReader(stored_in.db), key, before
            ):
                if sealed is not None and log.go_on_from(sealed):
                    return seq, account
    return 0, None


__all__ = ["trail_of"]
