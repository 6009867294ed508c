"""A pause lasts: killed, stopped or crashed, the next run goes on with it and says so until `resume`."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fixtures.command import (
    BUSY,
    events_of,
    journals,
    records_of,
    running,
    tradectl,
    wait_until,
)
from tests.fixtures.run_inputs import Character, replayed, written
from tradectl.domain.events import (
    Command,
    CommandReceived,
    OrderApproved,
    OrderFilled,
    OrderInitialized,
)
from tradectl.domain.money import Side

LINE = "still_paused: paused since "


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    return ["-c", written(tmp_path, Character.CHATTER)]


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_a_pause_survives_the_end_of_its_run(
    tmp_path: Path, words: list[object], ended_by: signal.Signals
) -> None:
    state = tmp_path / "state"
    with running(state, *words) as run:
        wait_until(lambda: events_of(journals(state)[-1], OrderFilled))
        assert tradectl(state, "pause", "--reason", "news at 2").code == 0
        run.send(ended_by)
        run.end()
    (first,) = events_of(journals(state)[-1], CommandReceived)
    assert (first.command, first.reason) == (Command.PAUSE, "news at 2")
    if ended_by is signal.SIGKILL:
        shown = tradectl(state, "status", "--json").document()["availability"]
        report = tradectl(state, "report", "latest", "--json").document()
        assert shown["available_pct"] == report["available_pct"]  # to the last record
        assert shown["held_back"] == report["held_back"]
    with running(state, *words) as run:
        told = run.line(LINE)
        assert "news at 2" in told
        assert "`tradectl resume`" in told
        status = tradectl(state, "status", "--json").document()
        assert (status["state"], status["paused"]["reason"]) == ("PAUSED", "news at 2")
        assert [cause["cause"] for cause in status["paused"]["causes"]] == ["operator"]
        wait_until(lambda: len(records_of(journals(state)[-1])) > 100)
        run.send(signal.SIGTERM)
        ended = run.end()
    assert "PAUSED since " in ended.out
    made = [event.order for event in events_of(journals(state)[-1], OrderInitialized)]
    bought = {order.order_id for order in made if order.side is Side.BUY}
    approved = {event.order_id for event in events_of(journals(state)[-1], OrderApproved)}
    assert not approved & bought
    assert replayed(state).verified
    stored = tradectl(state, "status", "--json").document()
    assert stored["paused"] == status["paused"]
    assert "PAUSED since " in tradectl(state, "status").out


def alerts(state: Path) -> list[str]:
    return [alert["type"] for alert in tradectl(state, "alerts", "--json").document()]


def test_resume_ends_it_for_good_and_its_alert(tmp_path: Path, words: list[object]) -> None:
    state = tmp_path / "state"
    with running(state, *words) as run:
        tradectl(state, "pause")
        run.send(signal.SIGKILL)
        run.end()
    with running(state, *words) as run:
        run.line(LINE)
        wait_until(lambda: "still_paused" in alerts(state))
        assert tradectl(state, "resume").code == 0
        assert tradectl(state, "status", "--json").document()["paused"] is None
        assert "still_paused" not in alerts(state)
        wait_until(lambda: events_of(journals(state)[-1], OrderFilled))
        run.send(signal.SIGKILL)
        run.end()
    summary = tradectl(state, "run", "--headless", "--json", "--duration", "0.5", *words).document()
    assert summary["paused"] is None


def test_a_limits_pause_survives_and_the_summary_says_so(tmp_path: Path) -> None:
    state, path = tmp_path / "state", tmp_path / "losing.toml"
    path.write_text(BUSY.replace('drawdown_pause_pct = "none"', "drawdown_pause_pct = 0.01"))
    with running(state, "-c", path) as run:
        run.line(" RISK pause DRAWDOWN")
        run.send(signal.SIGKILL)
        run.end()
    summary = tradectl(
        state, "run", "--headless", "--json", "--duration", "0.1", "-c", path
    ).document()
    assert summary["paused"]["reason"].startswith("DRAWDOWN: ")
    assert [cause["cause"] for cause in summary["paused"]["causes"]] == ["DRAWDOWN"]
