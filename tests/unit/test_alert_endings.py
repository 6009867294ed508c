"""Which alerts stand although their run has ended, and which are over with it."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from tests.fixtures.monitoring import StillClock
from tests.fixtures.rows import each_row
from tradectl.bus.event_bus import EventBus
from tradectl.documents.run import AlertRow
from tradectl.domain.events import (
    PauseEnded,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.monitoring.alert_endings import as_they_are, goes_on, is_over_with_its_run, over_by
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.notification.notice import Notice
from tradectl.storage.manager import StateManager

AT, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def row(kind: str, severity: str = "error", status: str = "active", run_id: str = "r1") -> AlertRow:
    return AlertRow(
        id=f"{run_id}-{kind}", run_id=run_id, type=kind, severity=AlertSeverity(severity),
        message="why", component="c", created_at=AT, updated_at=AT, status=AlertStatus(status), count=1,
    )  # fmt: skip


ENDED, ANEW = "why; the run ended", "why; the next run looks at it anew"


@each_row(
    ("alert", "read", "next_run"),
    [
        (row("feed_stale"), ENDED, ENDED),
        (row("component_given_up", "critical"), ENDED, ENDED),
        (row("RESOURCE_DISK_FREE_MB"), ENDED, ENDED),
        (row("anomaly_price", "warning"), ENDED, ENDED),
        (row("my_own_kind"), ENDED, ENDED),
        (row("still_paused"), "", ANEW),
        (row("position_unprotected", "critical"), "", ANEW),
        (row("restricted_mismatch", "critical"), "", ANEW),
        (row("DAILY_LOSS"), "", ANEW),
        (row("DAILY_LOSS", "critical"), "", ""),
        (row("emergency_stop", "critical"), "", ""),
        (row("income_unknown", "warning"), "", ""),  # it is in no book, and said once
        (row("fee_not_valued", "warning"), "", ""),
        (row("liquidated", "critical", "acknowledged"), "", "why; acknowledged"),
        (row("feed_stale", run_id="r2"), "", ""),
        (row("feed_stale", status="resolved"), "", ""),
    ],
)
def test_what_becomes_of_an_alert_of_a_run_that_ended(
    alert: AlertRow, read: str, next_run: str
) -> None:
    (shown,) = as_they_are([alert], alive="r2")
    assert (shown.message if shown is not alert else "") == read
    over = [each.message for each in over_by("r2", [alert], LATER)]
    assert over == ([next_run] if next_run else [])
    assert all(each.status is AlertStatus.RESOLVED for each in over_by("r2", [alert], LATER))


OF_THE_PROCESS = """
    access_refused allocation_failed breaker_closed breaker_half_open breaker_opened
    breaker_stayed_open changed clock_moved clock_skew component_failed component_given_up
    component_left_alone component_recovered component_restarted data_ignored dead_man_failed
    feed_back feed_bad_rows feed_fresh feed_lost feed_stale funding_missing handler_failed
    history_missing income_failed loop_stalled projection_stalled reconcile_failed recovered
    rules_changed rules_failed slow_step strategy_failed strategy_idle strategy_quarantined
    strategy_released strategy_renewed strategy_throttled symbol_unknown user_stream_lost
"""


def test_of_each_kind_somebody_has_said_what_becomes_of_it() -> None:
    """A new one goes here, or among those that stand though their run has ended."""
    kinds = {kind.value for kind in SystemEventKind if not kind.endswith("_over")}
    assert {kind for kind in kinds if is_over_with_its_run(kind)} == {*OF_THE_PROCESS.split()}


async def test_a_run_that_ends_ends_what_had_its_cause_in_it() -> None:
    manager = AlertManager(EventBus(clock=StillClock()), of_a_run=True)
    await manager.start()
    stale = manager.raise_alert("feed_stale", "no data", "warning", "feed:X")
    manager.raise_alert("emergency_stop", "by hand", "critical", "operator")
    await manager.stop()
    assert [alert.type for alert in manager.get_active_alerts()] == ["emergency_stop"]
    assert stale.message == "no data"


async def test_what_an_account_goes_on_with_is_raised_again_and_no_end_of_it_is_told() -> None:
    """Nobody says a restriction again that was kept; of an exit that is refused still its own run did."""
    store, told = Stored(), Told()
    bus = EventBus(clock=StillClock())
    manager = AlertManager(bus, store=store, dispatcher=told, run_id="r2")  # type: ignore[arg-type]
    state = StateManager(bus)
    account = state.books.account
    account.at_exchange().restrict(
        SymbolRestricted(
            source_component="state", symbol="BTCUSDT", kind=RestrictionKind.MISMATCH, message="why"
        )
    )
    account.risk.scale("DRAWDOWN", "", Decimal("0.5"))
    manager.raise_alert("exit_refused", "still", "critical", "symbol:BTCUSDT")
    told.notices.clear()
    left = [
        replace(row(kind), id=f"{kind} {component}", component=component)
        for kind, component in (
            ("restricted_mismatch", "symbol:BTCUSDT"),
            ("restricted_mismatch", "symbol:ETHUSDT"),
            ("exit_refused", "symbol:BTCUSDT"),
            ("size_drawdown", "risk"),
            ("size_daily_loss", "risk"),
        )
    ]
    await manager.end_those_before(left, lambda alert: goes_on(alert, state.books))
    assert [each.status for each in store.rows] == [AlertStatus.RESOLVED] * 5
    assert [(alert.type, alert.component) for alert in manager.get_active_alerts()] == [
        ("exit_refused", "symbol:BTCUSDT"),
        ("restricted_mismatch", "symbol:BTCUSDT"),
        ("size_drawdown", "risk"),
    ]
    ended = [notice for notice in told.notices if notice.is_resolved]
    assert [(notice.type, notice.component) for notice in ended] == [
        ("restricted_mismatch", "symbol:ETHUSDT"),
        ("size_daily_loss", "risk"),
    ]


class Stored:
    """What is written of alerts."""

    def __init__(self) -> None:
        self.rows: list[AlertRow] = []

    async def write_alerts(self, rows: list[AlertRow]) -> None:
        self.rows += rows


class Told:
    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def put(self, notice: Notice) -> None:
        self.notices.append(notice)


def test_that_a_run_begins_paused_is_over_with_the_last_pause() -> None:
    pauses = ["RESOURCE_RSS_MB", "DAILY_LOSS"]
    manager = AlertManager(EventBus(clock=StillClock()), is_paused=lambda: bool(pauses))
    manager.on_event(
        SystemEvent(source_component="run", kind=SystemEventKind.STILL_PAUSED, component="run")
    )
    open_ones = []
    while pauses:
        manager.on_event(PauseEnded(source_component="monitor", code=pauses.pop()))
        open_ones.append(len(manager.get_active_alerts()))
    assert open_ones == [1, 0]
