"""A journal in parts is one journal: whoever reads it, from wherever, and whatever is put away of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from io import SEEK_END, SEEK_SET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.bus import note, tick
from tests.fixtures.journal import FOOTER, HEADER
from tradectl.config.settings import JournalSettings
from tradectl.domain.errors import JournalDamaged, JournalError, JournalFailed
from tradectl.domain.events import Record
from tradectl.domain.time import DAY, SECOND
from tradectl.journal.backwards import has_footer, newest_records
from tradectl.journal.groups import opened
from tradectl.journal.packed import pack, pack_part
from tradectl.journal.parts import last_written, length_of, parts_of
from tradectl.journal.reader import JournalReader
from tradectl.journal.writer import JournalWriter, PartLength, sync_file
from tradectl.operations.vacuum import vacuum
from tradectl.storage.directory import StateDir

NAME = "20260101T000000000-0001.jsonl"


def groups(count: int, days: int = 1) -> list[list[Record]]:
    """Of three records each, over so many days."""
    made: list[list[Record]] = []
    for n in range(count):
        at = DAY + n * days * DAY // count
        seq = 3 * n
        made.append(
            [
                Record(seq + 1, at, tick(10 + n)),
                Record(seq + 2, at, note("x" * (n % 50)), seq + 1),
                Record(seq + 3, at, note("b"), seq + 1),
            ]
        )
    return made


def write(path: Path, of: list[list[Record]], parts: PartLength, *, ends: bool = True) -> None:
    writer = JournalWriter(path, HEADER, parts=parts)
    for group in of:
        writer.append(group)
    writer.close(FOOTER if ends else None)


def read(path: Path) -> list[Record]:
    with JournalReader(path) as reader:
        return [*reader.records()]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    (tmp_path / "whole").mkdir()
    write(tmp_path / "whole" / NAME, groups(60), PartLength())
    return tmp_path / "whole" / NAME


@pytest.fixture
def parted(tmp_path: Path) -> Path:
    (tmp_path / "parted").mkdir()
    write(tmp_path / "parted" / NAME, groups(60), PartLength(2_000))
    return tmp_path / "parted" / NAME


def files(path: Path) -> list[Path]:
    return [part for _, part in parts_of(path)]


def is_the_same(path: Path, whole: Path) -> None:
    assert read(path) == read(whole)
    assert has_footer(path) == has_footer(whole)
    assert [*newest_records(path, 10**9, 10**9)] == [*newest_records(whole, 10**9, 10**9)]
    assert [*newest_records(path, 50, 3_000)] == [*newest_records(whole, 50, 3_000)]
    with JournalReader(whole) as one, JournalReader(path) as other:
        seals = []
        for group in one.groups():
            assert next(other_groups(other)) == group
            assert one.sealed == other.sealed
            seals.append(one.sealed)
    for seal in seals:
        assert seal is not None
        with JournalReader(path) as again:
            assert again.go_on_from(seal)
            assert [record.seq for record in again.records()][:1] in ([seal.last + 1], [])


def other_groups(reader: JournalReader) -> Iterator[list[Record]]:
    return reader.groups()


def test_parts_are_one_journal(whole: Path, parted: Path) -> None:
    assert len(files(parted)) > 5
    assert b"".join(part.read_bytes() for part in files(parted)) == whole.read_bytes()
    is_the_same(parted, whole)
    for part in files(parted)[1:-1:2]:
        pack_part(part)
    assert sum(part.name.endswith(".zst") for part in files(parted)) >= 2
    assert sum(map(length_of, files(parted))) == whole.stat().st_size
    is_the_same(parted, whole)
    packed = pack(parted)
    assert [path.name for path in parted.parent.iterdir()] == [packed.name]
    assert read(packed) == read(whole)


@given(st.integers(1, 5_000), st.integers(1, 20))
def test_wherever_a_part_begins_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, size: int, count: int
) -> None:
    path = tmp_path_factory.mktemp("parts") / NAME
    write(path, groups(count), PartLength(size))
    assert read(path) == [record for group in groups(count) for record in group]


def test_each_day_has_its_part(tmp_path: Path) -> None:
    write(tmp_path / NAME, groups(12, days=4), PartLength(daily=True))
    assert len(files(tmp_path / NAME)) == 4
    assert len(read(tmp_path / NAME)) == 36


def test_who_follows_a_run_goes_on_into_the_next_part(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / NAME, HEADER, parts=PartLength(500))
    seen: list[Record] = []
    with JournalReader(tmp_path / NAME) as reader:
        for group in groups(20):
            writer.append(group)
            seen += [record for some in reader.tail() for record in some]
            assert seen[-1].seq == group[-1].seq
        writer.close(FOOTER)
        assert [*reader.tail()] == []
        assert reader.footer is not None
    assert len(files(tmp_path / NAME)) > 5


def test_a_torn_tail_is_of_the_last_part_alone(parted: Path) -> None:
    last, known = files(parted)[-1], len(read(parted))
    data = last.read_bytes()
    for length in range(0, len(data), 7):
        last.write_bytes(data[:length])
        found = read(parted)
        assert 0 < len(found) <= known
        sync_file(parted)
    last.unlink()
    assert 0 < len(read(parted)) <= known


@pytest.mark.parametrize("which", [1, 2, -2])
def test_a_part_that_is_missing_or_changed_is_damage(parted: Path, which: int) -> None:
    part = files(parted)[which]
    data = part.read_bytes()
    part.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(JournalDamaged, match="damaged at record"):
        read(parted)
    part.write_bytes(data[:-10])
    with pytest.raises(JournalDamaged):
        read(parted)
    part.unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        read(parted)


def test_whoever_names_a_part_is_told_the_whole(parted: Path) -> None:
    for part in files(parted)[1:3]:
        with pytest.raises(JournalError, match=f"a later part of a journal: name {parted}$"):
            read(part)


def test_a_packed_part_that_was_cut_is_no_whole_one(parted: Path) -> None:
    packed = pack_part(files(parted)[2])
    data = packed.read_bytes()
    for length in (0, 3, 30, len(data) // 2, len(data) - 2):
        packed.write_bytes(data[:length])
        with pytest.raises(JournalError):
            read(parted)


def test_how_old_it_is_its_last_part_says(parted: Path) -> None:
    first, *others, last = files(parted)
    for part in (first, *others):
        os.utime(part, (1_000, 1_000))
    os.utime(last, (5_000, 5_000))
    assert last_written(parted) == 5_000 * SECOND
    assert pack(parted).stat().st_mtime == 5_000


def test_one_whose_last_part_is_new_is_not_removed_for_its_first(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.create()
    path = state.journals / NAME
    writer = JournalWriter(path, replace(HEADER, run_id=path.stem), parts=PartLength(2_000))
    for group in groups(20):
        writer.append(group)
    writer.close(FOOTER)
    parts = files(path)
    for part in parts[:-1]:
        os.utime(part, (1_000, 1_000))
    found = vacuum(state, JournalSettings(keep_days=30, pack_after_days=1))
    assert (found.removed, found.packed, found.problems) == ([], [], [])
    assert files(path) == parts
    os.utime(parts[-1], (1_000, 1_000))
    assert vacuum(state, JournalSettings(keep_days=30)).removed == [path.stem]
    assert [*state.journals.iterdir()] == []


@pytest.mark.parametrize("begun", [0, 1, 40, 170])
def test_one_that_is_put_away_while_it_is_read_is_read_to_its_end(
    whole: Path, parted: Path, begun: int
) -> None:
    with JournalReader(parted) as reader:
        records = reader.records()
        seen = [next(records) for _ in range(begun)]
        pack(parted)
        assert [*seen, *records] == read(whole)
        assert reader.footer is not None
        assert [*reader.tail()] == []


def test_one_that_is_removed_while_it_is_read_says_so(parted: Path) -> None:
    with JournalReader(parted) as reader:
        records = reader.records()
        next(records)
        for part in files(parted):
            part.unlink()
        with pytest.raises(JournalError, match="taken away while it was read"):
            list(records)


@pytest.mark.parametrize("whence", [SEEK_SET, SEEK_END])
def test_a_place_is_found_in_one_that_is_put_away_meanwhile(
    whole: Path, parted: Path, whence: int
) -> None:
    data, back = whole.read_bytes(), 700
    with opened(parted) as file:
        file.read(10)
        pack(parted)
        file.seek(-back if whence == SEEK_END else len(data) - back, whence)
        assert file.read(back) == data[-back:]


def test_one_that_cannot_be_begun_ends_the_journal(parted: Path, tmp_path: Path) -> None:
    """Something is in its place: it is not written over."""
    (tmp_path / files(parted)[2].name).write_text("mine")
    writer = JournalWriter(tmp_path / NAME, HEADER, parts=PartLength(2_000))

    def append_all() -> None:
        for group in groups(60):
            writer.append(group)

    with pytest.raises(JournalFailed, match="File exists"):
        append_all()
    assert (tmp_path / files(parted)[2].name).read_text() == "mine"
    with pytest.raises(JournalFailed):
        writer.close(FOOTER)


def test_one_that_is_put_away_while_the_power_goes_is_whole_all_the_same(
    parted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its files were taken away already."""
    known, count = read(parted), len(files(parted))
    unlink = Path.unlink
    for left in range(count, -1, -1):
        kept = [(part, part.read_bytes()) for part in files(parted)]
        taken = 0

        def interrupted(path: Path, *, missing_ok: bool = False, left: int = left) -> None:
            nonlocal taken
            if path.suffix == ".jsonl":
                if taken == left:
                    raise OSError(5, "the power is gone")
                taken += 1
            unlink(path, missing_ok=missing_ok)

        with monkeypatch.context() as patched, contextlib.suppress(OSError):
            patched.setattr(Path, "unlink", interrupted)
            pack(parted)
        counts = parted if parted.exists() else parted.with_name(f"{NAME}.zst")
        assert read(counts) == known
        for part, data in kept:
            part.write_bytes(data)
