"""Which events become alerts, and how severe."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.books import approved
from tests.fixtures.documents import as_json
from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.event import ENDS, SystemEventKind
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderDenied,
    PositionLiquidated,
    SystemEvent,
    TimerFired,
)
from tradectl.domain.money import Side
from tradectl.domain.states import AlertSeverity
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_rules import (
    SEVERITY_OF_KIND,
    SILENT,
    AlertCleared,
    AlertRaised,
    alert_change,
)


def system(kind: str, component: str = "part", message: str = "words") -> SystemEvent:
    return SystemEvent(source_component="me", kind=kind, component=component, message=message)


def denied(code: str) -> OrderDenied:
    return OrderDenied(
        source_component="risk", order_id="o1", symbol="X", code=code, message="too much"
    )


@each_row(
    ("kind", "severity"),
    [
        ("strategy_failed", "warning"),
        ("strategy_quarantined", "error"),
        ("strategy_throttled", "warning"),
        ("component_failed", "error"),
        ("handler_failed", "error"),
        ("projection_stalled", "error"),
        ("feed_stale", "warning"),
        ("feed_bad_rows", "warning"),
        ("slow_step", "warning"),
        ("loop_stalled", "error"),
        ("recovered", "info"),
        ("inconsistent", "critical"),
    ],
)
def test_system_events_are_as_severe_as_the_table_says(kind: str, severity: str) -> None:
    assert alert_change(system(kind)) == AlertRaised(kind, "words", AlertSeverity(severity), "part")


def test_every_kind_has_a_message_even_when_its_event_has_none() -> None:
    for kind in SEVERITY_OF_KIND:
        change = alert_change(system(kind, message=""))
        assert isinstance(change, AlertRaised)
        assert change.message
    recovered = alert_change(system("recovered", message=""))
    assert isinstance(recovered, AlertRaised)
    assert recovered.message == "recovered after a crash"


@each_row(
    ("action", "severity"),
    [("alert", "warning"), ("pause", "error"), ("halt", "critical"), ("sing", "warning")],
)
def test_a_risk_event_is_as_severe_as_its_action(action: str, severity: str) -> None:
    event = LimitBreached(
        source_component="risk",
        code="DRAWDOWN",
        message="down",
        action=action,  # type: ignore[arg-type]
    )
    assert alert_change(event) == AlertRaised("DRAWDOWN", "down", AlertSeverity(severity), "risk")


@pytest.mark.parametrize(
    ("quantity", "insurance", "words"),
    [
        ("2", "0", "BTCUSDT: the long of 2 was liquidated at 90 (cross margin), fee 1.00"),
        ("2", "5", "fee 1.00, 5.00 of the loss borne by the exchange's insurance"),
        ("0", "5", "BTCUSDT: more was lost than there was, 5.00 of the loss borne by"),
    ],
)
def test_a_liquidation_is_critical(quantity: str, insurance: str, words: str) -> None:
    change = alert_change(
        PositionLiquidated(
            symbol="BTCUSDT",
            liquidation_id="1",
            side=Side.SELL,
            quantity=Decimal(quantity),
            price=Decimal(90),
            fee=Decimal(1),
            insurance=Decimal(insurance),
        )
    )
    assert isinstance(change, AlertRaised)
    assert (change.severity, change.component) == ("critical", "symbol:BTCUSDT")
    assert words in change.message


def test_risk_events_of_two_symbols_are_two_conditions() -> None:
    changes = [
        alert_change(LimitBreached(source_component="risk", code="C", message="m", symbol=symbol))
        for symbol in ("A", "B")
    ]
    assert [f.component for f in changes if f is not None] == ["risk:A", "risk:B"]


@pytest.mark.parametrize(
    ("code", "expected", "severity"),
    [
        ("MAX_POSITION", "denied_max_position", "warning"),
        ("HALTED", "denied_halted", "info"),
        ("PAUSED", "denied_paused", "info"),
    ],
)
def test_a_denied_order_is_told_by_its_code(code: str, expected: str, severity: str) -> None:
    assert alert_change(denied(code)) == AlertRaised(
        expected, "X: too much", AlertSeverity(severity), "risk"
    )


@pytest.mark.parametrize("reason", ["a fire", ""])
def test_an_emergency_stop_is_critical_with_or_without_a_reason(reason: str) -> None:
    change = alert_change(EmergencyStopReceived(source_component="cli", reason=reason))
    message = reason or "emergency stop"
    assert change == AlertRaised("emergency_stop", message, AlertSeverity.CRITICAL, "cli")


def test_every_kind_of_system_event_has_its_severity_or_is_the_end_of_one_that_has() -> None:
    assert sorted([*SEVERITY_OF_KIND, *ENDS, *SILENT]) == sorted(SystemEventKind)
    assert {*ENDS.values()} <= SEVERITY_OF_KIND.keys()


@pytest.mark.parametrize(
    ("kind", "over"),
    [("feed_fresh", "feed_stale"), ("strategy_released", "strategy_quarantined")],
)
def test_some_events_end_what_others_began(kind: str, over: str) -> None:
    assert alert_change(system(kind, "feed:X")) == AlertCleared(over, "feed:X")


@each_row(
    "event",
    [
        system("started"),
        system("stopped"),
        CommandReceived(command=Command.PAUSE),
        TimerFired(name="risk"),
        approved("o1"),
        MarketDataEvent(symbol="X", price=Decimal(1), volume=Decimal(1)),
    ],
)
def test_ordinary_events_alert_nobody(event: Event) -> None:
    assert alert_change(event) is None


def test_severities_are_ordered_by_weight_not_by_spelling() -> None:
    info, warning, error, critical = AlertSeverity
    assert sorted([critical, info, error, warning]) == [info, warning, error, critical]
    assert max(AlertSeverity) is critical
    assert info < warning <= error
    assert critical > error >= warning
    assert info < "warning", "spelled out it is the same severity"


@each_row("text", ["critical", "CRITICAL", "Critical", AlertSeverity.CRITICAL])
def test_a_severity_may_be_spelled_in_any_case(text: str) -> None:
    assert AlertSeverity.parse(text) is AlertSeverity.CRITICAL


def test_an_unknown_severity_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'fatal'.*info, warning, error, critical"):
        AlertSeverity.parse("fatal")


def test_an_alert_as_a_document_has_plain_values_and_iso_times() -> None:
    alert = Alert("r-a1", "t", AlertSeverity.ERROR, "m", "c", 1_500_000_000, 2_000_000_000)
    assert as_json(alert.row("r")) == {
        "run_id": "r",
        "id": "r-a1",
        "type": "t",
        "severity": "error",
        "message": "m",
        "component": "c",
        "created_at": "1970-01-01T00:00:01.500000Z",
        "updated_at": "1970-01-01T00:00:02.000000Z",
        "status": "active",
        "count": 1,
    }
