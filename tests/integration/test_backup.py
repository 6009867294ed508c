"""A backup is a whole account, proven: made while a run writes, it comes back elsewhere, paused."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import (
    BUSY,
    journals,
    records_of,
    running,
    tradectl,
    wait_until,
)
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.run_inputs import Character, private, replayed
from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.events import Command, CommandReceived, OrderFilled, OrderInitialized
from tradectl.domain.money import Side
from tradectl.files.places import private_home
from tradectl.journal.packed import pack
from tradectl.journal.signing_keys import VARIABLE
from tradectl.operations.backup import back_up
from tradectl.operations.restore import restore
from tradectl.recovery.recovery import recover
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

LOT = Decimal("0.00001")
SECRET = "of somebody else, and nobody can guess it"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """An account that traded, with one backup of it made meanwhile and one of its end."""
    folder = tmp_path_factory.mktemp("saved")
    state = folder / "state"
    config = private(folder / "busy.toml", BUSY)
    with running(state, "-c", config, "--seed", "1") as run:
        reader = StateReader(state / "state.db")
        wait_until(lambda: (found := reader.last_run()) is not None and found.run_fills > 20)
        answer = tradectl(state, "backup", folder / "meanwhile.tar.gz", "--json").document()
        assert [each["kind"] for each in answer["accounts"]] == ["paper"]
        wait_until(lambda: (journals(state)[0]).stat().st_size > 2 * answer["size"])
        run.kill()
    back_up(StateDir(state), folder / "end.tar.gz")
    return (yield state, folder)


def put_back(saved: tuple[Path, Path], tmp_path: Path, name: str) -> StateDir:
    target = StateDir(tmp_path / "elsewhere")
    restore(saved[1] / name, target)
    return target


@pytest.mark.parametrize("name", ["meanwhile.tar.gz", "end.tar.gz"])
def test_what_comes_back_has_the_hash_of_what_was_saved(
    saved: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    found = restore(saved[1] / name, StateDir(tmp_path / "elsewhere"))
    target = StateDir(tmp_path / "elsewhere")
    recovered = recover(target)
    assert recovered is not None
    assert [each.state_hash for each in found.accounts] == [recovered.state_hash]
    assert recovered.last_seq > 0
    assert (found.signed, found.key, found.problems) == (True, None, [])
    run = StateReader(target.db).last_run()
    assert run is not None
    assert Path(run.journal) == recovered.journal
    if name == "end.tar.gz":
        before = recover(StateDir(saved[0]))
        assert before is not None
        assert before.state_hash == recovered.state_hash


def test_what_comes_back_begins_paused_and_only_once(
    saved: tuple[Path, Path], tmp_path: Path
) -> None:
    target = put_back(saved, tmp_path, "end.tar.gz")
    config = private(tmp_path / "busy.toml", BUSY)
    words = ("run", "--headless", "--duration", "0.5", "-c", config)
    assert tradectl(target.path, *words).code == 0
    records = records_of(journals(target.path)[-1])
    first = records[0].event
    assert isinstance(first, CommandReceived)
    assert (first.command, first.source_component) == (Command.PAUSE, "operator")
    assert "restored from a backup" in first.reason
    made = [each.event.order for each in records if isinstance(each.event, OrderInitialized)]
    ours = {spec.order_id for spec in made}  # what was on its way before may yet be filled
    fills = [each.event for each in records if isinstance(each.event, OrderFilled)]
    assert {fill.side for fill in fills if fill.order_id in ours} <= {Side.SELL}
    status = tradectl(target.path, "status", "--json").document()
    assert "restored" in status["paused"]["reason"]
    assert replayed(target.path).verified
    with running(target.path, "-c", config) as run:
        assert tradectl(target.path, "resume").code == 0
        run.kill()
    assert tradectl(target.path, *words).code == 0
    assert not isinstance(records_of(journals(target.path)[-1])[0].event, CommandReceived)


def test_a_halt_comes_back_with_it(saved: tuple[Path, Path], tmp_path: Path) -> None:
    state = put_back(saved, tmp_path, "end.tar.gz")
    state.latch.set("a trial")
    back_up(state, tmp_path / "halted.tar.gz")
    other = StateDir(tmp_path / "other")
    assert restore(tmp_path / "halted.tar.gz", other).halt == "a trial"
    assert tradectl(other.path, "run", "--headless", "--duration", "1").code == 6


def rewritten(file: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """With each file in it as `change` makes it, or without it."""
    with tarfile.open(file) as old, tarfile.open(target, "w:gz") as new:
        for entry in old:
            content = old.extractfile(entry)
            assert content is not None
            made = change(entry.name, content.read())
            if made is not None:
                entry.size = len(made)
                new.addfile(entry, io.BytesIO(made))
    return target


def names(file: Path) -> list[str]:
    with tarfile.open(file) as tar:
        return tar.getnames()


def refused(file: Path, tmp_path: Path) -> str:
    """Why; nothing is left of the trial."""
    target = tmp_path / "elsewhere"
    with pytest.raises((StateError, UsageError)) as found:
        restore(file, StateDir(target))
    assert not target.exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    return str(found.value)


def test_no_file_of_it_can_be_changed_left_out_or_added(
    saved: tuple[Path, Path], tmp_path: Path
) -> None:
    file = saved[1] / "end.tar.gz"
    for name in names(file):

        def flipped(each: str, data: bytes, name: str = name) -> bytes:
            at = len(data) // 2
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if each == name else data

        refused(rewritten(file, tmp_path / "changed.tar.gz", flipped), tmp_path)

        def missing(each: str, data: bytes, name: str = name) -> bytes | None:
            return None if each == name else data

        refused(rewritten(file, tmp_path / "changed.tar.gz", missing), tmp_path)
    for name in ("../outside", "journals/other.jsonl", "control.sock", "lock"):
        with tarfile.open(file) as old, tarfile.open(tmp_path / "more.tar.gz", "w:gz") as new:
            new.addfile(tarfile.TarInfo(name), io.BytesIO())
            for entry in old:
                new.addfile(entry, old.extractfile(entry))
        refused(tmp_path / "more.tar.gz", tmp_path)


def test_what_was_cut_off_or_is_no_backup_is_refused(
    saved: tuple[Path, Path], tmp_path: Path
) -> None:
    data = (saved[1] / "end.tar.gz").read_bytes()
    for length in (0, 10, 1000, len(data) // 2, len(data) - 700):
        (tmp_path / "cut").write_bytes(data[:length])
        assert "nothing was restored" in refused(tmp_path / "cut", tmp_path)
    (tmp_path / "text").write_bytes(gzip.compress(b"no tar at all" * 1000))
    assert "no backup" in refused(tmp_path / "text", tmp_path)
    assert "there is no file" in refused(tmp_path / "nothing", tmp_path)


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_nothing_in_it_says_how_much_memory_it_takes(tmp_path: Path, kind: bytes) -> None:
    """A header of a terabyte, of which no byte is there: it is refused before it is read."""
    entry = tarfile.TarInfo("long")
    entry.type, entry.size = kind, 1 << 40
    head = entry.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "bomb").write_bytes(gzip.compress(head + b"a" * 4096))
    assert "an entry of type" in refused(tmp_path / "bomb", tmp_path)


def test_what_the_disk_has_no_room_for_is_not_begun(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("state.db")
    entry.size = 1 << 60
    head = entry.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "large").write_bytes(gzip.compress(head + b"a" * 4096))
    assert "are free; nothing was restored" in refused(tmp_path / "large", tmp_path)


def test_what_one_that_was_killed_left_goes_and_what_another_is_at_stays(
    saved: tuple[Path, Path], tmp_path: Path
) -> None:
    left, used = (tmp_path / f".elsewhere.restoring-{name}" for name in ("left", "used"))
    for folder in (left, used):
        folder.mkdir()
    fd = os.open(used, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    put_back(saved, tmp_path, "end.tar.gz")
    os.close(fd)
    assert (left.exists(), used.exists()) == (False, True)


def test_runs_say_where_their_journals_are_that_were_put_away(
    saved: tuple[Path, Path], tmp_path: Path
) -> None:
    state = put_back(saved, tmp_path, "end.tar.gz")
    packed = pack(journals(state.path)[0])
    back_up(state, tmp_path / "packed.tar.gz")
    other = StateDir(tmp_path / "other")
    restore(tmp_path / "packed.tar.gz", other)
    run = StateReader(other.db).last_run()
    assert run is not None
    assert Path(run.journal).name == packed.name


def test_nothing_is_written_over(saved: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    private(tmp_path / "used" / "mine", "mine")
    with pytest.raises(UsageError, match="not empty"):
        restore(saved[1] / "end.tar.gz", StateDir(tmp_path / "used"))
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["mine"]
    (tmp_path / "there.tar.gz").write_text("mine")
    with pytest.raises(UsageError, match="already"):
        back_up(StateDir(saved[0]), tmp_path / "there.tar.gz")
    assert (tmp_path / "there.tar.gz").read_text() == "mine"
    (tmp_path / "empty").mkdir(mode=0o700)
    restore(saved[1] / "end.tar.gz", StateDir(tmp_path / "empty"))


def test_a_place_that_came_further_is_told_so_and_goes_on_from_the_backup(
    saved: tuple[Path, Path], tmp_path: Path
) -> None:
    target = put_back(saved, tmp_path, "end.tar.gz")
    assert tradectl(target.path, "run", "--headless", "--duration", "0.5").code == 0
    target.path.rename(tmp_path / "gone")
    found = restore(saved[1] / "end.tar.gz", StateDir(target.path))
    assert "not in it" in found.newer[0]
    assert tradectl(target.path, "run", "--headless", "--duration", "0.5").code == 0


def test_whose_key_it_is_signed_with(
    saved: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine without a key it is the key from then on; beside another one it has to be asked for,
    and nothing is signed with it."""
    file = saved[1] / "end.tar.gz"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    with pytest.raises(StateError, match="--trust-key"):
        restore(file, StateDir(tmp_path / "elsewhere", environ={VARIABLE: SECRET}))
    bare = back_up(StateDir(saved[0]), tmp_path / "bare.tar.gz", with_key=False)
    assert (bare.with_key, "journal.key" in names(tmp_path / "bare.tar.gz")) == (False, False)
    target = StateDir(tmp_path / "trusted", environ={VARIABLE: SECRET})
    found = restore(file, target, trust_key=True)
    assert found.key is not None
    assert Path(found.key).parent == private_home()
    assert Path(found.key).name != "journal.key"
    again = StateDir(tmp_path / "trusted", environ={VARIABLE: SECRET})
    own, recovered = again.keys.own(), recover(again)
    assert own is not None
    assert recovered is not None
    assert Path(found.key).name != f"journal.{own.name}.key"


@pytest.mark.slow
def test_a_live_account_that_comes_back_compares_itself_first(tmp_path: Path) -> None:
    """What was traded since the backup is not in it: the exchange tells, and nothing is entered."""
    with live_harness(tmp_path, Character.KEEN) as live:
        with live.running() as run:
            live.exchange.until(lambda: live.position > 0)
            run.line(" FILL ")
            assert live.tradectl("backup", tmp_path / "live.tar.gz").code == 0
            run.kill()
        live.exchange.outside_trade("main", "BTCUSDT", "sell", round(live.position - LOT, 5))
        sent = len(live.exchange.truth.ours())
        old, live.folder = live.folder, tmp_path / "elsewhere"
        answer = live.tradectl("restore", tmp_path / "live.tar.gz", "--json").document()
        assert [each["kind"] for each in answer["accounts"]] == ["live"]
        with live.running() as run:
            wait_until(lambda: compared(live) and not held(live))
            status = live.tradectl("status", "--json").document()
            assert "restored" in status["paused"]["reason"]
            assert len(live.exchange.truth.ours()) == sent
            run.kill()
        first = records_of(journals(live.folder)[-1])[0].event
        assert isinstance(first, CommandReceived)
        assert first.command is Command.PAUSE
        assert live.replayed().verified
        assert old.exists()
        pnl = live.tradectl("pnl", "--json").document()["total"]
        account = live.tradectl("status", "--json").document()["portfolio"]
        assert float(pnl["fees"]) == float(account["fees"])


def compared(live: LiveHarness) -> bool:
    kinds = (type(record.event).__name__ for record in records_of(journals(live.folder)[-1]))
    return "AccountReported" in kinds


def held(live: LiveHarness) -> bool:
    positions = live.tradectl("positions", "--json").document()
    restricted = live.tradectl("status", "--json").document()["restrictions"]
    return any(not row["dust"] for row in positions) and not restricted
