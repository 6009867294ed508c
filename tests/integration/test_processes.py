"""The commands of the tests are real: in the process of the tests, forked or by the executable, their
answers cannot be told apart, and a process is one in every way."""

from __future__ import annotations

import decimal
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import processes
from tests.fixtures.command import Running, command, running, tradectl
from tests.fixtures.run_inputs import private
from tests.integration.test_determinism import BTC, files

TALKATIVE = """
import logging

from tradectl.strategy import Strategy

logging.basicConfig(filename={log!r}, level=logging.DEBUG, force=True)
logging.getLogger("aiosqlite").setLevel(logging.DEBUG)


class Talkative(Strategy):
    def on_trade(self, trade):
        return self.long() if int(trade.price) % 2 else self.flat()
"""
DIFFERS = ("run_id", "journal", "started_at", "ended_at", "elapsed_s", "rate")


@pytest.mark.parametrize(
    "words", ["--version", "strategies --json", "config show", "run --nonsense", "replay nowhere"]
)
def test_a_command_answers_as_the_executable_does_however_it_is_called(words: str) -> None:
    here, forked = (command(*words.split(), own=it) for it in (False, True))
    assert here == forked == command(*words.split(), executable=True)


def test_a_run_in_this_process_is_as_one_of_its_own_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    strategy = private(tmp_path / "talkative.py", TALKATIVE.format(log=str(tmp_path / "log")))
    words = ("run", "--headless", "--json", *files(BTC), "--strategy", f"{strategy}:Talkative")
    own = tradectl(tmp_path / "own", *words, own=True).document()
    for folder in ("first", "second"):
        before = of_this_process()
        here = tradectl(tmp_path / folder, *words).document()
        assert tradectl(tmp_path / folder, "emergency-stop", "--json").document()["confirmed"]
        after = of_this_process()
    for one, other in zip(before, after, strict=True):
        assert one == other
    assert here.keys() == own.keys()
    assert here["fills"] > 0
    same = [name for name in own if name not in DIFFERS]
    assert {name: here[name] for name in same} == {name: own[name] for name in same}


def of_this_process() -> list[Any]:
    """What is the process's and not a command's."""
    gc.collect()
    return [
        sorted(Path("/proc/self/fd").iterdir()),
        [signal.getsignal(number) for number in signal.valid_signals()],
        [thread.name for thread in threading.enumerate()],
        (repr(decimal.getcontext()), gc.get_threshold(), gc.isenabled()),
        (sys.argv, sys.path, sys.stdout, sys.stderr, sys.modules.keys() - ()),
        (dict(os.environ), Path.cwd()),
        (logging.root.level, logging.root.handlers, logging.getLogger("aiosqlite").level),
    ]


def test_it_has_an_id_and_a_session_of_its_own_and_dies_of_a_signal(tmp_path: Path) -> None:
    with Running(tmp_path / "state") as run:
        run.line(".jsonl")
        pid = run.process.pid
        assert os.getsid(pid) == os.getpgid(pid) == pid
        assert run.process.poll() is None
        run.send(signal.SIGKILL)
        assert run.end().code == -signal.SIGKILL


def test_it_lives_in_the_environment_that_it_is_given(tmp_path: Path) -> None:
    answer = command("status", "--json", TRADECTL_STATE_DIR=str(tmp_path / "elsewhere"))
    assert answer.document()["running"] is False
    assert tradectl(tmp_path, "run", TRADECTL__MODE="nonsense").code == 2
    assert "TRADECTL__MODE" not in os.environ


def test_what_is_left_behind_is_found_and_ended() -> None:
    subprocess.run(["sh", "-c", "sleep 1000 & sleep 1001 &"], check=True)
    left = processes.kill_left_behind(0.0)
    assert len(left) == 2
    assert all("sleep 100" in line for line in left)
    assert processes.kill_left_behind() == []


def test_no_crash_writes_down_what_a_process_holds(tmp_path: Path) -> None:
    with running(tmp_path / "state") as run:
        limits = Path(f"/proc/{run.process.pid}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]
