"""Which events are worth an alert, as tables.

A rule turns an event into a condition that began (`AlertRaised`), one that is over (`AlertCleared`), or
nothing. Conditions are told apart by type and component, so many events may be about the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tradectl.domain.event import ENDS
from tradectl.domain.events import (
    CloseCause,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    HaltContinued,
    LimitBreached,
    OrderDenied,
    PauseEnded,
    PositionLiquidated,
    RestrictionKind,
    RiskAction,
    SettingsChanged,
    SizeChanged,
    SymbolRestricted,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.money import Side, money_text, plain
from tradectl.domain.states import AlertSeverity
from tradectl.notification.notice import SETTINGS_CHANGED, SETTINGS_LOOSENED

INFO, WARNING, ERROR, CRITICAL = AlertSeverity


class AlertRaised(Struct, frozen=True, gc=False):
    """In the order of `AlertManager.raise_alert`'s parameters. One that `succeeds` takes the place of the
    open one of its condition, whose end that is: it is no repetition of it."""

    type: str
    message: str
    severity: AlertSeverity
    component: str
    succeeds: bool = False


class AlertCleared(Struct, frozen=True, gc=False):
    type: str
    component: str


AlertChange = AlertRaised | AlertCleared | None

SEVERITY_OF_ACTION = {
    RiskAction.ALERT: WARNING,
    RiskAction.PAUSE: ERROR,
    RiskAction.REDUCE: CRITICAL,
    RiskAction.FLATTEN: CRITICAL,
    RiskAction.HALT: CRITICAL,
}
"""A risk event is as severe as what is done about it."""

SEVERITY_OF_RESTRICTION = {
    RestrictionKind.AWAY: INFO,
    RestrictionKind.UNRECONCILED: INFO,
    RestrictionKind.MISMATCH: CRITICAL,
    RestrictionKind.BALANCE: ERROR,
    RestrictionKind.HEDGE_MODE: CRITICAL,
}
"""Of the other kinds of restriction a WARNING."""

SEVERITY_OF_KIND: dict[str, AlertSeverity] = {
    SystemEventKind.ACCESS_REFUSED: ERROR,
    SystemEventKind.ALLOCATION_FAILED: WARNING,
    SystemEventKind.BREAKER_OPENED: ERROR,
    SystemEventKind.CANCEL_FAILED: ERROR,
    SystemEventKind.CHANGED: WARNING,
    SystemEventKind.CLOCK_MOVED: WARNING,
    SystemEventKind.CLOCK_SKEW: ERROR,
    SystemEventKind.COINS_BOUND: CRITICAL,
    SystemEventKind.COMPONENT_FAILED: ERROR,
    SystemEventKind.COMPONENT_GIVEN_UP: CRITICAL,
    SystemEventKind.DEAD_MAN_FAILED: ERROR,
    SystemEventKind.ENTRY_REFUSED: WARNING,
    SystemEventKind.EXIT_REFUSED: CRITICAL,
    SystemEventKind.EXTERNAL_CHANGED: INFO,
    SystemEventKind.FEED_BAD_ROWS: WARNING,
    SystemEventKind.FILE_FOREIGN: WARNING,
    SystemEventKind.HISTORY_MISSING: WARNING,
    SystemEventKind.FEED_LOST: WARNING,
    SystemEventKind.FEED_STALE: WARNING,
    SystemEventKind.FEE_NOT_VALUED: WARNING,
    SystemEventKind.FUNDING_MISSING: WARNING,
    SystemEventKind.HANDLER_FAILED: ERROR,
    SystemEventKind.INCOME_FAILED: WARNING,
    SystemEventKind.INCOME_UNKNOWN: WARNING,
    SystemEventKind.INCONSISTENT: CRITICAL,
    SystemEventKind.LOOP_STALLED: ERROR,
    SystemEventKind.ORDER_ORPHANED: ERROR,
    SystemEventKind.ORDER_REOPENED: ERROR,
    SystemEventKind.ORDER_UNKNOWN: ERROR,
    SystemEventKind.OTHER_TRADECTL: ERROR,
    SystemEventKind.POSITION_UNPROTECTED: CRITICAL,
    SystemEventKind.PROJECTION_STALLED: ERROR,
    SystemEventKind.RECONCILE_FAILED: ERROR,
    SystemEventKind.RECOVERED: INFO,
    SystemEventKind.RULES_CHANGED: WARNING,
    SystemEventKind.RULES_FAILED: WARNING,
    SystemEventKind.SETTINGS_LEFT: WARNING,
    SystemEventKind.SLOW_STEP: WARNING,
    SystemEventKind.STILL_PAUSED: WARNING,
    SystemEventKind.STOP_LATE: CRITICAL,
    SystemEventKind.STOP_REFUSED: CRITICAL,
    SystemEventKind.STRATEGY_ABSENT: WARNING,
    SystemEventKind.STRATEGY_FAILED: WARNING,
    SystemEventKind.STRATEGY_QUARANTINED: ERROR,
    SystemEventKind.STRATEGY_THROTTLED: WARNING,
    SystemEventKind.SYMBOL_ABSENT: ERROR,
    SystemEventKind.SYMBOL_UNKNOWN: WARNING,
    SystemEventKind.USER_STREAM_LOST: WARNING,
}
"""The kinds that tell of an end (`ENDS`) have no severity: they clear."""

SILENT = frozenset(
    {
        SystemEventKind.BREAKER_HALF_OPEN,
        SystemEventKind.BREAKER_STAYED_OPEN,
        SystemEventKind.COMPONENT_LEFT_ALONE,
        SystemEventKind.COMPONENT_RESTARTED,
        SystemEventKind.DATA_IGNORED,
        SystemEventKind.STRATEGY_IDLE,
        SystemEventKind.STRATEGY_RENEWED,
    }
)
"""They stand in the journal and alert nobody, like a kind of a user's own."""

CLEARED_BY_KIND: dict[str, str] = {over.value: begun.value for over, begun in ENDS.items()}

MESSAGE_OF_KIND: dict[str, str] = {SystemEventKind.RECOVERED: "recovered after a crash"}
"""For events that come without words."""

EXPECTED_DENIALS = ("HALTED", "RESTRICTED", "NOT_SENT", "PAUSED", "REDUCING")
"""Whoever halted or paused the system knows why orders are denied; a restriction has its own alert."""


def _limit_breached(event: LimitBreached) -> AlertChange:
    severity = SEVERITY_OF_ACTION.get(event.action, WARNING)
    component = f"risk:{event.symbol}" if event.symbol else event.source_component or "risk"
    return AlertRaised(event.code, event.message, severity, component)


ALERT_OF_CAUSE = {
    CloseCause.LIQUIDATION: "liquidated",
    CloseCause.ADL: "adl",
    CloseCause.SETTLEMENT: "settlement",
    CloseCause.MANUAL: "manual",
}
CLOSED_BY = {
    CloseCause.ADL: "auto-deleveraging, the other side of somebody's liquidation",
    CloseCause.SETTLEMENT: "settlement of a market that is delisted",
}


def _liquidated(event: PositionLiquidated) -> AlertChange:
    kind, message = ALERT_OF_CAUSE[event.cause], _of_liquidation(event)
    severity = ERROR if event.cause is CloseCause.MANUAL else CRITICAL
    return AlertRaised(kind, message, severity, f"symbol:{event.symbol}")


def _of_liquidation(event: PositionLiquidated) -> str:
    side = "long" if event.side is Side.SELL else "short"
    if event.cause is CloseCause.MANUAL:
        return (
            f"{event.symbol}: somebody else closed {plain(event.quantity)} of our {side} at "
            f"{plain(event.price)} on {event.exchange}: booked as a manual fill; it is not entered again "
            "on an old signal"
        )
    if event.cause in CLOSED_BY:
        return (
            f"{event.symbol}: {event.exchange} closed {plain(event.quantity)} of the {side} at "
            f"{plain(event.price)}: {CLOSED_BY[event.cause]}; it is not entered again on an old signal"
        )
    borne = f"{money_text(event.insurance)} of the loss borne by the exchange's insurance"
    if not event.quantity:
        return f"{event.symbol}: more was lost than there was, {borne}"
    return (
        f"{event.symbol}: the {side} of {plain(event.quantity)} was liquidated at {plain(event.price)} "
        f"({event.margin} margin), fee {money_text(event.fee)}{f', {borne}' if event.insurance else ''}"
    )


def _halt_continued(event: HaltContinued) -> AlertChange:
    message = (
        f"{event.state}, as before: {event.reason}; no entries; "
        "`tradectl emergency-stop --flatten` closes what is open at once"
    )
    return AlertRaised("halt_continued", message, CRITICAL, event.source_component or "run")


def _pause_ended(event: PauseEnded) -> AlertChange:
    return AlertCleared(event.code, event.source_component or "risk")


def _size_changed(event: SizeChanged) -> AlertChange:
    """A size by volatility is what was asked for; one by a loss is news."""
    if event.symbol:
        return None
    kind, component = f"size_{event.cause.lower()}", event.source_component or "risk"
    if event.size == 1:
        return AlertCleared(kind, component)
    return AlertRaised(kind, event.message, WARNING, component)


def _symbol_restricted(event: SymbolRestricted) -> AlertChange:
    kind, component = f"restricted_{event.kind}", f"symbol:{event.symbol}"
    if not event.restricted:
        return AlertCleared(kind, component)
    message = event.message or f"{event.symbol} is restricted: {event.kind}"
    return AlertRaised(kind, message, SEVERITY_OF_RESTRICTION.get(event.kind, WARNING), component)


def _order_denied(event: OrderDenied) -> AlertChange:
    """One condition for each code, whichever symbols it hits."""
    severity = INFO if event.code in EXPECTED_DENIALS else WARNING
    message = f"{event.symbol}: {event.message}"
    component = event.source_component or "risk"
    return AlertRaised(f"denied_{event.code.lower()}", message, severity, component)


def _system_event(event: SystemEvent) -> AlertChange:
    component = event.component or event.source_component or "system"
    severity = SEVERITY_OF_KIND.get(event.kind)
    if severity is not None:
        message = event.message or MESSAGE_OF_KIND.get(event.kind, event.kind.replace("_", " "))
        return AlertRaised(event.kind, message, severity, component)
    cleared = CLEARED_BY_KIND.get(event.kind)
    return AlertCleared(cleared, component) if cleared else None


def _emergency_stop(event: EmergencyStopReceived) -> AlertChange:
    component = event.source_component or "operator"
    return AlertRaised("emergency_stop", event.reason or "emergency stop", CRITICAL, component)


def _command(event: CommandReceived) -> AlertChange:
    is_resumed = event.command is Command.RESUME
    return AlertCleared(SystemEventKind.STILL_PAUSED, "run") if is_resumed else None


def _settings(event: SettingsChanged) -> AlertChange:
    """Each change is told of, whatever became of the alert of the one before; what loosened a limit stays
    listed beside what loosened none."""
    said = ", ".join(each.said() for each in event.changes)
    if any(change.loosens for change in event.changes):
        return AlertRaised(SETTINGS_LOOSENED, said, WARNING, "operator", succeeds=True)
    return AlertRaised(SETTINGS_CHANGED, said, INFO, "operator", succeeds=True)


RULES: dict[type[Event], Callable[[Any], AlertChange]] = {
    LimitBreached: _limit_breached,
    PositionLiquidated: _liquidated,
    HaltContinued: _halt_continued,
    PauseEnded: _pause_ended,
    SizeChanged: _size_changed,
    SymbolRestricted: _symbol_restricted,
    OrderDenied: _order_denied,
    SystemEvent: _system_event,
    EmergencyStopReceived: _emergency_stop,
    CommandReceived: _command,
    SettingsChanged: _settings,
}


def alert_change(event: Event) -> AlertChange:
    """What `event` changes about alerts; most events change nothing."""
    rule = RULES.get(event.__class__)
    return None if rule is None else rule(event)
