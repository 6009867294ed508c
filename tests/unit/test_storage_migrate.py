"""An older database is brought to the schema of today whole or not at all, and as it was it is kept."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import asdict

from tests.fixtures.store import ROW, connection, rows
from tradectl.domain.errors import StateError
from tradectl.recovery import rebuild
from tradectl.recovery.rebuild import rebuilt, rebuilt_for_guest
from tradectl.storage import schema
from tradectl.storage.directory import StateDir
from tradectl.storage.lease import FileLease
from tradectl.storage.migrate import KEPT, migrated
from tradectl.storage.migrations import FIRST, MIGRATIONS, Migration
from tradectl.storage.reader import StateReader
from tradectl.storage.store import Store

FIRST_TABLES = (Path(__file__).parents[1] / "data" / "schema_12.sql").read_text()
FILLS = 2_000
PLAN = (
    Migration(13, "fills have a venue", ("ALTER TABLE fills ADD venue TEXT NOT NULL DEFAULT ''",)),
    Migration(
        14,
        "runs have a host, and snapshots are made anew",
        (
            "ALTER TABLE runs ADD host TEXT NOT NULL DEFAULT 'here'",
            "CREATE INDEX fills_by_venue ON fills (venue)",
            "UPDATE fills SET venue = 'paper'",
            "DELETE FROM snapshots",
        ),
        recounted=frozenset({"snapshots"}),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of the first schema that is read, with rows."""
    path = tmp_path / "state.db"
    make_first(path)
    return path


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[FileLease]:
    lease = FileLease(tmp_path / "lock")
    with lease.acquire():
        yield lease


def make_first(path: Path, fills: int = 50) -> None:
    with closing(schema.connect(str(path))) as db:
        db.executescript(f"BEGIN; {FIRST_TABLES} PRAGMA user_version = {FIRST}; COMMIT;")
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(fills)")]
        db.execute("BEGIN")
        db.execute(
            f"INSERT INTO runs ({', '.join(asdict(ROW))}) VALUES ({', '.join('?' * 7)})",
            [*asdict(ROW).values()],
        )
        marks = ", ".join("?" * len(columns))
        db.executemany(
            f"INSERT INTO fills VALUES ({marks})",
            [[f"t{n}", f"o{n}", *["1"] * (len(columns) - 2)] for n in range(fills)],
        )
        db.execute("INSERT INTO snapshots VALUES ('r', 1, 2, 'h', 'b', NULL)")
        db.execute("COMMIT")


def version(path: Path) -> int:
    return int(rows(path, "PRAGMA user_version")[0][0])


def beside(path: Path) -> list[str]:
    return sorted(f.name for f in path.parent.iterdir() if f.name.startswith(f"{path.name}."))


# --- the steps that there are ------------------------------------------------------------------------


def described(db: sqlite3.Connection) -> dict[str, object]:
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    found: dict[str, object] = {}
    for (table,) in [*tables]:
        columns = [row[1:] for row in db.execute(f"PRAGMA table_info({table})")]
        indexes = sorted(row[1:4] for row in db.execute(f"PRAGMA index_list({table})"))
        found[table] = (columns, indexes)
    return found


def test_the_steps_lead_from_the_first_schema_to_the_one_that_is_made_anew(
    tmp_path: Path, lease: FileLease
) -> None:
    assert [step.to for step in MIGRATIONS] == [*range(FIRST + 1, schema.VERSION + 1)]
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    make_first(old)
    migrated(old, lease)
    with closing(schema.connect(str(new))) as db:
        schema.prepare(db, new)
        expected = described(db)
    with connection(old) as db:
        assert described(db) == expected
        assert version(old) == schema.VERSION


# --- a migration -------------------------------------------------------------------------------------


def test_all_steps_are_made_and_what_was_there_is_kept_beside_it(
    path: Path, lease: FileLease
) -> None:
    said = migrated(path, lease, PLAN)
    assert said.endswith(
        "state.db was of schema 12 and is of 14 now (fills have a venue; runs have a host, and "
        "snapshots are made anew); as it was it is kept as state.db.schema-12"
    )
    assert version(path) == 14
    assert rows(path, "SELECT count(*), min(venue), max(venue) FROM fills") == [
        (50, "paper", "paper")
    ]
    assert rows(path, "SELECT run_id, host FROM runs") == [(ROW.run_id, "here")]
    kept = path.with_name("state.db.schema-12")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert version(kept) == 12
    assert rows(kept, "SELECT count(*) FROM snapshots") == [(1,)]
    assert migrated(path, lease, PLAN) == ""


def test_what_another_process_wrote_into_the_log_alone_is_in_both(
    path: Path, lease: FileLease
) -> None:
    with connection(path) as db:
        db.execute("DELETE FROM fills WHERE trade_id = 't3'")
        migrated(path, lease, PLAN)
        assert db.execute("SELECT count(*) FROM fills").fetchone() == (49,)
    kept = path.with_name("state.db.schema-12")
    assert rows(kept, "SELECT count(*) FROM fills") == [(49,)]


def test_one_that_is_half_way_is_migrated_from_there(path: Path, lease: FileLease) -> None:
    migrated(path, lease, PLAN[:1])
    assert migrated(path, lease, PLAN).endswith("kept as state.db.schema-13")
    assert version(path) == 14
    assert beside(path) == ["state.db.schema-12", "state.db.schema-13"]


def test_the_copies_of_the_last_few_schemas_are_kept(path: Path, lease: FileLease) -> None:
    plan = [Migration(to, "nothing", ()) for to in range(13, 19)]
    for n in range(1, len(plan) + 1):
        migrated(path, lease, plan[:n])
    assert beside(path) == [f"state.db.schema-{n}" for n in range(18 - KEPT, 18)]


@pytest.mark.parametrize("found", [0, 2, 14, 99])
def test_what_is_new_too_old_or_of_today_is_left_alone(
    tmp_path: Path, lease: FileLease, found: int
) -> None:
    path = tmp_path / "state.db"
    with connection(path) as db:
        db.execute(f"PRAGMA user_version = {found}")
    assert migrated(path, lease, PLAN) == ""
    assert version(path) == found
    assert beside(path) == []


def test_where_there_is_none_none_is_made(tmp_path: Path, lease: FileLease) -> None:
    assert migrated(tmp_path / "state.db", lease, PLAN) == ""
    assert not (tmp_path / "state.db").exists()


# --- refused -----------------------------------------------------------------------------------------


def refused(path: Path, lease: FileLease, *plan: Migration) -> str:
    """What is said; all is as it was."""
    with pytest.raises(StateError) as told:
        migrated(path, lease, plan)
    assert version(path) == 12
    assert rows(path, "SELECT count(*) FROM fills") == [(50,)]
    assert not any(name.endswith(".partial") for name in beside(path))
    return str(told.value)


def test_only_who_owns_the_account_migrates(path: Path) -> None:
    assert "owns its directory" in refused(path, FileLease(path.with_name("lock")), *PLAN)
    assert beside(path) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM fills WHERE trade_id = 't1'", "fills had 50 rows, and would have 49"),
        ("DROP TABLE orders", "orders had 0 rows, and would have 0"),
        ("ALTER TABLE nowhere ADD x TEXT", "no such table: nowhere"),
        ("UPDATE fills SET price = NULL", "NOT NULL constraint failed"),
    ],
)
def test_a_step_that_fails_or_loses_rows_takes_back_those_before_it(
    path: Path, lease: FileLease, statement: str, said: str
) -> None:
    assert said in refused(path, lease, *PLAN, Migration(15, "wrong", (statement,)))
    assert rows(path, "SELECT count(*) FROM snapshots") == [(1,)]
    migrated(path, lease, PLAN)
    assert version(path) == 14


def test_without_room_for_it_nothing_is_touched(path: Path, lease: FileLease) -> None:
    with pytest.raises(StateError, match="takes 1 MB where 1 MB are free: make room"):
        migrated(path, lease, PLAN, free=lambda _: 1_000_000)
    assert version(path) == 12
    assert beside(path) == []


def test_a_disk_that_is_full_earlier_than_it_said_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make_first(path, fills=5_000)
    most = path.stat().st_size // 2
    lease = FileLease(tmp_path / "lock")
    with lease.acquire(), limited(most), pytest.raises(StateError, match="cannot migrate"):
        migrated(path, lease, PLAN)
    assert version(path) == 12
    assert beside(path) == []


@contextmanager
def limited(size: int) -> Iterator[None]:
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_a_damaged_one_is_not_copied_over_a_good_copy(path: Path, lease: FileLease) -> None:
    path.with_name("state.db.schema-12").write_text("good")
    with closing(schema.connect(str(path))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'fills'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 2048 + 12)
        file.write(b"\xff" * 40)
    with pytest.raises(StateError, match="cannot migrate"):
        migrated(path, lease, PLAN)
    assert path.with_name("state.db.schema-12").read_text() == "good"


# --- killed ------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.unit.test_storage_migrate import PLAN, migrated
from tradectl.storage.lease import FileLease

def attempt(folder, dies_at):
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    calls = 0
    def profile(frame, event, arg):
        global calls
        calls += 1
        if calls == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
    globals()["calls"] = 0
    lease = FileLease(folder / "lock")
    with lease.acquire():
        sys.setprofile(profile)
        migrated(folder / "state.db", lease, PLAN)
        sys.setprofile(None)
    os._exit(0)

folder, first, step = Path(sys.argv[1]), *map(int, sys.argv[2:])
from tests.unit.test_storage_migrate import make_first, seen_whole
dies_at, outcomes = first, set()
while True:
    place = folder / str(dies_at)
    place.mkdir()
    make_first(place / "state.db")
    status = attempt(place, dies_at)
    outcomes.add(seen_whole(place / "state.db"))
    assert attempt(place, 0) == 0
    assert seen_whole(place / "state.db") == 14
    if status == 0:
        break
    dies_at += step
print(dies_at, *sorted(outcomes))
"""


def seen_whole(path: Path) -> int:
    """The schema, where all of it is there and nothing else."""
    with connection(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = schema.version_of(db)
        is_new = found == 14
        assert ("host" in str(described(db))) is is_new
        assert ("fills_by_venue" in str(described(db))) is is_new
        assert db.execute("SELECT count(*) FROM fills").fetchone() == (50,)
        assert db.execute("SELECT count(*) FROM snapshots").fetchone() == (0 if is_new else 1,)
    kept = path.with_name("state.db.schema-12")
    assert kept.exists() or not is_new
    if kept.exists():
        assert version(kept) == 12
        assert rows(kept, "SELECT count(*) FROM snapshots") == [(1,)]
    return found


def test_killed_at_any_point_it_is_the_old_or_the_new_and_the_next_one_goes_on(
    tmp_path: Path,
) -> None:
    script = [sys.executable, "-c", KILLED, str(tmp_path), "1", "79"]
    root = Path(__file__).parents[2]
    told = subprocess.run(script, capture_output=True, text=True, cwd=root, check=False)
    assert told.returncode == 0, told.stderr
    calls, *outcomes = map(int, told.stdout.split())
    assert calls > 100
    assert outcomes == [12, 14]


# --- who opens it ------------------------------------------------------------------------------------


@pytest.fixture
def of_fourteen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tradectl that reads schema 14."""
    monkeypatch.setattr(schema, "VERSION", 14)
    monkeypatch.setattr(rebuild, "migrated", lambda path, lease: migrated(path, lease, PLAN))


@pytest.mark.usefixtures("of_fourteen")
async def test_an_older_one_is_refused_in_a_line_until_its_owner_has_opened_it(
    path: Path,
) -> None:
    said = "state.db has schema 12, and this tradectl reads 14: the next `tradectl run` migrates it"
    with pytest.raises(StateError, match=said):
        StateReader(path).last_run()
    with pytest.raises(StateError, match=said):
        await Store(path).open()
    state_dir = StateDir(path.parent)
    with state_dir.owned():
        assert "schema 12" in await rebuilt(state_dir)
        assert await rebuilt(state_dir) == ""
    assert StateReader(path).last_run() is not None


@pytest.mark.usefixtures("of_fourteen")
async def test_a_run_on_recorded_data_migrates_it_where_nobody_owns_it(path: Path) -> None:
    state_dir, owner = StateDir(path.parent), StateDir(path.parent)
    with owner.owned():
        assert await rebuilt_for_guest(state_dir) == ""
    assert version(path) == 12
    assert "schema 12" in await rebuilt_for_guest(state_dir)
    assert version(path) == 14


@pytest.mark.usefixtures("of_fourteen")
def test_a_damaged_older_one_is_made_anew_from_the_journals(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 4000)
    state_dir = StateDir(path.parent)
    with state_dir.owned():
        assert "damaged" in asyncio.run(rebuilt(state_dir, fresh=True))
    assert path.with_name("state.db.damaged").exists()
