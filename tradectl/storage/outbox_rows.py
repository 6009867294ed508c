"""The rows of what people have not been told yet. For a thread of its own, with a connection of its own:
neither waits for the writer of the books, which holds the lock for a moment at a time, for long."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tradectl.documents.run import AlertRow
from tradectl.domain.errors import StateError
from tradectl.domain.states import AlertStatus
from tradectl.storage.schema import connect, database_error

LOCK_TIMEOUT_S = 0.25
ALERT_SQL = (
    f"INSERT OR IGNORE INTO alerts ({', '.join(AlertRow.__struct_fields__)}) "
    f"VALUES ({', '.join(f':{name}' for name in AlertRow.__struct_fields__)})"
)


class OutboxRow(NamedTuple):
    """`channels` and `notice` as JSON."""

    id: int
    key: str
    channels: str
    due: int
    step: int
    notice: str


class OutboxRows:
    """Of the database at `path`, whose tables are there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def all(self) -> list[OutboxRow]:
        """In the order in which they came. Raises StateError."""
        try:
            sql = f"SELECT {', '.join(OutboxRow._fields)} FROM outbox ORDER BY id"
            return [OutboxRow(*row) for row in self._opened().execute(sql)]
        except sqlite3.Error as error:
            raise self._failed("read", error) from error

    def write(
        self,
        rows: Sequence[OutboxRow],
        gone: Sequence[int],
        alerts: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """New and changed ones, and those that are gone, in one transaction with the alerts (columns by
        name) that they are of: what is told is never unknown. Raises StateError."""
        marks = ", ".join("?" * len(OutboxRow._fields))
        try:
            db = self._opened()
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany(f"INSERT OR REPLACE INTO outbox VALUES ({marks})", rows)
                db.executemany(ALERT_SQL, alerts)
                db.executemany("DELETE FROM outbox WHERE id = ?", [(each,) for each in gone])
                db.execute("COMMIT")
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failed("write", error) from error

    def is_in_hand(self, alert_id: str) -> bool:
        """An alert that somebody has acknowledged, or that is over. Raises StateError."""
        try:
            found = self._opened().execute("SELECT status FROM alerts WHERE id = ?", (alert_id,))
            row = found.fetchone()
        except sqlite3.Error as error:
            raise self._failed("read", error) from error
        return row is not None and row[0] != AlertStatus.ACTIVE.value

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = connect(str(self._path), timeout=LOCK_TIMEOUT_S)
        return self._db

    def _failed(self, verb: str, error: sqlite3.Error) -> StateError:
        """The next use opens the file anew: it may have been put in another's place."""
        self.close()
        return database_error(verb, self._path, error)


__all__ = ["OutboxRow", "OutboxRows"]
