"""The one writer of `state.db`: whole groups of changes, each in one transaction.

It writes what the journal already holds, so a write that fails loses nothing: the caller keeps the
changes and offers them again.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite
import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from tradectl.documents.account import AccountStatus, FillRow, OrderRow
from tradectl.documents.reasons import Untraded
from tradectl.documents.run import AlertRow
from tradectl.domain.errors import StateError
from tradectl.domain.money import plain
from tradectl.domain.orders import Order
from tradectl.domain.sealed import Sealed
from tradectl.domain.time import DAY
from tradectl.files.own import open_own
from tradectl.journal.signature import SigningKey
from tradectl.journal.signing_keys import SigningKeys
from tradectl.state.account import Account, Fill
from tradectl.state.status import fill_row, order_row
from tradectl.storage.retention import forget_again, prune_account, prune_runs
from tradectl.storage.schema import LOCK_TIMEOUT_S, connect, database_error, is_there, prepare
from tradectl.storage.signed_snapshot import SignedSeal, snapshot_mac

SNAPSHOTS_KEPT_NS = DAY

ROWS_AT_ONCE = 256

Statement = tuple[str, Sequence[Any]]
Step = Callable[[sqlite3.Connection], None]
"""What a transaction does last."""


class RunBegun(Struct, frozen=True):
    """A run as it begins; `account_kind` as in the header of its journal."""

    run_id: str
    account_id: str
    account_kind: str
    mode: str
    source: str
    started_at: str
    journal: str


class Changes(Struct):
    """What happened since the last write, up to and including `last_seq`. Without `untraded` the reasons
    stay that were stored before. From `sealed` on its journal has what a snapshot does not. It is not to
    be signed where nobody knows that its journal is ours."""

    run_id: str
    account_id: str
    last_seq: int
    events: int
    pnl: str
    run_orders: int
    run_fills: int
    run_pnl: str
    run_funding: str
    run_insurance: str
    max_drawdown_pct: str
    untraded: list[Untraded] | None
    state_hash: str
    status: AccountStatus
    orders: list[Order]
    fills: list[Fill]
    snapshot: Account | None = None
    sealed: Sealed | None = None
    taken_at: int = 0
    signs: bool = True


class Store:
    """`path` is the database file, made when missing; another's lock on it is waited for as long as
    `lock_timeout` (s). Snapshots are signed with `keys`, where there are any. What is older than the
    newest is let go where it `prunes`. Raises StateError when it cannot be used."""

    def __init__(
        self,
        path: Path,
        *,
        lock_timeout: float = LOCK_TIMEOUT_S,
        keys: SigningKeys | None = None,
        prunes: bool = True,
    ) -> None:
        self.keys = keys
        self._path = path
        self._prunes = prunes
        self._lock_timeout = lock_timeout
        self._db: Database | None = None
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        path = str(self._path)
        try:
            await asyncio.to_thread(_prepare, path, self._lock_timeout)
            db = Database(lambda: connect(path, timeout=self._lock_timeout), iter_chunk_size=64)
            self._db = await db.opened()
        except sqlite3.Error as error:
            raise database_error("use", self._path, error) from error

    async def close(self) -> None:
        if self._db is not None:
            await self._db.close()
            self._db = None

    async def begin_run(self, run: RunBegun) -> None:
        await self._transact(RUNS.of([astuple(run)]))

    async def end_run(self, run_id: str, ended_at: str, reason: str) -> None:
        sql = "UPDATE runs SET ended_at = ?, end_reason = ? WHERE run_id = ?"
        await self._transact([(sql, (ended_at, reason, run_id))])
        await self._tidy_up(lambda db: prune_runs(db, run_id))

    async def write(self, changes: Changes) -> None:
        """All of it, or none of it."""
        key = self.keys.own() if self.keys is not None and changes.signs else None
        await self._transact(_statements(changes, key))
        if changes.snapshot is not None:
            account_id, folder = changes.account_id, self._path.parent
            await self._tidy_up(lambda db: prune_account(db, account_id, folder))
            await self._give_pages_back()

    async def write_rows(
        self, account_id: str, run_id: str, orders: list[Order], fills: list[Fill]
    ) -> None:
        """A part of what a run that is over left, ahead of `write`, which says how far it came."""
        await self._transact(_rows(account_id, run_id, orders, fills))

    async def forget_again(self, run_id: str) -> None:
        """A run's journal was stored anew: what had been pruned of it goes once more."""
        await self._transact([], lambda db: forget_again(db, run_id))

    async def write_alerts(self, alerts: list[AlertRow]) -> None:
        """New ones, and changed ones by their id."""
        await self._transact(ALERTS.of(astuple(alert) for alert in alerts))

    async def _tidy_up(self, step: Step) -> None:
        """What was written stays whatever becomes of this: it can be done another time."""
        if self._prunes:
            with suppress(StateError, OSError):
                await self._transact([], step)

    async def _give_pages_back(self) -> None:
        """What pruned snapshots took; where that cannot be now, another time will do."""
        if self._db is not None:
            async with self._one_at_a_time:
                with suppress(sqlite3.Error):
                    await self._db.executescript(GIVE_BACK_SQL)

    async def _transact(
        self, statements: Iterable[Statement], then: Step = lambda db: None
    ) -> None:
        if self._db is None:
            raise StateError(f"{self._path} is not open")
        try:
            await asyncio.shield(self._in_one_transaction(self._db, statements, then))
        except sqlite3.Error as error:
            raise database_error("write", self._path, error) from error

    async def _in_one_transaction(
        self, db: Database, statements: Iterable[Statement], then: Step
    ) -> None:
        """Runs to its end even when whoever asked for it is cancelled."""
        async with self._one_at_a_time:
            await db.transact(statements, then)


class Database(aiosqlite.Connection):
    """A connection with a thread of its own. A transaction goes there as a whole: were each statement
    asked for by itself, a loop that is busy, or a computer, would come between all of them."""

    async def opened(self) -> Database:
        """Itself. Where that fails its thread has ended: it says so to the loop, which nobody may close
        before. Raises sqlite3.Error."""
        try:
            await self
        except BaseException:
            await asyncio.to_thread(self._thread.join)
            raise
        return self

    async def transact(self, statements: Iterable[Statement], then: Step) -> None:
        run = self._transact
        await self._execute(run, statements, then)  # type: ignore[no-untyped-call]  # it has no types

    def _transact(self, statements: Iterable[Statement], then: Step) -> None:
        db = self._conn
        db.execute("BEGIN IMMEDIATE")
        try:
            for sql, values in statements:
                db.execute(sql, values)
            then(db)
            db.execute("COMMIT")
        except BaseException:  # of SQLite, or of a row that could not be made
            if db.in_transaction:  # a full disk has rolled it back already
                db.execute("ROLLBACK")
            raise


def _prepare(path: str, lock_timeout: float) -> None:
    """Make the file, its owner's alone (SQLite gives its side files the same mode), and the tables, by
    a connection that is closed whatever comes: aiosqlite's would stay open."""
    is_there(Path(path), "use")
    with suppress(OSError):  # what is wrong with the place, SQLite says
        os.close(open_own(Path(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    with closing(connect(path, timeout=lock_timeout)) as db:
        prepare(db, path)


class Insert(NamedTuple):
    """Rows into `table`; `how` begins the statement, `conflict` ends it."""

    table: str
    columns: tuple[str, ...]
    how: str = "INSERT"
    conflict: str = ""

    def of(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Statement]:
        """Many rows a statement: SQLite lets Python go on with each, and while the loop is busy each of
        them then waits for its turn. Each number of rows is compiled and kept, so there are few: the
        last row is there more than once, which changes nothing."""
        rows = iter(rows)
        while some := msgspec.to_builtins([*islice(rows, ROWS_AT_ONCE)]):
            size = 1 << (len(some) - 1).bit_length()
            some += some[-1:] * (size - len(some))
            yield self.sql(size), [*chain.from_iterable(some)]

    def sql(self, rows: int) -> str:
        row = f"({', '.join('?' * len(self.columns))})"
        values = ", ".join([row] * rows)
        columns = ", ".join(self.columns)
        return f"{self.how} INTO {self.table} ({columns}) VALUES {values} {self.conflict}"


RUNS = Insert("runs", RunBegun.__struct_fields__)
ORDERS = Insert(
    "orders",
    OrderRow.__struct_fields__,
    conflict="ON CONFLICT (order_id) DO UPDATE SET "
    "filled = excluded.filled, average_price = excluded.average_price, status = excluded.status, "
    "reason = excluded.reason, venue_order_id = excluded.venue_order_id, fees = excluded.fees, "
    "updated_at = excluded.updated_at",
)
FILLS = Insert("fills", (*FillRow.__struct_fields__, "kept"), "INSERT OR IGNORE")
ALERTS = Insert(
    "alerts",
    AlertRow.__struct_fields__,
    conflict="ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, "
    "message = excluded.message, updated_at = excluded.updated_at, status = excluded.status, "
    "count = excluded.count",
)
SNAPSHOTS = Insert(
    "snapshots", ("run_id", "seq", "taken_at", "hash", "body", "sealed"), "INSERT OR REPLACE"
)
PRUNE_SQL = (
    "DELETE FROM snapshots INDEXED BY snapshots_by_time "
    "WHERE taken_at < ? AND NOT (run_id = ? AND seq = ?) "
    "AND run_id IN (SELECT run_id FROM runs WHERE account_id = ?)"
)
GIVE_BACK_SQL = "PRAGMA incremental_vacuum(2000)"
"""Pages of 2 kB, so that little is moved at a time. It takes a step a page, which no `execute` does."""
RUN_SQL = (
    "UPDATE runs SET events = ?, pnl = ?, run_orders = ?, run_fills = ?, run_pnl = ?, "
    "run_funding = ?, run_insurance = ?, max_drawdown_pct = ?, untraded = coalesce(?, untraded), "
    "last_seq = ?, state_hash = ?, status = ? WHERE run_id = ?"
)


def _rows(account: str, run_id: str, orders: list[Order], fills: list[Fill]) -> Iterator[Statement]:
    """Orders change where they are, and are described before the loop goes on; fills are in the thread
    that writes them, a few at a time."""
    made = [astuple(order_row(order, account)) for order in orders]
    booked = ((fill_row(fill, account, run_id), fill.kept) for fill in fills)
    return chain(ORDERS.of(made), FILLS.of((*astuple(row), plain(kept)) for row, kept in booked))


def _statements(changes: Changes, key: SigningKey | None = None) -> Iterator[Statement]:
    rows = _rows(changes.account_id, changes.run_id, changes.orders, changes.fills)
    return chain(rows, _run_statements(changes, key))


def _run_statements(changes: Changes, key: SigningKey | None) -> Iterator[Statement]:
    account = changes.account_id
    yield RUN_SQL, _run_values(changes)
    if changes.snapshot is not None:
        run_id, seq, at = changes.run_id, changes.last_seq, changes.taken_at
        body = msgspec.json.encode(changes.snapshot.dump()).decode()
        mac = snapshot_mac(key, run_id, seq, body, changes.sealed)
        sealed = msgspec.json.encode(SignedSeal(changes.sealed, mac)).decode()
        yield from SNAPSHOTS.of([(run_id, seq, at, changes.state_hash, body, sealed)])
        yield PRUNE_SQL, (at - SNAPSHOTS_KEPT_NS, run_id, seq, account)


def _run_values(changes: Changes) -> tuple[Any, ...]:
    status = msgspec.json.encode(changes.status).decode()
    reasons = changes.untraded
    untraded = None if reasons is None else msgspec.json.encode(reasons).decode()
    return (
        changes.events,
        changes.pnl,
        changes.run_orders,
        changes.run_fills,
        changes.run_pnl,
        changes.run_funding,
        changes.run_insurance,
        changes.max_drawdown_pct,
        untraded,
        changes.last_seq,
        changes.state_hash,
        status,
        changes.run_id,
    )
