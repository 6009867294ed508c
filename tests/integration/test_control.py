"""One terminal runs, another commands: pause, resume, stop, signals, and nobody to command."""

from __future__ import annotations

import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.command import Running, journals, records_of, running, tradectl
from tests.fixtures.run_inputs import PERPETUAL, Character, look, private, replayed, written
from tradectl.domain.events import Command, CommandReceived, OrderApproved, OrderInitialized
from tradectl.domain.money import Side
from tradectl.storage.directory import StateDir

USAGE = 2
NOT_RUNNING = 4
ALREADY_RUNNING = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def chatting(tmp_path: Path, folder: Path) -> Iterator[Running]:
    """A run that buys and sells all the time."""
    settings = (
        "engine.max_signals_per_second = 100\n"
        "risk = { duplicate_window_ms = 0, max_orders_per_second = 10_000 }"
    )
    with running(folder, "-c", written(tmp_path, Character.CHATTER, settings=settings)) as run:
        run.line(" FILL ")
        yield run


def test_pause_ends_the_entries_and_resume_allows_them(chatting: Running, folder: Path) -> None:
    paused = tradectl(folder, "pause", "--reason", "news at 2")
    assert (paused.code, paused.out) == (0, "no new entries; exits go on\n")
    status = look(folder).status()
    assert (status.state, status.mode_reason) == ("PAUSED", "news at 2")
    chatting.line("COMMAND pause: news at 2")
    chatting.line("SIGNAL buy")
    assert tradectl(folder, "resume", "--json").document() == {"state": "RUNNING"}
    assert tradectl(folder, "resume").out == "nothing was paused: it is RUNNING\n"
    chatting.line("COMMAND resume")
    chatting.line("ORDER approved buy")
    assert tradectl(folder, "pause").code == 0
    allowed = "entries are allowed again; the limits' day and peak begin anew\n"
    assert tradectl(folder, "resume").out == allowed
    assert tradectl(folder, "stop").code == 0
    assert replayed(folder).verified
    assert Side.BUY not in approved_while_paused(journals(folder)[-1])


def approved_while_paused(journal: Path) -> list[Side]:
    sides: dict[str, Side] = {}
    approved: list[Side] = []
    paused = False
    for record in records_of(journal):
        event = record.event
        if isinstance(event, CommandReceived):
            paused = event.command is Command.PAUSE
        elif isinstance(event, OrderInitialized):
            sides[event.order.order_id] = event.order.side
        elif isinstance(event, OrderApproved) and paused:
            approved.append(sides[event.order_id])
    return approved


def test_stop_returns_when_the_run_has_ended(chatting: Running, folder: Path) -> None:
    assert tradectl(folder, "stop", "--json").document() == {"stopped": True}
    assert StateDir(folder).owner() is None
    ended = chatting.end()
    assert ended.code == 0
    assert "stopped by command" in ended.out
    assert replayed(folder).clean


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "terminated"),
        (signal.SIGHUP, "the terminal was closed"),
    ],
)
def test_a_signal_ends_a_run_in_good_order(
    number: signal.Signals, word: str, chatting: Running, folder: Path
) -> None:
    chatting.send(number)
    chatting.send(number)
    ended = chatting.end()
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert re.search(rf"^ended +{word}$", ended.out, re.MULTILINE)
    verdict = replayed(folder)
    assert (verdict.verified, verdict.clean) == (True, True)
    assert [*look(folder).runs()][-1].status == "clean"


def test_a_second_run_is_refused_and_the_first_is_not_disturbed(
    chatting: Running, folder: Path
) -> None:
    for words in ((), ("--fresh",)):
        second = tradectl(folder, "run", "--headless", *words)
        assert second.code == ALREADY_RUNNING
        assert f"process {chatting.process.pid}" in second.complaint()
    assert len(journals(folder)) == 1
    assert look(folder).status().state == "RUNNING"


def test_the_socket_and_the_directory_are_for_their_owner_alone(
    chatting: Running, folder: Path
) -> None:
    assert chatting.process.poll() is None
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes["state"] == modes["journals"] == 0o700
    assert modes["control.sock"] == modes["halt"] == modes["lock"] == 0o600


def test_a_killed_run_is_told_from_a_running_one(chatting: Running, folder: Path) -> None:
    chatting.kill()
    assert tradectl(folder, "stop").code == NOT_RUNNING
    status = look(folder).status()
    assert (status.running, status.state, status.end_reason) == (
        False, "STOPPED", "crashed",
    )  # fmt: skip
    assert {c.status for c in status.components.values()} <= {"STOPPED"}


def test_what_the_account_holds_cannot_become_something_else(tmp_path: Path, folder: Path) -> None:
    with running(folder, "-c", written(tmp_path, Character.BEARISH, settings=PERPETUAL)) as run:
        run.line(" FILL sell")
        run.send(signal.SIGTERM)
        assert run.end().code == 0
    words = ("run", "--headless", "--duration", "0.1")
    spot = tradectl(folder, *words)
    assert spot.code == USAGE
    assert "holds BTCUSDT_PERP as perpetual, this configuration has it as spot" in spot.complaint()
    other = tradectl(
        folder, *words, TRADECTL__ACCOUNT__CURRENCY="BTC", TRADECTL__SYMBOLS='["ETHBTC"]'
    )
    assert other.code == USAGE
    assert "the account is in USDT, the symbols are quoted in BTC" in other.complaint()
    assert tradectl(folder, *words, "--fresh").code == 0


def test_after_a_kill_the_exits_of_what_is_held_are_shown(tmp_path: Path, folder: Path) -> None:
    config = tmp_path / "exits.toml"
    strategy = 'name = "t"\nstrategy = "ema-cross"\n'
    legs = "bracket = { stop_loss_pct = 20, take_profit_pct = 20 }\n"
    with running(folder, "-c", private(config, f"[[strategies]]\n{strategy}{legs}")) as run:
        run.line(" FILL ")
        run.kill()
    found = look(folder).status()
    assert found.positions
    assert {row.symbol for row in found.brackets} == {row.symbol for row in found.positions}
    assert all(row.stop and row.target for row in found.brackets)
    assert "(watched by nobody: nothing runs)" in tradectl(folder, "positions").out
