"""The tables of `state.db`. A database of another version is refused, by name; one that `migrate` can
bring to this version, until it has.

The database is a projection of the journals that other processes can read. Every write says in the
same transaction which record it reflects (`runs.last_seq`). Orders, fills and alerts are stored as the
documents that `--json` prints, a column for each field; fills also have `kept`,
the quantity of the coins traded that an exchange kept as its fee. `outbox` has what people have not been
told yet, which no journal has. Each row has its account, by which it
is found; that of a run is looked up in `runs`: an index more would be a page more with every write.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tradectl.domain.errors import DatabaseDamaged, DatabaseError, StateError
from tradectl.files.own import refuse_foreign
from tradectl.storage.migrations import FIRST, newest

VERSION = newest()
LOCK_TIMEOUT_S = 5.0
PAGES_AT_HAND_KB = 512
SIDE_FILES = ("-wal", "-shm", "-journal")
SHARED_BYTES = 32 << 10
"""Of the file by which those that have a database open know of each other, as SQLite makes it."""

PRIMARY_CODE = 0xFF
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

TABLES = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, account_kind TEXT NOT NULL,
    mode TEXT NOT NULL, source TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT,
    end_reason TEXT, events INTEGER NOT NULL DEFAULT 0,
    pnl TEXT NOT NULL DEFAULT '0', run_orders INTEGER NOT NULL DEFAULT 0,
    run_fills INTEGER NOT NULL DEFAULT 0, run_pnl TEXT NOT NULL DEFAULT '0',
    run_funding TEXT NOT NULL DEFAULT '0', run_insurance TEXT NOT NULL DEFAULT '0',
    max_drawdown_pct TEXT NOT NULL DEFAULT '0',
    untraded TEXT, journal TEXT NOT NULL, last_seq INTEGER NOT NULL DEFAULT 0,
    state_hash TEXT NOT NULL DEFAULT '', status TEXT,
    pruned INTEGER NOT NULL DEFAULT 0, pruned_until TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE orders (
    order_id TEXT PRIMARY KEY, client_order_id TEXT NOT NULL, venue_order_id TEXT NOT NULL,
    account_id TEXT NOT NULL, run_id TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
    type TEXT NOT NULL, quantity TEXT NOT NULL, filled TEXT NOT NULL, price TEXT, stop_price TEXT,
    average_price TEXT, status TEXT NOT NULL, strategy TEXT NOT NULL, reason TEXT NOT NULL,
    fees TEXT NOT NULL, reduce_only INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    parent_id TEXT NOT NULL, algorithm TEXT NOT NULL, tag TEXT NOT NULL,
    leg TEXT NOT NULL
) STRICT;
CREATE INDEX orders_by_account ON orders (account_id);
CREATE TABLE fills (
    trade_id TEXT NOT NULL, order_id TEXT NOT NULL, client_order_id TEXT NOT NULL,
    account_id TEXT NOT NULL, run_id TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
    quantity TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL, fee_currency TEXT NOT NULL,
    fee_value TEXT NOT NULL, liquidity TEXT NOT NULL, strategy TEXT NOT NULL, time TEXT NOT NULL,
    kept TEXT NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) STRICT;
CREATE INDEX fills_by_account ON fills (account_id);
CREATE TABLE pruned_fills (
    account_id TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL,
    PRIMARY KEY (account_id, symbol)
) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL, type TEXT NOT NULL, severity TEXT NOT NULL,
    message TEXT NOT NULL, component TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL
) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, channels TEXT NOT NULL, due INTEGER NOT NULL,
    step INTEGER NOT NULL, notice TEXT NOT NULL
) STRICT;
CREATE TABLE snapshots (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, taken_at INTEGER NOT NULL, hash TEXT NOT NULL,
    body TEXT NOT NULL, sealed TEXT, PRIMARY KEY (run_id, seq)
) STRICT;
CREATE INDEX snapshots_by_time ON snapshots (taken_at);
"""
TABLE_NAMES = re.findall(r"CREATE TABLE (\w+)", TABLES)


def prepare(db: sqlite3.Connection, path: Path | str) -> None:
    """Make the tables, in one transaction, where there are none. Raises StateError for a database of
    another version."""
    found = version_of(db)
    if not found:
        db.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    else:
        refuse_other(found, path)


def version_of(db: sqlite3.Connection) -> int:
    """Of its schema; 0 where there are no tables yet."""
    (found,) = db.execute("PRAGMA user_version").fetchone()
    return int(found)


def refuse_other(found: int, path: Path | str) -> None:
    """Raises StateError unless `found` is the version that is read."""
    if FIRST <= found < VERSION:
        raise StateError(
            f"{path} has schema {found}, and this tradectl reads {VERSION}: the next `tradectl run` "
            "migrates it, and keeps a copy; or use the version that wrote it"
        )
    if found != VERSION:
        raise StateError(
            f"{path} has schema {found}, and this tradectl reads {VERSION}: "
            "use the version that wrote it, or another --state-dir"
        )


def is_older(path: Path) -> bool:
    """Of a schema that is migrated. Raises StateError."""
    if not is_there(path):
        return False
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)) as db:
            return FIRST <= version_of(db) < VERSION
    except sqlite3.Error as error:
        raise database_error("read", path, error) from error


def database_error(what: str, path: Path, error: sqlite3.Error) -> DatabaseError:
    """The error of SQLite as one of ours: `what` could not be done with `path`."""
    if _is_damage(error):
        return DatabaseDamaged(
            f"cannot {what} {path}: it is damaged ({error}); "
            "`tradectl run` makes it anew from the journals"
        )
    full = "" if has_room(path.parent) else "; no space is left on its disk"
    return DatabaseError(f"cannot {what} {path}: {error}{full}")


def has_room(folder: Path) -> bool:
    """For what SQLite makes beside a database that it only reads."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True  # what else is wrong is said by whoever comes upon it
    return disk.f_bavail * disk.f_frsize >= SHARED_BYTES


def size_of(path: Path) -> int:
    """In bytes; 0 for a file that is not there, or not any more: SQLite's own come and go."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def is_there(path: Path, what: str = "read") -> bool:
    """Whether there is a database, and nothing else in its place or beside it, to be used for `what`.
    Raises StateError."""
    for name in (path, *(Path(f"{path}{end}") for end in SIDE_FILES)):
        try:
            refuse_foreign(name)
        except OSError as error:
            raise StateError(f"cannot {what} {name}: {error.strerror}") from error
    return path.exists()


def damage_of(path: Path) -> str:
    """What is wrong with the database; empty where it is whole, missing or has no tables yet. Raises
    StateError for one that cannot be opened, and for a version that is neither read nor migrated."""
    if not is_there(path):
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)) as db:
            found = version_of(db)
            if not found:
                return ""
            if not FIRST <= found < VERSION:
                refuse_other(found, path)
                tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
                lost = [name for name in TABLE_NAMES if name not in tables]
                if lost:
                    return f"without its table {lost[0]}"
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            return "" if verdict == "ok" else str(verdict)
    except sqlite3.Error as error:
        if _is_damage(error):
            return str(error)
        raise database_error("use", path, error) from error


def _is_damage(error: sqlite3.Error) -> bool:
    """By SQLite's code, which has none of its own for a table that is not there."""
    code = getattr(error, "sqlite_errorcode", 0)  # an error of Python's own module has none
    return code & PRIMARY_CODE in DAMAGE or str(error).startswith("no such table")


def connect(path: str, *, timeout: float = LOCK_TIMEOUT_S) -> sqlite3.Connection:
    """A connection with the settings that every writer uses: WAL, synced at each commit. A new database
    can give free pages back, and has small ones: a commit writes each that it touches. Few of them are
    kept at hand: a snapshot fills as many as there may be, and none of it is read again."""
    db = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    try:
        db.execute("PRAGMA page_size = 2048")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = -{PAGES_AT_HAND_KB}")
    except sqlite3.Error:
        db.close()
        raise
    return db
