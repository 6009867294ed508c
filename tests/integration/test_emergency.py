"""The emergency stop works whatever the trading process does: it trades, hangs, is stopped, is not there.

What the receipt claims is checked on other ways: the positions and orders that other commands show, the
replay of the journal in which the job was finished, and a `run` that must refuse.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import (
    PATIENCE_S,
    PIPES,
    Answer,
    Running,
    command,
    environment,
    events_of,
    header_of,
    journals,
    running,
    times_busier,
    tradectl,
    wait_until,
)
from tests.fixtures.documents import as_json
from tests.fixtures.journal import write_unversioned
from tests.fixtures.processes import start
from tests.fixtures.run_inputs import PERPETUAL, Character, look, replayed, written
from tradectl.config.settings import Settings
from tradectl.domain.errors import Halted
from tradectl.domain.events import OrderInitialized
from tradectl.domain.states import AlertSeverity, AlertStatus
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir

HALTED = 6
NOT_CONFIRMED = 5
IDLE = "--strategy=donchian-breakout"
"""Bars of a minute: no order of its own meanwhile."""
PATIENT = ("--timeout", "20")
"""A promise for an idle machine is held to by the clock here, not by giving up."""

FINISHED = {"filled", "canceled", "denied", "rejected", "expired"}

RECEIPT = {
    "latched", "latched_ms", "confirmed", "confirmed_ms", "method", "cancelled", "closed",
    "open_orders_left", "positions_left",
}  # fmt: skip

Receipt = dict[str, Any]

RESTING = "portfolio = { order_type = 'limit', limit_offset_bps = 400 }"
SLOW_AND_THIN = "paper = { latency_ms = 500, market_fill = 'bounded' }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def emergency_stop(
    folder: Path, *words: str, flatten: bool = True, executable: bool = False
) -> tuple[Answer, Receipt]:
    """The answer and the receipt, in less than the promised five seconds."""
    started = time.monotonic()
    flags = ["--flatten"] if flatten else []
    told = (*flags, *words) if "--timeout" in words else (*flags, *PATIENT, *words)
    answer = tradectl(folder, "emergency-stop", "--json", *told, executable=executable)
    busy = times_busier()
    assert time.monotonic() - started < 5.0 * busy
    receipt: Receipt = json.loads(answer.out)
    assert receipt.keys() >= RECEIPT
    assert receipt["latched"]
    assert receipt["latched_ms"] < 1000 * busy
    assert receipt["confirmed_ms"] < 5000 * busy
    return answer, receipt


def is_holding(folder: Path, receipt: Receipt) -> None:
    """The receipt is true: nothing works, nothing is held, the journal proves it, nothing starts."""
    assert receipt["confirmed"]
    assert receipt["open_orders_left"] == []
    assert receipt["positions_left"] == []
    status = look(folder).status()
    assert status.state == "HALTED"
    assert status.halt is not None
    assert (status.positions, status.open_orders) == ([], [])
    assert finished(as_json([*look(folder).orders()]))
    verdict = replayed(folder)
    assert verdict.verified
    assert verdict.clean
    with pytest.raises(Halted):
        asyncio.run(trade(RunOptions(settings=Settings(), state_dir=StateDir(folder)), NoScreen()))


class NoScreen:
    """Nobody looks."""

    async def start(self, run: TradingRun) -> None: ...
    async def stop(self) -> None: ...


def finished(orders: list[dict[str, Any]]) -> bool:
    return {order["status"] for order in orders} <= FINISHED


@pytest.fixture
def trading(tmp_path: Path, folder: Path) -> Iterator[Running]:
    """A run that has just bought something."""
    with running(folder, "-c", written(tmp_path, Character.KEEN)) as run:
        run.line(" FILL ")
        yield run


@contextmanager
def started(folder: Path, *words: object) -> Iterator[Running]:
    """A run that may not have got far."""
    with Running(folder, *words) as run:
        yield run


# --- a process that does not answer ----------------------------------------------------------------


def test_a_stopped_process_is_ended_and_everything_is_closed(
    trading: Running, folder: Path
) -> None:
    trading.send(signal.SIGSTOP)
    answer, receipt = emergency_stop(folder)
    assert answer.code == 0
    assert receipt["method"] == "direct"
    assert receipt["closed"]
    assert trading.end().code == -signal.SIGKILL
    is_holding(folder, receipt)
    stem = Path(receipt["journal"]).stem
    told = tradectl(folder, "logs", "--run", stem, "--json").document()
    steps = [each["message"].split()[0] for each in told]
    assert (steps[0], steps.count("FILL")) == ("run", len(receipt["closed"]))
    assert tradectl(folder, "positions", "--json").document() == []
    assert finished(tradectl(folder, "orders", "--json").document())
    assert command("replay", journals(folder)[-1], "--json").document()["verified"]
    assert tradectl(folder, "run", "--headless", "--duration", "0.1").code == HALTED


def test_only_clear_halt_with_confirm_lets_it_trade_again_with_the_cash_that_is_left(
    trading: Running, folder: Path, tmp_path: Path
) -> None:
    trading.send(signal.SIGSTOP)
    _, receipt = emergency_stop(folder, "--reason", "wrong\nsize")
    assert "wrong size" in tradectl(folder, "run", "--headless").complaint()
    refused = tradectl(folder, "clear-halt")
    assert refused.code == 2
    assert "add --confirm" in refused.complaint()
    is_holding(folder, receipt)
    cash = as_json(look(folder).status())["portfolio"]["cash"]
    assert Decimal(cash) < 100_000

    assert tradectl(folder, "clear-halt", "--confirm").code == 0
    again = tradectl(folder, "run", "--headless", "--duration", "0.3", "--json")
    assert again.document()["fills"] > 0
    assert Decimal(header_of(journals(folder)[-1]).state["cash"]) == Decimal(cash)


def test_without_flatten_positions_stay_and_are_named(trading: Running, folder: Path) -> None:
    """Also those that the process had no time to store."""
    trading.send(signal.SIGSTOP)
    answer, receipt = emergency_stop(folder, flatten=False)
    assert answer.code == 0
    assert receipt["closed"] == []
    held = {position.symbol for position in look(folder).status().positions}
    assert held == set(receipt["positions_left"]) != set()
    assert replayed(folder).verified


def test_a_strategy_that_hangs_the_loop_is_no_obstacle(tmp_path: Path, folder: Path) -> None:
    """Nor does it hang the one who finishes the job."""
    config = written(tmp_path, Character.SLEEPS, parameters="{ nap = 30.0 }")
    with running(folder, "-c", config) as run:
        run.line("asleep")
        answer, receipt = emergency_stop(folder, "--timeout", "5")
    assert (answer.code, receipt["method"]) == (0, "direct")
    is_holding(folder, receipt)


def test_resting_limit_orders_are_cancelled(tmp_path: Path, folder: Path) -> None:
    with running(folder, "-c", written(tmp_path, Character.KEEN, settings=RESTING)) as run:
        orders = [run.line("ORDER approved").rpartition("(")[2].rstrip(")") for _ in range(3)]
        run.send(signal.SIGSTOP)
        answer, receipt = emergency_stop(folder)
    assert answer.code == 0
    assert sorted(receipt["cancelled"]) == sorted(orders)
    assert {order.status for order in look(folder).orders()} == {"canceled"}
    is_holding(folder, receipt)


def test_shorts_are_bought_back(tmp_path: Path, folder: Path) -> None:
    with running(folder, "-c", written(tmp_path, Character.BEARISH, settings=PERPETUAL)) as run:
        run.line(" FILL sell")
        run.send(signal.SIGSTOP)
        _, receipt = emergency_stop(folder)
    assert receipt["closed"] == ["BTCUSDT_PERP"]
    assert [*look(folder).fills()][-1].side == "buy"
    is_holding(folder, receipt)


def test_latency_and_thin_markets_do_not_delay_the_closing(tmp_path: Path, folder: Path) -> None:
    config = written(tmp_path, Character.KEEN, settings=SLOW_AND_THIN)
    with running(folder, "-c", config) as run:
        run.line(" FILL ")
        run.send(signal.SIGSTOP)
        _, receipt = emergency_stop(folder)
    is_holding(folder, receipt)


@pytest.mark.parametrize("far", ["owned", "journal"])
def test_a_process_that_is_only_starting_is_ended(
    far: str, trading: Running, folder: Path, tmp_path: Path
) -> None:
    """Whatever the account held before is closed all the same."""
    trading.kill()
    before = len(journals(folder))
    with started(folder, "-c", tmp_path / "tradectl.toml") as run:
        owner = StateDir(folder).owner
        wait_until(lambda: owner() and (far == "owned" or len(journals(folder)) > before))
        run.send(signal.SIGSTOP)
        answer, receipt = emergency_stop(folder)
        assert run.end().code == -signal.SIGKILL
    assert answer.code == 0
    assert receipt["closed"]
    is_holding(folder, receipt)


# --- a process that answers --------------------------------------------------------------------------


def test_a_live_process_does_it_itself_and_ends(trading: Running, folder: Path) -> None:
    answer, receipt = emergency_stop(folder)
    assert (answer.code, receipt["method"]) == (0, "control")
    ended = trading.end()
    assert ended.code == HALTED
    assert "STOPPED" in ended.out
    assert "halted" in ended.out
    is_holding(folder, receipt)


def test_a_process_that_is_still_ending_does_not_hide_the_halt(
    trading: Running, folder: Path
) -> None:
    trading.send(signal.SIGSTOP)
    StateDir(folder).latch.set("by hand")
    assert tradectl(folder, "run", "--headless").code == HALTED


def test_a_live_process_without_flatten_cancels_and_keeps_its_positions(
    trading: Running, folder: Path
) -> None:
    _, receipt = emergency_stop(folder, flatten=False)
    assert trading.end().code == HALTED
    assert receipt["positions_left"]
    assert {p.symbol for p in look(folder).status().positions} == {*receipt["positions_left"]}


@pytest.mark.parametrize("executable", [False, True], ids=["at once", "soon"])
def test_a_race_with_a_start_never_ends_in_trading(
    tmp_path: Path, folder: Path, executable: bool
) -> None:
    with started(folder, "-c", written(tmp_path, Character.KEEN)) as run:
        wait_until(folder.exists)
        _, receipt = emergency_stop(folder, executable=executable)
        assert run.end().code in (HALTED, -signal.SIGKILL)
    if any(journal.stat().st_size for journal in journals(folder)[-1:]):
        is_holding(folder, receipt)
    else:  # it had not even begun one
        assert receipt["confirmed"]
        assert tradectl(folder, "run", "--headless", "--duration", "0.1").code == HALTED


# --- no process at all ---------------------------------------------------------------------------------


def test_with_no_process_and_twice_in_a_row(trading: Running, folder: Path) -> None:
    assert tradectl(folder, "stop").code == 0
    assert trading.end().code == 0
    answer, receipt = emergency_stop(folder, flatten=False)
    assert answer.code == 0
    assert receipt["positions_left"]
    answer, second = emergency_stop(folder)
    assert (answer.code, second["method"]) == (0, "direct")
    assert sorted(second["closed"]) == sorted(receipt["positions_left"])
    is_holding(folder, second)
    answer, third = emergency_stop(folder)
    assert (answer.code, third["closed"], third["killed"]) == (0, [], None)
    is_holding(folder, third)


@pytest.mark.parametrize("flatten", [False, True])
def test_an_order_that_was_worked_over_time_is_not_caught_up_with(
    folder: Path, flatten: bool
) -> None:
    """Parts of it are overdue: it ends before its killed run's last price is told again."""
    by_twap = ["--algorithm=twap", "--horizon=20", "--interval=0.1"]
    with running(folder, IDLE) as run:
        buy = ["order", "ETHUSDT", "buy", "2", "--confirm"]
        wait_until(lambda: tradectl(folder, *buy).code == 0)  # once there is a price
        tradectl(folder, "order", "ETHUSDT", "sell", "2", *by_twap, "--confirm")
        run.kill()
    _, receipt = emergency_stop(folder, flatten=flatten)
    assert receipt["positions_left"] == ([] if flatten else ["ETHUSDT"])
    *_, finishing = journals(folder)
    made = [made.order for made in events_of(finishing, OrderInitialized)]
    assert [order.parent_id for order in made] == [""] * flatten


def test_several_at_once_let_each_other_finish(trading: Running, folder: Path) -> None:
    trading.send(signal.SIGKILL)
    trading.end()
    held = [position.symbol for position in look(folder).status().positions]
    words = ("emergency-stop", "--json", "--flatten", "--state-dir", folder)
    with ExitStack() as stack:
        stops = [stack.enter_context(start(words, environment(), **PIPES)) for _ in range(4)]
        answers = [stop.communicate(timeout=PATIENCE_S)[0] for stop in stops]
    assert [stop.returncode for stop in stops] == [0, 0, 0, 0]
    receipts: list[Receipt] = [json.loads(answer) for answer in answers]
    for receipt in receipts:
        assert (receipt["killed"], receipt["error"]) == (None, None)
        is_holding(folder, receipt)
    assert sorted(symbol for receipt in receipts for symbol in receipt["closed"]) == sorted(held)


def test_without_a_process_that_hears_it_it_leaves_its_own_alert(
    trading: Running, folder: Path
) -> None:
    trading.send(signal.SIGSTOP)
    emergency_stop(folder, "--reason", "not hearing")
    _, again = emergency_stop(folder, "--reason", "nobody there", flatten=False)
    assert again["method"] == "direct"
    alerts = [row for row in look(folder).alerts() if row.type == "emergency_stop"]
    assert [row.message for row in alerts] == ["not hearing", "nobody there"]
    assert {row.severity for row in alerts} == {AlertSeverity.CRITICAL}
    assert len({row.id for row in alerts}) == 2
    look(folder).change_alert(alerts[0].id, "acknowledge_alert", "acknowledged")


def active_alerts(folder: Path) -> list[tuple[str, str]]:
    rows = look(folder).alerts()
    return [(r.type, r.component) for r in rows if r.status is not AlertStatus.RESOLVED]


def test_alerts_of_runs_that_are_over_end_with_the_stop_that_answers_them(
    trading: Running, folder: Path
) -> None:
    """What stands without protection is said once more by a stop that leaves it so, and is over with one
    that closes it."""
    _, receipt = emergency_stop(folder, flatten=False)
    trading.end()
    bare = sorted(receipt["unprotected"])
    assert bare
    unprotected = [("position_unprotected", f"symbol:{symbol}") for symbol in bare]
    stopped = ("emergency_stop", "operator")
    assert sorted(active_alerts(folder)) == [stopped, *unprotected]
    emergency_stop(folder, flatten=False)
    assert sorted(active_alerts(folder)) == [stopped, *unprotected]
    _, closed = emergency_stop(folder)
    assert closed["unprotected"] == []
    assert active_alerts(folder) == [stopped]
    assert len(look(folder).alerts()) == 3 + len(bare)


def test_a_lost_database_is_not_hidden_by_an_empty_one_with_the_alert(
    trading: Running, folder: Path
) -> None:
    trading.send(signal.SIGTERM)
    trading.end()
    for file in folder.glob("state.db*"):
        file.unlink()
    emergency_stop(folder, flatten=False)
    assert not (folder / "state.db").exists()


def test_where_nothing_ever_ran_it_leaves_its_alert_too(folder: Path) -> None:
    emergency_stop(folder)
    (alert,) = look(folder).alerts()
    assert (alert.type, alert.message, alert.status) == (
        "emergency_stop",
        "emergency stop",
        AlertStatus.ACTIVE,
    )


def test_where_nothing_ever_ran_it_latches(folder: Path) -> None:
    answer, receipt = emergency_stop(folder)
    assert (answer.code, receipt["confirmed"], receipt["method"]) == (0, True, "direct")
    assert f"beware: no run was ever in {folder}" in answer.err
    assert tradectl(folder, "run", "--headless", "--duration", "0.1").code == HALTED


def test_an_account_of_another_version_is_latched_and_what_is_left_is_not_said_to_be_none(
    folder: Path,
) -> None:
    tradectl(folder, "run", "--headless", "--duration", "0.1")
    write_unversioned(journals(folder)[-1])
    with closing(sqlite3.connect(folder / "state.db")) as db:
        db.execute("PRAGMA user_version = 2")
    answer, receipt = emergency_stop(folder)
    assert (answer.code, receipt["latched"], receipt["confirmed"]) == (NOT_CONFIRMED, True, False)
    assert "has format 1.1" in receipt["error"]
    assert "positions   none known of" in tradectl(folder, "emergency-stop").out
    assert tradectl(folder, "run", "--headless", "--duration", "0.1").code == HALTED
    tradectl(folder, "clear-halt", "--confirm")
    for words in (["run", "--headless"], ["reconcile"]):
        refused = tradectl(folder, *words)
        assert refused.code == 1
        assert "has format 1.1" in refused.complaint()
        assert "--state-dir" in refused.complaint()
    for words in (["run", "--headless", "--fresh"], ["status"], ["alerts", "ack", "a1"]):
        refused = tradectl(folder, *words)
        assert refused.code == 1
        assert "state.db has schema 2" in refused.complaint()


def test_what_cannot_be_finished_is_named_with_the_reason(trading: Running, folder: Path) -> None:
    wait_until(lambda: look(folder).status().positions)
    tradectl(folder, "stop")
    journal = journals(folder)[-1]
    journal.write_bytes(
        journal.read_bytes().replace(b'"type":"order_filled"', b'"type":"order_fouled"', 1)
    )
    answer, receipt = emergency_stop(folder)
    assert answer.code == NOT_CONFIRMED
    assert not receipt["confirmed"]
    assert "is damaged at record" in receipt["error"]
    assert receipt["positions_left"]
    shown = tradectl(folder, "emergency-stop", "--flatten")
    assert "NOT CONFIRMED" in shown.out
    assert "is damaged at record" in shown.out
    assert tradectl(folder, "run", "--headless", "--duration", "0.1").code == HALTED
