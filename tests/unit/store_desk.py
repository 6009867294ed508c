"""A store in a test's folder, and small groups of changes to put into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.unit.ledger_desk import RUN, Ledger
from tradectl.state.account import Account
from tradectl.state.store import Changes, RunRow

ROW = RunRow(RUN, RUN, "paper", "simulated", "2026-01-01T00:00:00.000000Z", "/j/run1.jsonl")


def changes(ledger: Ledger, **other: Any) -> Changes:
    """Everything that happened to the ledger since the last call."""
    books = ledger.books
    orders, books.touched = list(books.touched.values()), {}
    fills, books.new_fills = books.new_fills, []
    given: dict[str, Any] = {
        "run_id": RUN,
        "account_id": RUN,
        "last_seq": ledger.seq,
        "events": ledger.seq,
        "pnl": "1.5",
        "state_hash": ledger.hash(),
        "status": {"last_seq": ledger.seq},
        "orders": orders,
        "fills": fills,
        **other,
    }
    return Changes(**given)


def with_snapshot(ledger: Ledger, taken_at: int) -> Changes:
    account: Account = ledger.books.snapshot()
    return changes(ledger, snapshot=account, taken_at=taken_at)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with connection(path) as db:
        return db.execute(sql).fetchall()


@contextmanager
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        yield db
    finally:
        db.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process is writing and does not finish."""
    with connection(path) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def write_junk(path: Path) -> None:
    path.write_bytes(b"this is not a database, and it is long enough to tell" * 100)


def exists(path: Path) -> bool:
    return path.exists()
