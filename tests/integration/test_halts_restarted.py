"""A halt outlives its run: killed in any of its states, the next run sees it through."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import Running, events_of, journals, running, tradectl, wait_until
from tests.fixtures.run_inputs import Character, replayed, written
from tradectl.domain.events import (
    HaltContinued,
    LimitBreached,
    OrderApproved,
    OrderFilled,
    OrderInitialized,
    RiskAction,
    TradingConcluded,
)
from tradectl.domain.states import TradingState
from tradectl.storage.directory import StateDir

LOSING = """
portfolio = {{ fraction = 0.9, max_weight = 0.9{stop} }}
paper = {{ latency_ms = 20{paper} }}
orchestrator = {{ risk_check_interval_seconds = 0.1 }}

[risk]
max_order_notional = "none"
max_position_notional = "none"
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = 0.05
on_halt = "{on_halt}"
"""
"""The fee of the first entry is more than may be lost."""
STOP = ", stop_loss_pct = 5"


def losing(
    folder: Path, on_halt: str = "reduce", *, stop: str = STOP, paper: str = ""
) -> list[object]:
    settings = LOSING.format(on_halt=on_halt, stop=stop, paper=paper)
    return ["-c", written(folder, Character.KEEN, settings=settings)]


def killed_in(state: Path, words: list[object], word: str) -> None:
    with running(state, *words) as run:
        run.line(word)
        run.kill()


def status(state: Path) -> Any:
    return tradectl(state, "status", "--json").document()


def refused(state: Path, words: list[object]) -> str:
    answer = tradectl(state, "run", "--headless", "--duration", 5, *words)
    assert answer.code == 6
    return answer.complaint()


def bought_in(journal: Path) -> set[str]:
    approved = {event.order_id for event in events_of(journal, OrderApproved)}
    made = [event.order for event in events_of(journal, OrderInitialized)]
    return {o.order_id for o in made if o.order_id in approved and not o.reduce_only}


def test_reducing_goes_on_after_a_kill_and_ends_when_it_is_flat(tmp_path: Path) -> None:
    state, words = tmp_path / "state", losing(tmp_path)
    killed_in(state, words, "RISK reduce DAILY_LOSS")
    assert status(state)["state"] == "REDUCING"
    assert "REDUCING since " in tradectl(state, "positions").out
    with running(state, *words) as run:
        assert "DAILY_LOSS" in run.line("HALT goes on REDUCING")
        now = status(state)
        assert (now["state"], now["halt"]["state"]) == ("REDUCING", "REDUCING")
        (stop,) = now["open_orders"]
        assert (stop["reduce_only"], stop["type"]) == (True, "stop_market")
        run.send(signal.SIGTERM)
        ended = run.end()
    assert ended.code == 6
    assert "REDUCING since " in ended.out
    assert replayed(state).verified
    assert not bought_in(journals(state)[-1])
    assert "halt_continued" in {a["type"] for a in tradectl(state, "alerts", "--json").document()}
    receipt = tradectl(state, "emergency-stop", "--flatten", "--json").document()
    assert (receipt["confirmed"], receipt["positions_left"]) == (True, [])
    assert "halted since" in refused(state, words)
    assert status(state)["state"] == "HALTED"
    assert tradectl(state, "clear-halt", "--confirm").code == 0
    with running(state, *words) as run:
        run.line("FILL buy")
        assert not events_of(journals(state)[-1], HaltContinued)


def test_flat_a_reduced_account_is_refused_until_the_halt_is_cleared(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = LOSING.format(on_halt="reduce", stop="", paper="")
    words: list[object] = ["-c", written(tmp_path, Character.CHATTER, settings=settings)]
    with running(state, *words) as run:
        run.line("RISK reduce DAILY_LOSS")
        ended = run.end()
    assert ended.code == 6
    (done,) = events_of(journals(state)[-1], TradingConcluded)
    assert done.state is TradingState.REDUCING
    assert replayed(state).verified
    assert "DAILY_LOSS" in refused(state, words)
    assert "DAILY_LOSS" in refused(state, [*words, "--fresh"])
    assert status(state)["state"] == "REDUCING"


@pytest.mark.parametrize("stop", ["", STOP])
def test_flattening_is_finished_after_a_kill(tmp_path: Path, stop: str) -> None:
    """Killed before the closing order could be filled: the exchange takes a second to hear of it."""
    state = tmp_path / "state"
    slow = losing(tmp_path, "flatten", stop=stop, paper=", latency_jitter_ms = 0")
    slow_paper = slow[1]
    assert isinstance(slow_paper, Path)
    slow_paper.write_text(slow_paper.read_text().replace("latency_ms = 20", "latency_ms = 3000"))
    killed_in(state, slow, "RISK flatten DAILY_LOSS")
    assert status(state)["state"] == "FLATTENING"
    assert status(state)["positions"]
    with Running(state, *losing(tmp_path, "flatten", stop=stop)) as run:
        run.line("HALT goes on FLATTENING")
        ended = run.end()
    assert ended.code == 6
    assert events_of(journals(state)[-1], OrderFilled)
    assert events_of(journals(state)[-1], TradingConcluded)
    assert replayed(state).verified
    now = status(state)
    assert (now["state"], now["positions"], now["open_orders"]) == ("HALTED", [], [])
    refused(state, slow)


def test_a_halt_that_is_latched_and_not_among_the_records_goes_on(tmp_path: Path) -> None:
    """As where a kill comes between the two: the latch is set in the step, the journal after it."""
    state, words = tmp_path / "state", losing(tmp_path)
    config = words[1]
    assert isinstance(config, Path)
    careless = config.with_name("careless.toml")
    careless.write_text(config.read_text().replace("daily_loss_halt_pct = 0.05", ""))
    killed_in(state, ["-c", careless], "FILL buy")
    StateDir(state).latch.set("a loss", TradingState.REDUCING)
    with running(state, "-c", careless) as run:
        run.line("HALT goes on REDUCING: a loss")
        wait_until(lambda: status(state)["open_orders"])
        run.kill()
    assert not bought_in(journals(state)[-1])
    assert status(state)["state"] == "REDUCING"


def test_a_halt_that_is_shown_is_latched(tmp_path: Path) -> None:
    state, words = tmp_path / "state", losing(tmp_path)
    killed_in(state, words, "RISK reduce DAILY_LOSS")
    held = StateDir(state).latch.read()
    assert held is not None
    assert held.state is TradingState.REDUCING
    (breach,) = events_of(journals(state)[-1], LimitBreached)
    assert breach.action is RiskAction.REDUCE


def test_a_halt_that_could_be_latched_nowhere_goes_on_by_the_records(tmp_path: Path) -> None:
    state, words = tmp_path / "state", losing(tmp_path)
    killed_in(state, words, "RISK reduce DAILY_LOSS")
    StateDir(state).latch.clear()  # as if it had never been written
    with running(state, *words) as run:
        run.line("HALT goes on REDUCING")
        wait_until(lambda: status(state)["open_orders"])
        run.kill()
    assert not bought_in(journals(state)[-1])
    assert status(state)["state"] == "REDUCING"


def test_halted_by_the_records_alone_nothing_trades_until_it_is_cleared(tmp_path: Path) -> None:
    state = tmp_path / "state"
    words: list[object] = ["--headless", "--duration", "0.5"]
    with running(state) as run:
        run.line("FILL ")
        assert tradectl(state, "emergency-stop", "--reason", "to look at it").code == 0
        run.end()
    StateDir(state).latch.clear()  # as if it had never been written
    assert "to look at it" in refused(state, [*words, "--fresh"])
    StateDir(state).latch.clear()
    assert "to look at it" in refused(state, words)
    assert status(state)["state"] == "HALTED"
    StateDir(state).latch.clear()
    assert "to look at it" in tradectl(state, "clear-halt").err
    StateDir(state).latch.clear()
    assert "trading is allowed again" in tradectl(state, "clear-halt", "--confirm").out
    assert "no halt" in tradectl(state, "clear-halt", "--confirm").out
    assert tradectl(state, "run", *words).code == 0


def test_an_unreadable_latch_is_halted(tmp_path: Path) -> None:
    state, words = tmp_path / "state", losing(tmp_path)
    killed_in(state, words, "RISK reduce DAILY_LOSS")
    (state / "halt").write_bytes(b"{torn".ljust(4096))
    assert "unreadable" in refused(state, words)


def test_an_emergency_stop_leaves_protection_says_what_protects_what_and_may_drop_it(
    tmp_path: Path,
) -> None:
    state, words = tmp_path / "state", losing(tmp_path)
    with running(state, *words) as run:
        run.line("RISK reduce DAILY_LOSS")
        wait_until(lambda: [o for o in status(state)["open_orders"] if o["status"] == "accepted"])
        receipt = tradectl(state, "emergency-stop", "--json").document()
        assert run.end().code == 6
    assert receipt["confirmed"]
    assert receipt["method"] == "control"
    (stop,) = receipt["protection"]
    (position,) = status(state)["positions"]
    assert (stop["symbol"], stop["quantity"]) == ("BTCUSDT", position["size"])
    assert receipt["open_orders_left"] == receipt["unprotected"] == []
    assert receipt["positions_left"] == ["BTCUSDT"]
    again = tradectl(state, "emergency-stop", "--json").document()
    assert (again["confirmed"], again["protection"]) == (True, receipt["protection"])
    dropped = tradectl(state, "emergency-stop", "--drop-protection", "--json").document()
    assert (dropped["confirmed"], dropped["cancelled"]) == (True, [stop["order_id"]])
    assert (dropped["protection"], dropped["unprotected"]) == ([], ["BTCUSDT"])
    alerts = tradectl(state, "alerts", "--json").document()
    bare = [alert for alert in alerts if "without protection: BTCUSDT" in alert["message"]]
    assert [alert["severity"] for alert in bare] == ["critical"]
    assert "`tradectl emergency-stop --flatten`" in bare[0]["message"]
    shown = tradectl(state, "emergency-stop", "--drop-protection")
    assert "UNPROTECTED" in shown.out
    assert "`tradectl emergency-stop --flatten`" in shown.out
