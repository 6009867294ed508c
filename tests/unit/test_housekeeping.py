"""Journals are put away by their own account's settings, by one at a time, not while they are saved."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.journal import FOOTER, GROUPS, HEADER
from tradectl.config.settings import JournalSettings
from tradectl.domain.errors import StateError
from tradectl.journal import packed
from tradectl.journal.packed import pack
from tradectl.journal.writer import JournalWriter
from tradectl.operations import backup
from tradectl.operations.backup import back_up
from tradectl.operations.vacuum import settings_of_last, vacuum
from tradectl.storage.directory import StateDir

TEN_DAYS_AGO = time.time() - 10 * 86_400


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.create()
    return made


def ended(state: StateDir, day: int, account: str, **journal: object) -> Path:
    """A run of the account, by such settings, ten days old."""
    path = state.journals / f"202601{day:02d}T000000000-0001.jsonl"
    config: dict[str, Any] = {"journal": journal}
    writer = JournalWriter(path, replace(HEADER, run_id=path.stem, account=account, config=config))
    for group in GROUPS:
        writer.append(group)
    writer.close(FOOTER)
    os.utime(path, (TEN_DAYS_AGO, TEN_DAYS_AGO))
    return path


def test_each_account_goes_by_the_settings_of_its_own_last_run(state: StateDir) -> None:
    live = ended(state, 1, "live", keep_days=5), ended(state, 2, "live")
    paper = ended(state, 3, "paper"), ended(state, 4, "paper", keep_days=5)
    found = settings_of_last(state)
    assert [*found] == ["paper", "live"]
    assert [each.keep_days for each in found.values()] == [5, None]
    done = vacuum(state, found["paper"], found)
    assert done.removed == [paper[0].stem]
    assert [each.run_id for each in done.packed] == [live[0].stem]
    assert {path.name for path in state.journals.iterdir()} == {
        f"{live[0].name}.zst", live[1].name, paper[1].name
    }  # fmt: skip


def is_free(state: StateDir, lock: int) -> bool:
    fd = os.open(state.journals, os.O_RDONLY)
    try:
        fcntl.flock(fd, lock | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def test_nothing_is_moved_while_a_backup_reads_it_nor_twice_at_once(
    state: StateDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(state, 1, "r1")
    free: list[tuple[bool, bool]] = []

    def looked(*_: object) -> None:
        free.append((is_free(state, fcntl.LOCK_SH), is_free(state, fcntl.LOCK_EX)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_copy", looked)
    monkeypatch.setattr(backup, "Hashing", looked)
    with pytest.raises(StateError, match="No space left"):
        back_up(state, tmp_path / "saved.tar.gz")
    monkeypatch.setattr("tradectl.journal.packed.os.fsync", looked)
    assert "No space left" in vacuum(state, JournalSettings()).problems[0]
    assert free == [(True, False), (False, False)]
    assert is_free(state, fcntl.LOCK_EX)


def test_what_cannot_be_read_is_not_the_fault_of_where_the_backup_goes(
    state: StateDir, tmp_path: Path
) -> None:
    state.backtests.mkdir()
    (state.backtests / "a.json").symlink_to(tmp_path)
    with pytest.raises(StateError, match=r"^cannot read .*a\.json: it is a link, not a file$"):
        back_up(state, tmp_path / "saved.tar.gz")


def test_one_that_somebody_else_puts_away_meanwhile_is_put_away(
    state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow = ended(state, 1, "r1"), packed._packed

    def overtaken(*words: Any) -> bytes:
        monkeypatch.setattr(packed, "_packed", slow)
        pack(path)
        return slow(*words)

    monkeypatch.setattr(packed, "_packed", overtaken)
    assert pack(path).exists()
    assert not path.exists()


def test_what_the_compressor_says_is_a_problem_of_that_journal(
    state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ended(state, 1, "r1")
    monkeypatch.setattr(packed, "length_of", lambda _: 10**6)
    assert "cannot be compressed" in vacuum(state, JournalSettings()).problems[0]
    assert path.exists()


def in_parts(state: StateDir) -> list[Path]:
    """A run ten days old in three of them, and one after it."""
    path = ended(state, 1, "paper")
    ended(state, 2, "paper")
    parts = [path]
    for start in (path.stat().st_size, path.stat().st_size + 7):
        part = path.with_name(f"{path.stem}.{start}.jsonl")
        part.write_text("{}later")
        os.utime(part, (TEN_DAYS_AGO, TEN_DAYS_AGO))
        parts.append(part)
    return parts


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_removal_that_is_killed_between_two_parts_is_finished_by_the_next(
    state: StateDir, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    first, *_ = in_parts(state)
    unlinked: list[Path] = []
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if len(unlinked) == after:
            raise Killed
        unlinked.append(path)
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            vacuum(state, JournalSettings(keep_days=5))
    assert not first.exists()
    assert first.stem not in state.all_journals()
    again = vacuum(state, JournalSettings(keep_days=5))
    assert again.problems == []
    assert [path.name for path in state.journals.iterdir()] == ["20260102T000000000-0001.jsonl"]


def test_parts_whose_beginning_is_lost_are_named_and_stay(state: StateDir) -> None:
    first, *later = in_parts(state)
    first.unlink()
    (problem,) = vacuum(state, JournalSettings(keep_days=5)).problems
    assert f"{first.stem}: its journal has lost its first part, and 2 later parts stay" in problem
    assert all(part.exists() for part in later)
