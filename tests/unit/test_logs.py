"""The log: files that several processes share, a writer that never makes anybody wait, and what is read
back of them."""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.redaction import Redaction
from tradectl.domain.time import SECOND, iso
from tradectl.files.own import ForeignFile
from tradectl.logs import log_reader
from tradectl.logs.line_format import FORMATS, parsed
from tradectl.logs.log_reader import LogFilter, LogReader
from tradectl.logs.log_writer import LogWriter
from tradectl.logs.rotated_file import LOCK, NAME, RotatedFile, files_in
from tradectl.runtime.run_log import FromPython

RUN = "20261129T120000000-1a2b"
STOPPED_WITHIN_S = 60.0


def line(message: str, second: int = 0, **more: object) -> LogLine:
    about = {
        "time": iso(second * SECOND),
        "level": LogLevel.INFO,
        "component": "paper",
        "run_id": RUN,
        "seq": second,
        "order_ids": (),
        "message": message,
    }
    return LogLine(**about | more)  # type: ignore[arg-type]


def texts(folder: Path, wanted: LogFilter | None = None) -> list[str]:
    return [each.message for each in LogReader(folder, wanted or LogFilter()).lines()]


def written(folder: Path, *lines: LogLine, largest: int = 1 << 20, count: int = 3) -> None:
    file = RotatedFile(folder, largest, count)
    for each in lines:
        file.append(FORMATS["json"](each))
    file.close()


# --- a line --------------------------------------------------------------------------------------------

names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), max_size=9
)
messages = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


@given(
    st.builds(
        LogLine,
        st.just(iso(SECOND)),
        st.sampled_from(LogLevel),
        names,
        names,
        st.integers(0, 10**12),
        st.lists(names.filter(bool), max_size=2).map(tuple),
        messages,
    ),
    st.sampled_from(sorted(FORMATS)),
)
def test_a_line_reads_back_as_what_it_was(told: LogLine, spelling: str) -> None:
    spelled = FORMATS[spelling](told)
    assert spelled.count(b"\n") == 1
    assert spelled.endswith(b"\n")
    assert parsed(spelled) == told


@each_row("text", [b"", b"{", b'{"time":1}\n', b"2026 FATAL x run= seq= orders= m\n", b"\xff\n"])
def test_what_is_no_line_is_none(text: bytes) -> None:
    assert parsed(text) is None


# --- the files -----------------------------------------------------------------------------------------


def test_files_are_moved_on_by_size_and_no_more_are_kept_than_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    spelled = len(FORMATS["json"](line("line 10", 10)))
    written(folder, *(line(f"line {n}", n) for n in range(10, 35)), largest=5 * spelled)
    names = [path.name for path in files_in(folder)]
    assert names == [NAME, f"{NAME}.1", f"{NAME}.2"]
    assert texts(folder) == [f"line {n}" for n in range(20, 35)]
    assert all(path.stat().st_size <= 5 * spelled for path in files_in(folder))
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_fewer_files_than_before_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path, *(line(str(n)) for n in range(9)), largest=1, count=8)
    assert len(files_in(tmp_path)) == 8
    written(tmp_path, line("newest"), largest=1, count=2)
    assert texts(tmp_path) == ["8", "newest"]
    written(tmp_path, line("alone"), largest=1, count=1)
    assert texts(tmp_path) == ["alone"]


@given(st.lists(st.integers(0, 2), max_size=60))
def test_processes_that_share_the_files_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, turns: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    files = [RotatedFile(folder, 1_000, 1_000) for _ in range(3)]
    for number, turn in enumerate(turns):
        files[turn].append(FORMATS["json"](line(str(number))))
    for file in files:
        file.close()
    assert texts(folder) == [str(number) for number in range(len(turns))]


def test_whoever_is_stopped_while_it_moves_files_on_keeps_nobody_waiting(tmp_path: Path) -> None:
    written(tmp_path, line("before"))
    with (tmp_path / LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        written(tmp_path, line("meanwhile"), largest=1)
        assert len(files_in(tmp_path)) == 1
    (tmp_path / LOCK).chmod(0o600)
    written(tmp_path, line("after"), largest=1)
    assert [path.name for path in files_in(tmp_path)] == [NAME, f"{NAME}.1"]
    assert texts(tmp_path) == ["before", "meanwhile", "after"]


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    written(tmp_path, line("whole"))
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"time":"2026')
    written(tmp_path, line("next"))
    reader = LogReader(tmp_path, LogFilter())
    assert [each.message for each in reader.lines()] == ["whole", "next"]
    assert reader.unreadable == 1


def test_what_somebody_put_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    (tmp_path / NAME).symlink_to(elsewhere)
    with pytest.raises(ForeignFile, match="a link"):
        written(tmp_path, line("told"))
    assert elsewhere.read_text() == ""
    with pytest.raises(ForeignFile, match="a link"):
        texts(tmp_path)


def test_files_that_are_taken_away_are_made_anew(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "logs", 1_000, 3)
    file.append(FORMATS["json"](line("one")))
    (tmp_path / "logs" / NAME).unlink()
    (tmp_path / "logs").rmdir()
    file.append(FORMATS["json"](line("two")))
    file.close()
    assert texts(tmp_path / "logs") == ["two"]


# --- the writer ----------------------------------------------------------------------------------------


class FullDisk(RotatedFile):
    """One that fails as often as it is told to."""

    failures = 0

    def append(self, lines: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        super().append(lines)


def writer(file: RotatedFile, **more: object) -> LogWriter[LogLine]:
    return LogWriter(file, lambda told: told, now=lambda: SECOND, **more)  # type: ignore[arg-type]


def test_what_is_put_is_written_by_the_end(tmp_path: Path) -> None:
    told = writer(RotatedFile(tmp_path, 1 << 20, 3), spelling="text")
    told.put(line("before it is started"))
    told.start()
    for number in range(500):
        told.put(line(str(number)))
    told.stop(STOPPED_WITHIN_S)
    assert texts(tmp_path) == ["before it is started", *map(str, range(500))]
    assert (told.written, told.dropped) == (501, 0)


def test_what_does_not_fit_is_dropped_counted_and_said(tmp_path: Path) -> None:
    told = writer(RotatedFile(tmp_path, 1 << 20, 3), most=10)
    for number in range(1_234):
        told.put(line(str(number)))
    told._write_what_waits()
    told.put(line("later"))
    told._write_what_waits()
    missing = "1,224 lines are missing here: they came faster than they could be written"
    assert texts(tmp_path) == [missing, *map(str, range(10)), "later"]
    assert told.dropped == 1_224


def test_a_full_disk_is_told_of_once_and_when_it_is_over(tmp_path: Path) -> None:
    said: list[str] = []
    file = FullDisk(tmp_path, 1 << 20, 3)
    told = writer(file, on_failure=said.append, on_recovery=said.append)
    file.failures = 2
    for number in range(3):
        told.put(line(str(number)))
        told._write_what_waits()
    assert said == [
        "the log cannot be written: No space left on device",
        "the log is written again",
    ]
    assert [text.partition(" lines")[0] for text in texts(tmp_path)] == ["2", "2"]
    assert told.dropped == 2


def test_a_writer_whose_disk_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    goes_on = threading.Event()

    class Hanging(RotatedFile):
        def append(self, lines: bytes) -> None:
            goes_on.wait(STOPPED_WITHIN_S)

    told = writer(Hanging(tmp_path, 1, 1), most=5)
    told.start()
    for number in range(1_000):
        told.put(line(str(number)))
    told.stop(0.01)
    assert told.dropped >= 1_000 - 5 - 5
    goes_on.set()


def test_secrets_and_what_a_terminal_obeys_are_taken_out(tmp_path: Path) -> None:
    secret = "k3y-of-the-exchange"
    told = writer(RotatedFile(tmp_path, 1 << 20, 3), redaction=Redaction([secret]))
    told.put(line(f"refused: apiKey={secret}\x1b[2J\nsignature=abc", component="a\x1b[2Jb"))
    told.put(line("y" * 100_000))
    told._write_what_waits()
    text = (tmp_path / NAME).read_text()
    assert secret not in text
    assert "\\u001b" not in text
    first, second = LogReader(tmp_path, LogFilter()).lines()
    assert first.message == "refused: apiKey=*** signature=***"
    assert first.component == "a?[2Jb"
    assert len(second.message) == 1_000


def test_a_line_that_cannot_be_spelled_is_said(tmp_path: Path) -> None:
    def spell(told: LogLine) -> LogLine:
        raise KeyError("x")

    broken = LogWriter(RotatedFile(tmp_path, 1 << 20, 3), spell, now=lambda: SECOND)
    broken.put(line("one"))
    broken._write_what_waits()
    assert texts(tmp_path) == ["a line could not be spelled: KeyError: 'x'"]


def test_whoever_logs_by_python_is_not_failed_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[LogLevel, str]] = []
    ours = logging.getLogger("tradectl.of_a_test")
    monkeypatch.setattr(ours, "propagate", False)
    handler = FromPython(lambda level, _, said: told.append((level, said)))
    ours.addHandler(handler)
    try:
        ours.warning("%d", "no number")
        ours.log(logging.ERROR + 5, "a level of a user's own")
    finally:
        ours.removeHandler(handler)
    assert told == [(LogLevel.ERROR, "a level of a user's own")]


# --- what is read --------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    written(
        tmp_path,
        line("one", 1, run_id="20261128T000000000-aaaa", level=LogLevel.DEBUG),
        line("two", 2, component="risk", level=LogLevel.ERROR),
        line("three", 3, order_ids=("o-1", "V9")),
        line("four", 4, order_ids=("o-2",), level=LogLevel.CRITICAL),
        largest=400,
    )
    assert len(files_in(tmp_path)) > 1
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LogFilter(), ["one", "two", "three", "four"]),
        (LogFilter(run="20261129"), ["two", "three", "four"]),
        (LogFilter(least=LogLevel.ERROR), ["two", "four"]),
        (LogFilter(component="risk"), ["two"]),
        (LogFilter(order="o-1"), ["three"]),
        (LogFilter(order="V9"), ["three"]),
        (LogFilter(since=iso(3 * SECOND)), ["three", "four"]),
        (LogFilter(run="2026", component="paper", least=LogLevel.INFO, order="o-2"), ["four"]),
        (LogFilter(run="2027"), []),
    ],
)
def test_what_is_asked_for_is_read(log: Path, wanted: LogFilter, expected: list[str]) -> None:
    assert texts(log, wanted) == expected


def test_files_older_than_what_is_asked_for_are_not_read(log: Path) -> None:
    for path in files_in(log)[1:]:
        path.write_bytes(b"\xff" * 10)
        os.utime(path, (1, 1))
    reader = LogReader(log, LogFilter(since="2026-11-29T00:00:00.000000Z"))
    assert (list(reader.lines()), reader.unreadable) == ([], 0)


def test_there_may_be_no_log(tmp_path: Path) -> None:
    assert texts(tmp_path / "none") == []


def test_files_that_move_on_while_they_are_read_are_read_once(log: Path) -> None:
    reading = LogReader(log, LogFilter()).lines()
    first = next(reading).message
    written(log, line("five", 5), largest=1, count=10)
    assert [first, *(each.message for each in reading)] == ["one", "two", "three", "four"]


def test_a_file_that_is_just_being_moved_on_is_found_under_its_next_name(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [log / NAME, *files_in(log)[1:]]
    last = listed[-1].rename(log / f"{NAME}.{len(listed)}")
    monkeypatch.setattr(log_reader, "files_in", lambda _: [*listed, last])
    assert texts(log) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("how_often", [1, 1_000])
def test_files_that_move_on_while_they_are_opened_are_read_in_order(
    log: Path, monkeypatch: pytest.MonkeyPatch, how_often: int
) -> None:
    numbers, opened = iter(range(5, 5 + how_often)), log_reader._opened

    def meanwhile(path: Path) -> BinaryIO | None:
        found = opened(path)
        if path.name == NAME and (number := next(numbers, None)) is not None:
            for n in (2 * number, 2 * number + 1):  # twice, between the first and the second file
                written(log, line(f"late {n}", n), largest=1, count=10_000)
        return found

    monkeypatch.setattr(log_reader, "_opened", meanwhile)
    times = [each.time for each in LogReader(log, LogFilter()).lines()]
    assert times == sorted(times)
    assert (times[0] == line("one", 1).time) is (how_often == 1)  # else the oldest may be gone


def test_a_line_that_is_longer_than_any_hides_none_that_follow(tmp_path: Path) -> None:
    written(tmp_path, line("x" * 100_000), line("after it"))
    reader = LogReader(tmp_path, LogFilter())
    assert [each.message for each in reader.lines()] == ["after it"]
    assert reader.unreadable


def test_it_is_followed_over_files_that_move_on(log: Path) -> None:
    file, numbers = RotatedFile(log, 400, 1_000), itertools.count(5)

    def meanwhile(_: float) -> None:
        for number in itertools.islice(numbers, 5):
            file.append(FORMATS["json"](line(str(number), number)))

    followed: Iterator[LogLine] = LogReader(log, LogFilter()).follow(2, meanwhile)
    told = [each.message for each in itertools.islice(followed, 42)]
    assert told == ["three", "four", *map(str, range(5, 45))]
    file.close()


def test_a_log_that_begins_later_is_followed_from_its_first_line(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    followed = LogReader(folder, LogFilter()).follow(
        None, lambda _: written(folder, line("first"), line("second"))
    )
    assert [each.message for each in itertools.islice(followed, 2)] == ["first", "second"]
