"""The latch holds: across processes, restarts, torn writes, full disks and read-only folders."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradectl.domain.errors import StateError
from tradectl.domain.states import TradingState
from tradectl.files.own import open_own
from tradectl.storage.latch import LONGEST_REASON, READ_EVERY_S, SIZE, HaltInMemory, HaltLatch

SPARES = "spares"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _spares_stay_in_the_test(tmp_path: Path) -> None:
    (tmp_path / SPARES).mkdir(mode=0o700)


def spares_of(path: Path) -> Path:
    """The test's own, which every latch of it shares."""
    folders = (folder / SPARES for folder in path.absolute().parents)
    return next(folder for folder in folders if folder.is_dir())


def latch_at(path: Path, *, look_up_every: float = 0.0) -> HaltLatch:
    return HaltLatch(path, places=[spares_of(path)], look_up_every=look_up_every)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "halt"


@pytest.fixture
def latch(path: Path) -> HaltLatch:
    latch = latch_at(path)
    latch.prepare()
    return latch


def spares(tmp_path: Path) -> list[Path]:
    return list((tmp_path / SPARES).iterdir())


def reason_of(latch: HaltLatch) -> str | None:
    held = latch.read()
    assert (latch.state() is not TradingState.RUNNING) is (held is not None)
    return held.reason if held is not None else None


def in_another_process(path: Path, code: str) -> subprocess.CompletedProcess[str]:
    program = f"""
        import sys
        from pathlib import Path
        from tradectl.domain.states import TradingState
        from tradectl.storage.latch import HaltLatch
        latch = HaltLatch(Path(sys.argv[1]), places=[Path({str(spares_of(path))!r})])
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program) + textwrap.dedent(code), str(path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )


# --- made ahead --------------------------------------------------------------------------------------


def test_it_is_made_ahead_blank_full_size_and_for_its_owner_only(
    latch: HaltLatch, path: Path
) -> None:
    assert path.read_bytes() == b" " * SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    assert reason_of(latch) is None


def test_preparing_again_keeps_a_latch_that_is_set(latch: HaltLatch) -> None:
    latch.set("fire")
    latch.prepare()
    assert reason_of(latch) == "fire"


@pytest.mark.parametrize("content", [b"", b"\n", b" " * 100])
def test_a_file_that_is_too_short_is_made_full_size(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    latch = latch_at(path)
    latch.prepare()
    assert path.stat().st_size == SIZE
    assert reason_of(latch) is None


def test_a_short_file_that_is_set_stays_set(path: Path) -> None:
    path.write_bytes(b"halted by hand")
    latch = latch_at(path)
    latch.prepare()
    assert latch.read() is not None
    assert latch.state() is not TradingState.RUNNING


def test_a_link_or_a_missing_folder_is_refused(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    for place in (path, tmp_path / "missing" / "halt"):
        with pytest.raises(StateError, match="cannot prepare the halt latch"):
            latch_at(place).prepare()
    assert not (tmp_path / "elsewhere").exists()


def test_a_latch_that_was_never_made_is_not_set_and_can_be_set(path: Path) -> None:
    latch = latch_at(path)
    assert reason_of(latch) is None
    latch.set("fire")
    assert reason_of(latch) == "fire"
    assert path.stat().st_size == SIZE


# --- set, read, clear --------------------------------------------------------------------------------


def test_what_was_set_is_read_with_its_reason_and_moment(latch: HaltLatch) -> None:
    state = latch.set("fire", TradingState.FLATTENING)
    assert latch.read() == state
    assert (state.reason, state.state) == ("fire", TradingState.FLATTENING)
    assert state.since.endswith("Z")


def test_the_first_reason_stays(latch: HaltLatch) -> None:
    first = latch.set("fire")
    assert latch.set("water") == first
    assert latch.read() == first


def test_only_an_operator_has_positions_closed_in_a_halt(latch: HaltLatch) -> None:
    first = latch.set("fire")
    assert latch.set("water", TradingState.FLATTENING) == latch.read() == first
    closing = latch.set("water", TradingState.FLATTENING, by_operator=True)
    assert latch.read() == closing
    assert (closing.reason, closing.since) == ("fire", first.since)
    assert closing.state is TradingState.FLATTENING
    assert latch.set("water", TradingState.REDUCING, by_operator=True) == closing


@pytest.mark.parametrize(
    ("word", "reason"), [("fire", "fire"), ("water", "water; before it: fire")]
)
def test_what_was_flattened_is_halted_for_the_reason_and_since_when_it_was(
    latch: HaltLatch, word: str, reason: str
) -> None:
    first = latch.set("fire", TradingState.FLATTENING)
    done = latch.set(word)
    assert (done.state, done.reason) == (TradingState.HALTED, reason)
    assert (done.since == first.since) is (word == "fire")


@pytest.mark.parametrize("again", [TradingState.FLATTENING, TradingState.HALTED])
def test_an_emergency_stop_of_what_is_being_flattened_has_both_reasons(
    latch: HaltLatch, path: Path, again: TradingState
) -> None:
    for one in (latch, HaltInMemory()):
        one.set("a loss", TradingState.REDUCING)
        one.set("a larger loss", TradingState.FLATTENING)
        for _ in range(2):
            stopped = one.set("fire", again, by_operator=True)
            assert stopped == one.read()
            both = "fire; before it: a larger loss; before it: a loss"
            assert (stopped.state, stopped.reason) == (again, both)
        assert one.set("fire").reason == both
    assert latch_at(path).read() == latch.read()


def test_it_can_be_cleared_and_set_again(latch: HaltLatch, path: Path) -> None:
    latch.set("fire")
    latch.clear()
    assert reason_of(latch) is None
    assert path.read_bytes() == b" " * SIZE
    latch.set("water")
    assert reason_of(latch) == "water"


def test_clearing_what_is_not_set_or_not_there_does_no_harm(latch: HaltLatch, path: Path) -> None:
    latch.clear()
    path.unlink()
    latch_at(path).clear()
    assert not path.exists()


@pytest.mark.parametrize("reason", ["", '"\\' * 400, "\u4ef7" * 900, "\x1b[31m\nred", "\udc80"])
def test_any_reason_fits_and_is_harmless(latch: HaltLatch, path: Path, reason: str) -> None:
    shown = latch.set(reason).reason
    assert shown.isprintable()
    assert len(shown) <= LONGEST_REASON
    assert path.stat().st_size == SIZE
    assert reason_of(latch) == shown


# --- other processes, restarts -----------------------------------------------------------------------


def test_a_stop_set_by_another_process_shows_at_once(latch: HaltLatch, path: Path) -> None:
    assert latch.state() is TradingState.RUNNING
    done = in_another_process(path, "latch.set('from outside', TradingState.FLATTENING)")
    assert done.returncode == 0, done.stderr
    assert latch.state() is not TradingState.RUNNING
    assert reason_of(latch) == "from outside"


def test_it_survives_a_restart(latch: HaltLatch, path: Path) -> None:
    latch.set("fire")
    assert reason_of(latch_at(path)) == "fire"


def test_a_relative_path_names_the_same_latch(
    latch: HaltLatch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch.set("fire")
    monkeypatch.chdir(path.parent)
    assert reason_of(latch_at(Path("halt"))) == "fire"


class Timepiece:
    """Moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def timepiece() -> Timepiece:
    return Timepiece()


@pytest.fixture
def timed(path: Path, timepiece: Timepiece) -> HaltLatch:
    """One whose time is the timepiece's, and which looks up its name as often as a real one."""
    latch = HaltLatch(path, places=[spares_of(path)], monotonic=timepiece.monotonic)
    latch.prepare()
    return latch


def test_a_stop_is_seen_a_millisecond_after_the_last_look_at_the_latest(
    timed: HaltLatch, path: Path, timepiece: Timepiece
) -> None:
    assert timed.state() is TradingState.RUNNING
    latch_at(path).set("fire")
    timepiece.now += READ_EVERY_S
    assert timed.state() is not TradingState.RUNNING


@pytest.mark.parametrize("how", ["replaced", "spare"])
def test_a_stop_in_another_file_is_seen_at_the_next_look_up(
    timed: HaltLatch, path: Path, timepiece: Timepiece, how: str
) -> None:
    assert timed.state() is TradingState.RUNNING
    latch_at(path.with_name("other")).set("fire")
    if how == "replaced":
        path.with_name("other").rename(path)
    else:
        path.with_name("other").rename(timed._spares[0])
    timepiece.now += 0.05
    assert timed.state() is not TradingState.RUNNING


def test_a_stop_that_was_seen_stays_until_the_next_look_up(
    timed: HaltLatch, path: Path, timepiece: Timepiece
) -> None:
    timed.set("fire")
    assert timed.state() is not TradingState.RUNNING
    latch_at(path).clear()
    timepiece.now += 0.04
    assert timed.state() is not TradingState.RUNNING
    timepiece.now += 0.02
    assert timed.state() is TradingState.RUNNING


# --- torn and strange contents -----------------------------------------------------------------------


def test_a_write_torn_at_any_byte_counts_as_set(latch: HaltLatch, path: Path) -> None:
    latch.set("fire")
    whole = path.read_bytes()
    for cut in range(1, len(whole.rstrip())):
        path.write_bytes(whole[:cut].ljust(SIZE))
        assert reason_of(latch_at(path)) == "the latch file is unreadable, which counts as set"


@pytest.mark.parametrize("content", [b"\0" * SIZE, b"\n" * SIZE, b" \n\0" * 500])
def test_nothing_but_blanks_counts_as_not_set(path: Path, content: bytes) -> None:
    path.write_bytes(content.ljust(SIZE))
    assert reason_of(latch_at(path)) is None


@pytest.mark.parametrize("content", [b"x", b"\xff", b"{}", b"null", b'{"reason":5}'])
def test_anything_else_counts_as_set(path: Path, content: bytes) -> None:
    path.write_bytes(content.ljust(SIZE))
    assert reason_of(latch_at(path)) == "the latch file is unreadable, which counts as set"


def test_a_torn_latch_can_be_cleared(path: Path) -> None:
    path.write_bytes(b'{"reason":"fi'.ljust(SIZE))
    latch = latch_at(path)
    latch.clear()
    assert reason_of(latch) is None


# --- where the file cannot be written ----------------------------------------------------------------


def test_where_its_folder_is_gone_the_spare_takes_its_place(tmp_path: Path) -> None:
    latch = latch_at(tmp_path / "gone" / "halt")
    latch.set("fire", TradingState.FLATTENING)
    (spare,) = spares(tmp_path)
    assert spare.stat().st_mode & 0o777 == 0o600
    for each in (latch, latch_at(tmp_path / "gone" / "halt")):
        held = each.read()
        assert each.state() is not TradingState.RUNNING
        assert held is not None
        assert (held.reason, held.state) == ("fire", TradingState.FLATTENING)


def test_the_spare_of_one_folder_does_not_stop_another(tmp_path: Path) -> None:
    latch_at(tmp_path / "gone" / "halt").set("fire")
    assert reason_of(latch_at(tmp_path / "other" / "halt")) is None


def test_clearing_clears_the_spare_too(tmp_path: Path) -> None:
    latch = latch_at(tmp_path / "gone" / "halt")
    latch.set("fire")
    latch.clear()
    assert spares(tmp_path) == []
    assert reason_of(latch) is None


def test_a_torn_spare_counts_as_set(tmp_path: Path) -> None:
    latch = latch_at(tmp_path / "gone" / "halt")
    latch.set("fire")
    spares(tmp_path)[0].write_bytes(b'{"rea')
    assert reason_of(latch) == "the latch file is unreadable, which counts as set"


def test_where_neither_can_be_written_both_are_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"gone/halt: No such file .*nowhere.*: No such file"):
        HaltLatch(tmp_path / "gone" / "halt", places=[tmp_path / "nowhere" / "here"]).set("fire")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB, where root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill_up(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (disk / "junk").write_bytes(b"x" * 1_000_000)


def test_on_a_full_disk_a_latch_made_ahead_is_set_in_its_place(
    small_disk: Path, tmp_path: Path
) -> None:
    latch = latch_at(small_disk / "halt")
    latch.prepare()
    fill_up(small_disk)
    latch.set("fire")
    assert reason_of(latch_at(small_disk / "halt")) == "fire"
    assert spares(tmp_path) == []
    latch.clear()
    assert reason_of(latch) is None


def test_on_a_full_disk_a_latch_not_made_ahead_still_stops(
    small_disk: Path, tmp_path: Path
) -> None:
    fill_up(small_disk)
    latch = latch_at(small_disk / "halt")
    latch.set("fire")
    assert reason_of(latch) == "fire"


def test_on_a_disk_turned_read_only_the_spare_takes_its_place(
    small_disk: Path, tmp_path: Path
) -> None:
    latch = latch_at(small_disk / "halt")
    latch.prepare()
    assert latch.state() is TradingState.RUNNING
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    latch.set("fire")
    assert reason_of(latch) == "fire"
    assert len(spares(tmp_path)) == 1
    with pytest.raises(StateError, match="cannot clear the halt latch"):
        latch.clear()
    assert reason_of(latch) == "fire"


# --- doubts: ways in which a set latch might let an order out ----------------------------------------


@pytest.mark.parametrize("how", ["deleted and set anew", "replaced"])
def test_a_latch_file_that_was_exchanged_is_noticed(latch: HaltLatch, path: Path, how: str) -> None:
    assert latch.state() is TradingState.RUNNING
    if how == "replaced":
        other = latch_at(path.with_name("other"))
        other.set("fire")
        path.with_name("other").rename(path)
    else:
        path.unlink()
        latch_at(path).set("fire")
    assert latch.read() is not None
    assert latch.state() is not TradingState.RUNNING


def test_a_torn_write_whose_first_byte_is_missing_counts_as_set_at_the_gate(path: Path) -> None:
    path.write_bytes((b"\0" * 512 + b'"since":"2026').ljust(SIZE))
    latch = latch_at(path)
    assert latch.read() is not None
    assert latch.state() is not TradingState.RUNNING


def test_a_latch_file_that_was_emptied_does_not_kill_the_process(
    latch: HaltLatch, path: Path
) -> None:
    done = in_another_process(
        path,
        """
        latch.state()
        open(sys.argv[1], "w").close()
        latch.state()
        """,
    )
    assert done.returncode == 0


def put(path: Path, what: str) -> None:
    """Something in the place of the file `path` that is no file of ours."""
    if what == "a folder":
        path.mkdir()
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "a link":
        path.symlink_to("/dev/zero")
    elif what == "a socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.fspath(path))
    else:
        path.write_bytes(b" " * (SIZE + 1))


ODD = ["a folder", "a pipe", "a link", "a socket", "a longer file"]


@pytest.mark.parametrize("what", ODD)
def test_whatever_is_in_its_place_counts_as_halted_until_it_is_set_or_cleared(
    path: Path, what: str
) -> None:
    put(path, what)
    latch = latch_at(path)
    held = latch.read()
    assert held is not None
    assert held.state is latch.state() is TradingState.HALTED
    closing = latch.set("water", TradingState.FLATTENING, by_operator=True)
    assert latch_at(path).read() == closing
    assert closing.state is TradingState.FLATTENING
    latch.clear()
    assert reason_of(latch_at(path)) is None
    assert path.read_bytes() == b" " * SIZE


@pytest.mark.parametrize("what", ODD[:-1])
def test_what_is_in_the_place_of_the_spare_and_no_file_of_ours_is_no_halt_and_is_told(
    latch: HaltLatch, tmp_path: Path, what: str
) -> None:
    spare = latch._spares[0]
    put(spare, what)
    assert reason_of(latch) is None
    (told,) = latch.foreign()
    assert told.startswith(f"{spare}: it is a")
    latch.set("fire")
    latch.clear()
    assert reason_of(latch) is None
    assert os.path.lexists(spare)


def test_a_spare_in_a_folder_that_others_can_write_is_no_halt_and_is_told(tmp_path: Path) -> None:
    latch = latch_at(tmp_path / "gone" / "halt")
    latch.set("fire")
    assert list(latch.foreign()) == []
    (tmp_path / SPARES).chmod(0o777)
    assert reason_of(latch_at(tmp_path / "gone" / "halt")) is None
    assert list(latch.foreign()) == [f"{latch._spares[0]}: others could have put it there"]
    with pytest.raises(StateError, match="others could have put it there"):
        latch_at(tmp_path / "gone" / "halt").set("water")


def test_each_place_that_takes_it_has_the_spare(tmp_path: Path) -> None:
    """Whoever sees one of them only is halted; cleared, it is in none."""
    places = [tmp_path / name / "private" for name in ("one", "missing", "two")]
    places[0].parent.mkdir()
    places[2].parent.mkdir()
    path = tmp_path / "gone" / "halt"
    HaltLatch(path, places=places).set("fire")
    assert [place.exists() for place in places] == [True, False, True]
    for place in (places[0], places[2]):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert reason_of(HaltLatch(path, places=[place])) == "fire"
    HaltLatch(path, places=places).clear()
    assert reason_of(HaltLatch(path, places=places)) is None


@pytest.mark.parametrize("state", [s for s in TradingState if s is not TradingState.RUNNING])
def test_it_carries_what_may_leave_and_lets_no_more_out_by_itself(
    latch: HaltLatch, path: Path, state: TradingState
) -> None:
    latch.set("fire", state)
    assert latch_at(path).state() is latch.state() is state
    assert latch.set("water", TradingState.PAUSED).state is state
    assert latch.set("earth").state is TradingState.HALTED


def test_the_closing_of_positions_is_added_in_the_spare_too(tmp_path: Path) -> None:
    latch = latch_at(tmp_path / "gone" / "halt")
    latch.set("fire")
    closing = latch.set("water", TradingState.FLATTENING, by_operator=True)
    assert closing.state is TradingState.FLATTENING
    assert latch.read() == closing
    assert latch.state() is TradingState.FLATTENING
    assert latch.set("earth").state is latch.state() is TradingState.HALTED


def test_a_halt_in_memory_hardens_as_the_latch_does_and_ends_with_its_run() -> None:
    switch = HaltInMemory(lambda: 0)
    assert (switch.read(), switch.state()) == (None, TradingState.RUNNING)
    first = switch.set("once", TradingState.REDUCING)
    assert (first.reason, first.since) == ("once", "1970-01-01T00:00:00.000000Z")
    assert switch.set("twice", TradingState.HALTED).state is TradingState.HALTED
    assert switch.set("softer", TradingState.REDUCING).state is TradingState.HALTED
    assert HaltInMemory().read() is None
    switch.clear()
    assert switch.state() is TradingState.RUNNING


def test_written_nowhere_it_holds_for_its_process_and_is_written_as_soon_as_it_can_be(
    tmp_path: Path,
) -> None:
    path, places = tmp_path / "gone" / "halt", [tmp_path / "nowhere" / "here"]
    latch = HaltLatch(path, places=places, look_up_every=0.0)
    for state in (TradingState.REDUCING, TradingState.HALTED, TradingState.HALTED):
        with pytest.raises(StateError):
            latch.set("fire", state)
        assert latch.state() is state
    assert HaltLatch(path, places=places).read() is None
    path.parent.mkdir()
    assert latch.set("fire") == HaltLatch(path, places=places).read() == latch.read()
    latch.clear()
    assert latch.state() is TradingState.RUNNING


# --- where the file is there and cannot be opened ----------------------------------------------------


def cannot_open(monkeypatch: pytest.MonkeyPatch, number: int, *paths: Path) -> None:
    """Those of `paths`, or any file at all."""

    def refused(path: Path, *flags: int) -> int:
        if not paths or path in paths:
            raise OSError(number, os.strerror(number))  # of the kind that belongs to the number
        return open_own(path, *flags)

    monkeypatch.setattr("tradectl.storage.latch.open_own", refused)


@pytest.mark.parametrize("by_operator", [True, False])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_a_halt_is_written_though_one_that_cannot_be_read_counts_already(
    latch: HaltLatch, path: Path, monkeypatch: pytest.MonkeyPatch, number: int, by_operator: bool
) -> None:
    """For it ends once that can be read again."""
    with monkeypatch.context() as broken:
        cannot_open(broken, number, path)
        assert latch.state() is TradingState.HALTED
        halt = latch.set("fire", by_operator=by_operator)
        assert latch.state() is TradingState.HALTED
    assert latch_at(path).read() == halt
    assert halt.reason.startswith("fire; before it: the latch file is unreadable")


def test_where_nothing_can_be_opened_it_is_said_and_holds_for_its_process(
    latch: HaltLatch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        cannot_open(broken, errno.EMFILE)
        with pytest.raises(StateError, match="cannot set the halt latch"):
            latch.set("fire")
    assert latch.state() is TradingState.HALTED
    assert latch_at(path).read() is None


def test_it_goes_before_what_a_spare_has(
    latch: HaltLatch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        cannot_open(broken, errno.EIO, path)
        for _ in range(3):
            latch.set("fire", TradingState.FLATTENING, by_operator=True)
        cannot_open(broken, errno.EACCES, path)
        closed = latch.set("done")
    assert closed.state is TradingState.HALTED
    assert latch_at(path).read() == closed


def test_what_was_put_aside_comes_back_where_nothing_could_be_written(
    path: Path, tmp_path: Path
) -> None:
    path.symlink_to("/dev/zero")
    latch = HaltLatch(path, places=[tmp_path / "nowhere" / "here"])
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("tradectl.storage.latch.os.pwrite", lambda *_: os.close(-1))
        with pytest.raises(StateError):
            latch.set("fire")
    assert latch_at(path).read() is not None
