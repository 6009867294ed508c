"""Who is told of what: routes by severity, type and component, those of trades apart."""

from __future__ import annotations

from typing import Any

from tests.fixtures.notices import NOON, notice, resolved
from tests.fixtures.rows import each_row
from tradectl.domain.states import AlertSeverity
from tradectl.notification.notification_settings import AlertEscalation, AlertRoute
from tradectl.notification.routes import Routes


def told(route: AlertRoute, **changes: Any) -> bool:
    return any(Routes(["phone"], [route]).of(notice("a1", **changes), NOON))


@each_row(
    ("fields", "changes", "fits"),
    [
        ({}, {"severity": "info"}, False),
        ({}, {"severity": "warning"}, True),
        ({"severity": AlertSeverity.CRITICAL}, {"severity": "error"}, False),
        ({"severity": AlertSeverity.INFO}, {"severity": "info"}, True),
        ({"types": ("feed_*", "DRAWDOWN")}, {"type": "feed_stale"}, True),
        ({"types": ("feed_*", "DRAWDOWN")}, {"type": "drawdown"}, True),
        ({"types": ("feed_*",)}, {"type": "feedback"}, False),
        ({"components": ("feed:*",)}, {"component": "feed:BTC/USDT:USDT"}, True),
        ({"components": ("feed:*",)}, {"component": "risk"}, False),
        ({"types": ("x",), "components": ("feed:*",)}, {"type": "y"}, False),
        ({"about": "trades"}, {}, False),
        ({"about": "trades"}, {"about": "trades", "severity": "info"}, True),
        ({}, {"about": "trades", "severity": "critical"}, False),
        (
            {"about": "trades", "types": ("trade_exit",)},
            {"about": "trades", "type": "trade_entry"},
            False,
        ),
    ],
)  # fmt: skip
def test_a_route_takes_what_fits(
    fields: dict[str, Any], changes: dict[str, Any], fits: bool
) -> None:
    assert told(AlertRoute(channels=("phone",), **fields), **changes) is fits


def test_the_end_of_an_alert_is_told_unless_the_route_does_not_want_it() -> None:
    for wants in (True, False):
        routes = Routes(["phone"], [AlertRoute(channels=("phone",), resolved=wants)])
        assert any(routes.of(resolved("a1"), NOON)) is wants


def test_each_step_has_its_time_and_trades_have_none() -> None:
    steps = [
        AlertEscalation(channels=("mail",), after_seconds=60, severity=AlertSeverity.ERROR),
        AlertEscalation(channels=("phone",), after_seconds=600),
    ]
    routes = Routes(["mail", "phone"], [], steps)
    found = [(step.channels, step.due - NOON) for step in routes.steps(notice("a1", "critical"))]
    assert found == [(("mail",), 60 * 10**9), (("phone",), 600 * 10**9)]
    assert [step.channels for step in routes.steps(notice("a1", "error"))] == [("mail",)]
    assert not [*routes.steps(notice("a1", "critical", about="trades"))]


def test_without_channels_nobody_is_told() -> None:
    assert not [*Routes([]).of(notice("a1", "critical"), NOON)]
