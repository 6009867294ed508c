"""No answer before the journal has it, at any size of the disk.

A limit on the size of files stands for a full disk: what is there stays, and nothing can be added. The
running process meets it in most of the tests; in the others the one that finishes for it does.
"""

from __future__ import annotations

import json
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fixtures.command import (
    PATIENCE_S,
    PIPES,
    Running,
    command,
    environment,
    journals,
    running,
    tradectl,
)
from tests.fixtures.processes import start
from tests.fixtures.run_inputs import Character, look, replayed, written
from tradectl.control.client import ControlError, ask
from tradectl.documents.control import StateChange
from tradectl.documents.run import Status
from tradectl.domain.errors import TradectlError
from tradectl.operations.shutdown import stop_and_wait
from tradectl.recovery.recovery import recover
from tradectl.storage.directory import StateDir

NOT_CONFIRMED = 5
QUIET = "symbols = ['BTCUSDT', 'ETHUSDT']\nfeed.ticks_per_second = 1"
NO_ROOM = "cannot be written: File too large"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = written(tmp_path, Character.KEEN)
    path.write_text(path.read_text().replace("feed.ticks_per_second = 100", QUIET))
    return path


@pytest.fixture
def holding(folder: Path, config: Path) -> Iterator[Running]:
    """A run that has bought, and then does little."""
    with running(folder, "-c", config) as run:
        run.line(" FILL ")
        run.line(" FILL ")
        yield run


def leave_no_room(run: Running) -> None:
    """Its journal cannot grow from now on."""
    size = journals(run.folder)[-1].stat().st_size
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (size, size))


def held_by_the_journals(folder: Path) -> list[str]:
    recovered = recover(StateDir(folder))
    assert recovered is not None
    return sorted(p.symbol for p in recovered.account.positions.values() if p.quantity)


# --- the running process ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "arguments"), [("pause", {"reason": "wait"}), ("resume", {})])
def test_what_cannot_be_written_was_not_done(
    holding: Running, folder: Path, config: Path, name: str, arguments: dict[str, str]
) -> None:
    leave_no_room(holding)
    with pytest.raises(ControlError, match=NO_ROOM):
        ask(StateDir(folder).socket, name, StateChange, timeout=PATIENCE_S, **arguments)
    ended = holding.end()
    assert ended.code == 1
    assert NO_ROOM in ended.complaint()
    assert look(folder).status().paused is None
    assert replayed(folder).verified
    assert tradectl(folder, "clear-halt", "--confirm").code == 0  # of the journal that failed
    again = tradectl(folder, "run", "--headless", "--json", "--duration", "0.2", "-c", config)
    assert again.document()["paused"] is None


def test_a_pause_on_a_full_disk_is_one_clear_line(holding: Running, folder: Path) -> None:
    leave_no_room(holding)
    answer = tradectl(folder, "pause")
    assert answer.code != 0
    assert NO_ROOM in answer.complaint() or "nothing is running" in answer.complaint()


def test_once_it_could_not_write_it_does_not_tell_of_what_it_knows(
    holding: Running, folder: Path
) -> None:
    """Its books may be ahead of the journal; what was stored is not."""
    leave_no_room(holding)
    with pytest.raises(ControlError, match=NO_ROOM):
        ask(StateDir(folder).socket, "pause", StateChange, timeout=PATIENCE_S)
    with pytest.raises(TradectlError):
        ask(StateDir(folder).socket, "status", Status, timeout=PATIENCE_S)
    assert holding.end().code == 1


def test_a_stop_that_was_not_written_to_its_end_is_told(holding: Running, folder: Path) -> None:
    leave_no_room(holding)
    with pytest.raises(TradectlError, match="it has ended, but not whole"):
        stop_and_wait(StateDir(folder), PATIENCE_S)
    assert holding.end().code == 1
    assert replayed(folder).verified


def test_a_stop_is_finished_for_who_cannot_write(holding: Running, folder: Path) -> None:
    leave_no_room(holding)
    receipt = tradectl(folder, "emergency-stop", "--flatten", "--json").document()
    assert (receipt["confirmed"], receipt["method"]) == (True, "direct")
    assert sorted(receipt["closed"]) == ["BTCUSDT", "ETHUSDT"]
    assert held_by_the_journals(folder) == []
    assert look(folder).status().positions == []
    assert all(replayed(folder, number).verified for number in range(2))


# --- the one that finishes for it --------------------------------------------------------------------


def stopped_with_room_for(folder: Path, blocks: int) -> tuple[int, dict[str, object]]:
    """`emergency-stop --flatten`, where no file may be longer than so many blocks of 512 bytes: its exit
    code and its receipt."""
    words = ("emergency-stop", "--flatten", "--json", "--state-dir", folder)
    with start(words, environment(), file_bytes=512 * blocks, **PIPES) as stop:
        out, _ = stop.communicate(timeout=PATIENCE_S)
    return stop.returncode, json.loads(out)


def test_a_receipt_is_true_at_any_size_of_the_disk(
    holding: Running, folder: Path, tmp_path: Path
) -> None:
    """From no room for a header to room for everything but the end."""
    holding.kill()
    before = held_by_the_journals(folder)
    assert before == ["BTCUSDT", "ETHUSDT"]
    codes = set()
    for blocks in (1, 8, 10, 12, 14, 4096):
        state = tmp_path / f"room for {blocks}".replace(" ", "-")
        shutil.copytree(folder, state, ignore=shutil.ignore_patterns("control.sock"))
        code, receipt = stopped_with_room_for(state, blocks)
        codes.add(code)
        assert receipt["latched"]
        assert receipt["confirmed"] is (code == 0)
        if receipt["confirmed"]:
            assert receipt["positions_left"] == held_by_the_journals(state) == []
        else:
            assert code == NOT_CONFIRMED
            assert receipt["positions_left"] == before
            assert receipt["closed"] == []
            assert "File too large" in str(receipt["error"])
            again = tradectl(state, "emergency-stop", "--flatten", "--json").document()
            assert again["positions_left"] == held_by_the_journals(state) == []
        for journal in journals(state):
            assert command("replay", journal, "--json", "--trust").document()["verified"]
    assert codes == {0, NOT_CONFIRMED}


def test_without_a_database_that_can_be_written_it_is_done_all_the_same(
    holding: Running, folder: Path
) -> None:
    """Another one holds it; the receipt is the journal's word, and the next run makes up for it."""
    holding.kill()
    look(folder).status()
    with closing(sqlite3.connect(folder / "state.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        receipt = tradectl(folder, "emergency-stop", "--flatten", "--json").document()
        db.execute("ROLLBACK")
    assert (receipt["confirmed"], receipt["positions_left"]) == (True, [])
    assert "the next run makes up for it" in receipt["error"]
    assert held_by_the_journals(folder) == []
    tradectl(folder, "clear-halt", "--confirm")
    assert tradectl(folder, "run", "--headless", "--duration", "0.2").code == 0
    assert len([*look(folder).fills()]) == 4
    assert look(folder).status().consistency.ok
