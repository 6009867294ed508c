"""The database keeps the newest of everything; what goes is in the journals, and is still counted."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.fixtures.books import RUN, SPOT, Ledger
from tests.fixtures.store import ROW, an_alert, changes, rows, with_snapshot
from tradectl.documents.run import AlertRow
from tradectl.domain.states import AlertStatus
from tradectl.domain.time import DAY, SECOND
from tradectl.storage import alert_archive, retention
from tradectl.storage.alert_archive import ALERTS_FILE, OLDER_ALERTS_FILE
from tradectl.storage.reader import StateReader
from tradectl.storage.store import Store

END = "2026-01-02T00:00:00.000000Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    await store.open()
    await store.begin_run(ROW)
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def _few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("KEPT_ROWS", 4), ("KEPT_ALERTS", 2), ("KEPT_RUNS", 1), ("AT_ONCE", 3)):
        monkeypatch.setattr(retention, name, few)


def traded(count: int, name: str = "o") -> Ledger:
    """An order and a fill each second, bought and sold in turns; the first order still works."""
    ledger = Ledger().work(f"{name}first", "buy 1")
    for n in range(count):
        ledger.at += SECOND
        ledger.trade(f"{name}{n}", "sell 1@100" if n % 3 == 2 else "buy 1@100")
    return ledger


async def test_the_newest_of_an_account_are_kept_and_what_still_works(
    store: Store, path: Path
) -> None:
    ledger = traded(9)
    await store.write(with_snapshot(ledger, DAY))
    for _ in range(4):  # a little with each snapshot
        await store.write(with_snapshot(ledger, DAY))
    assert [order for (order,) in rows(path, "SELECT order_id FROM orders ORDER BY rowid")] == [
        "ofirst", "o5", "o6", "o7", "o8"
    ]  # fmt: skip
    assert [order for (order,) in rows(path, "SELECT order_id FROM fills ORDER BY rowid")] == [
        "o5", "o6", "o7", "o8"
    ]  # fmt: skip
    reader = StateReader(path)
    assert reader.filled_quantities(RUN) == {SPOT: 3}
    assert reader.has_pruned(RUN)
    run = reader.run(RUN)
    assert run is not None
    assert run.pruned


async def test_as_few_as_are_kept_stay(store: Store, path: Path) -> None:
    await store.write(with_snapshot(traded(4), DAY))
    assert len(rows(path, "SELECT * FROM fills")) == 4
    assert not StateReader(path).has_pruned(RUN)


async def test_of_one_moment_all_go_or_none(store: Store, path: Path) -> None:
    ledger = Ledger()
    for n in range(8):
        ledger.trade(f"o{n}", "buy 1@100")
    await store.write(with_snapshot(ledger, DAY))
    assert len(rows(path, "SELECT * FROM fills")) == 8
    assert not StateReader(path).has_pruned(RUN)
    ledger.at += SECOND
    for n in range(8, 16):
        ledger.trade(f"o{n}", "buy 1@100")
    for _ in range(9):
        await store.write(with_snapshot(ledger, DAY))
    assert StateReader(path).filled_quantities(RUN) == {SPOT: 16}


async def test_more_fills_of_one_moment_than_go_at_once_go_with_it(
    store: Store, path: Path
) -> None:
    ledger = Ledger()
    for n in range(9):
        ledger.trade(f"o{n}", "buy 1@100")
    for n in range(9, 14):
        ledger.at += SECOND
        ledger.trade(f"o{n}", "buy 1@100")
    for _ in range(3):
        await store.write(with_snapshot(ledger, DAY))
    left = [order for (order,) in rows(path, "SELECT order_id FROM fills ORDER BY rowid")]
    assert left == ["o10", "o11", "o12", "o13"]
    assert StateReader(path).filled_quantities(RUN) == {SPOT: 14}


async def test_a_journal_that_is_stored_once_more_brings_nothing_back(
    store: Store, path: Path
) -> None:
    await store.write(with_snapshot(traded(9), DAY))
    pruned = rows(path, "SELECT order_id FROM fills")
    await store.write(changes(traded(9)))
    assert len(rows(path, "SELECT * FROM fills")) == 9
    await store.forget_again(RUN)
    assert rows(path, "SELECT order_id FROM fills") == pruned
    assert StateReader(path).filled_quantities(RUN) == {SPOT: 3}


async def test_old_runs_on_recorded_data_lose_their_rows_and_the_account_none(
    store: Store, path: Path
) -> None:
    await store.write(changes(traded(3)))
    for n in range(1, 5):
        name = f"run{n}-recorded"
        row = replace(ROW, run_id=name, account_id=name, account_kind="recorded")
        await store.begin_run(row)
        of_it = replace(changes(traded(2, name)), run_id=name, account_id=name)
        await store.write(msgspec.structs.replace(of_it, run_orders=2, run_fills=2))
        await store.end_run(name, END, "end of the data")
    left = {account for (account,) in rows(path, "SELECT DISTINCT account_id FROM fills")}
    assert RUN in left
    assert "run1-recorded" not in left
    assert "run4-recorded" in left


async def test_a_run_of_long_ago_is_a_line(store: Store, path: Path) -> None:
    await store.write(changes(traded(1)))
    await store.end_run(RUN, END, "stopped")
    for name in ("run2", "run3"):
        await store.begin_run(replace(ROW, run_id=name))
        await store.end_run(name, END, "stopped")
    assert rows(path, "SELECT run_id, status IS NULL, pruned FROM runs WHERE events") == [
        (RUN, 1, 1)
    ]


async def test_alerts_that_go_are_in_a_file(store: Store, path: Path) -> None:
    alerts = [
        replace(
            an_alert(), id=f"a{n}", status=AlertStatus.ACTIVE if n == 1 else AlertStatus.RESOLVED
        )
        for n in range(6)
    ]
    await store.write_alerts(alerts)
    await store.write(with_snapshot(traded(1), DAY))
    assert [alert.id for alert in StateReader(path).alerts()] == ["a1", "a4", "a5"]
    lines = (path.parent / ALERTS_FILE).read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=AlertRow) for line in lines] == [
        alert for alert in alerts if alert.id in {"a0", "a2", "a3"}
    ]


def archived(path: Path, name: str = ALERTS_FILE) -> list[str]:
    lines = (path.parent / name).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=AlertRow).id for line in lines]


async def with_alerts(store: Store, first: int, last: int) -> None:
    """Resolved ones, and what comes of them with the next snapshot."""
    await store.write_alerts(
        [
            replace(an_alert(), id=f"a{n}", status=AlertStatus.RESOLVED)
            for n in range(first, last + 1)
        ]
    )
    await store.write(with_snapshot(traded(1), DAY))


async def test_a_disk_that_takes_half_of_an_alert_loses_none(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.pwrite

    def half(fd: int, data: bytes, at: int) -> int:
        return whole(fd, data[: (len(data) + 1) // 2], at)

    monkeypatch.setattr(os, "pwrite", half)
    await with_alerts(store, 0, 3)
    assert archived(path) == ["a0", "a1"]

    def full(fd: int, data: bytes, at: int) -> int:
        half(fd, data, at)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    await with_alerts(store, 4, 4)
    assert archived(path) == ["a0", "a1"]
    assert [alert.id for alert in StateReader(path).alerts()] == ["a2", "a3", "a4"]
    with (path.parent / ALERTS_FILE).open("ab") as torn:  # killed while it wrote
        torn.write(b'{"id":"a2')
    monkeypatch.setattr(os, "pwrite", whole)
    await with_alerts(store, 5, 5)
    assert archived(path) == ["a0", "a1", "a2", "a3"]


async def test_alerts_whose_rows_did_not_go_are_archived_once(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = retention._delete

    def kept(db: sqlite3.Connection, table: str, gone: Iterable[int]) -> None:
        delete(db, table, gone)
        if table == "alerts":
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(retention, "_delete", kept)
    await with_alerts(store, 0, 3)
    monkeypatch.setattr(retention, "_delete", delete)
    assert archived(path) == ["a0", "a1"]
    await with_alerts(store, 4, 4)
    assert archived(path) == ["a0", "a1", "a2"]


async def test_archived_alerts_have_a_bound(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_alerts(store, 0, 3)
    monkeypatch.setattr(alert_archive, "LARGEST", (path.parent / ALERTS_FILE).stat().st_size)
    for first in (4, 6, 8):
        await with_alerts(store, first, first + 1)
    assert (archived(path, OLDER_ALERTS_FILE), archived(path)) == (["a4", "a5"], ["a6", "a7"])


async def test_what_cannot_be_pruned_is_written_all_the_same(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "OF_ACCOUNT", "WHERE nothing = ?")
    await store.write(with_snapshot(traded(9), DAY))
    assert len(rows(path, "SELECT * FROM fills")) == 9
