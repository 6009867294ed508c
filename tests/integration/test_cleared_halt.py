"""A cleared halt is recorded by the next run, and limits begin anew at what the account is worth then."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.fixtures.command import (
    events_of,
    journals,
    records_of,
    running,
    tradectl,
    wait_until,
)
from tests.fixtures.run_inputs import Character, replayed, written
from tradectl.domain.events import Command, CommandReceived, LimitBreached, OrderFilled, TimerFired

LIMITS = """
orchestrator.risk_check_interval_seconds = 0.05
[portfolio]
fraction = 0.9
max_weight = 1
[paper]
taker_fee = 0.004
[risk]
max_order_notional = "none"
max_position_notional = "none"
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = 1
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = 1.1
"""
"""A strategy that changes its mind with every trade has soon paid a percent in fees."""


def test_the_first_review_after_clear_halt_does_not_halt_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = ["-c", written(tmp_path, Character.CHATTER, settings=LIMITS)]
    halted = tradectl(state, "run", "--headless", "--duration", "60", *words)
    assert halted.code == 6, halted.err
    assert tradectl(state, "run", "--headless", "--duration", "1", *words).code == 6
    before = tradectl(state, "status", "--json").document()["portfolio"]
    assert tradectl(state, "clear-halt", "--confirm").code == 0
    calmer = ["-c", written(tmp_path, Character.KEEN, settings=LIMITS)]
    with running(state, *calmer) as run:
        wait_until(lambda: len(risk_checks(journals(state)[-1])) > 5)
        run.send(signal.SIGKILL)
        run.end()
    first = next(record for record in records_of(journals(state)[-1]) if not record.cause)
    assert isinstance(first.event, CommandReceived)
    assert (first.event.command, first.seq) == (Command.CLEAR_HALT, 1)
    assert "loss" in first.event.reason or "drawdown" in first.event.reason
    assert replayed(state).verified
    assert events_of(journals(state)[-1], LimitBreached) == []
    after = tradectl(state, "status", "--json").document()["portfolio"]
    assert float(after["max_drawdown_pct"]) >= float(before["max_drawdown_pct"]) >= 1
    assert events_of(journals(state)[-1], OrderFilled)


def risk_checks(journal: Path) -> list[int]:
    return [
        record.seq
        for record in records_of(journal)
        if isinstance(record.event, TimerFired) and record.event.name == "risk"
    ]


def test_a_halt_that_no_journal_knows_is_recorded_as_cleared_once(tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = ["--headless", "--duration", "0.5"]
    assert tradectl(state, "run", *words).code == 0
    assert tradectl(state, "emergency-stop", "--reason", "to look at it").code == 0
    assert tradectl(state, "clear-halt", "--confirm").code == 0
    for times in (1, 0):
        assert tradectl(state, "run", *words).code == 0
        cleared = [
            event.reason
            for event in events_of(journals(state)[-1], CommandReceived)
            if event.command is Command.CLEAR_HALT
        ]
        assert len(cleared) == times
        assert all("to look at it" in reason for reason in cleared)
        assert replayed(state).verified
