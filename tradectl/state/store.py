"""The one writer of `state.db`: whole groups of changes, each in one transaction.

It writes what the journal already holds, so a write that fails loses nothing: the caller keeps the
changes and offers them again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from tradectl.documents.account import AccountStatus, FillRow, OrderRow
from tradectl.documents.run import AlertRow
from tradectl.domain.errors import StateError
from tradectl.domain.money import plain
from tradectl.domain.orders import Order
from tradectl.domain.time import DAY
from tradectl.state.account import Account, Fill
from tradectl.state.schema import LOCK_TIMEOUT_S, connect, prepare
from tradectl.state.status import fill_row, order_row

SNAPSHOTS_KEPT_NS = DAY

Statements = list[tuple[str, list[tuple[Any, ...]]]]


class RunBegun(Struct, frozen=True):
    """A run as it begins."""

    run_id: str
    account_id: str
    mode: str
    source: str
    started_at: str
    journal: str


class Changes(Struct):
    """What happened since the last write, up to and including `last_seq`."""

    run_id: str
    account_id: str
    last_seq: int
    events: int
    pnl: str
    state_hash: str
    status: AccountStatus
    orders: list[Order]
    fills: list[Fill]
    snapshot: Account | None = None
    taken_at: int = 0


class Store:
    """`path` is the database file, made when missing; another's lock on it is waited for as long as
    `lock_timeout` (s). Raises StateError when it cannot be used."""

    def __init__(self, path: Path, *, lock_timeout: float = LOCK_TIMEOUT_S) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._db: aiosqlite.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        path = str(self._path)
        try:
            await asyncio.to_thread(_prepare, path, self._lock_timeout)
            self._db = await aiosqlite.Connection(
                lambda: connect(path, timeout=self._lock_timeout), iter_chunk_size=64
            )
        except sqlite3.Error as error:
            raise StateError(f"cannot use {self._path}: {error}") from error

    async def close(self) -> None:
        if self._db is not None:
            await self._db.close()
            self._db = None

    async def begin_run(self, run: RunBegun) -> None:
        await self._transact([(BEGIN_SQL, [astuple(run)])])

    async def end_run(self, run_id: str, ended_at: str, reason: str) -> None:
        sql = "UPDATE runs SET ended_at = ?, end_reason = ? WHERE run_id = ?"
        await self._transact([(sql, [(ended_at, reason, run_id)])])

    async def write(self, changes: Changes) -> None:
        """All of it, or none of it."""
        account = changes.account_id
        statements: Statements = [
            (ORDER_SQL, _as_json([order_row(order, account) for order in changes.orders])),
            (FILL_SQL, _as_json([(fill_row(f, account), plain(f.kept)) for f in changes.fills])),
            (RUN_SQL, [_run_values(changes)]),
        ]
        if changes.snapshot is not None:
            body = msgspec.json.encode(changes.snapshot.dump()).decode()
            row = (changes.run_id, changes.last_seq, changes.taken_at, changes.state_hash, body)
            statements.append(("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", [row]))
            too_old = changes.taken_at - SNAPSHOTS_KEPT_NS
            statements.append((PRUNE_SQL, [(too_old, changes.run_id, changes.last_seq)]))
        await self._transact(statements)

    async def write_alerts(self, alerts: list[AlertRow]) -> None:
        """New ones, and changed ones by their id."""
        await self._transact([(ALERT_SQL, [astuple(alert) for alert in alerts])])

    async def _transact(self, statements: Statements) -> None:
        if self._db is None:
            raise StateError(f"{self._path} is not open")
        try:
            await asyncio.shield(self._in_one_transaction(self._db, statements))
        except sqlite3.Error as error:
            raise StateError(f"cannot write {self._path}: {error}") from error

    async def _in_one_transaction(self, db: aiosqlite.Connection, statements: Statements) -> None:
        """Runs to its end even when whoever asked for it is cancelled."""
        async with self._one_at_a_time:
            await db.execute("BEGIN IMMEDIATE")
            try:
                for sql, rows in statements:
                    if rows:
                        await db.executemany(sql, rows)
                await db.execute("COMMIT")
            except sqlite3.Error:
                if db.in_transaction:  # a full disk has rolled it back already
                    await db.execute("ROLLBACK")
                raise


def _prepare(path: str, lock_timeout: float) -> None:
    """Make the tables, by a connection that is closed whatever comes: aiosqlite's would stay open."""
    with closing(connect(path, timeout=lock_timeout)) as db:
        prepare(db)


def _insert(table: str, row: type[Struct], how: str = "INSERT") -> str:
    columns = row.__struct_fields__
    return f"{how} INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _insert_all(table: str, places: dict[str, str], how: str = "INSERT") -> str:
    """Every row of one JSON text, `places` being where in a row each column is. SQLite lets Python go on
    between rows only, and while the loop is busy each row of `executemany` then waits for its turn:
    rows in one text are a single wait."""
    values = ", ".join(f"json_extract(value, '{place}')" for place in places.values())
    return f"{how} INTO {table} ({', '.join(places)}) SELECT {values} FROM json_each(?) WHERE true"


def _as_json(rows: list[Any]) -> list[tuple[str]]:
    return [(msgspec.json.encode(rows).decode(),)] if rows else []


ORDER_PLACES = {column: f"$.{column}" for column in OrderRow.__struct_fields__}
FILL_PLACES = {**{column: f"$[0].{column}" for column in FillRow.__struct_fields__}, "kept": "$[1]"}
"""A fill is stored with the quantity of the coins that the exchange kept of it as its fee."""

ORDER_SQL = (
    f"{_insert_all('orders', ORDER_PLACES)} ON CONFLICT (order_id) DO UPDATE SET "
    "filled = excluded.filled, average_price = excluded.average_price, status = excluded.status, "
    "reason = excluded.reason, venue_order_id = excluded.venue_order_id, fees = excluded.fees, "
    "updated_at = excluded.updated_at"
)
FILL_SQL = _insert_all("fills", FILL_PLACES, how="INSERT OR IGNORE")
ALERT_SQL = _insert("alerts", AlertRow, how="INSERT OR REPLACE")
BEGIN_SQL = _insert("runs", RunBegun)
PRUNE_SQL = "DELETE FROM snapshots WHERE taken_at < ? AND NOT (run_id = ? AND seq = ?)"
RUN_SQL = (
    "UPDATE runs SET events = ?, pnl = ?, last_seq = ?, state_hash = ?, status = ? WHERE run_id = ?"
)


def _run_values(changes: Changes) -> tuple[Any, ...]:
    status = msgspec.json.encode(changes.status).decode()
    return (
        changes.events,
        changes.pnl,
        changes.last_seq,
        changes.state_hash,
        status,
        changes.run_id,
    )
