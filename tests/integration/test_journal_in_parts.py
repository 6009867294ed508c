"""A run whose journal has many parts: replayed, recovered, asked, saved and put away like any other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.command import BUSY, journals, running, tradectl, wait_until
from tests.fixtures.run_inputs import private, replayed
from tradectl.config.settings import JournalSettings
from tradectl.journal.parts import parts_of
from tradectl.operations.backup import back_up
from tradectl.operations.restore import restore
from tradectl.operations.vacuum import vacuum
from tradectl.recovery.recovery import recover
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

PARTED = BUSY.replace("[risk]", "journal.part_mb = 0.02\n[risk]", 1)
LONG_AGO = time.time() - 10 * 86_400


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """An account whose run was killed in its tenth part or so, saved while it went on and after it."""
    folder = tmp_path_factory.mktemp("parted")
    state = folder / "state"
    config = private(folder / "busy.toml", PARTED)
    with running(state, "-c", config) as run:
        wait_until(lambda: journals(state) and len([*parts_of(first(state))]) > 6)
        back_up(StateDir(state), folder / "meanwhile.tar.gz")
        for _, part in [*parts_of(first(state))][1:-1]:
            os.utime(part, (LONG_AGO, LONG_AGO))
        packed = vacuum(StateDir(state), JournalSettings()).packed
        assert len(packed) >= 3
        run.kill()
    back_up(StateDir(state), folder / "killed.tar.gz")
    return (yield folder, config)


def first(state: Path) -> Path:
    return next(path for path in journals(state) if path.name.count(".") == 1)


@pytest.mark.parametrize("name", ["meanwhile.tar.gz", "killed.tar.gz"])
def test_it_is_one_journal_for_everybody(
    killed: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    folder, config = killed
    state = tmp_path / "state"
    found = restore(folder / name, StateDir(state))
    recovered = recover(StateDir(state))
    assert recovered is not None
    assert [each.state_hash for each in found.accounts] == [recovered.state_hash]
    path = first(state)
    report = tradectl(state, "replay", path, "--json").document()
    assert report["verified"]
    assert report["events"] == recovered.last_seq
    assert ["no footer" in note for note in report["notes"]] == [True]
    order = tradectl(state, "orders", "--json").document()[-1]["order_id"]
    assert order in tradectl(state, "why", order).out
    assert tradectl(state, "run", "--headless", "--duration", "0.5", "-c", config).code == 0
    account = tradectl(state, "status", "--json").document()["portfolio"]
    pnl = tradectl(state, "pnl", "--json").document()
    assert float(pnl["total"]["fees"]) == float(account["fees"])
    assert len(StateReader(state / "state.db").run_ids()) == 2
    assert replayed(state).verified


def test_a_part_that_is_gone_is_no_fresh_account(killed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, config = killed
    state = tmp_path / "state"
    restore(folder / "killed.tar.gz", StateDir(state))
    parts = [part for _, part in parts_of(first(state))]
    for part in (parts[3], parts[-1]):
        data = part.read_bytes()
        part.unlink()
        refused = tradectl(state, "replay", parts[0])
        again = tradectl(state, "run", "--headless", "--duration", "0.5", "-c", config)
        assert again.code == 1, part
        assert "put" in again.complaint() or "damaged" in again.complaint()
        if part is parts[3]:
            assert "missing" in refused.complaint()
        part.write_bytes(data)
    assert tradectl(state, "run", "--headless", "--duration", "0.5", "-c", config).code == 0
