"""What is missing is not nothing: journals or a database that are gone, emptied, damaged or another's.

Each test gets a copy of what a killed run left that held a position; the real command meets it.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, Answer, command, journals, running, tradectl
from tests.fixtures.run_inputs import Character, written
from tests.profiles import in_turn
from tradectl.recovery.recovery import recover
from tradectl.storage.directory import StateDir

REFUSED, NOT_CONFIRMED = 1, 5
SHORT_RUN = ("run", "--headless", "--json", "--duration", 0.2, "--strategy=donchian-breakout")


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a run that ended by itself, and one that was killed with a long position."""
    folder = tmp_path_factory.mktemp("left behind")
    busy = folder / "busy.toml"
    busy.write_text(BUSY)
    state = folder / "state"
    with running(state, "-c", busy) as run:
        run.line(" FILL ")
        run.send(signal.SIGTERM)
        assert run.end().code == 0
    with running(state, "--fresh", "-c", written(folder, Character.KEEN)) as run:
        run.line(" FILL ")
        tradectl(state, "fills", "--json")  # which has the database brought up to date
        run.kill()
    return state


@pytest.fixture
def state(left_behind: Path, tmp_path: Path) -> Path:
    """A copy to work on."""
    copy = tmp_path / "state"
    shutil.copytree(left_behind, copy, ignore=shutil.ignore_patterns("control.sock"))
    return copy


def delete_all(state: Path) -> None:
    shutil.rmtree(state / "journals")


def delete_last(state: Path) -> None:
    journals(state)[-1].unlink()


def empty_last(state: Path) -> None:
    journals(state)[-1].write_bytes(b"")


def cut_last_in_its_header(state: Path) -> None:
    path = journals(state)[-1]
    path.write_bytes(path.read_bytes()[:40])


def cut_after_its_header(state: Path) -> None:
    path = journals(state)[-1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with closing(sqlite3.connect(state / "state.db")) as db, db:
        db.execute("DELETE FROM snapshots")


LOSSES = [delete_all, empty_last, delete_last, cut_last_in_its_header]
LOST = pytest.mark.parametrize("lose", LOSSES)
Lose = Callable[[Path], None]


def emergency_stop(state: Path) -> tuple[Answer, dict[str, Any]]:
    answer = tradectl(state, "emergency-stop", "--flatten", "--json")
    return answer, json.loads(answer.out)


def held(state: Path) -> list[str]:
    return [row["symbol"] for row in tradectl(state, "positions", "--json").document()]


def held_by_the_journal(state: Path) -> list[str]:
    """What the killed run held in the end: the database may be a moment behind."""
    found = recover(StateDir(state))
    assert found is not None
    return [symbol for symbol, held in sorted(found.account.positions.items()) if held.quantity]


# --- journals ------------------------------------------------------------------------------------------


@LOST
def test_a_run_whose_last_journal_is_missing_is_refused_with_the_mend(
    state: Path, lose: Lose
) -> None:
    missing = journals(state)[-1]
    lose(state)
    left = journals(state)
    answer = tradectl(state, *SHORT_RUN)
    assert answer.code == REFUSED
    assert f"the journal of the last paper run, {missing}, is missing" in answer.complaint()
    assert "`tradectl run --fresh` opens a new account" in answer.complaint()
    assert journals(state) == left


@LOST
def test_the_emergency_stop_does_not_vouch_for_what_it_cannot_know(state: Path, lose: Lose) -> None:
    before = held(state)
    assert before
    lose(state)
    left = journals(state)
    answer, receipt = emergency_stop(state)
    assert answer.code == NOT_CONFIRMED
    assert receipt["latched"]
    assert not receipt["confirmed"]
    assert receipt["positions_left"] == before
    assert "is missing or empty" in receipt["error"]
    assert journals(state) == left
    looked_at = json.loads(tradectl(state, "doctor", "--json").out)["findings"]
    assert [each["verdict"] for each in looked_at if each["check"] == "account"] == ["failed"]
    assert tradectl(state, *SHORT_RUN).code == 6
    assert tradectl(state, "clear-halt", "--confirm").code == 0
    assert tradectl(state, *SHORT_RUN).code == REFUSED


@pytest.mark.parametrize("lose", in_turn(LOSSES, 2))
def test_a_fresh_account_or_the_journal_put_back_mends_it(
    state: Path, tmp_path: Path, lose: Lose
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(state / "journals", kept)
    lose(state)
    shutil.copytree(kept, state / "journals", dirs_exist_ok=True)
    assert tradectl(state, *SHORT_RUN).code == 0
    lose(state)
    assert tradectl(state, *SHORT_RUN).code == REFUSED
    assert tradectl(state, *SHORT_RUN, "--fresh").code == 0
    assert tradectl(state, *SHORT_RUN).code == 0
    assert held(state) == []


def test_what_is_shown_without_its_journal_says_so(state: Path) -> None:
    before = held(state)
    delete_all(state)
    answer = tradectl(state, "positions", "--json")
    assert [row["symbol"] for row in answer.document()] == before
    assert "is missing or empty: this is what the database last knew" in answer.err


@pytest.mark.parametrize("of_a_run", [False, True])
@pytest.mark.parametrize("word", ["status", "positions", "orders", "fills"])
def test_what_is_shown_of_a_journal_that_cannot_be_read_to_its_end_says_so(
    state: Path, word: str, of_a_run: bool
) -> None:
    """The last moments of a run that was killed are in its journal alone."""
    last = journals(state)[-1]
    words = [word, "--json", *(["--run", last.stem] if of_a_run else [])]
    whole = last.read_bytes()
    last.write_bytes(whole[: whole.rindex(b'"at":')] + b"?" + whole[whole.rindex(b'"at":') + 1 :])
    answer = tradectl(state, *words)
    assert answer.document()
    assert f"{last} is damaged at record" in answer.err
    assert answer.err.endswith("; this is what the database last knew\n")
    if word == "status" and not of_a_run:
        doctor = tradectl(state, "doctor")
        verdict = "failed" if doctor.code else "warned"  # whether a snapshot knows what came after
        assert f"{verdict}  journal: {last} is damaged at record" in doctor.out
    last.write_bytes(whole)
    assert tradectl(state, *words).err == ""


def test_a_journal_of_another_run_in_its_place_is_refused(state: Path) -> None:
    before, first, last = held(state), journals(state)[0], journals(state)[-1]
    last.write_bytes(first.read_bytes())
    answer = tradectl(state, *SHORT_RUN)
    assert answer.code == REFUSED
    assert f"{last} holds the journal of run {first.stem}" in answer.complaint()
    stop, receipt = emergency_stop(state)
    assert stop.code == NOT_CONFIRMED
    assert receipt["positions_left"] == before


def test_recorded_data_needs_no_account_and_is_none(state: Path, tmp_path: Path) -> None:
    rows = "".join(f"{1722470400 + n * 60},{100 + n % 7}.0,1\n" for n in range(50))
    data = tmp_path / "BTCUSDT.csv"
    data.write_text("timestamp,price,quantity\n" + rows)
    delete_all(state)
    assert tradectl(state, "run", "--headless", "--json", "--data", data).code == 0
    assert tradectl(state, *SHORT_RUN).code == REFUSED


def test_a_journal_that_was_cut_is_not_an_account_that_did_nothing(state: Path) -> None:
    before = held(state)
    cut_after_its_header(state)
    answer = tradectl(state, *SHORT_RUN)
    assert answer.code == REFUSED
    assert "ends at record 0, and the database knows record " in answer.complaint()
    assert "`tradectl run --fresh`" in answer.complaint()
    stop, receipt = emergency_stop(state)
    assert stop.code == NOT_CONFIRMED
    assert receipt["positions_left"] == before


# --- the database --------------------------------------------------------------------------------------


def delete(db: Path) -> None:
    db.unlink()


def empty(db: Path) -> None:
    db.write_bytes(b"")


def fill_with_junk(db: Path) -> None:
    db.write_bytes(b"\x80junk\n" * 1000)


def cut_in_half(db: Path) -> None:
    db.write_bytes(db.read_bytes()[: db.stat().st_size // 2 // 4096 * 4096])


def overwrite_the_middle(db: Path) -> None:
    content = db.read_bytes()
    third = len(content) // 3
    db.write_bytes(content[:third] + b"\xa5" * third + content[2 * third :])


def drop_a_table(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("DROP TABLE fills")


def settled(state: Path) -> Path:
    """The database as one file, nothing beside it."""
    with closing(sqlite3.connect(state / "state.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in state.glob("state.db-*"):
        file.unlink()
    return state / "state.db"


DAMAGES = [fill_with_junk, cut_in_half, overwrite_the_middle, drop_a_table]


@pytest.mark.parametrize("damage", in_turn([delete, empty, *DAMAGES], 2))
def test_a_database_is_made_anew_from_the_journals_with_a_word(
    state: Path, damage: Callable[[Path], None]
) -> None:
    fills = tradectl(state, "fills", "--json").document()
    runs = tradectl(state, "runs", "--json").document()
    before = held_by_the_journal(state)
    damage(settled(state))
    answer = tradectl(state, *SHORT_RUN)
    assert answer.code == 0, answer.err
    assert "made anew from 2 journals" in answer.err
    assert (state / "state.db.damaged").exists() is (damage in DAMAGES)
    assert [row["run_id"] for row in tradectl(state, "runs", "--json").document()][:2] == [
        row["run_id"] for row in runs
    ]
    now = tradectl(state, "fills", "--json").document()
    assert [row["trade_id"] for row in now[: len(fills)]] == [row["trade_id"] for row in fills]
    assert sorted(held(state)) == before
    assert "made anew" not in tradectl(state, *SHORT_RUN).err


@pytest.mark.parametrize("damage", [delete, empty, fill_with_junk])
def test_nobody_shows_an_empty_account_where_the_database_is_lost(
    state: Path, damage: Callable[[Path], None]
) -> None:
    damage(settled(state))
    for name in ("status", "positions", "orders", "fills", "runs", "alerts", "pnl"):
        answer = tradectl(state, name, "--json")
        assert answer.code == REFUSED
        assert "`tradectl run` makes it anew from" in answer.complaint()


def test_a_table_that_is_not_there_is_not_an_empty_one(state: Path) -> None:
    drop_a_table(settled(state))
    answer = tradectl(state, "fills", "--json")
    assert answer.code == REFUSED
    assert "`tradectl run` makes it anew from" in answer.complaint()


@pytest.mark.parametrize("damage", [delete, *DAMAGES])
def test_an_emergency_stop_goes_by_the_journals(
    state: Path, damage: Callable[[Path], None]
) -> None:
    before = held_by_the_journal(state)
    damage(settled(state))
    answer, receipt = emergency_stop(state)
    assert answer.code == 0, receipt
    assert sorted(receipt["closed"]) == before
    assert command("replay", journals(state)[-1], "--json").document()["verified"]
    assert held(state) == []


def test_a_halt_is_cleared_with_a_word_on_what_is_open_by_the_journals(state: Path) -> None:
    before = held_by_the_journal(state)
    StateDir(state).latch.set("by hand")
    delete(settled(state))
    answer = tradectl(state, "clear-halt", "--confirm", "--json")
    assert sorted(answer.document()["positions"]) == before
    assert "what is open goes by the journals" in answer.err
    looked_at = tradectl(state, "doctor", "--json").document()["findings"]
    (found,) = (each for each in looked_at if each["check"] == "account")
    assert (found["verdict"], "state.db is missing" in found["message"]) == ("warned", True)


def test_a_damaged_database_without_journals_is_an_account_of_which_nothing_is_known(
    state: Path,
) -> None:
    fill_with_junk(settled(state))
    delete_all(state)
    answer = tradectl(state, *SHORT_RUN)
    assert answer.code == REFUSED
    assert "there is no journal to make it anew from" in answer.complaint()
    stop, receipt = emergency_stop(state)
    assert stop.code == NOT_CONFIRMED
    assert "state.db: it is damaged" in receipt["error"]
    assert tradectl(state, "clear-halt", "--confirm").code == 0
    assert tradectl(state, *SHORT_RUN, "--fresh").code == 0
