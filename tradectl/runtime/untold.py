"""What a run had no time to tell of before it was killed: its last events that are worth an alert, and
that neither the list of alerts nor the outbox has.

An alert is stored some milliseconds after its event, and the event is in the journal: the next run looks
at the end of that, where the run before did not end by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

import msgspec

from tradectl.documents.run import AlertRow
from tradectl.domain.errors import JournalError, StateError
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND, from_iso
from tradectl.journal.backwards import newest_records
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.alert_rules import AlertCleared, AlertRaised, alert_change
from tradectl.recovery.recovery import Recovered
from tradectl.storage.reader import StateReader

LOOKED_BACK_NS = 5 * SECOND
LOOKED_BACK_BYTES = 4 * 1024 * 1024
MICROSECOND = 1_000

Condition = tuple[str, str]


def tell_untold(alerts: AlertManager, recovered: Recovered | None, database: Path) -> None:
    """Raise them in this run. What cannot be read is left: whoever needs the journal says so."""
    if recovered is None or recovered.clean:
        return
    try:
        stored = StateReader(database).alerts_of_run(recovered.run_id)
        found = [*untold(recovered, stored)]
    except (JournalError, StateError):
        return
    for what, at in found:
        message = f"before the run was killed: {what.message}"
        alerts.raise_again(msgspec.structs.replace(what, message=message), at)


def untold(recovered: Recovered, stored: Iterable[AlertRow]) -> Iterator[tuple[AlertRaised, int]]:
    """Conditions that began and did not end within the last seconds of the run, with their times, but
    those that `stored` alerts of it know. Raises JournalError."""
    known = {(row.type, row.component): row for row in stored}
    for condition, (what, at) in _last_conditions(recovered).items():
        row = known.get(condition)
        if row is None or (row.status is AlertStatus.RESOLVED and _is_later(at, row)):
            yield what, at


def _is_later(at: int, row: AlertRow) -> bool:
    """Documents have microseconds."""
    return at // MICROSECOND > from_iso(row.updated_at) // MICROSECOND


def _last_conditions(recovered: Recovered) -> dict[Condition, tuple[AlertRaised, int]]:
    records = newest_records(recovered.journal, recovered.last_seq, LOOKED_BACK_BYTES)
    newest = next(records, None)
    if newest is None:
        return {}
    since = newest.at - LOOKED_BACK_NS
    last = [newest, *takewhile(lambda record: record.at >= since, records)]
    found: dict[Condition, tuple[AlertRaised, int]] = {}
    for record in reversed(last):
        change = alert_change(record.event)
        if isinstance(change, AlertCleared):
            found.pop(_condition(change), None)
        elif isinstance(change, AlertRaised) and change.severity >= AlertSeverity.WARNING:
            found[_condition(change)] = change, record.at
    return found


def _condition(change: AlertRaised | AlertCleared) -> Condition:
    """As it is listed."""
    return harmless(change.type), harmless(change.component)


__all__ = ["tell_untold", "untold"]
