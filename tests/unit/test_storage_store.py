"""Groups of changes go into the database whole or not at all, and going in twice does no harm."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.fixtures.books import RUN, Ledger, cancel, fill, report
from tests.fixtures.store import (
    ROW,
    an_alert,
    changes,
    connection,
    locked,
    rows,
    with_snapshot,
    write_junk,
)
from tradectl.documents.account import AccountStatus
from tradectl.domain.errors import StateError
from tradectl.domain.events import OrderAccepted, OrderCanceled
from tradectl.domain.states import AlertStatus
from tradectl.domain.time import DAY
from tradectl.state.account import Account
from tradectl.storage import schema
from tradectl.storage.schema import connect
from tradectl.storage.store import ALERTS, PRUNE_SQL, ROWS_AT_ONCE, Database, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def test_its_files_are_its_owner_s_alone(store: Store, path: Path) -> None:
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_the_loop_may_close_once_a_database_could_not_be_opened(path: Path) -> None:
    def fails() -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    async def opened() -> None:
        with pytest.raises(sqlite3.OperationalError):
            await Database(fails, iter_chunk_size=64).opened()
        assert workers() == []

    asyncio.run(opened())


def workers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if "_connection_worker" in t.name]


@pytest.fixture(autouse=True)
async def _no_thread_outlives_its_test() -> AsyncIterator[None]:
    """A worker whose opening failed ends by itself, but must not find the loop closed by then."""
    yield
    async with asyncio.timeout(60):
        while workers():  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0.001)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    await store.open()
    await store.begin_run(ROW)
    yield store
    await store.close()


# --- what is in it -----------------------------------------------------------------------------------


async def test_orders_fills_and_the_run_are_written_together(store: Store, path: Path) -> None:
    ledger = Ledger().trade("o1", "buy 2@100.50", fee="0.10")
    await store.write(changes(ledger))
    assert rows(path, "SELECT order_id, status, quantity, filled, average_price FROM orders") == [
        ("o1", "filled", "2", "2", "100.5")
    ]
    assert rows(path, "SELECT trade_id, account_id, quantity, price, fee FROM fills") == [
        ("o1.1", RUN, "2", "100.5", "0.1")
    ]
    ((status, *figures),) = rows(path, "SELECT status, last_seq, events, pnl, state_hash FROM runs")
    assert figures == [4, 4, "1.5", ledger.hash()]
    assert msgspec.json.decode(status, type=AccountStatus).last_seq == 4


async def test_an_order_is_updated_in_its_row(store: Store, path: Path) -> None:
    ledger = Ledger().work("o1", "buy 3")
    await store.write(changes(ledger))
    ledger.tell(report("o1", OrderAccepted, venue="v1"), fill("t1", "o1", "buy 1@9", fee="0.5"))
    await store.write(changes(ledger))
    ledger.tell(cancel("o1"), report("o1", OrderCanceled, reason="asked"))
    await store.write(changes(ledger))
    columns = "status, filled, average_price, reason, venue_order_id, fees, created_at"
    assert rows(path, f"SELECT {columns} FROM orders") == [
        ("canceled", "1", "9", "asked", "v1", "0.5", "1970-01-01T00:00:00.000001Z")
    ]


async def test_projecting_the_same_again_changes_nothing(store: Store, path: Path) -> None:
    """As after a crash: what the journal holds is folded and offered once more."""
    ledger = Ledger().trade("o1", "buy 2@100").work("o2", "sell 1")
    group = with_snapshot(ledger, DAY)
    await store.write(group)
    tables = ("orders", "fills", "runs", "snapshots")
    before = [rows(path, f"SELECT * FROM {table}") for table in tables]
    await store.write(group)
    await store.write(group)
    assert [rows(path, f"SELECT * FROM {table}") for table in tables] == before


async def test_the_end_of_a_run_is_written_down(store: Store, path: Path) -> None:
    await store.end_run(RUN, "2026-01-02T00:00:00.000000Z", "stopped")
    assert rows(path, "SELECT ended_at, end_reason FROM runs") == [
        ("2026-01-02T00:00:00.000000Z", "stopped")
    ]


@pytest.mark.parametrize(
    "text", ["", "null", "1.50", '"quoted", \\ and {', "über 😀", "a\x01\n\u2028b"]
)
async def test_texts_go_in_as_they_are(store: Store, path: Path, text: str) -> None:
    await store.write_alerts([replace(an_alert(), message=text)])
    assert rows(path, "SELECT message, typeof(message) FROM alerts") == [(text, "text")]


async def test_many_rows_are_few_statements_of_the_same_words(store: Store, path: Path) -> None:
    """One for each number of rows would be compiled, and kept, anew."""
    most, words = ROWS_AT_ONCE, set[str]()
    for count in range(2 * most):
        statements = [*ALERTS.of([("text",) * len(ALERTS.columns)] * count)]
        words |= {sql for sql, _ in statements}
        assert len(statements) == -(-count // most)
    assert len(words) == 9
    ledger = Ledger()
    for n in range(most + 3):
        ledger.trade(f"o{n}", "buy 1@100")
    await store.write(changes(ledger))
    for table in ("orders", "fills"):
        assert rows(path, f"SELECT count(*) FROM {table}") == [(most + 3,)]


async def test_alerts_are_new_or_changed_by_their_id(store: Store, path: Path) -> None:
    await store.write_alerts([an_alert()])
    await store.write_alerts([an_alert(status=AlertStatus.RESOLVED, count=2)])
    assert rows(path, "SELECT id, status, count FROM alerts") == [("a1", "resolved", 2)]


# --- whole or not at all -----------------------------------------------------------------------------


async def test_a_group_that_breaks_in_the_middle_leaves_nothing(store: Store, path: Path) -> None:
    with connection(path) as db:
        db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON fills WHEN NEW.trade_id = 'o2.1' "
            "BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
    ledger = Ledger().trade("o1", "buy 1@100").trade("o2", "buy 1@100")
    group = changes(ledger)
    with pytest.raises(StateError, match=r"cannot write .*state\.db: disk I/O error"):
        await store.write(group)
    assert rows(path, "SELECT * FROM orders") == rows(path, "SELECT * FROM fills") == []
    assert rows(path, "SELECT last_seq FROM runs") == [(0,)]
    with connection(path) as db:
        db.execute("DROP TRIGGER full")
    await store.write(group)
    assert len(rows(path, "SELECT * FROM fills")) == 2


@pytest.mark.usefixtures("store")
async def test_a_lock_held_by_another_process_is_waited_for_only_so_long(path: Path) -> None:
    group = changes(Ledger().trade("o1", "buy 1@100"))
    impatient = Store(path, lock_timeout=0.05)
    await impatient.open()
    try:
        with locked(path):
            started = time.monotonic()
            with pytest.raises(StateError, match="database is locked"):
                await impatient.write(group)
            assert time.monotonic() - started < 2
        await impatient.write(group)
    finally:
        await impatient.close()
    assert len(rows(path, "SELECT * FROM fills")) == 1


async def test_a_lock_that_is_given_back_in_time_costs_nothing(store: Store, path: Path) -> None:
    group = changes(Ledger().trade("o1", "buy 1@100"))
    with locked(path):
        writing = asyncio.ensure_future(store.write(group))
        await asyncio.sleep(0.01)
        assert not writing.done()
    await asyncio.wait_for(writing, 60)
    assert len(rows(path, "SELECT * FROM fills")) == 1


async def test_whoever_gives_up_waiting_leaves_the_store_usable(store: Store, path: Path) -> None:
    """A task that is cancelled in the middle of a write must not leave a transaction open."""
    ledger = Ledger().trade("o1", "buy 1@100")
    with locked(path):
        writing = asyncio.ensure_future(store.write(changes(ledger)))
        await asyncio.sleep(0.01)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await asyncio.wait_for(store.write(changes(ledger.trade("o2", "buy 1@100"))), 60)
    assert len(rows(path, "SELECT * FROM fills")) == 2


async def test_readers_are_not_in_the_way_of_a_write(store: Store, path: Path) -> None:
    with connection(path) as db:
        db.execute("BEGIN")
        db.execute("SELECT * FROM fills").fetchall()
        await store.write(changes(Ledger().trade("o1", "buy 1@100")))
        assert db.execute("SELECT * FROM fills").fetchall() == []
        db.execute("COMMIT")
        assert len(db.execute("SELECT * FROM fills").fetchall()) == 1


@pytest.mark.parametrize("missing", ["before", "after"])
async def test_a_store_that_is_not_open_says_so(path: Path, missing: str) -> None:
    store = Store(path)
    if missing == "after":
        await store.open()
        await store.close()
    with pytest.raises(StateError, match="is not open"):
        await store.write(changes(Ledger()))


async def test_closing_twice_does_no_harm(path: Path) -> None:
    store = Store(path)
    await store.open()
    await store.close()
    await store.close()


# --- snapshots ---------------------------------------------------------------------------------------


async def test_a_snapshot_can_be_restored_and_proves_its_hash(store: Store, path: Path) -> None:
    ledger = Ledger().trade("o1", "buy 2@100").work("o2", "sell 1")
    await store.write(with_snapshot(ledger, DAY))
    ((seq, hashed, body),) = rows(path, "SELECT seq, hash, body FROM snapshots")
    assert (seq, hashed) == (ledger.seq, ledger.hash())
    assert Account.load(msgspec.json.decode(body)).hash(RUN) == hashed


async def test_snapshots_are_kept_for_a_day(store: Store, path: Path) -> None:
    ledger = Ledger()
    for hours in (0, 1, 23, 24, 25, 47):
        ledger.work(f"o{hours}", "buy 1")
        await store.write(with_snapshot(ledger, DAY + hours * DAY // 24))
    kept = rows(path, "SELECT taken_at FROM snapshots ORDER BY taken_at")
    assert [(at - DAY) * 24 // DAY for (at,) in kept] == [23, 24, 25, 47]


async def test_the_newest_snapshot_is_kept_whatever_its_age(store: Store, path: Path) -> None:
    """The clock may have been set back by more than a day."""
    ledger = Ledger().work("o1", "buy 1")
    await store.write(with_snapshot(ledger, 5 * DAY))
    await store.write(with_snapshot(ledger.work("o2", "buy 1"), DAY))
    assert len(rows(path, "SELECT * FROM snapshots")) == 2


async def test_what_pruned_snapshots_took_goes_back_to_the_disk(store: Store, path: Path) -> None:
    many = [(RUN, seq, seq, "", "x" * 100_000) for seq in range(1, 31)]
    with connection(path) as db:
        db.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, NULL)", many)
    ((before,),) = rows(path, "PRAGMA page_count")
    await store.write(with_snapshot(Ledger().work("o1", "buy 1"), 3 * DAY))
    ((after,),) = rows(path, "PRAGMA page_count")
    assert rows(path, "PRAGMA freelist_count") == [(0,)]
    assert after < before / 10


async def test_a_day_s_snapshots_are_found_by_their_time(store: Store, path: Path) -> None:
    plan = rows(path, "EXPLAIN QUERY PLAN " + PRUNE_SQL.replace("?", "1"))
    assert any("snapshots_by_time" in row[-1] for row in plan)


# --- the schema --------------------------------------------------------------------------------------


async def test_the_database_is_made_with_the_settings_of_a_durable_writer(path: Path) -> None:
    db = connect(str(path))
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    db.close()


async def test_opening_again_finds_everything(store: Store, path: Path) -> None:
    await store.write(changes(Ledger().trade("o1", "buy 1@100")))
    again = Store(path)
    await again.open()
    await again.close()
    assert len(rows(path, "SELECT * FROM fills")) == 1
    assert rows(path, "PRAGMA user_version") == [(schema.VERSION,)]


@pytest.mark.parametrize("version", [2, 99])
async def test_a_database_of_another_version_is_refused_by_name_and_left_alone(
    path: Path, version: int
) -> None:
    with connection(path) as db:
        db.execute("CREATE TABLE future (x)")
        db.execute(f"PRAGMA user_version = {version}")
    said = rf"has schema {version}, and this tradectl reads {schema.VERSION}: .*--state-dir"
    with pytest.raises(StateError, match=said):
        await Store(path).open()
    assert rows(path, "SELECT name FROM sqlite_master") == [("future",)]
    assert rows(path, "PRAGMA user_version") == [(version,)]


KILLED_WHILE_MAKING_TABLES = """
import os, sys
from tradectl.storage.schema import TABLES, connect
db = connect(sys.argv[1])
db.executescript("BEGIN IMMEDIATE; " + TABLES + " PRAGMA user_version = 1;")
os._exit(9)
"""


async def test_a_making_of_the_tables_that_is_killed_leaves_none_and_can_be_done_again(
    path: Path,
) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_MAKING_TABLES, str(path)]
    killed = await asyncio.create_subprocess_exec(*command)
    assert await killed.wait() == 9
    assert rows(path, "SELECT name FROM sqlite_master") == []
    assert rows(path, "PRAGMA user_version") == [(0,)]
    store = Store(path)
    await store.open()
    await store.begin_run(ROW)
    await store.close()


async def test_a_making_of_the_tables_that_failed_gives_its_lock_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(schema, "TABLES", schema.TABLES + "CREATE TABLE orders (x);")
        with pytest.raises(StateError, match="already exists") as kept:
            await Store(path, lock_timeout=0.05).open()
    store = Store(path)
    await store.open()
    await store.close()
    assert kept


@pytest.mark.parametrize("what", ["junk", "folder", "no folder"])
async def test_a_database_that_cannot_be_used_is_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "state.db"
    write_junk(path)
    place = {"junk": path, "folder": tmp_path, "no folder": tmp_path / "missing" / "state.db"}
    with pytest.raises(StateError, match="cannot use"):
        await Store(place[what]).open()


async def test_numbers_go_in_as_plain_text(store: Store, path: Path) -> None:
    ledger = Ledger().trade("o1", "buy 1E+1@0.00000100")
    await store.write(changes(ledger))
    assert rows(path, "SELECT quantity, price FROM fills") == [("10", "0.000001")]
    assert Decimal(rows(path, "SELECT price FROM fills")[0][0]) == Decimal("1e-6")
