"""An older `state.db` is brought to the schema of today by whoever owns the account.

    [room?] -> write lock -> copy beside it, proven -> every step -> proven -> commit

The lock of SQLite is held from before the copy until the end, so that the copy is what was migrated, row
for row. All steps are one transaction: who is killed leaves the old or the new, and the next one finds
which. Nothing is changed where there is no room for it, nothing is committed that does not prove whole.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from tradectl.domain.errors import StateError
from tradectl.domain.text import harmless
from tradectl.files.own import open_own, sync_own
from tradectl.storage.lease import Lease
from tradectl.storage.migrations import FIRST, MIGRATIONS, Migration, newest
from tradectl.storage.schema import (
    LOCK_TIMEOUT_S,
    SIDE_FILES,
    connect,
    database_error,
    is_there,
    version_of,
)

KEPT = 3
ROOM, LEAST_ROOM = 2.2, 1 << 20
"""Of its size: for the copy, and for a log in which each page was written once; and for what is small."""
PARTIAL = ".partial"

Rows = dict[str, int]
"""How many, by table."""


def migrated(
    path: Path,
    lease: Lease,
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> str:
    """What was done with the database `path`, in words; empty where it is missing, new, or of a schema
    that is none of ours to migrate. Raises StateError: it is then as it was."""
    try:
        if not is_there(path, "migrate"):
            return ""
        with closing(connect(str(path))) as db:
            if not FIRST <= version_of(db) < newest(migrations):
                return ""
            if not lease.held:
                raise StateError(f"{path} is migrated by whoever owns its directory alone")
            return _migrated(db, path, migrations, free)
    except sqlite3.Error as error:
        raise database_error("migrate", path, error) from error
    except OSError as error:
        raise StateError(f"cannot migrate {path}: {error.strerror}; it is as it was") from error


def copy_database(source: Path, target: Path) -> None:
    """Into the new file `target`, its owner's alone, as it is at one moment, however much is written
    meanwhile. Raises sqlite3.Error, OSError."""
    os.close(open_own(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    with (
        closing(sqlite3.connect(source, timeout=LOCK_TIMEOUT_S)) as db,
        closing(sqlite3.connect(target)) as copy,
    ):
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _migrated(
    db: sqlite3.Connection,
    path: Path,
    migrations: Sequence[Migration],
    free: Callable[[Path], int],
) -> str:
    """A transaction that is not committed is rolled back with its connection."""
    _refuse_without_room(db, path, free(path.parent))
    db.execute("BEGIN IMMEDIATE")
    found = version_of(db)  # whoever had the lock may have done it
    steps = [step for step in migrations if step.to > found]
    before = _rows(db)
    copy = _saved(path, found, before)
    for step in steps:
        for statement in step.statements:
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {newest(migrations)}")
    recounted = frozenset[str]().union(*(step.recounted for step in steps))
    _refuse_unproven(db, path, {t: n for t, n in before.items() if t not in recounted})
    db.execute("COMMIT")
    _let_go_of_older(path)
    what = "; ".join(step.what for step in steps)
    return harmless(
        f"{path} was of schema {found} and is of {newest(migrations)} now ({what}); as it was it is kept "
        f"as {copy.name}"
    )


def _refuse_without_room(db: sqlite3.Connection, path: Path, free: int) -> None:
    (pages,), (size,) = (db.execute(f"PRAGMA page_{of}").fetchone() for of in ("count", "size"))
    needed = int(pages * size * ROOM) + LEAST_ROOM
    if free < needed:
        raise StateError(
            f"{path} is of an older schema, and to migrate it with a copy beside it takes "
            f"{needed / 1e6:,.0f} MB where {free / 1e6:,.0f} MB are free: make room; it is as it was"
        )


def _saved(path: Path, schema: int, rows: Rows) -> Path:
    """A copy of the database that proves whole, on the disk under its name only once it does."""
    copy = path.with_name(f"{path.name}.schema-{schema}")
    partial = copy.with_name(f"{copy.name}{PARTIAL}")
    _remove(partial)  # of one who was killed
    try:
        copy_database(path, partial)
        with closing(sqlite3.connect(partial)) as db:
            _refuse_unproven(db, partial, rows)
        sync_own(partial)
        partial.replace(copy)
        sync_own(copy.parent)
    finally:
        _remove(partial)
    return copy


def _rows(db: sqlite3.Connection) -> Rows:
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {
        name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in [*tables]
    }


def _refuse_unproven(db: sqlite3.Connection, path: Path, rows: Rows) -> None:
    """Raises StateError unless it is whole, with as many `rows`."""
    (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise StateError(f"cannot migrate {path}: it does not prove whole ({verdict})")
    there = _rows(db)
    for table, count in rows.items():
        if there.get(table) != count:
            after = f"{there.get(table, 0):,}"
            raise StateError(
                f"cannot migrate {path}: {table} had {count:,} rows, and would have {after}"
            )


def _let_go_of_older(path: Path) -> None:
    """The copies of the last few schemas stay."""

    def schema(copy: Path) -> int:
        number = copy.name.rpartition("-")[2]
        return int(number) if number.isdecimal() else -1

    copies = sorted(path.parent.glob(f"{path.name}.schema-*"), key=schema)
    for copy in copies[:-KEPT]:
        with contextlib.suppress(OSError):
            copy.unlink()


def _remove(path: Path) -> None:
    for end in ("", *SIDE_FILES):
        Path(f"{path}{end}").unlink(missing_ok=True)


__all__ = ["copy_database", "migrated"]
