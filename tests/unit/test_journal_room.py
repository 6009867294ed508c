"""A journal's room on the disk, its lock, and its end: what others can tell of it from outside."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.fixtures.journal import FOOTER, HEADER, write_journal
from tradectl.domain.errors import JournalFailed
from tradectl.journal.backwards import has_footer
from tradectl.journal.event_log import FileEventLog
from tradectl.journal.reserve import SHARE, SIZE, Reserve
from tradectl.journal.run_lock import RunLock, goes_on


def test_the_reserve_is_its_owners_and_takes_real_room(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    Reserve(path).make()
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_size <= SIZE
    assert found.st_blocks * 512 >= found.st_size > 0


def test_on_a_small_disk_it_leaves_most_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = os.statvfs(tmp_path)
    small = os.statvfs_result((4096, 4096, 100, 100, 100, *free[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _: small)
    Reserve(tmp_path / "reserve").make()
    assert (tmp_path / "reserve").stat().st_size == 100 * 4096 // SHARE


def test_what_was_kept_stays_when_the_disk_has_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = Reserve(tmp_path / "reserve")
    reserve.make()
    size = (tmp_path / "reserve").stat().st_size
    full = os.statvfs_result((4096, 4096, 100, 0, 0, *os.statvfs(tmp_path)[5:]))
    monkeypatch.setattr(os, "fstatvfs", lambda _: full)
    reserve.make()
    assert (tmp_path / "reserve").stat().st_size == size
    reserve.give_back()
    reserve.give_back()
    assert not (tmp_path / "reserve").exists()


def test_where_nothing_can_be_made_it_is_no_reason_not_to_trade(tmp_path: Path) -> None:
    Reserve(tmp_path / "nowhere" / "reserve").make()
    (tmp_path / "reserve").symlink_to(tmp_path / "elsewhere")
    Reserve(tmp_path / "reserve").make()
    assert not (tmp_path / "elsewhere").exists()


def test_a_run_goes_on_for_as_long_as_its_journal_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert not goes_on(path)
    path.touch()
    assert not goes_on(path)
    lock = RunLock(path)
    assert goes_on(path)
    assert goes_on(path)
    lock.release()
    lock.release()
    assert not goes_on(path)


def test_a_log_that_cannot_be_begun_leaves_no_file_and_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    write_journal(path)
    whole = path.read_bytes()
    with pytest.raises(JournalFailed, match="cannot create"):
        FileEventLog(path, HEADER)
    assert path.read_bytes() == whole
    path.unlink()

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalFailed, match="No space left"):
        FileEventLog(path, HEADER)
    assert not path.exists()


def test_the_end_of_a_journal_is_told_by_its_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert not has_footer(path)
    write_journal(path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert has_footer(path)
    for left in range(len(lines)):
        path.write_bytes(b"".join(lines[:left]))
        assert not has_footer(path)
    write_journal(tmp_path / "empty", [], FOOTER)
    assert has_footer(tmp_path / "empty")
