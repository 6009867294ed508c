"""`state.db` seen from any process, running or not: plain SQLite, quick to start.

It only reads, but for one thing that must work with nothing running: an alert's status.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradectl.domain.errors import StateError
from tradectl.domain.money import ZERO
from tradectl.domain.orders import client_order_id
from tradectl.domain.time import iso
from tradectl.state.schema import refuse_other


class StateReader:
    """Questions to the database file `path`; a missing one answers as an empty one would."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last_run(self) -> dict[str, Any] | None:
        """The newest run; its status is that of the account before it, until it has one of its own."""
        run = self._run("SELECT * FROM runs ORDER BY run_id DESC LIMIT 1")
        if run is None or run["status"]:
            return run
        before = self._run(
            "SELECT * FROM runs WHERE account_id = ? AND status != '{}' ORDER BY run_id DESC LIMIT 1",
            run["account_id"],
        )
        return {**run, "status": before["status"]} if before is not None else run

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A row of the runs table, with `status` as the document last stored."""
        return self._run("SELECT * FROM runs WHERE run_id = ?", run_id)

    def _run(self, sql: str, *values: Any) -> dict[str, Any] | None:
        rows = self._rows(sql, *values)
        return {**rows[0], "status": json.loads(rows[0]["status"])} if rows else None

    def runs(self) -> list[dict[str, Any]]:
        """Every run, oldest first."""
        return self._rows(
            "SELECT run_id, account_id, mode, source, started_at, ended_at, end_reason, events, pnl, "
            "journal FROM runs ORDER BY run_id"
        )

    def orders(self, account_id: str, limit: int = -1) -> list[dict[str, Any]]:
        """Orders of an account, newest last; the newest `limit` of them."""
        sql = (
            "SELECT * FROM orders WHERE account_id = ? ORDER BY created_at DESC, rowid DESC LIMIT ?"
        )
        return [_order(row) for row in reversed(self._rows(sql, account_id, limit))]

    def fills(self, account_id: str, limit: int = -1) -> list[dict[str, Any]]:
        """Fills of an account, newest last; the newest `limit` of them."""
        sql = "SELECT * FROM fills WHERE account_id = ? ORDER BY at DESC, rowid DESC LIMIT ?"
        return [_fill(row) for row in reversed(self._rows(sql, account_id, limit))]

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert, oldest first."""
        return self._rows("SELECT * FROM alerts ORDER BY created_at, id")

    def filled_quantities(self, account_id: str) -> dict[str, Decimal]:
        """Signed quantity per symbol over all stored fills of the account, less what was kept as fees."""
        totals: dict[str, Decimal] = {}
        for row in self._rows("SELECT * FROM fills WHERE account_id = ?", account_id):
            quantity = Decimal(row["quantity"])
            signed = (quantity if row["side"] == "buy" else -quantity) - Decimal(row["kept"])
            totals[row["symbol"]] = totals.get(row["symbol"], ZERO) + signed
        return totals

    def snapshots(self, run_id: str) -> Iterator[tuple[int, str, str]]:
        """(seq, hash, body) of a run's snapshots, newest first."""
        for row in self._rows(
            "SELECT seq, hash, body FROM snapshots WHERE run_id = ? ORDER BY seq DESC", run_id
        ):
            yield row["seq"], row["hash"], row["body"]

    def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        try:
            with self._open() as db:
                if db is None:
                    return []
                return [dict(row) for row in db.execute(sql, values)]
        except sqlite3.Error as error:
            raise StateError(f"cannot read {self._path}: {error}") from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """None for a database that has no tables yet."""
        with closing(sqlite3.connect(self._path, timeout=5.0)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = ON")
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found:
                refuse_other(found, self._path)
            yield db if found else None


def change_alert(path: Path, alert_id: str, status: str) -> bool:
    """Set the status of a stored alert; False when there is none of this id."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as db, db:
            sql = "UPDATE alerts SET status = ? WHERE id = ?"
            return db.execute(sql, (status, alert_id)).rowcount > 0
    except sqlite3.Error as error:
        raise StateError(f"cannot write {path}: {error}") from error


def _order(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "client_order_id": client_order_id(row["account_id"], row["order_id"]),
        "reduce_only": bool(row["reduce_only"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def _fill(row: dict[str, Any]) -> dict[str, Any]:
    """`fee` is in `fee_currency`; `fee_value` is what it was worth in the quote currency."""
    told = {key: value for key, value in row.items() if key not in ("at", "fee_paid", "kept")}
    paid = row.get("fee_paid", "0")
    told["fee"], told["fee_value"] = (row["fee"] if paid == "0" else paid), row["fee"]
    known_as = client_order_id(row["account_id"], row["order_id"])
    return {**told, "client_order_id": known_as, "time": iso(row["at"])}
