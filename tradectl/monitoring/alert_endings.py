"""What becomes of an alert whose run has ended, and which nobody of that run can end any more.

What had its cause in the process (a feed, a queue, a component) is over, since the run ended: the run
itself says so, else the next one, and who reads in between sees it so. What has it in the account (a
pause, a missing stop) stands until the next run looks at it anew, and raises it again where it is still
so; of what the account goes on with, and nobody says again (a restriction, a size), it does so at once.
What happened, and somebody is to know (a halt, a liquidation), stands until somebody has it in hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from tradectl.documents.run import AlertRow
from tradectl.domain.events import SystemEventKind as Kind
from tradectl.domain.money import ONE
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.domain.views import AccountView

ENDED = "the run ended"
RESOURCE, RESTRICTED, SIZE = "RESOURCE_", "restricted_", "size_"
OF_A_SYMBOL = "symbol:"
HAPPENED = frozenset(
    {
        "emergency_stop",
        "halt_continued",
        "liquidated",
        "adl",
        "settlement",
        "manual",
        "run_failed",
        Kind.FEE_NOT_VALUED,
        Kind.INCOME_UNKNOWN,
        Kind.INCONSISTENT,
        Kind.ORDER_ORPHANED,
        Kind.ORDER_REOPENED,
        Kind.OTHER_TRADECTL,
    }
)
OF_THE_ACCOUNT = frozenset(
    {
        Kind.CANCEL_FAILED,
        Kind.COINS_BOUND,
        Kind.ENTRY_REFUSED,
        Kind.EXIT_REFUSED,
        Kind.EXTERNAL_CHANGED,
        Kind.FILE_FOREIGN,
        Kind.ORDER_UNKNOWN,
        Kind.POSITION_UNPROTECTED,
        Kind.SETTINGS_LEFT,
        Kind.STILL_PAUSED,
        Kind.STOP_LATE,
        Kind.STOP_REFUSED,
        Kind.STRATEGY_ABSENT,
        Kind.SYMBOL_ABSENT,
    }
)


def is_over_with_its_run(kind: str) -> bool:
    """An alert of this type had its cause in the process."""
    return not (is_limit(kind) or kind in HAPPENED or kind in OF_THE_ACCOUNT or _is_sized(kind))


def is_limit(kind: str) -> bool:
    """One of risk's, by its code: what it did about it outlives the run. What a machine has too little of
    is measured by the process."""
    return kind.isupper() and not kind.startswith(RESOURCE)


def happened(alert: AlertRow) -> bool:
    """Nothing that comes later undoes it."""
    return alert.type in HAPPENED or (
        is_limit(alert.type) and alert.severity is AlertSeverity.CRITICAL
    )


def goes_on(alert: AlertRow, view: AccountView) -> bool:
    """The account has gone on with what this alert tells of: of a symbol, or a size by a loss."""
    if alert.type.startswith(RESTRICTED):
        kinds = view.restrictions(alert.component.removeprefix(OF_A_SYMBOL))
        return alert.type.removeprefix(RESTRICTED) in kinds
    return _is_sized(alert.type) and view.risk.size_by(alert.type.removeprefix(SIZE).upper()) != ONE


def as_they_are(alerts: Iterable[AlertRow], alive: str) -> list[AlertRow]:
    """These, of which those are over whose cause has gone with its run; the one that is `alive` ends its
    own."""
    return [each if each.run_id == alive else _ended(each) for each in alerts]


def over_by(run_id: str, alerts: Iterable[AlertRow], now: str) -> Iterator[AlertRow]:
    """Those of earlier runs that are over as this one begins, at `now` (ISO 8601), with the reason."""
    for each in alerts:
        if each.status is AlertStatus.RESOLVED or each.run_id == run_id:
            continue
        ended = _ended(each)
        if ended is not each:
            yield replace(ended, updated_at=now)
        elif not happened(each):
            yield _over(each, "the next run looks at it anew", now)
        elif each.status is AlertStatus.ACKNOWLEDGED:
            yield _over(each, "acknowledged", now)


def _ended(alert: AlertRow) -> AlertRow:
    if alert.status is AlertStatus.RESOLVED or not is_over_with_its_run(alert.type):
        return alert
    return _over(alert, ENDED, alert.updated_at)


def _over(alert: AlertRow, why: str, at: str) -> AlertRow:
    message = f"{alert.message}; {why}"
    return replace(alert, status=AlertStatus.RESOLVED, message=message, updated_at=at)


def _is_sized(kind: str) -> bool:
    return kind.startswith((RESTRICTED, SIZE))


__all__ = ["ENDED", "as_they_are", "goes_on", "happened", "is_over_with_its_run", "over_by"]
