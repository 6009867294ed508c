"""What the database keeps: the newest rows of each account, the newest alerts and runs.

The journals are the truth and have the rest: `orders --run ID` and `fills --run ID` read the journal of a
run that has lost rows here. What a run lost is noted with it (`pruned_until`, the time of the last fill
that went), and what all of them add up to by account and symbol (`pruned_fills`), so that the books can
still be compared with every fill. Alerts that go are appended to a file beside the database.

A little at a time: a transaction stays short, and what a month left is gone within the hour.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from tradectl.documents.run import AlertRow
from tradectl.domain.money import ZERO, Side, plain
from tradectl.domain.orders import WORKING, OrderStatus
from tradectl.domain.states import AlertStatus
from tradectl.storage.alert_archive import archive

KEPT_ROWS = 100_000
"""Orders, and fills, of an account."""
KEPT_ALERTS = 10_000
KEPT_RUNS = 1_000
"""That are known with all that they left; of older ones a line."""
AT_ONCE = 5_000
"""Rows that go in one transaction, at most."""

OVER = tuple(s.value for s in OrderStatus if s not in {*WORKING, OrderStatus.INITIALIZED})
EDGE = "SELECT rowid FROM {table} {of} ORDER BY rowid DESC LIMIT 1 OFFSET ?"
OF_ACCOUNT = "WHERE account_id = ?"


def prune_account(db: sqlite3.Connection, account_id: str, folder: Path) -> None:
    """Of its orders and fills what is older than the newest, and old alerts into a file in `folder`; in
    the transaction that is open. Raises OSError."""
    _prune_orders(db, account_id)
    stays = _edge(db, "fills", OF_ACCOUNT, KEPT_ROWS - 1, account_id)
    if stays:
        _prune_fills(db, account_id, stays)
    _prune_alerts(db, folder)


def _prune_orders(db: sqlite3.Connection, account_id: str) -> None:
    """Those that are over."""
    edge = _edge(db, "orders", OF_ACCOUNT, KEPT_ROWS, account_id)
    if edge:
        marks = ", ".join("?" * len(OVER))
        found = db.execute(
            "SELECT rowid, run_id FROM orders WHERE account_id = ? AND rowid <= ? "
            f"AND status IN ({marks}) ORDER BY rowid LIMIT ?",
            (account_id, edge, *OVER, AT_ONCE),
        ).fetchall()
        _delete(db, "orders", (row for row, _ in found))
        _note_runs(db, {run: "" for _, run in found})


def _prune_fills(db: sqlite3.Connection, account_id: str, oldest: int) -> None:
    """Those before the `oldest` that stays. All of the same moment of a run, or none: by its time it is
    known what went. Of a crowd in one moment more go at once."""
    rows = db.execute(
        "SELECT rowid, run_id, time, symbol, side, quantity, kept FROM fills "
        "WHERE account_id = ? AND rowid <= ? ORDER BY rowid",
        (account_id, oldest),
    )
    found: list[Any] = []
    for _, together in groupby(rows, key=itemgetter(1, 2)):
        moment = [*together]
        if moment[-1][0] == oldest or (found and len(found) + len(moment) > AT_ONCE):
            break
        found += moment
    rows.close()
    sums: dict[str, Decimal] = {}
    for _, _, _, symbol, side, quantity, kept in found:
        signed = Side(side).signed(Decimal(quantity)) - Decimal(kept)
        sums[symbol] = sums.get(symbol, ZERO) + signed
    for symbol, quantity in sums.items():
        key = (account_id, symbol)
        known = db.execute(
            "SELECT quantity FROM pruned_fills WHERE account_id = ? AND symbol = ?", key
        ).fetchone()
        total = quantity + (Decimal(known[0]) if known else ZERO)
        db.execute("INSERT OR REPLACE INTO pruned_fills VALUES (?, ?, ?)", (*key, plain(total)))
    _delete(db, "fills", (row[0] for row in found))
    _note_runs(db, {run: time for _, run, time, *_ in found})


def forget_again(db: sqlite3.Connection, run_id: str) -> None:
    """A journal was stored once more: of its fills those that were pruned before."""
    db.execute(
        "DELETE FROM fills WHERE run_id = :run AND account_id = "
        "(SELECT account_id FROM runs WHERE run_id = :run AND pruned_until <> '') "
        "AND time <= (SELECT pruned_until FROM runs WHERE run_id = :run)",
        {"run": run_id},
    )


def _prune_recorded(db: sqlite3.Connection) -> None:
    """Of the runs on recorded data but the newest the rows of those with which there would be too many:
    nobody goes on from them."""
    rows = db.execute(
        "SELECT run_id, run_orders + run_fills FROM runs WHERE account_kind = 'recorded' "
        "AND pruned = 0 AND ended_at IS NOT NULL ORDER BY run_id DESC LIMIT ?",
        (AT_ONCE,),
    )
    (_, seen), *before = rows.fetchall() or [("", 0)]
    gone = 0
    for run_id, count in before:
        seen += count
        if seen <= KEPT_ROWS or not count:
            continue
        for table in ("orders", "fills"):
            db.execute(
                f"DELETE FROM {table} WHERE run_id = :run AND account_id = "
                "(SELECT account_id FROM runs WHERE run_id = :run)",
                {"run": run_id},
            )
        db.execute("UPDATE runs SET pruned = 1 WHERE run_id = ?", (run_id,))
        gone += count
        if gone >= 2 * KEPT_ROWS:
            return


def prune_runs(db: sqlite3.Connection, ended: str) -> None:
    """One has `ended`. The status of one that is long over is made of its journal when it is asked for;
    rows of runs on recorded data go at the end of one of these, which nobody waits for."""
    db.execute(
        "UPDATE runs SET status = NULL, untraded = NULL, pruned = 1 WHERE status IS NOT NULL "
        "AND ended_at IS NOT NULL "
        "AND run_id < (SELECT run_id FROM runs ORDER BY run_id DESC LIMIT 1 OFFSET ?)",
        (KEPT_RUNS,),
    )
    kind = db.execute("SELECT account_kind FROM runs WHERE run_id = ?", (ended,)).fetchone()
    if kind == ("recorded",):
        _prune_recorded(db)


def _prune_alerts(db: sqlite3.Connection, folder: Path) -> None:
    """The oldest that are over, into the file in `folder`. Raises OSError: then they stay."""
    edge = _edge(db, "alerts", "", KEPT_ALERTS)
    if not edge:
        return
    names = AlertRow.__struct_fields__
    found = db.execute(
        f"SELECT rowid, {', '.join(names)} FROM alerts WHERE rowid <= ? AND status = ? "
        "ORDER BY rowid LIMIT ?",
        (edge, AlertStatus.RESOLVED.value, AT_ONCE),
    ).fetchall()
    if found:
        archive(
            folder,
            [msgspec.json.encode(dict(zip(names, row[1:], strict=True))) + b"\n" for row in found],
        )
        _delete(db, "alerts", (row[0] for row in found))


def _edge(db: sqlite3.Connection, table: str, of: str, kept: int, *values: Any) -> int:
    """The newest row that is too much; 0 where there is none."""
    found = db.execute(EDGE.format(table=table, of=of), (*values, kept)).fetchone()
    return found[0] if found else 0


def _delete(db: sqlite3.Connection, table: str, rows: Iterable[int]) -> None:
    chosen = msgspec.json.encode([*rows]).decode()
    db.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))", (chosen,))


def _note_runs(db: sqlite3.Connection, runs: dict[str, str]) -> None:
    """They lost rows: fills up to that time, where it is told."""
    db.executemany(
        "UPDATE runs SET pruned = 1, pruned_until = max(pruned_until, ?) WHERE run_id = ?",
        [(until, run) for run, until in runs.items()],
    )


__all__ = [
    "forget_again",
    "prune_account",
    "prune_runs",
]
