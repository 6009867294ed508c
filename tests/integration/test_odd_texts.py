"""No text that is handed in ends a run or swells it: by the socket, as an argument, by environment."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import command, events_of, journals, running, tradectl
from tests.fixtures.run_inputs import Character, look, replayed, written
from tradectl.domain.events import Command, CommandReceived

NOT_UTF8 = "bad \udcff"
"""What Python makes of a byte that is not UTF-8."""
USAGE = 2
HALTED = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def say(folder: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "control.sock"))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as lines:
            return lines.readline()


def test_a_run_outlives_whatever_is_said_to_it(tmp_path: Path, folder: Path) -> None:
    with running(folder, "-c", written(tmp_path, Character.CHATTER)) as run:
        for reason in (NOT_UTF8, "x" * 100_000):
            refused = tradectl(folder, "pause", "--reason", reason)
            assert (refused.code, "Traceback" in refused.err) == (USAGE, False)
            assert len(refused.complaint()) < 1_100
        for words in (["alerts", "ack", NOT_UTF8], ["alerts", "resolve", "x" * 10_000]):
            assert tradectl(folder, *words).complaint()
        for sent in (b"\xff\n", b'{"v":4,"command":"pause","reason":"\\udcff"}\n', b'{"v":4,'):
            assert b'"ok":false' in say(folder, sent)
        assert run.process.poll() is None
        assert look(folder).status().state == "RUNNING"
        assert tradectl(folder, "pause", "--reason", "a\x1b[2J\u202eb" + "c" * 490).code == 0
        assert tradectl(folder, "stop").code == 0
        run.end()
    (paused,) = events_of(journals(folder)[-1], CommandReceived)
    assert paused.command is Command.PAUSE
    assert paused.reason.isprintable()
    assert replayed(folder).verified


def test_an_emergency_stop_works_whatever_its_reason(tmp_path: Path, folder: Path) -> None:
    with running(folder, "-c", written(tmp_path, Character.CHATTER)) as run:
        receipt = tradectl(
            folder, "emergency-stop", "--json", "--reason", NOT_UTF8 + "x" * 5_000
        ).document()
        assert (receipt["confirmed"], receipt["method"]) == (True, "control")
        assert receipt["reason"].startswith("bad ?xxx")
        assert len(receipt["reason"]) == 500
        assert run.end().code == HALTED
    assert replayed(folder).verified
    again = tradectl(folder, "emergency-stop", "--json", "--reason", NOT_UTF8)
    assert again.document()["method"] == "direct"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--headless", "--duration", "0.1", "--symbol", NOT_UTF8],
        ["run", "--headless", "--duration", "0.1", "--strategy", f"{NOT_UTF8}.py:S"],
        ["run", "--headless", "--data", f"{NOT_UTF8}.csv"],
        ["config", "set", "seed", NOT_UTF8],
        ["replay", NOT_UTF8],
        [NOT_UTF8],
    ],
)
def test_stray_bytes_are_wrong_usage(folder: Path, words: list[str]) -> None:
    refused = tradectl(folder, *words, executable=True)  # the bytes as the system hands them over
    assert refused.code == USAGE
    assert refused.complaint().endswith(" is not UTF-8 text")


def test_stray_bytes_in_the_environment_are_wrong_usage(folder: Path, tmp_path: Path) -> None:
    refused = tradectl(folder, "run", "--headless", "--duration", "0.1", TRADECTL__SYMBOLS=NOT_UTF8)
    assert refused.code == USAGE
    assert refused.complaint() == "tradectl: TRADECTL__SYMBOLS: not UTF-8 text"
    named = command(
        "run", "--headless", "--duration", "0.1",
        TRADECTL_STATE_DIR=os.fsdecode(bytes(tmp_path) + b"/\xff"),
    )  # fmt: skip
    assert named.code == USAGE
    assert named.complaint().endswith(" is not UTF-8 text")
    assert list(tmp_path.iterdir()) == []


BIDI = "a\u202etxt\u2066\x1b[31m.toml"


def test_a_name_that_was_typed_is_shown_without_what_a_terminal_obeys(
    tmp_path: Path, typed: Any
) -> None:
    config = tmp_path / BIDI
    config.write_text('mode = "paper"\n')
    config.chmod(0o600)
    said = [
        typed(f"config check -c {config}"),
        typed(f"config set seed 7 -c {config}"),
        typed("run --headless --duration 0.2"),
        typed(f"alerts ack {BIDI}"),
    ]
    assert [answer.code for answer in said[:3]] == [0, 0, 0]
    for answer in said:
        assert not {"\u202e", "\u2066", "\x1b"} & {*answer.out, *answer.err}
