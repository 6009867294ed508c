"""Which events are worth an alert, as tables.

A rule turns an event into a condition that began (`Raised`), one that is over (`Cleared`), or nothing.
Conditions are told apart by type and component, so many events may tell of the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tradectl.domain.events import (
    EmergencyStopReceived,
    Event,
    LimitBreached,
    OrderDenied,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
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

SEVERITY_OF_ACTION = {"alert": WARNING, "pause": ERROR, "halt": CRITICAL}
"""A risk event is as severe as what is done about it."""

SEVERITY_OF_HOLD = {
    RestrictionKind.UNRECONCILED: INFO,
    RestrictionKind.MISMATCH: CRITICAL,
    RestrictionKind.BALANCE: ERROR,
}
"""Of the other kinds of hold a WARNING."""

SEVERITY_OF_KIND = {
    "cancel_failed": ERROR,
    "changed": WARNING,
    "clock_skew": ERROR,
    "component_failed": ERROR,
    "dead_man_failed": ERROR,
    "fee_not_valued": WARNING,
    "feed_bad_rows": WARNING,
    "feed_lost": WARNING,
    "feed_stale": WARNING,
    "handler_failed": ERROR,
    "inconsistent": CRITICAL,
    "loop_stalled": ERROR,
    "order_revived": ERROR,
    "order_stray": ERROR,
    "order_unknown": ERROR,
    "projection_stalled": ERROR,
    "reconcile_failed": ERROR,
    "recovered": INFO,
    "slow_step": WARNING,
    "strategy_failed": WARNING,
    "strategy_quarantined": ERROR,
    "strategy_throttled": WARNING,
    "user_stream_lost": WARNING,
}
"""System events of other kinds (started, stopped, ...) alert nobody."""

CLEARED_BY_KIND = {
    "clock_skew_over": "clock_skew",
    "dead_man_failed_over": "dead_man_failed",
    "feed_back": "feed_lost",
    "feed_fresh": "feed_stale",
    "cancel_failed_over": "cancel_failed",
    "order_unknown_over": "order_unknown",
    "reconcile_failed_over": "reconcile_failed",
    "strategy_released": "strategy_quarantined",
    "user_stream_lost_over": "user_stream_lost",
}

MESSAGE_OF_KIND = {"recovered": "recovered after a crash"}
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
