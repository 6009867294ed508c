"""The account at any point of a run: folded from its journal, as a recovery folds it, and like that from
the nearest snapshot before it, where the database has a right one.

A point is a record's number, or a moment: then what had happened up to it counts. The difference between
two points is the account at both, the orders that are others, and each value by its name in the account.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.documents.account import AccountStatus, OrderRow
from tradectl.documents.explain import StateAt, StateChanged, StateDifference
from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.events import Record
from tradectl.domain.time import iso
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import LogReader
from tradectl.journal.writer import Header
from tradectl.recovery.recovery import key_of, snapshots
from tradectl.state.account import Account
from tradectl.state.availability import RunTime, held_until
from tradectl.state.status import account_status, availability, open_order_rows, order_row
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import LARGEST_INTEGER, RECORDED_ACCOUNT, StateReader
from tradectl.system.trading_system import BookkeepingSystem

Point = int | str
"""A sequence number, or a moment as `domain.time.iso` spells it."""

_LISTED_BY = ("order_id", "symbol", "strategy")


class Folded(NamedTuple):
    """The books as of record `seq`, at `at` (ns UTC, 0 before the first); `is_last` as in StateAt."""

    system: BookkeepingSystem
    header: Header
    seq: int
    at: int
    is_last: bool


def fold_to(path: Path, point: Point | None = None, stored_in: StateDir | None = None) -> Folded:
    """To the end without a `point`; `stored_in` may have snapshots of the run. Raises UsageError for a
    record that the journal does not have."""
    if stored_in is not None:
        with contextlib.suppress(
            StateError
        ):  # without a readable database there is still the journal
            found = _from_snapshot(path, point, stored_in)
            if found is not None:
                return found
    with read_log(path) as log:
        return _Fold(log).to(point, path)


def _from_snapshot(path: Path, point: Point | None, stored_in: StateDir) -> Folded | None:
    """From the newest one that something came after up to the point: what time it was when it was taken
    the account does not say."""
    with read_log(path) as log:
        header = log.header
    before = point if isinstance(point, int) else LARGEST_INTEGER
    key = key_of(header, stored_in.keys)
    for seq, account, sealed in snapshots(header, StateReader(stored_in.db), key, before):
        with read_log(path) as log:
            if sealed is not None and log.go_on_from(sealed):
                found = _Fold(log, account, seq).to(point, path)
                if found.seq:
                    return found
    return None


def state_at(path: Path, point: Point | None = None, stored_in: StateDir | None = None) -> StateAt:
    folded = fold_to(path, point, stored_in)
    return StateAt(
        run_id=folded.header.run_id,
        journal=str(path),
        seq=folded.seq,
        time=iso(folded.at) if folded.at else None,
        is_last=folded.is_last,
        source=folded.header.source,
        account=_account(folded),
    )


def state_difference(
    path: Path, one: Point | None, other: Point, stored_in: StateDir | None = None
) -> StateDifference:
    """Between two points of the journal, whichever comes first."""
    both = fold_to(path, one, stored_in), fold_to(path, other, stored_in)
    before, after = sorted(both, key=lambda found: found.seq)
    known = {row.order_id: row for row in _orders(before)}
    return StateDifference(
        run_id=after.header.run_id,
        journal=str(path),
        from_seq=before.seq,
        to_seq=after.seq,
        from_time=iso(before.at) if before.at else None,
        to_time=iso(after.at) if after.at else None,
        source=after.header.source,
        before=_account(before),
        after=_account(after),
        orders=[row for row in _orders(after) if known.get(row.order_id) != row],
        changes=list(changes(_dump(before), _dump(after))),
    )


def _dump(folded: Folded) -> dict[str, Any]:
    return folded.system.books.snapshot().dump()


def _account(folded: Folded) -> AccountStatus:
    books, header = folded.system.books, folded.header
    available = None
    if header.account != RECORDED_ACCOUNT and folded.at:
        run = RunTime.of(Account.begun_with(header.state, header.run_id), header.began())
        available = availability(run, held_until(books, folded.at))
    return account_status(books, header.run_id, folded.seq, available=available)


def _orders(folded: Folded) -> list[OrderRow]:
    """Those that work and the newest that ended, oldest first."""
    books = folded.system.books
    rows = [order_row(order, books.account.account_id) for order in books.finished()]
    return sorted([*rows, *open_order_rows(books)], key=lambda row: row.created_at)


def changes(before: Any, after: Any, path: str = "") -> Iterator[StateChanged]:
    """What differs of two dumped accounts. Lists of orders are compared by their ids."""
    before, after = _by_name(before), _by_name(after)
    if isinstance(before or after, dict):  # one that is not there has nothing in it
        before, after = before or {}, after or {}
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield StateChanged(path=path, before=before, after=after)
        return
    for name in dict.fromkeys([*before, *after]):
        below = f"{path}.{name}" if path else str(name)
        yield from changes(before.get(name), after.get(name), below)


def _by_name(value: Any) -> Any:
    """A list of things that have names as a table of them."""
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        return value
    spec = [each.get("spec", each) for each in value]
    name = next((n for n in _LISTED_BY if all(n in each for each in spec)), None)
    return value if name is None else {s[name]: v for s, v in zip(spec, value, strict=True)}


class _Fold:
    """Of the account as it was after record `start`."""

    def __init__(self, log: LogReader, account: Account | None = None, start: int = 0) -> None:
        self.header = header = log.header
        self._log, self._start = log, start
        self._system = BookkeepingSystem(
            Settings.load(header.config),
            account or Account.begun_with(header.state, header.run_id),
            header.run_id,
            DataClock(),
        )

    def to(self, point: Point | None, path: Path) -> Folded:
        """`seq` is 0 where nothing came after `start` up to the point."""
        seq, at = self._fold(point)
        last = max(seq, self._start)
        if isinstance(point, int) and last < point:
            raise UsageError(f"{path} has no record {point} so far: its last one is {last}")
        return Folded(self._system, self.header, seq, at, self._is_last)

    def _fold(self, point: Point | None) -> tuple[int, int]:
        last_seq = last_at = 0
        self._is_last = False
        books = self._system.books
        for group in self._log.groups(
            self._start, folded=lambda last: is_before(last, point) and not books.limits.breaks
        ):
            came = [each for each in group if each.seq > self._start and not is_past(each, point)]
            self._system.fold(*came)
            if came:
                last_seq, last_at = came[-1].seq, came[-1].at
            if group and is_past(group[-1], point):
                return last_seq, last_at
        self._is_last = True
        return last_seq, last_at


def is_before(last: int, point: Point | None) -> bool:
    """A group that ends with the record `last` came before the point, which its number says."""
    return point is None or (isinstance(point, int) and last <= point)


def is_past(record: Record, point: Point | None) -> bool:
    """It came after the point."""
    if point is None:
        return False
    return record.seq > point if isinstance(point, int) else iso(record.at) > point


__all__ = ["Folded", "Point", "changes", "fold_to", "is_past", "state_at", "state_difference"]
