"""An event log is appended to, read, and followed while it grows; `FileEventLog` is the one there is."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fixtures.journal import FOOTER, GROUPS, HEADER
from tradectl.domain.errors import JournalFailed
from tradectl.domain.events import Record
from tradectl.domain.sealed import Sealed
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import EventLog, FileEventLog, LogReader
from tradectl.journal.reader import NotBegun

LOGS: dict[str, Callable[[Path], EventLog]] = {
    "file": lambda folder: FileEventLog(folder / "r.jsonl", HEADER),
    "strict file": lambda folder: FileEventLog(folder / "r.jsonl", HEADER, strict=True),
}


@pytest.fixture(params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> EventLog:
    return LOGS[request.param](tmp_path)


@pytest.mark.parametrize("appended", range(len(GROUPS) + 1))
@pytest.mark.parametrize("put_away", [False, True])
def test_a_log_is_read_on_from_where_it_was_sealed(
    tmp_path: Path, appended: int, put_away: bool
) -> None:
    path = tmp_path / "r.jsonl"
    log, places = FileEventLog(path, HEADER), []
    for group in GROUPS:
        places.append(log.sealed)
        log.append(group)
    places.append(log.sealed)
    log.close(FOOTER)
    if put_away:
        path.write_bytes(gzip.compress(path.read_bytes()))
    place = places[appended]
    assert place is not None
    with read_log(path) as reader:
        assert reader.go_on_from(place)
        assert reader.position == place.last
        assert list(reader.groups()) == GROUPS[appended:]
        assert reader.footer == FOOTER
        assert reader.sealed == log.sealed


@pytest.mark.parametrize(
    "other",
    [
        lambda place: replace(place, at=place.at + 1),
        lambda place: replace(place, at=place.at - 9),
        lambda place: replace(place, at=0),
        lambda place: replace(place, at=10**9),
        lambda place: replace(place, last=place.last + 1),
        lambda place: replace(place, chain="00000000"),
    ],
    ids=["beside", "before", "the header", "behind its end", "another record", "another chain"],
)
def test_a_place_that_is_no_seal_of_the_log_passes_nothing_over(
    tmp_path: Path, other: Callable[[Sealed], Sealed]
) -> None:
    log = FileEventLog(tmp_path / "r.jsonl", HEADER)
    log.append(GROUPS[0])
    place = log.sealed
    assert place is not None
    log.append(GROUPS[1])
    with log.read() as reader:
        assert not reader.go_on_from(other(place))
        assert list(reader.groups()) == GROUPS[:2]


def test_what_was_appended_is_read_in_its_groups(log: EventLog) -> None:
    assert log.position == 0
    for group in GROUPS:
        log.append(group)
    log.sync()
    assert log.position == 4
    assert log.size > 0
    log.close(FOOTER)
    with log.read() as reader:
        assert (reader.header, reader.footer) == (HEADER, None)
        assert list(reader.groups()) == GROUPS
        assert (reader.position, reader.footer, reader.torn) == (4, FOOTER, False)
    with pytest.raises(JournalFailed, match="closed"):
        log.append(GROUPS[0])


def test_a_follower_gets_what_is_new_since_it_asked_last(log: EventLog) -> None:
    with log.read() as follower:
        assert new_in(follower) == []
        log.append(GROUPS[0])
        assert new_in(follower) == [GROUPS[0]]
        assert new_in(follower) == []
        log.append(GROUPS[1])
        log.append(GROUPS[2])
        assert new_in(follower) == GROUPS[1:]
        assert (follower.position, follower.footer) == (4, None)
        log.close(FOOTER)
        assert new_in(follower) == []
        assert follower.footer == FOOTER


def test_a_follower_can_begin_in_the_middle(log: EventLog) -> None:
    log.append(GROUPS[0])
    with log.read() as follower:
        assert list(follower.groups(after=2)) == []
        log.append(GROUPS[1])
        assert new_in(follower) == [GROUPS[1]]
    log.close(None)


def test_a_follower_of_a_file_waits_for_the_rest_of_a_group(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    written = FileEventLog(whole, HEADER)
    begun = written.size
    for group in GROUPS:
        written.append(group)
    written.close(FOOTER)
    content = whole.read_bytes()
    part.write_bytes(content[:begun])
    got: list[Record] = []
    with read_log(part) as follower:
        for cut in range(begun, len(content) + 1):
            part.write_bytes(content[:cut])
            got += [record for group in follower.tail() for record in group]
        assert follower.footer == FOOTER
        assert not follower.torn
    assert got == [record for group in GROUPS for record in group]


def test_a_log_without_a_header_has_not_begun(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'{"header":')
    with pytest.raises(NotBegun):
        read_log(tmp_path / "r.jsonl")


def new_in(follower: LogReader) -> list[list[Record]]:
    return list(follower.tail())
