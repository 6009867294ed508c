"""The commands of the tests are real: in the process of the tests, forked or by the executable, their
answers cannot be told apart, and a process is one in every way."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fixtures import processes
from tests.fixtures.command import Running, command, running, tradectl


@pytest.mark.parametrize(
    "words", ["--version", "strategies --json", "config show", "run --nonsense", "replay nowhere"]
)
def test_a_command_answers_as_the_executable_does_however_it_is_called(words: str) -> None:
    here, forked = (command(*words.split(), own=it) for it in (False, True))
    assert here == forked == command(*words.split(), executable=True)


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
    left = processes.kill_left_behind()
    assert len(left) == 2
    assert all("sleep 100" in line for line in left)
    assert processes.kill_left_behind() == []


def test_no_crash_writes_down_what_a_process_holds(tmp_path: Path) -> None:
    with running(tmp_path / "state") as run:
        limits = Path(f"/proc/{run.process.pid}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]
