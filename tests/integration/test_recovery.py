"""What a restart makes of what it finds: junk, gaps, damage, another process, half a start.

One run is killed in the middle of its work, and each test gets a copy of what it left behind.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from tests.fixtures.command import (
    BUSY,
    Running,
    events_of,
    header_of,
    is_seal,
    journals,
    records_of,
    running,
    sealed,
    tradectl,
    wait_until,
)
from tests.fixtures.journal import records_named
from tests.fixtures.run_inputs import begins_where, look
from tests.profiles import examples
from tradectl.doctor.provenance import provenance
from tradectl.domain.errors import JournalDamaged
from tradectl.domain.events import OrderFilled
from tradectl.domain.time import SECOND, iso
from tradectl.recovery import catch_up
from tradectl.recovery.rebuild import rebuilt
from tradectl.recovery.recovery import Recovered, recover, recover_account
from tradectl.storage.directory import StateDir
from tradectl.storage.schema import VERSION
from tradectl.storage.signed_snapshot import SignedSeal, snapshot_mac

IDLE = "--strategy=donchian-breakout"
"""Bars of a minute: such a run ends before it has an order of its own."""


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a run that ended by itself and one that was killed, orders working."""
    folder = tmp_path_factory.mktemp("left behind")
    config = folder / "busy.toml"
    config.write_text(BUSY)
    state = folder / "state"
    with running(state, "-c", config) as run:
        await_fills(run, 50)
        run.send(signal.SIGTERM)
        assert run.end().code == 0
    with running(state, "-c", config) as run:
        await_fills(run, 50)
        tradectl(state, "fills", "--json")  # which has the database brought up to date
        await_fills(run, 50)
    return state


@pytest.fixture
def state(left_behind: Path, tmp_path: Path) -> Path:
    """A copy to work on."""
    copy = tmp_path / "state"
    shutil.copytree(left_behind, copy, ignore=shutil.ignore_patterns("control.sock"))
    return copy


def await_fills(run: Running, count: int) -> None:
    for _ in range(count):
        run.line(" FILL ")


def recovered(state: Path) -> Recovered:
    found = recover(StateDir(state))
    assert found is not None
    return found


def restart(state: Path) -> list[str]:
    """Start again, let nothing happen, end cleanly: what was said."""
    answer = tradectl(state, "run", "--headless", IDLE, "--duration", "0.01")
    assert answer.code == 0, answer.err
    return answer.err.splitlines()


def stored_fills(state: Path) -> list[tuple[str, str]]:
    rows = tradectl(state, "fills", "--json").document()
    return [(row["order_id"], row["trade_id"]) for row in rows]


def journalled_fills(state: Path) -> list[tuple[str, str]]:
    found = [fill for path in journals(state) for fill in events_of(path, OrderFilled)]
    return [(fill.order_id, fill.trade_id) for fill in found]


def change_database(state: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(state / "state.db")) as db, db:
        db.execute(sql, values)


# --- the database is behind, gone or junk --------------------------------------------------------------


def test_a_restart_stores_what_the_database_had_missed(state: Path) -> None:
    assert len(stored_fills(state)) <= len(journalled_fills(state))
    said = restart(state)
    assert any(" SYSTEM recovered: run " in line for line in said)
    assert sorted(stored_fills(state)) == sorted(journalled_fills(state))
    assert look(state).status().consistency.ok


def test_a_database_that_was_lost_is_made_anew_from_the_journals(state: Path) -> None:
    """Also when a killed run ended: as its journal was last written, not as it was found out."""
    before, long_ago = recovered(state), 1_700_000_000 * SECOND
    os.utime(before.journal, ns=(long_ago, long_ago))
    for file in state.glob("state.db*"):
        file.unlink()
    assert recovered(state).state_hash == before.state_hash
    restart(state)
    assert sorted(stored_fills(state)) == sorted(journalled_fills(state))
    runs = tradectl(state, "runs", "--json").document()
    assert [run["status"] for run in runs] == ["clean", "crashed", "clean"]
    assert runs[1]["ended_at"] == iso(long_ago)
    assert look(state).status().consistency.ok


def test_fills_that_vanished_from_the_database_are_missed(state: Path) -> None:
    change_database(state, "DELETE FROM fills WHERE rowid <= 5")
    said = restart(state)
    assert any(" SYSTEM inconsistent: the position in " in line for line in said)
    assert not look(state).status().consistency.ok


def test_a_database_that_cannot_be_used_is_one_clear_line(state: Path) -> None:
    before = journals(state)
    for file in state.glob("state.db-*"):
        file.unlink()
    change_database(state, "PRAGMA user_version = 99")
    answer = tradectl(state, "run", "--headless", "--duration", 5)
    assert answer.code == 1
    assert f"state.db has schema 99, and this tradectl reads {VERSION}" in answer.complaint()
    assert "state.db" in answer.complaint()
    assert journals(state) == before


def test_each_run_is_shown_with_what_it_added_to_the_account(state: Path) -> None:
    answer = tradectl(state, "run", "--headless", "--json", "--duration", 0.2, IDLE)
    summary = answer.document()
    first, second, third = tradectl(state, "runs", "--json").document()
    assert first["run_pnl"] == first["pnl"]
    assert first["run_fills"] > 0
    assert second["run_fills"] > 0
    for before, run in ((first, second), (second, third)):
        assert Decimal(run["run_pnl"]) == Decimal(run["pnl"]) - Decimal(before["pnl"])
    for name in ("orders", "fills"):
        assert summary[name] == sum(run[f"run_{name}"] for run in (first, second, third))
    assert (summary["pnl"], summary["run_pnl"]) == (third["pnl"], third["run_pnl"])
    assert summary["run_orders"] == third["run_orders"] == 0


# --- snapshots -----------------------------------------------------------------------------------------


def add_snapshot(state: Path, found: Recovered, state_hash: str, body: str) -> None:
    """Signed, as by a run; where its journal is read on from, nobody says."""
    mac = snapshot_mac(StateDir(state).keys.own(), found.run_id, found.last_seq, body, None)
    sealed = msgspec.json.encode(SignedSeal(None, mac)).decode()
    row = (found.run_id, found.last_seq, time.time_ns(), state_hash, body, sealed)
    change_database(state, "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", *row)


def test_a_sound_snapshot_saves_reading_the_journal(state: Path) -> None:
    before = recovered(state)
    assert 0 < before.from_snapshot < before.last_seq
    body = msgspec.json.encode(before.account.dump()).decode()
    add_snapshot(state, before, before.state_hash, body)
    after = recovered(state)
    assert (after.from_snapshot, after.records) == (before.last_seq, 0)
    assert after.state_hash == before.state_hash


@pytest.mark.parametrize(
    "junk",
    [
        lambda body, state_hash: ("", state_hash),
        lambda body, state_hash: (body[:-1], state_hash),
        lambda body, state_hash: ("\x00" + body, state_hash),
        lambda body, state_hash: ("[]", state_hash),
        lambda body, state_hash: (body.replace('"cash":"', '"cash":"1', 1), state_hash),
        lambda body, state_hash: (body, state_hash[::-1]),
    ],
    ids=["empty", "cut off", "garbled", "something else", "richer", "another's hash"],
)
def test_a_junk_snapshot_is_passed_over_for_the_one_before(
    state: Path, junk: Callable[[str, str], tuple[str, str]]
) -> None:
    before = recovered(state)
    body = msgspec.json.encode(before.account.dump()).decode()
    body, state_hash = junk(body, before.state_hash)
    add_snapshot(state, before, state_hash, body)
    after = recovered(state)
    assert after.from_snapshot == before.from_snapshot
    assert after.state_hash == before.state_hash
    change_database(state, "UPDATE snapshots SET body = ?", body)
    without = recovered(state)
    assert (without.from_snapshot, without.state_hash) == (0, before.state_hash)


def damage_record_1(journal: Path) -> None:
    whole = journal.read_bytes()
    at = whole.index(b'{"seq":1,"at":')
    journal.write_bytes(whole[:at] + whole[at:].replace(b'"at":', b'"At":', 1))


def test_a_start_reads_on_from_the_seal_that_its_snapshot_names(state: Path) -> None:
    whole, quick = recovered(state), recover(StateDir(state), checked_elsewhere=True)
    assert quick is not None
    assert 0 == whole.read_from < quick.read_from
    assert replace(quick, read_from=0) == whole


def test_damage_before_the_snapshot_is_told_of_beside_the_run_that_goes_on(state: Path) -> None:
    journal = recovered(state).journal
    damage_record_1(journal)
    with pytest.raises(JournalDamaged):
        recovered(state)
    found = provenance(StateDir(state))
    assert found is not None
    assert (found.verdict, "--fresh" in found.message) == ("warned", False)
    assert f"{journal} is damaged at record" in found.message
    with running(state, IDLE) as run:
        told = run.line(f"SYSTEM inconsistent: {journal} is damaged at record")
        assert records_named(told)[0] == 1
        run.send(signal.SIGTERM)
        assert run.end().code == 0
    (alert,) = [a for a in look(state).alerts() if a.type == "inconsistent"]
    assert alert.severity == "critical"


@pytest.mark.parametrize("place", ["NULL", "'junk'", """'{"at":7,"last":1,"chain":"00000000"}'"""])
def test_a_snapshot_that_names_no_seal_of_the_journal_has_all_of_it_read(
    state: Path, place: str
) -> None:
    before = recovered(state)
    change_database(state, f"UPDATE snapshots SET sealed = {place}")
    after = recover(StateDir(state), checked_elsewhere=True)
    assert after is not None
    assert (after.read_from, after.state_hash) == (0, before.state_hash)
    damage_record_1(before.journal)
    found = provenance(StateDir(state))
    assert found is not None
    assert found.verdict == "failed"
    answer = tradectl(state, "run", "--headless", "--duration", 5)
    assert answer.code == 1
    assert records_named(answer.complaint())[0] == 1


@pytest.fixture
def bare(state: Path) -> Path:
    """Without its database."""
    for file in state.glob("state.db*"):
        file.unlink()
    return state


@pytest.mark.parametrize("most", [1, 1000])
async def test_a_database_that_is_made_anew_takes_rows_as_they_come_and_a_snapshot(
    bare: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recovered(bare)
    monkeypatch.setattr(catch_up, "MOST_AT_ONCE", most)
    assert "made anew from 2 journals" in await rebuilt(StateDir(bare))
    assert sorted(stored_fills(bare)) == sorted(journalled_fills(bare))
    after = recovered(bare)
    assert (after.from_snapshot, after.state_hash) == (before.last_seq, before.state_hash)
    quick = recover(StateDir(bare), checked_elsewhere=True)
    assert quick is not None
    assert replace(quick, read_from=0) == after


async def test_who_reads_on_from_what_a_rebuild_stored_still_sees_how_a_run_ended(
    bare: Path,
) -> None:
    """An emergency stop is stored like that, too: the next run must not call it killed."""
    ended, killed = journals(bare)
    killed.unlink()
    assert "made anew from 1 journal" in await rebuilt(StateDir(bare))
    quick = recover_account(ended, StateDir(bare), checked_elsewhere=True)
    assert quick.read_from > 0
    assert quick.footer == recovered(bare).footer is not None


async def test_of_a_damaged_journal_no_row_is_stored(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, damaged = journals(bare)
    content = damaged.read_bytes()
    at = content.rindex(b'"type":"order_filled"')
    damaged.write_bytes(content[:at] + b'"type":"order_fouled"' + content[at + 21 :])
    monkeypatch.setattr(catch_up, "MOST_AT_ONCE", 1)
    assert "made anew from 1 journal" in await rebuilt(StateDir(bare))
    with closing(sqlite3.connect(bare / "state.db")) as db:
        assert db.execute("SELECT DISTINCT run_id FROM orders").fetchall() == [(whole.stem,)]


# --- killed while starting -----------------------------------------------------------------------------


def comes_to_its_journal(run: Running, known: int) -> None:
    """Or ends before."""
    wait_until(
        lambda: len(journals(run.folder)) > known or run.process.poll() is not None, every=0.001
    )


@pytest.mark.slow
def test_killed_while_recovering_again_and_again_nothing_changes(state: Path) -> None:
    chance = Random(10)
    for attempt in range(examples(10)):
        before, known = recovered(state), journals(state)
        run = Running(state, IDLE)
        if attempt % 2:
            comes_to_its_journal(run, len(known))
        time.sleep(chance.random() * (0.05 if attempt % 2 else 0.4))
        run.kill()
        for path in journals(state)[len(known) :]:  # one whose header is not sealed has not begun
            assert not sealed(path) or begins_where(before, path)
    restart(state)
    assert sorted(stored_fills(state)) == sorted(journalled_fills(state))
    assert look(state).status().consistency.ok


def test_a_run_that_was_killed_before_its_header_was_whole_is_passed_over(state: Path) -> None:
    before = recovered(state)
    path = journals(state)[-1]
    newer = path.with_name("2999" + path.name[4:])
    for beginning in (b"", b'{"header":{"run', path.read_bytes().splitlines(keepends=True)[0]):
        newer.write_bytes(beginning)
        assert recovered(state).journal == before.journal
    restart(state)
    assert header_of(journals(state)[-1]).continues == before.run_id


def test_other_files_among_the_journals_do_no_harm(state: Path) -> None:
    before = recovered(state)
    (state / "journals" / "zzz.jsonl").write_text("what is this?\n")
    (state / "journals" / "notes.txt").write_text("remember the milk\n")
    restart(state)
    own = [path for path in journals(state) if path.stem != "zzz"]
    assert header_of(own[-1]).continues == before.run_id


# --- torn and damaged journals -------------------------------------------------------------------------


def test_an_unfinished_tail_is_dropped_and_told_of(state: Path) -> None:
    before = recovered(state)
    with before.journal.open("ab") as file:
        file.write(
            b'{"seq":999999,"at":1,"event":{"type":"order_filled","order_id":"x"}}\n{"seq":1000000,"a'
        )
    after = recovered(state)
    assert (after.torn, after.last_seq, after.state_hash) == (
        True, before.last_seq, before.state_hash,
    )  # fmt: skip
    said = restart(state)
    assert any("recovered at record" in line and "unfinished tail" in line for line in said)


def test_damage_in_the_middle_is_refused_by_name_and_a_fresh_account_may_be_opened(
    state: Path,
) -> None:
    path = recovered(state).journal
    lines = path.read_bytes().splitlines(keepends=True)
    fill = next(r for r in records_of(path)[200:] if type(r.event) is OrderFilled)
    at = next(i for i, line in enumerate(lines) if line.startswith(b'{"seq":%d,' % fill.seq))
    lines[at] = lines[at].replace(b'"price":"', b'"price":"1', 1)
    path.write_bytes(b"".join(lines))
    change_database(state, "DELETE FROM snapshots")
    answer = tradectl(state, "run", "--headless", "--duration", 5)
    assert answer.code == 1
    first, last = records_named(answer.complaint())
    assert first <= fill.seq <= last
    assert "`tradectl run --fresh`" in answer.complaint()
    assert tradectl(state, "status", "--json").document()["portfolio"] is not None
    assert tradectl(state, "run", "--headless", "--fresh", "--duration", 0.1).code == 0
    assert tradectl(state, "run", "--headless", "--duration", 0.1).code == 0


def test_a_damaged_header_does_not_bring_an_older_account_back(state: Path) -> None:
    path = recovered(state).journal
    header, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(header.replace(b'"account":"paper"', b'"account":"pAper"') + b"\n" + rest)
    answer = tradectl(state, "run", "--headless", "--duration", 5)
    assert answer.code == 1
    assert "is damaged at its header" in answer.complaint()


def test_a_journal_that_lost_more_than_the_database_is_continued_from_the_snapshot(
    state: Path,
) -> None:
    before = recovered(state)
    lines = before.journal.read_bytes().splitlines(keepends=True)
    seals = [number for number, line in enumerate(lines) if is_seal(line)]
    before.journal.write_bytes(b"".join(lines[: seals[1] + 1]))
    after = recovered(state)
    assert after.last_seq < after.from_snapshot
    restart(state)


def test_a_halt_that_was_shown_holds_though_the_run_is_killed_at_once(tmp_path: Path) -> None:
    config = tmp_path / "losing.toml"
    config.write_text(BUSY.replace('daily_loss_halt_pct = "none"', "daily_loss_halt_pct = 0.1"))
    folder = tmp_path / "state"
    with running(folder, "-c", config) as run:
        run.line(" RISK reduce DAILY_LOSS")
        run.kill()
    answer = tradectl(folder, "run", "--headless", "-c", config)  # its strategy leaves at once
    assert answer.code == 6
    assert "DAILY_LOSS: today's loss is" in answer.complaint()


# --- two at once ---------------------------------------------------------------------------------------


def test_a_second_run_on_the_same_account_is_refused(state: Path) -> None:
    with running(state) as run:
        answer = tradectl(state, "run", "--headless", "--duration", 5)
        assert answer.code == 7
        assert f"(process {run.process.pid}) owns {state}" in answer.complaint()
        assert tradectl(state, "status", "--json").document()["running"]
