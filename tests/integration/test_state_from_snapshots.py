"""`state` at any point of a run is the same from the nearest snapshot as from the beginning; and long
journals tell how far they have been read."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from tests.fixtures.command import journals
from tradectl.cli.panel.progress import ReadingProgress, reading_shown
from tradectl.config.settings import Settings
from tradectl.domain.time import iso
from tradectl.explain.state_at import Point, state_at
from tradectl.feeds.whole_log import read_log
from tradectl.journal.reading import heard_by, hearing
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir

pytestmark = pytest.mark.virtual_time(lasting=3600.0)


class Nobody:
    async def start(self, run: object) -> None: ...

    async def stop(self) -> None: ...


class Heard:
    """Where each reading began."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self._is_read = False

    def read(self, path: Path, position: int, records: int) -> None:
        if not self._is_read:
            self.began.append(records)
        self._is_read = True

    def over(self, path: Path) -> None:
        self._is_read = False


async def test_it_is_folded_from_the_nearest_one(tmp_path: Path) -> None:
    folder = StateDir(tmp_path / "state")
    await trade(RunOptions(settings=Settings(), state_dir=folder, duration=125.0), Nobody())
    (path,) = journals(tmp_path / "state")
    with read_log(path) as log:
        records = [(record.seq, record.at) for record in log.records()]
    chosen = [records[part * (len(records) - 1) // 4] for part in range(5)]
    points: list[Point | None] = [None]
    points += [seq for seq, _ in chosen]
    points += [iso(at) for _, at in chosen[1::2]]
    late = 0
    for point in points:
        heard = Heard()
        with heard_by(heard):
            found = state_at(path, point, folder)
        assert msgspec.to_builtins(found) == msgspec.to_builtins(state_at(path, point))
        late += heard.began[-1] > len(records) // 5
    assert late > len(points) // 2


def test_how_far_journals_are_read_is_written_over_and_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, shown = tmp_path / "a", io.StringIO()
    file.write_bytes(b"x" * 200)
    monkeypatch.setattr("tradectl.cli.panel.progress.ON_TERMINAL_S", 0.0)
    monkeypatch.setattr("sys.stderr", shown)
    reading = ReadingProgress()
    reading.read(file, 50, 1_234)
    assert shown.getvalue() == "\r 25%  1,234 records read\x1b[K"
    reading.over(file)
    assert shown.getvalue().endswith("\r\x1b[K")
    written = shown.tell()
    with reading_shown():  # nobody looks on
        assert hearing() is None
    assert shown.tell() == written
