"""Which events are worth an alert, as tables.

A rule turns an event into a condition that began (`Raised`), one that is over (`Cleared`), or nothing.
Conditions are told apart by type and component, so many events may tell of the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tradectl.domain.event import ENDS
from tradectl.domain.events import (
    EmergencyStopReceived,
    Event,
    LimitBreached,
    OrderDenied,
    RestrictionKind,
    RiskAction,
    SymbolRestricted,
    SystemEvent,
    SystemEventKind,
)
from tradectl.monitoring.alert import AlertSeverity

INFO, WARNING, ERROR, CRITICAL = AlertSeverity


class Raised(Struct, frozen=True, gc=False):
    """In the order of `AlertManager.raise_alert`'s parameters."""

    type: str
    message: str
    severity: AlertSeverity
    component: str


class Cleared(Struct, frozen=True, gc=False):
    type: str
    component: str


Finding = Raised | Cleared | None

SEVERITY_OF_ACTION = {
    RiskAction.ALERT: WARNING,
    RiskAction.PAUSE: ERROR,
    RiskAction.HALT: CRITICAL,
}
"""A risk event is as severe as what is done about it."""

SEVERITY_OF_HOLD = {
    RestrictionKind.UNRECONCILED: INFO,
    RestrictionKind.MISMATCH: CRITICAL,
    RestrictionKind.BALANCE: ERROR,
}
"""Of the other kinds of hold a WARNING."""

SEVERITY_OF_KIND: dict[str, AlertSeverity] = {
    SystemEventKind.CANCEL_FAILED: ERROR,
    SystemEventKind.CHANGED: WARNING,
    SystemEventKind.CLOCK_SKEW: ERROR,
    SystemEventKind.COMPONENT_FAILED: ERROR,
    SystemEventKind.DEAD_MAN_FAILED: ERROR,
    SystemEventKind.FEED_BAD_ROWS: WARNING,
    SystemEventKind.FEED_LOST: WARNING,
    SystemEventKind.FEED_STALE: WARNING,
    SystemEventKind.FEE_NOT_VALUED: WARNING,
    SystemEventKind.HANDLER_FAILED: ERROR,
    SystemEventKind.INCONSISTENT: CRITICAL,
    SystemEventKind.LOOP_STALLED: ERROR,
    SystemEventKind.ORDER_ORPHANED: ERROR,
    SystemEventKind.ORDER_REOPENED: ERROR,
    SystemEventKind.ORDER_UNKNOWN: ERROR,
    SystemEventKind.PROJECTION_STALLED: ERROR,
    SystemEventKind.RECONCILE_FAILED: ERROR,
    SystemEventKind.RECOVERED: INFO,
    SystemEventKind.SLOW_STEP: WARNING,
    SystemEventKind.STRATEGY_FAILED: WARNING,
    SystemEventKind.STRATEGY_QUARANTINED: ERROR,
    SystemEventKind.STRATEGY_THROTTLED: WARNING,
    SystemEventKind.USER_STREAM_LOST: WARNING,
}
"""The kinds that tell of an end (`ENDS`) have no severity: they clear."""

SILENT = frozenset({SystemEventKind.DATA_IGNORED, SystemEventKind.STRATEGY_IDLE})
"""They stand in the journal and alert nobody, like a kind of a user's own."""

CLEARED_BY_KIND: dict[str, str] = {over.value: begun.value for over, begun in ENDS.items()}

MESSAGE_OF_KIND: dict[str, str] = {SystemEventKind.RECOVERED: "recovered after a crash"}
"""For events that come without words."""

EXPECTED_DENIALS = ("HALTED", "HELD", "NOT_SENT", "PAUSED")
"""Whoever halted or paused the system knows why orders are denied; a hold has its own alert."""


def on_risk(event: LimitBreached) -> Finding:
    severity = SEVERITY_OF_ACTION.get(event.action, WARNING)
    component = f"risk:{event.symbol}" if event.symbol else event.source_component or "risk"
    return Raised(event.code, event.message, severity, component)


def on_hold(event: SymbolRestricted) -> Finding:
    kind, component = f"hold_{event.kind}", f"symbol:{event.symbol}"
    if not event.held:
        return Cleared(kind, component)
    message = event.message or f"{event.symbol} is held: {event.kind}"
    return Raised(kind, message, SEVERITY_OF_HOLD.get(event.kind, WARNING), component)


def on_denied(event: OrderDenied) -> Finding:
    """One condition for each code, whichever symbols it hits."""
    severity = INFO if event.code in EXPECTED_DENIALS else WARNING
    message = f"{event.symbol}: {event.message}"
    component = event.source_component or "risk"
    return Raised(f"denied_{event.code.lower()}", message, severity, component)


def on_system(event: SystemEvent) -> Finding:
    component = event.component or event.source_component or "system"
    severity = SEVERITY_OF_KIND.get(event.kind)
    if severity is not None:
        message = event.message or MESSAGE_OF_KIND.get(event.kind, event.kind.replace("_", " "))
        return Raised(event.kind, message, severity, component)
    cleared = CLEARED_BY_KIND.get(event.kind)
    return Cleared(cleared, component) if cleared else None


def on_emergency(event: EmergencyStopReceived) -> Finding:
    component = event.source_component or "operator"
    return Raised("emergency_stop", event.reason or "emergency stop", CRITICAL, component)


RULES: dict[type[Event], Callable[[Any], Finding]] = {
    LimitBreached: on_risk,
    SymbolRestricted: on_hold,
    OrderDenied: on_denied,
    SystemEvent: on_system,
    EmergencyStopReceived: on_emergency,
}


def finding_of(event: Event) -> Finding:
    """What `event` says about alerts; most events say nothing."""
    rule = RULES.get(event.__class__)
    return None if rule is None else rule(event)
