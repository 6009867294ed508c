"""Any process may read the database, whether it is there, empty, locked or of another age."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fixtures.books import PERP, RUN, SPOT, Ledger
from tests.fixtures.documents import as_json
from tests.fixtures.store import (
    ROW,
    an_alert,
    changes,
    connection,
    exists,
    locked,
    with_snapshot,
    write_junk,
)
from tradectl.documents.run import Status
from tradectl.domain.errors import StateError
from tradectl.domain.orders import client_order_id
from tradectl.domain.time import DAY, iso
from tradectl.storage import reader as storage_reader
from tradectl.storage.reader import Page, StateReader, change_alert
from tradectl.storage.schema import VERSION
from tradectl.storage.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def stored(path: Path, ledger: Ledger, taken_at: int = DAY) -> StateReader:
    store = Store(path)
    await store.open()
    await store.begin_run(ROW)
    await store.write(with_snapshot(ledger, taken_at))
    await store.close()
    return StateReader(path)


def says_nothing(reader: StateReader) -> bool:
    lists = (reader.runs(), reader.orders(RUN), reader.fills(RUN), reader.alerts())
    return (
        reader.last_run() is None
        and reader.run(RUN) is None
        and reader.filled_quantities(RUN) == {}
        and list(reader.snapshots(RUN)) == []
        and not any(list(rows) for rows in lists)
    )


def test_a_database_that_is_not_there_answers_like_an_empty_one_and_is_not_made(
    path: Path,
) -> None:
    assert says_nothing(StateReader(path))
    assert not path.exists()


def test_a_database_without_tables_answers_like_an_empty_one(path: Path) -> None:
    path.touch()
    assert says_nothing(StateReader(path))


async def test_a_database_without_runs_answers_like_an_empty_one(path: Path) -> None:
    store = Store(path)
    await store.open()
    await store.close()
    assert says_nothing(StateReader(path))


async def test_the_newest_run_comes_with_its_status(path: Path) -> None:
    ledger = Ledger().trade("o1", "buy 1@100")
    reader = await stored(path, ledger)
    run = reader.last_run()
    assert run is not None
    assert (run.run_id, run.mode, run.status) == (RUN, "paper", Status(last_seq=4))
    assert (run.last_seq, run.ended_at, run.journal) == (4, None, "/j/run1.jsonl")


async def test_runs_come_oldest_first(path: Path) -> None:
    store = Store(path)
    await store.open()
    for name in ("run3", "run1", "run2"):
        await store.begin_run(replace(ROW, run_id=name))
    await store.close()
    reader = StateReader(path)
    assert [run.run_id for run in reader.runs()] == ["run1", "run2", "run3"]
    last, second = reader.last_run(), reader.run("run2")
    assert last is not None
    assert second is not None
    assert (last.run_id, second.run_id) == ("run3", "run2")


async def test_orders_and_fills_come_newest_last_in_the_promised_shape(path: Path) -> None:
    ledger = Ledger()
    for n in range(3):
        ledger.at = n * 1_000_000
        ledger.trade(f"o{n}", f"buy 1@10{n}", fee="0.10")
    reader = await stored(path, ledger)
    assert [order.order_id for order in reader.orders(RUN)] == ["o0", "o1", "o2"]
    assert [order.order_id for order in reader.orders(RUN, Page(2))] == ["o1", "o2"]
    assert [f.trade_id for f in reader.fills(RUN, Page(2))] == ["o1.1", "o2.1"]
    assert [f.trade_id for f in reader.fills(RUN, Page(2, skip=1))] == ["o0.1", "o1.1"]
    assert [f.trade_id for f in reader.fills(RUN, Page(since=iso(1_000_000)))] == ["o1.1", "o2.1"]
    assert [*reader.orders("somebody else")] == []
    assert [*reader.fills("somebody else")] == []
    (order,), (fill,) = (
        as_json([*reader.orders(RUN, Page(1))]),
        as_json([*reader.fills(RUN, Page(1))]),
    )
    assert {
        "client_order_id": client_order_id(RUN, "o2"),
        "symbol": SPOT,
        "side": "buy",
        "type": "market",
        "quantity": "1",
        "filled": "1",
        "price": None,
        "status": "filled",
        "reduce_only": False,
        "created_at": "1970-01-01T00:00:00.002000Z",
    }.items() <= order.items()
    assert {
        "order_id": "o2",
        "client_order_id": client_order_id(RUN, "o2"),
        "symbol": SPOT,
        "side": "buy",
        "quantity": "1",
        "price": "102",
        "fee": "0.1",
        "fee_currency": "USDT",
        "liquidity": "taker",
        "time": "1970-01-01T00:00:00.002000Z",
    }.items() <= fill.items()
    assert "at" not in fill


async def test_filled_quantities_add_up_per_symbol(path: Path) -> None:
    ledger = Ledger().trade("o1", "buy 2.5@100").trade("o2", "sell 1@100")
    ledger.trade("o3", "sell 3@100", PERP)
    reader = await stored(path, ledger)
    assert reader.filled_quantities(RUN) == {SPOT: Decimal("1.5"), PERP: Decimal(-3)}


async def test_snapshots_come_newest_first(path: Path) -> None:
    ledger = Ledger().work("o1", "buy 1")
    reader = await stored(path, ledger)
    store = Store(path)
    await store.open()
    await store.write(with_snapshot(ledger.work("o2", "buy 1"), DAY + 5))
    await store.close()
    found = list(reader.snapshots(RUN))
    assert [snapshot.seq for snapshot in found] == [6, 3]
    assert found[0].hash == ledger.hash()
    assert list(reader.snapshots("another run")) == []


async def test_snapshots_are_read_one_at_a_time(path: Path) -> None:
    reader = await stored(path, Ledger().work("o1", "buy 1"))
    many = [(RUN, seq, seq, "", "x" * 1_000_000) for seq in range(101, 131)]
    with connection(path) as db:
        db.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, NULL)", many)
    tracemalloc.start()
    newest = next(iter(reader.snapshots(RUN)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert newest.seq == 130
    assert most < 4_000_000


async def test_a_listing_that_is_not_read_to_its_end_holds_nothing_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_reader, "AT_ONCE", 2)
    ledger = Ledger()
    for n in range(5):
        ledger.trade(f"o{n}", "buy 1@100")
    rows = (await stored(path, ledger)).fills(RUN)
    first = next(rows)
    with connection(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")  # refused while anybody reads
    assert [row.order_id for row in (first, *rows)] == ["o0", "o1", "o2", "o3", "o4"]


async def test_what_was_booked_while_a_clock_was_ahead_keeps_its_place(path: Path) -> None:
    ledger = Ledger()
    for n, at in enumerate((0, DAY, 1)):
        ledger.at = at
        ledger.trade(f"o{n}", "buy 1@100")
    reader = await stored(path, ledger)
    assert [fill.order_id for fill in reader.fills(RUN)] == ["o0", "o1", "o2"]
    assert [fill.order_id for fill in reader.fills(RUN, Page(1))] == ["o2"]


async def test_reading_goes_on_while_a_writer_holds_its_lock(path: Path) -> None:
    reader = await stored(path, Ledger().trade("o1", "buy 1@100"))
    with locked(path):
        assert len([*reader.fills(RUN)]) == 1


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    await store.open()
    yield store
    await store.close()


async def test_reading_sees_each_group_once_it_is_committed(store: Store, path: Path) -> None:
    ledger = Ledger()
    await store.begin_run(ROW)
    reader = StateReader(path)
    for n in range(1, 4):
        await store.write(changes(ledger.trade(f"o{n}", "buy 1@100")))
        assert len([*reader.fills(RUN)]) == n
        last = reader.last_run()
        assert last is not None
        assert last.last_seq == 4 * n


@pytest.mark.parametrize("version", [2, 99])
def test_a_database_of_another_version_is_refused_by_name(path: Path, version: int) -> None:
    with connection(path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(
        StateError, match=f"state.db has schema {version}, and this tradectl reads {VERSION}"
    ):
        list(StateReader(path).runs())


@pytest.mark.parametrize("what", ["junk", "folder"])
def test_a_file_that_is_no_database_is_named(path: Path, what: str) -> None:
    if what == "junk":
        write_junk(path)
    else:
        path.mkdir()
    with pytest.raises(StateError, match=r"cannot read .*state\.db"):
        list(StateReader(path).runs())


# --- alerts ------------------------------------------------------------------------------------------


async def with_alert(path: Path) -> StateReader:
    store = Store(path)
    await store.open()
    await store.write_alerts([an_alert()])
    await store.close()
    return StateReader(path)


async def test_an_alerts_status_can_be_changed_with_nothing_running(path: Path) -> None:
    reader = await with_alert(path)
    assert change_alert(path, "a1", "acknowledged")
    assert [alert.status for alert in reader.alerts()] == ["acknowledged"]


async def test_an_alert_that_is_not_there_is_not_changed(path: Path) -> None:
    assert not change_alert(path, "a1", "acknowledged")
    assert not exists(path)
    await with_alert(path)
    assert not change_alert(path, "a2", "acknowledged")


def test_a_database_that_cannot_be_changed_is_named(path: Path) -> None:
    write_junk(path)
    with pytest.raises(StateError, match="cannot write"):
        change_alert(path, "a1", "acknowledged")


async def test_a_file_of_sqlites_own_that_is_taken_away_meanwhile_was_not_there(path: Path) -> None:
    """The last writer to close a database takes its log away: between two looks at it, too."""
    reader, over = await stored(path, Ledger()), threading.Event()

    def write() -> None:
        while not over.is_set():
            with connection(path) as db:
                db.execute("UPDATE runs SET pnl = pnl")
                db.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(reader.last_run() is not None for _ in range(600))
    finally:
        over.set()
        writer.join()
