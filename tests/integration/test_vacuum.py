"""Journals that were put away are read as before, and what is needed never goes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fixtures.command import BUSY, journals, running, tradectl
from tests.fixtures.run_inputs import private, trades, waves
from tradectl.config.settings import JournalSettings
from tradectl.domain.errors import JournalError
from tradectl.journal.packed import pack
from tradectl.journal.reader import JournalReader
from tradectl.operations.vacuum import LAST, vacuum
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four runs of an account and one on recorded data, saved."""
    folder = tmp_path_factory.mktemp("vacuumed")
    state = folder / "state"
    config = private(folder / "busy.toml", BUSY)
    data = trades(folder / "trades.csv", {"BTCUSDT": waves(300)})
    assert tradectl(state, "run", "--headless", "--data", data).code == 0
    for seed in (1, 2, 3, 4):
        words = ("run", "--headless", "--duration", "0.2", "--seed", seed, "-c", config)
        assert tradectl(state, *words).code == 0
    assert tradectl(state, "backup", folder / "saved.tar.gz").code == 0
    return (yield folder / "saved.tar.gz")


@pytest.fixture
def old(made: Path, tmp_path: Path) -> StateDir:
    """All of it, ten days old."""
    state = tmp_path / "state"
    assert tradectl(state, "restore", made).code == 0
    for path in journals(state):
        os.utime(path, (time.time() - 10 * DAY_S,) * 2)
    return StateDir(state)


def test_what_was_put_away_is_read_as_before(old: StateDir) -> None:
    state, ids = old.path, [path.stem for path in journals(old.path)]
    commands = [
        ("pnl", "--per", "symbol", "--json"),
        ("fills", "--run", ids[1], "--json"),
        ("report", ids[1], "--json"),
        ("state", ids[1], "--json"),
        ("status", "--run", ids[1], "--json"),
    ]
    before = [tradectl(state, *words).out.replace(".zst", "") for words in commands]
    found = tradectl(state, "vacuum", "--json").document()
    assert [each["run_id"] for each in found["packed"]] == ids[:-2]
    assert all(each["after"] < each["before"] / 3 for each in found["packed"])
    assert (found["removed"], found["database"]) == ([], "rewritten")
    assert [path.stem for path in journals(state)] == ids[-2:]
    after = [tradectl(state, *words).out.replace(".zst", "") for words in commands]
    assert after == before
    for run in tradectl(state, "runs", "--json").document():
        assert Path(run["journal"]).is_file()
        replayed = tradectl(state, "replay", run["journal"], "--json").document()
        assert replayed["verified"]
    order = tradectl(state, "orders", "--run", ids[1], "--json").document()[0]["order_id"]
    assert order in tradectl(state, "why", order).out
    assert tradectl(state, "compare", ids[1], ids[2]).code in (0, 3)
    (state / "state.db").unlink()
    assert tradectl(state, "run", "--headless", "--duration", "0.2").code == 0
    known = StateReader(old.db).run_ids()
    assert known[:-1] == ids
    again = tradectl(state, "vacuum", "--json").document()["packed"]
    assert [each["run_id"] for each in again] == ids[-2:-1]


def test_what_is_needed_stays_whatever_its_age(old: StateDir) -> None:
    ids = [path.stem for path in journals(old.path)]
    keep = JournalSettings(keep_days=5, keep_recorded_days=20)
    found = vacuum(old, keep)
    assert found.removed == ids[1:-2]
    assert [each.run_id for each in found.packed] == ids[:1]
    assert found.kept.keys() == {*ids[-2:]}
    assert found.kept[ids[-1]] == LAST
    assert tradectl(old.path, "run", "--headless", "--duration", "0.2").code == 0
    pnl = tradectl(old.path, "pnl", "--json").document()
    account = tradectl(old.path, "status", "--json").document()["portfolio"]
    assert pnl["missing"] == ids[1:-2]
    assert float(pnl["total"]["fees"]) == float(account["fees"])
    again = vacuum(old, replace(keep, keep_recorded_days=5))
    assert again.removed == [ids[0], ids[-2]]


def test_a_run_that_goes_on_is_left_alone(old: StateDir) -> None:
    with running(old.path, "--duration", "600") as run:
        path = journals(old.path)[-1]
        os.utime(path, (time.time() - 10 * DAY_S,) * 2)
        found = vacuum(old, JournalSettings(keep_days=1, keep_recorded_days=1))
        assert path.stem not in found.removed
        assert "a run goes on" in found.database
        assert path.exists()
        run.kill()


def test_one_that_cannot_be_put_away_stays_as_it_was(
    old: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = journals(old.path)[0]
    data = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tradectl.journal.packed.os.fsync", full)
    found = vacuum(old, JournalSettings())
    assert found.packed == []
    assert "No space left" in found.problems[0]
    assert path.read_bytes() == data
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".")]


def test_a_packed_journal_that_was_damaged_or_cut_is_no_whole_one(old: StateDir) -> None:
    path = journals(old.path)[0]
    with JournalReader(path) as reader:
        whole = [record.seq for record in reader.records()]
    packed = pack(path)
    data = packed.read_bytes()
    with JournalReader(packed) as reader:
        assert [record.seq for record in reader.records()] == whole
    for changed in (
        data[: len(data) // 2],
        data[:-3],
        data[:200] + bytes([data[200] ^ 1]) + data[201:],
    ):
        packed.write_bytes(changed)
        with pytest.raises(JournalError), JournalReader(packed) as reader:
            for _ in reader.records():
                pass
