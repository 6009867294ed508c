"""What the doctor finds on the machine: files, folders, the latch, another process, the disk."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fixtures.journal import write_unversioned
from tests.fixtures.rows import each_row
from tradectl.config.settings import Settings
from tradectl.doctor.machine import (
    GIB,
    MIB,
    account,
    config_file,
    configuration,
    directory_of_state,
    disk,
    halt,
    instance,
    latch_file,
    machine,
    reserve,
    strategies,
)
from tradectl.doctor.python_path import python_path
from tradectl.documents.operations import Finding, Verdict
from tradectl.storage import schema
from tradectl.storage.directory import StateDir
from tradectl.strategy.configured import StrategyInstance

PASSED, WARNED, FAILED = Verdict.PASSED, Verdict.WARNED, Verdict.FAILED
STRATEGY = (
    "from tradectl.strategy import Strategy\n"
    "class Mine(Strategy):\n"
    "    def on_trade(self, trade):\n"
    "        return None\n"
)


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.create()
    return made


def reported(finding: Finding | None) -> tuple[Verdict, str]:
    assert finding is not None
    assert bool(finding.mend) is (finding.verdict is not PASSED)
    return finding.verdict, f"{finding.message} -> {finding.mend}"


def test_where_python_takes_its_code_from_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders on the path, and what is run from them unasked."""
    assert reported(python_path())[0] is PASSED
    monkeypatch.syspath_prepend(tmp_path)
    for name, mode, path in (
        ("planted.pth", 0o666, tmp_path / "planted.pth"),
        ("sitecustomize.py", 0o602, tmp_path / "sitecustomize.py"),
        ("no.txt", 0o666, None),
    ):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
        verdict, words = reported(python_path())
        assert (verdict is FAILED, path is None or f"{path}: others can write it" in words) == (
            path is not None, True,
        )  # fmt: skip
        (tmp_path / name).unlink()
    tmp_path.chmod(0o757)
    verdict, words = reported(python_path())
    assert (verdict, f"others can write the folder {tmp_path}" in words) == (FAILED, True)


def test_a_configuration_is_told_in_a_line() -> None:
    verdict, words = reported(configuration(Settings()))
    assert verdict is PASSED
    assert "paper on a simulated market: BTCUSDT" in words


@each_row(
    ("mode", "verdict", "words"),
    [
        (0o600, PASSED, "yours alone"),
        (0o400, PASSED, "yours alone"),
        (0o640, WARNED, "others can read"),
        (0o604, WARNED, "others can read"),
        (0o620, FAILED, "others can write"),
        (0o666, FAILED, "others can write"),
    ],
)
def test_a_config_file_is_for_its_owner(
    tmp_path: Path, mode: int, verdict: Verdict, words: str
) -> None:
    path = tmp_path / "my config.toml"
    path.write_text("")
    path.chmod(mode)
    found, message = reported(config_file(path))
    assert found is verdict
    assert words in message
    assert verdict is PASSED or f"chmod 600 '{path}'" in message


def test_a_config_file_of_somebody_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.toml"
    path.write_text("")
    found = SimpleNamespace(st_uid=os.geteuid() + 12345, st_mode=0o100600, st_size=0)
    monkeypatch.setattr(os, "fstat", lambda _: found)
    assert reported(config_file(path))[0] is FAILED


def test_no_config_file_is_no_finding_and_a_missing_one_fails(tmp_path: Path) -> None:
    assert config_file(None) is None
    assert reported(config_file(tmp_path / "none.toml"))[0] is FAILED


@pytest.mark.parametrize(
    ("mode", "verdict", "words"),
    [(0o644, PASSED, "1 can be loaded"), (0o664, FAILED, "chmod go-w"), (0o646, FAILED, "others")],
)
def test_a_strategy_file_that_others_can_write_fails(
    tmp_path: Path, mode: int, verdict: Verdict, words: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(STRATEGY)
    path.chmod(mode)
    mine = StrategyInstance(name="mine", strategy=f"{path}:Mine")
    found, message = reported(strategies(Settings(strategies=(mine,))))
    assert found is verdict
    assert words in message


def test_a_strategy_that_does_not_exist_fails() -> None:
    none = StrategyInstance(name="x", strategy="ema-cros")
    verdict, words = reported(strategies(Settings(strategies=(none,))))
    assert verdict is FAILED
    assert "ema-cross" in words


@pytest.mark.parametrize(
    ("mode", "verdict", "words"),
    [
        (0o700, PASSED, "yours alone"),
        (0o750, WARNED, "others can enter"),
        (0o777, FAILED, "others can write"),
    ],
)
def test_a_state_directory_is_for_its_owner(
    state_dir: StateDir, mode: int, verdict: Verdict, words: str
) -> None:
    state_dir.path.chmod(mode)
    found, message = reported(directory_of_state(state_dir))
    assert found is verdict
    assert words in message


def test_a_state_directory_that_is_not_there_yet_is_made_by_a_run(tmp_path: Path) -> None:
    there = StateDir(tmp_path / "a" / "b")
    assert reported(directory_of_state(there))[0] is PASSED
    assert reported(latch_file(there))[0] is PASSED
    assert not (tmp_path / "a").exists()


def test_room_for_an_emergency_stop_is_kept_or_missed(state_dir: StateDir) -> None:
    assert reported(reserve(state_dir))[0] is PASSED
    (state_dir.journals / "20260101T000000000-0000.jsonl").touch()
    assert reported(reserve(state_dir))[0] is WARNED
    state_dir.reserve.make()
    verdict, words = reported(reserve(state_dir))
    assert verdict is PASSED
    assert "KiB are kept for an emergency stop" in words


def test_a_state_directory_that_cannot_be_made_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    verdict, words = reported(directory_of_state(StateDir(tmp_path / "a")))
    assert verdict is FAILED
    assert "--state-dir" in words


def test_a_state_directory_behind_a_link_fails(tmp_path: Path, state_dir: StateDir) -> None:
    link = tmp_path / "link"
    link.symlink_to(state_dir.path)
    verdict, words = reported(directory_of_state(StateDir(link)))
    assert verdict is FAILED
    assert "symbolic link" in words


def test_a_halt_fails_and_names_the_command_that_ends_it(state_dir: StateDir) -> None:
    assert reported(halt(state_dir))[0] is PASSED
    state_dir.latch.set("wrong size")
    verdict, words = reported(halt(state_dir))
    assert verdict is FAILED
    assert "wrong size" in words
    assert f"tradectl clear-halt --confirm --state-dir {state_dir.path}" in words


def test_a_latch_that_is_not_at_its_full_size_is_warned_of(state_dir: StateDir) -> None:
    assert reported(latch_file(state_dir))[0] is PASSED
    (state_dir.path / "halt").unlink()
    assert reported(latch_file(state_dir))[0] is WARNED
    (state_dir.path / "halt").write_bytes(b"")
    assert reported(latch_file(state_dir))[0] is WARNED


def test_an_account_of_another_version_fails(state_dir: StateDir) -> None:
    assert reported(account(state_dir))[0] is PASSED
    with closing(sqlite3.connect(state_dir.db)) as db:
        db.execute("PRAGMA user_version = 2")
    verdict, words = reported(account(state_dir))
    assert verdict is FAILED
    assert "state.db has schema 2" in words
    state_dir.db.unlink()
    write_unversioned(state_dir.journals / "20260101T000000000-0001.jsonl")
    verdict, words = reported(account(state_dir))
    assert verdict is FAILED
    assert "has format 1.1" in words


def test_an_account_that_the_next_run_migrates_is_warned_of(
    state_dir: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(state_dir.db)) as db:
        schema.prepare(db, state_dir.db)
    assert reported(account(state_dir))[0] is PASSED
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    verdict, words = reported(account(state_dir))
    assert verdict is WARNED
    assert "the next run migrates it" in words


def test_another_process_is_warned_of_and_this_one_is_none(
    state_dir: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reported(instance(state_dir))[0] is PASSED
    with state_dir.owned():
        assert reported(instance(state_dir))[0] is PASSED
        owner = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: owner + 1)
        verdict, words = reported(instance(state_dir))
    assert verdict is WARNED
    assert f"process {owner}" in words
    assert "tradectl stop" in words


@pytest.mark.parametrize(
    ("free", "verdict", "words"),
    [
        (GIB, PASSED, "1.0 GiB free"),
        (GIB - 1, WARNED, "1,024 MiB free"),
        (100 * MIB, WARNED, "100 MiB free"),
        (100 * MIB - 1, FAILED, "could not be kept"),
        (0, FAILED, "0 MiB free"),
    ],
)
def test_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict, words: str
) -> None:
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    found, message = reported(disk(tmp_path / "not" / "there" / "yet"))
    assert found is verdict
    assert words in message


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    machine(Settings(), StateDir(tmp_path / "state"), None)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_ours_that_has_another_name_is_refused(state_dir: StateDir) -> None:
    """What is written to it would be written there, too."""
    os.link(state_dir.path / "halt", state_dir.path / "other")
    verdict, words = reported(directory_of_state(state_dir))
    assert (verdict, "halt cannot be used: it has another name, too" in words) == (FAILED, True)
