"""A disk that is full, or read-only: the run ends by itself and says why, and the latch still holds.

The disks are small ones in memory, mounted for the test; without the right to mount only what a limit
on the size of files can show is tested.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.command import (
    BUSY,
    Running,
    command,
    journals,
    running,
    tradectl,
)
from tests.fixtures.run_inputs import look
from tradectl.domain.events import OrderFilled
from tradectl.journal.reader import JournalReader

NO_ROOM = "No space left on device"


class Disk:
    """A file system in memory at `path`, `size` as `mount` takes it."""

    def __init__(self, path: Path, size: str) -> None:
        self.path = path
        self.state = path / "state"
        _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", path)

    def remount(self, option: str) -> None:
        _mount("-o", f"remount,{option}", self.path)

    def fill(self) -> None:
        """To the last byte."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass


def _mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    try:
        yield Disk(path, "1m")
    finally:
        subprocess.run(["umount", "-l", path], capture_output=True, check=False)


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    path = tmp_path / "busy.toml"
    path.write_text(BUSY)
    return path


def order_ids(lines: list[str]) -> Counter[str]:
    """How many fills of each order were printed."""
    return Counter(line.split("(")[-1].rstrip(")") for line in lines if " FILL " in line)


def sealed_fills(path: Path) -> list[OrderFilled]:
    with JournalReader(path) as journal:
        return [r.event for r in journal.records() if isinstance(r.event, OrderFilled)]


def check_it_failed_well(run: Running, why: str) -> None:
    """Ended by itself with one line; nothing was shown or stored that is not in the journal."""
    answer = run.end()
    assert answer.code == 1
    (path,) = journals(run.folder)
    assert answer.complaint() == f"tradectl: the journal {path} cannot be written: {why}"
    assert answer.out == ""
    journalled = sealed_fills(path)
    assert order_ids(run.lines) <= Counter(fill.order_id for fill in journalled)
    stored = {(row.order_id, row.trade_id) for row in look(run.folder).fills()}
    assert stored <= {(fill.order_id, fill.trade_id) for fill in journalled}
    assert command("replay", path, "--json").document()["verified"]


def check_it_goes_on(folder: Path) -> None:
    """The next run finds everything, and adds to it."""
    assert tradectl(folder, "run", "--headless", "--duration", 0.2).code == 0
    rows = [*look(folder).fills()]
    assert len(rows) == sum(len(sealed_fills(path)) for path in journals(folder)) > 0
    assert look(folder).status().consistency.ok


def test_a_disk_that_fills_ends_the_run_and_the_latch_still_holds(disk: Disk, busy: Path) -> None:
    with running(disk.state, "-c", busy) as run:
        check_it_failed_well(run, NO_ROOM)
    (disk.state / "reserve").unlink()  # else see below
    disk.fill()
    stop = tradectl(disk.state, "emergency-stop", "--flatten", "--json")
    receipt = json.loads(stop.out)
    assert (stop.code, receipt["latched"], receipt["confirmed"]) == (5, True, False)
    assert NO_ROOM in receipt["error"]
    assert receipt["open_orders_left"] or receipt["positions_left"]
    assert tradectl(disk.state, "run", "--headless", "--duration", 5).code == 6

    disk.remount("size=8m")
    again = tradectl(disk.state, "emergency-stop", "--flatten", "--json").document()
    assert (again["confirmed"], again["open_orders_left"], again["positions_left"]) == (
        True, [], [],
    )  # fmt: skip
    assert tradectl(disk.state, "run", "--headless", "--duration", 5).code == 6
    assert tradectl(disk.state, "clear-halt", "--confirm").code == 0
    check_it_goes_on(disk.state)


def test_on_a_full_disk_a_stop_has_the_room_that_was_kept_for_it(disk: Disk, busy: Path) -> None:
    with running(disk.state, "-c", busy) as run:
        run.line(" FILL ")
        disk.fill()
        stop = tradectl(disk.state, "emergency-stop", "--flatten", "--json").document()
        assert run.end().code != 0
    assert (stop["confirmed"], stop["open_orders_left"], stop["positions_left"]) == (True, [], [])
    assert tradectl(disk.state, "positions", "--json").document() == []
    for journal in journals(disk.state):
        assert command("replay", journal, "--json").document()["verified"]
    assert tradectl(disk.state, "run", "--headless", "--duration", 5).code == 6
    again = tradectl(disk.state, "emergency-stop", "--flatten", "--json").document()
    assert (again["confirmed"], again["positions_left"]) == (True, [])
    (disk.path / "filler").unlink()
    assert tradectl(disk.state, "clear-halt", "--confirm").code == 0
    check_it_goes_on(disk.state)


@pytest.mark.parametrize("known", [True, False], ids=["an account", "nothing yet"])
def test_without_room_to_start_there_is_one_clear_line(disk: Disk, known: bool) -> None:
    if known:
        assert tradectl(disk.state, "run", "--headless", "--duration", 0.2).code == 0
    disk.fill()
    before = journals(disk.state)
    answer = tradectl(disk.state, "run", "--headless", "--duration", 5)
    assert answer.code == 1
    assert f" {disk.state}/" in answer.complaint()
    assert any(why in answer.complaint() for why in (NO_ROOM, "disk is full", "disk I/O error"))
    (disk.path / "filler").unlink()
    assert journals(disk.state) == before
    assert tradectl(disk.state, "run", "--headless", "--duration", 0.2).code == 0


def test_a_read_only_disk_is_refused_and_the_latch_finds_another_place(disk: Disk) -> None:
    assert tradectl(disk.state, "run", "--headless", "--duration", 0.5).code == 0
    disk.remount("ro")
    answer = tradectl(disk.state, "run", "--headless", "--duration", 5)
    assert answer.code == 1
    assert "Read-only file system" in answer.complaint()
    stop = tradectl(disk.state, "emergency-stop", "--json")
    receipt = json.loads(stop.out)
    assert (stop.code, receipt["latched"], receipt["confirmed"]) == (5, True, False)
    assert "Read-only file system" in receipt["error"]
    assert tradectl(disk.state, "run", "--headless", "--duration", 5).code == 6
    assert "Read-only" in tradectl(disk.state, "clear-halt", "--confirm").complaint()

    disk.remount("rw")
    assert tradectl(disk.state, "run", "--headless", "--duration", 5).code == 6
    assert tradectl(disk.state, "clear-halt", "--confirm").code == 0
    assert tradectl(disk.state, "run", "--headless", "--duration", 0.2).code == 0


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_on_a_disk_that_takes_nothing_one_can_look(disk: Disk, how: str) -> None:
    run = tradectl(disk.state, "run", "--headless", "--duration", 0.5, "--json").document()
    if how == "full":
        disk.fill()
        assert tradectl(disk.state, "run", "--headless", "--duration", 5).code == 1
    else:
        disk.remount("ro")
    status = tradectl(disk.state, "status", "--json").document()
    assert (status["run_id"], status["state_hash"]) == (run["run_id"], run["state_hash"])
    assert [row["run_id"] for row in tradectl(disk.state, "runs", "--json").document()] == [
        run["run_id"]
    ]


def test_a_journal_that_may_not_grow_ends_the_run(tmp_path: Path, busy: Path) -> None:
    folder = tmp_path / "state"
    with running(folder, "-c", busy) as run:
        for _ in range(50):
            run.line(" FILL ")
        size = journals(folder)[0].stat().st_size
        resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (size, size))
        check_it_failed_well(run, "File too large")
    again = tradectl(folder, "run", "--headless", "--duration", 5)
    assert (again.code, "the journal could not be written" in again.complaint()) == (6, True)
    assert tradectl(folder, "emergency-stop", "--json").document()["confirmed"]
    assert tradectl(folder, "clear-halt", "--confirm").code == 0
    check_it_goes_on(folder)
