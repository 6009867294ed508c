"""The journal's lines, and what a disk that refuses them leads to."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from tests.fixtures.bus import note
from tests.fixtures.journal import (
    FOOTER,
    GROUPS,
    HEADER,
    RECORDS,
    read_journal,
    write_journal,
)
from tradectl.domain.errors import JournalFailed
from tradectl.domain.events import Record
from tradectl.journal.groups import SEAL
from tradectl.journal.writer import Footer, JournalWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r1.jsonl"


# --- the file ----------------------------------------------------------------------------------------


def test_a_journal_is_one_json_object_a_line_in_sealed_groups(path: Path) -> None:
    lines = write_journal(path).splitlines()
    kinds = [next(iter(msgspec.json.decode(line))) for line in lines]
    assert kinds == [
        "header", "seal", "seq", "seq", "seal", "seq", "seal", "seq", "seal", "footer", "seal",
    ]  # fmt: skip


def test_a_seal_holds_a_checksum_of_each_kilobyte_and_a_chain_over_all_seals(path: Path) -> None:
    groups = [[Record(n, 1, note("w" * size)) for n, size in enumerate((5, 3_000, 7), 1)]]
    chain, group = 0, b""
    for line in write_journal(path, groups).splitlines(keepends=True):
        if not line.startswith(SEAL):
            group += line
            continue
        seal = msgspec.json.decode(line)["seal"]
        blocks = [group[at : at + 1024] for at in range(0, len(group), 1024)]
        packed = b"".join(crc32(block).to_bytes(4, "big") for block in blocks)
        chain = crc32(f"{seal['last']}:".encode() + packed, chain)
        assert (seal["blocks"], seal["chain"]) == (packed.hex(), f"{chain:08x}")
        group = b""
    assert group == b""


def test_the_header_survives_a_crash_right_after_the_start(path: Path) -> None:
    JournalWriter(path, HEADER)
    assert read_journal(path).header == HEADER


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    write_journal(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_never_written_over(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(JournalFailed, match=r"cannot create the journal .*: File exists"):
        JournalWriter(path, HEADER)
    assert path.read_text() == "precious"


def test_a_link_planted_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalFailed, match="File exists"):
        JournalWriter(path, HEADER)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="No such file or directory"):
        JournalWriter(tmp_path / "missing" / "r1.jsonl", HEADER)


def test_the_writer_counts_its_bytes_and_knows_its_last_record(path: Path) -> None:
    writer = JournalWriter(path, HEADER)
    for group in GROUPS:
        writer.append(group)
        assert writer.last_seq == group[-1].seq
        assert writer.bytes_written == path.stat().st_size
    writer.close(None)


def test_a_crash_leaves_no_footer_and_a_clean_end_does(path: Path, tmp_path: Path) -> None:
    write_journal(path, footer=None)
    assert (read_journal(path).footer, read_journal(path).torn) == (None, False)
    write_journal(tmp_path / "clean")
    assert read_journal(tmp_path / "clean").footer == FOOTER


@pytest.mark.parametrize("text", ["line\nbreak", "\u2028", '"quoted"', "\x00", '\t{"seal":{}}'])
def test_no_text_breaks_a_line_or_passes_for_a_seal(path: Path, text: str) -> None:
    record = Record(1, 0, note(text))
    write_journal(path, [[record]], None)
    assert read_journal(path).records == [record]


# --- short writes and failures -----------------------------------------------------------------------


def test_a_short_write_is_noticed_and_the_rest_follows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, bytes(data[:7])))
    content = write_journal(path)
    monkeypatch.undo()
    other = path.with_name("other")
    assert content == write_journal(other)
    assert read_journal(path).records == RECORDS


def test_one_failed_sync_ends_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later success would prove nothing: the kernel may have dropped the pages meanwhile."""

    def refuses(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = JournalWriter(path, HEADER, strict=True)
    writer.append(GROUPS[0])
    monkeypatch.setattr(os, "fdatasync", refuses)
    with pytest.raises(JournalFailed, match="Input/output error"):
        writer.sync()
    monkeypatch.undo()
    size = path.stat().st_size
    for call in (writer.sync, lambda: writer.append(GROUPS[1]), lambda: writer.close(FOOTER)):
        with pytest.raises(JournalFailed, match="Input/output error"):
            call()
    assert path.stat().st_size == size


def test_a_closed_journal_takes_nothing_more(path: Path) -> None:
    writer = JournalWriter(path, HEADER)
    writer.close(None)
    with pytest.raises(JournalFailed, match="it is closed"):
        writer.append(GROUPS[0])
    with pytest.raises(JournalFailed, match="it is closed"):
        writer.sync()


def test_closing_twice_does_no_harm(path: Path) -> None:
    """By then the number may belong to somebody else's file."""
    writer = JournalWriter(path, HEADER)
    writer.close(None)
    writer.close(None)


def test_an_event_that_cannot_be_encoded_is_a_failure_of_the_journal(path: Path) -> None:
    writer = JournalWriter(path, HEADER)
    try:
        with pytest.raises(JournalFailed):
            writer.append([Record(1, 0, note("\udc80"))])
    finally:
        writer.close(None)


ON_A_FULL_DISK = textwrap.dedent("""
    import resource, sys
    from pathlib import Path
    from tests.fixtures.journal import FOOTER, GROUPS, HEADER
    from tradectl.journal.writer import JournalWriter
    from tradectl.domain.errors import JournalFailed

    path, limit = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    refused = []
    try:
        writer = JournalWriter(path, HEADER)
        for group in GROUPS:
            try:
                writer.append(group)
            except JournalFailed as error:
                refused.append(group[0].seq)
                assert "File too large" in str(error), error
        writer.close(FOOTER)
    except JournalFailed as error:
        assert "File too large" in str(error), error
        refused.append("end")
    print(refused)
""")


@pytest.mark.parametrize(
    ("limit", "refused", "kept"),
    [
        ("header", "['end']", None),
        ("first group", "[1, 3, 4, 'end']", 0),
        ("second group", "[3, 4, 'end']", 2),
        ("footer", "['end']", 4),
    ],
)
def test_a_disk_that_fills_up_ends_the_journal_and_leaves_a_whole_prefix(
    path: Path, tmp_path: Path, limit: str, refused: str, kept: int | None
) -> None:
    """The limit falls into the middle of a write, so a short one comes first, then the refusal."""
    lines = write_journal(tmp_path / "whole").splitlines(keepends=True)
    until = {"header": 0, "first group": 2, "second group": 5, "footer": 9}[limit]
    size = sum(map(len, lines[:until])) + 20
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(path), str(size)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == refused
    assert path.stat().st_size == size
    if kept is not None:
        told = read_journal(path)
        assert (told.records, told.torn, told.footer) == (RECORDS[:kept], True, None)


def test_the_footer_of_a_run_without_records_is_read_back(path: Path) -> None:
    empty = Footer("2026-01-01T00:00:01.000000Z", "stopped", 0, "hash")
    write_journal(path, [], empty)
    assert read_journal(path).footer == empty
