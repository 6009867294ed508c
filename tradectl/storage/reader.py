"""`state.db` seen from any process, running or not: plain SQLite, quick to start.

It only reads, but for one thing that must work with nothing running: an alert's status.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from tradectl.documents.account import FillRow, OrderRow
from tradectl.documents.reasons import Untraded
from tradectl.documents.run import AlertRow, RunRecord, Status
from tradectl.domain.errors import StateError
from tradectl.domain.money import ZERO, Side
from tradectl.domain.states import AlertStatus
from tradectl.domain.time import from_iso
from tradectl.storage.schema import (
    LOCK_TIMEOUT_S,
    database_error,
    has_room,
    is_there,
    refuse_other,
    size_of,
    version_of,
)

Document = TypeVar("Document", bound=Struct)
Decoded = TypeVar("Decoded")


LARGEST_INTEGER = 2**63 - 1
AT_ONCE = 1_000
"""Rows of a listing that are read at a time."""

RECORDED_ACCOUNT = "recorded"
"""Of a run on recorded data: nobody continues it, and it is not the account of the directory."""

OF_ACCOUNT = "account_id = ?"
OF_RUN = "account_id = (SELECT account_id FROM runs WHERE run_id = ?) AND run_id = ?"

NOT_RECORDED = f"account_kind <> '{RECORDED_ACCOUNT}'"


class Page(NamedTuple):
    """Of a listing the newest `limit` rows (None: all) but the newest `skip`, and none of before `since`
    (ISO 8601 UTC; empty: whenever)."""

    limit: int | None = None
    skip: int = 0
    since: str = ""


ALL = Page()


class StoredRun(RunRecord, kw_only=True, frozen=True):
    """A run as of record `last_seq`. `status` is the last one stored, None before the first."""

    last_seq: int
    state_hash: str
    status: Status | None = None
    pruned: bool = False
    """what it left is not all here any more: its journal has it"""


class StoredSnapshot(NamedTuple):
    """The account after record `seq`, and the seal from which on its journal has the rest, with who says
    so: JSON."""

    seq: int
    hash: str
    body: str
    sealed: str


class DatedSnapshot(NamedTuple):
    """The account (JSON) as of `taken_at` (ns UTC)."""

    taken_at: int
    body: str


class StateReader:
    """Questions to the database file `path`; a missing one answers as an empty one would."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last_run(self) -> StoredRun | None:
        """The newest run of the account, paper or live; its status is that of the account before it,
        until it has one of its own."""
        sql = f"SELECT * FROM runs WHERE {NOT_RECORDED} ORDER BY run_id DESC LIMIT 1"
        return self._with_status(self._run(sql))

    def last_run_of(self, account_kind: str) -> StoredRun | None:
        """The same of the accounts of this kind."""
        sql = "SELECT * FROM runs WHERE account_kind = ? ORDER BY run_id DESC LIMIT 1"
        return self._with_status(self._run(sql, account_kind))

    def _with_status(self, run: StoredRun | None) -> StoredRun | None:
        if run is None or run.status is not None:
            return run
        before = self._run(
            "SELECT * FROM runs WHERE account_id = ? AND status IS NOT NULL "
            "ORDER BY run_id DESC LIMIT 1",
            run.account_id,
        )
        return msgspec.structs.replace(run, status=before.status) if before is not None else run

    def run(self, run_id: str) -> StoredRun | None:
        return self._run("SELECT * FROM runs WHERE run_id = ?", run_id)

    def run_ids(self, beginning: str = "") -> list[str]:
        """Those that begin so, oldest first."""
        sql = "SELECT run_id FROM runs WHERE substr(run_id, 1, ?) = ? ORDER BY run_id"
        return [row["run_id"] for row in self._rows(sql, len(beginning), beginning)]

    def recorded_runs(self) -> set[str]:
        """The ids of those on recorded data, which are no account's."""
        sql = f"SELECT run_id FROM runs WHERE NOT {NOT_RECORDED}"
        return {row["run_id"] for row in self._rows(sql)}

    def _run(self, sql: str, *values: Any) -> StoredRun | None:
        for row in self._rows(sql, *values):
            return self._stored_run(row)
        return None

    def runs(self, page: Page = ALL) -> Iterator[StoredRun]:
        """The runs, oldest first, without status."""
        columns = (
            "run_id, account_id, account_kind, mode, source, started_at, ended_at, end_reason, "
            "events, pnl, run_orders, run_fills, run_pnl, run_funding, run_insurance, "
            "max_drawdown_pct, untraded, journal, last_seq, state_hash, pruned"
        )
        for row in self._page("runs", "started_at >= ?", (page.since,), page, "run_id", columns):
            yield self._stored_run(row)

    def _stored_run(self, row: dict[str, Any]) -> StoredRun:
        row["status"] = self._decoded(row.get("status"), Status)
        row["untraded"] = self._decoded(row["untraded"], list[Untraded])
        return self._document(StoredRun, row)

    def orders(self, account_id: str, page: Page = ALL) -> Iterator[OrderRow]:
        """Orders of an account, as they were made."""
        return self._documents(OrderRow, "orders", OF_ACCOUNT, account_id, page)

    def orders_of_run(self, run_id: str, page: Page = ALL) -> Iterator[OrderRow]:
        """Those that the run made."""
        return self._documents(OrderRow, "orders", OF_RUN, run_id, page)

    def orders_called(self, name: str) -> list[str]:
        """Our ids of the orders that an exchange knows under `name`, its own or the client's; oldest
        first."""
        sql = (
            "SELECT order_id FROM orders WHERE client_order_id = ? OR venue_order_id = ? "
            "ORDER BY run_id, rowid"
        )
        return [row["order_id"] for row in self._rows(sql, name, name)]

    def fills(self, account_id: str, page: Page = ALL) -> Iterator[FillRow]:
        """Fills of an account, as they were booked."""
        return self._documents(FillRow, "fills", OF_ACCOUNT, account_id, page)

    def fills_of_run(self, run_id: str, page: Page = ALL) -> Iterator[FillRow]:
        """Those that the run booked."""
        return self._documents(FillRow, "fills", OF_RUN, run_id, page)

    def alerts(self) -> list[AlertRow]:
        """Every alert but those of runs on recorded data, in the order in which they came."""
        recorded = f"SELECT run_id FROM runs WHERE NOT {NOT_RECORDED}"
        sql = f"SELECT * FROM alerts WHERE run_id NOT IN ({recorded}) ORDER BY rowid"
        return [self._document(AlertRow, row) for row in self._rows(sql)]

    def open_alerts(self, account_id: str) -> list[AlertRow]:
        """Those not resolved of runs of this account, or of which nobody knows what they were."""
        sql = (
            "SELECT * FROM alerts WHERE status != ? AND run_id NOT IN "
            "(SELECT run_id FROM runs WHERE account_id != ?) ORDER BY rowid"
        )
        rows = self._rows(sql, AlertStatus.RESOLVED, account_id)
        return [self._document(AlertRow, row) for row in rows]

    def alerts_of_run(self, run_id: str) -> list[AlertRow]:
        sql = "SELECT * FROM alerts WHERE run_id = ? ORDER BY rowid"
        return [self._document(AlertRow, row) for row in self._rows(sql, run_id)]

    def filled_quantities(self, account_id: str) -> dict[str, Decimal]:
        """Signed quantity per symbol over all fills of the account that were ever stored, less what was
        kept as fees."""
        pruned = "SELECT symbol, quantity FROM pruned_fills WHERE account_id = ?"
        totals = {row["symbol"]: Decimal(row["quantity"]) for row in self._rows(pruned, account_id)}
        sql = (
            "SELECT symbol, side, quantity, kept, count(*) AS times FROM fills WHERE account_id = ? "
            "GROUP BY symbol, side, quantity, kept"
        )
        for row in self._rows(sql, account_id):
            each = Side(row["side"]).signed(Decimal(row["quantity"])) - Decimal(row["kept"])
            totals[row["symbol"]] = totals.get(row["symbol"], ZERO) + each * row["times"]
        return totals

    # --- days of an account ----------------------------------------------------------------------------

    def last_end(self, account_id: str, run_id: str, but: Sequence[str]) -> int:
        """When the last run before that one ended (ns UTC) whose source is none of `but`; 0 for none."""
        marks = ", ".join("?" * len(but))
        sql = (
            "SELECT max(ended_at) AS at FROM runs WHERE account_id = ? AND run_id < ? "
            f"AND source NOT IN ({marks})"
        )
        (row,) = self._rows(sql, account_id, run_id, *but) or [{"at": None}]
        return from_iso(row["at"]) if row["at"] else 0

    def began(self, account_id: str) -> int:
        """When the first run of the account did that is known (ns UTC); 0 for none."""
        sql = "SELECT min(started_at) AS at FROM runs WHERE account_id = ?"
        (row,) = self._rows(sql, account_id) or [{"at": None}]
        return from_iso(row["at"]) if row["at"] else 0

    def last_profit(self, account_id: str, before: str) -> tuple[Decimal, int] | None:
        """What the account had made as its last run `before` that time ended, and when that was."""
        sql = (
            "SELECT pnl, ended_at FROM runs WHERE account_id = ? AND ended_at < ? "
            "ORDER BY ended_at DESC LIMIT 1"
        )
        for row in self._rows(sql, account_id, before):
            return Decimal(row["pnl"]), from_iso(row["ended_at"])
        return None

    def snapshot_around(self, account_id: str, at: int) -> DatedSnapshot | None:
        """The account's newest from before `at` (ns UTC), else the oldest of all."""
        sql = (
            "SELECT taken_at, body FROM snapshots WHERE taken_at {} ? "
            "AND run_id IN (SELECT run_id FROM runs WHERE account_id = ?) ORDER BY taken_at {} LIMIT 1"
        )
        for side in (("<", "DESC"), (">=", "ASC")):
            for row in self._rows(sql.format(*side), at, account_id):
                return DatedSnapshot(row["taken_at"], row["body"])
        return None

    def traded(self, account_id: str, since: str, until: str) -> tuple[int, Decimal, bool]:
        """Fills of the account from `since` to before `until`: how many, what they cost in fees, and
        whether these are all that there were."""
        sql = "SELECT fee_value FROM fills WHERE account_id = ? AND time >= ? AND time < ?"
        fees = [Decimal(row["fee_value"]) for row in self._rows(sql, account_id, since, until)]
        gone = "SELECT 1 FROM runs WHERE account_id = ? AND pruned_until >= ? LIMIT 1"
        return len(fees), sum(fees, ZERO), not self._rows(gone, account_id, since)

    def has_pruned(self, account_id: str) -> bool:
        """Whether there were orders and fills of the account that only journals have now."""
        sql = "SELECT 1 FROM runs WHERE account_id = ? AND pruned LIMIT 1"
        return bool(self._rows(sql, account_id))

    def snapshots(self, run_id: str, below: int = LARGEST_INTEGER) -> Iterator[StoredSnapshot]:
        """Those of a run, newest first, of records `below` that one. Each is read when it is asked for:
        there may be thousands."""
        sql = "SELECT * FROM snapshots WHERE run_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
        while rows := self._rows(sql, run_id, below):
            (row,) = rows
            below = row["seq"]
            yield StoredSnapshot(below, row["hash"], row["body"], row["sealed"] or "")

    # --- rows -----------------------------------------------------------------------------------------

    def _documents(
        self, kind: type[Document], table: str, owner: str, owner_id: str, page: Page
    ) -> Iterator[Document]:
        dated = "time" if kind is FillRow else "created_at"
        wanted = f"{owner} AND {dated} >= ?"
        owners = (owner_id,) * owner.count("?")
        for row in self._page(table, wanted, (*owners, page.since), page, "rowid"):
            yield self._document(kind, row)

    def _page(
        self,
        table: str,
        wanted: str,
        values: tuple[str, ...],
        page: Page,
        order: str,
        columns: str = "*",
    ) -> Iterator[dict[str, Any]]:
        """In the `order` in which they came: a clock may have been set back in between. Some at a time:
        a transaction that stays open while they are printed would keep the database from being tidied."""
        newest = f"SELECT {order} AS place FROM {table} WHERE {wanted} ORDER BY {order} DESC"
        bounds = f"SELECT min(place) AS place, max(place) AS last FROM ({newest} LIMIT ? OFFSET ?)"
        limit = -1 if page.limit is None else page.limit
        rows = self._rows(bounds, *values, limit, page.skip)
        last, than = rows[0]["last"] if rows else None, ">="
        while rows and last is not None:
            rows = self._rows(
                f"SELECT {order} AS place, {columns} FROM {table} WHERE {wanted} "
                f"AND {order} {than} ? AND {order} <= ? ORDER BY {order} LIMIT {AT_ONCE}",
                *values, rows[-1]["place"], last,
            )  # fmt: skip
            yield from rows
            than = ">"

    def _document(self, kind: type[Document], row: dict[str, Any]) -> Document:
        try:
            return msgspec.convert(row, kind, strict=False)  # SQLite knows no booleans
        except msgspec.ValidationError as error:
            raise self._foreign(error) from error

    def _decoded(self, text: str | None, document: type[Decoded]) -> Decoded | None:
        try:
            return msgspec.json.decode(text, type=document) if text is not None else None
        except msgspec.DecodeError as error:
            raise self._foreign(error) from error

    def _foreign(self, error: Exception) -> StateError:
        return StateError(f"{self._path} holds what tradectl never wrote: {error}")

    def has_tables(self) -> bool:
        """False for a database that is not there, or that nobody has written to. Raises StateError."""
        return bool(self._rows("SELECT 1 FROM sqlite_master LIMIT 1"))

    def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        if not is_there(self._path):
            return []
        try:
            with self._open() as db:
                if db is None:
                    return []
                return [dict(row) for row in db.execute(sql, values)]
        except sqlite3.Error as error:
            raise database_error("read", self._path, error) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """None for a database that has no tables yet."""
        with closing(_opened(self._path)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = ON")
            yield db if _has_tables(db, self._path) else None


def _opened(path: Path) -> sqlite3.Connection:
    """Where nothing can be written, or no room is left, SQLite cannot make its lock file either, and need
    not: a database that was closed whole stays as it is."""
    folder = path.parent
    is_whole = not size_of(Path(f"{path}-wal"))
    unchanging = is_whole and not (os.access(folder, os.W_OK) and has_room(folder))
    name = f"{path.absolute().as_uri()}?immutable=1" if unchanging else str(path)
    return sqlite3.connect(name, timeout=LOCK_TIMEOUT_S, uri=unchanging)


def _has_tables(db: sqlite3.Connection, path: Path) -> bool:
    """Raises StateError where they are of another version."""
    found = version_of(db)
    if found:
        refuse_other(found, path)
    return bool(found)


def change_alert(path: Path, alert_id: str, status: str) -> bool:
    """Set the status of a stored alert; False when there is none of this id."""
    sql = "UPDATE alerts SET status = ? WHERE id = ?"
    return _change(path, sql, [(status, alert_id)]) > 0


def acknowledge_alerts(path: Path, alert_ids: Iterable[str]) -> None:
    """Those of these stored alerts that nobody has in hand yet."""
    sql = "UPDATE alerts SET status = ? WHERE id = ? AND status = ?"
    seen, active = AlertStatus.ACKNOWLEDGED, AlertStatus.ACTIVE
    _change(path, sql, [(seen, alert_id, active) for alert_id in alert_ids])


def resolve_alerts(path: Path, alert_ids: Iterable[str], now: str) -> None:
    """What these stored alerts tell of is over, as of `now` (ISO 8601)."""
    sql = "UPDATE alerts SET status = ?, updated_at = ? WHERE id = ?"
    _change(path, sql, [(AlertStatus.RESOLVED, now, alert_id) for alert_id in alert_ids])


def _change(path: Path, sql: str, rows: list[tuple[str, ...]]) -> int:
    """How many rows of the database it changed; there may be none at all."""
    if not rows or not is_there(path):
        return 0
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)) as db, db:
            return db.executemany(sql, rows).rowcount if _has_tables(db, path) else 0
    except sqlite3.Error as error:
        raise database_error("write", path, error) from error
