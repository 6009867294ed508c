"""What happened, and why, as documents: events of a journal, the account at any point of it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tradectl.documents.account import AccountStatus, OrderRow
from tradectl.documents.values import Time
from tradectl.domain.event import EventType


class FailedHandling(Struct, kw_only=True, frozen=True):
    """Of an event that the handler `observer` could not handle in so many `attempts`, and the last
    error."""

    observer: str
    error: str
    attempts: int


class EventRow(Struct, kw_only=True, frozen=True):
    """`events`: a record of a journal. `cause` is the number of the record that it follows from, 0 of
    what came from outside; `symbols` are those that it is about; `event` has all its fields. `failed` is
    null but with `--failed`."""

    seq: int
    time: Time
    cause: int
    family: EventType
    type: str
    symbols: list[str]
    event: dict[str, Any]
    failed: FailedHandling | None = None


class FailedEvents(Struct, kw_only=True, frozen=True):
    events: list[EventRow]


class StateAt(Struct, kw_only=True, frozen=True):
    """`state`: the account as of record `seq` of a run, which was at `time` (null before the first one);
    `is_last`: the journal has nothing after it, so far."""

    run_id: str
    journal: str
    seq: int
    time: Time | None
    is_last: bool
    source: str
    account: AccountStatus


class StateChanged(Struct, kw_only=True, frozen=True):
    """A value of the account that is another one later; null where it is not there."""

    path: str
    before: Any
    after: Any


class StateDifference(Struct, kw_only=True, frozen=True):
    """`state --diff`: what changed in a run between two records, the earlier one first: the account then
    and then, the `orders` that began, changed or ended between, as they are at the later one, and all
    `changes`, value by value. `source`, as in a run's summary."""

    run_id: str
    journal: str
    from_seq: int
    to_seq: int
    from_time: Time | None
    to_time: Time | None
    source: str
    before: AccountStatus
    after: AccountStatus
    orders: list[OrderRow]
    changes: list[StateChanged]
