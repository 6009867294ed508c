"""`export` and `pnl` as a user has them: all of an account, wherever its rows are kept."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, tradectl
from tests.fixtures.run_inputs import private
from tradectl.storage import retention

D = Decimal


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two runs of one account."""
    folder = tmp_path_factory.mktemp("exported")
    config = private(folder / "busy.toml", BUSY)
    for seed in (1, 2):
        words = ("run", "--headless", "--duration", "1.1", "--seed", seed, "-c", config)
        assert tradectl(folder / "state", *words).code == 0
    return (yield folder / "state")


def exported(state: Path, *words: object) -> list[dict[str, str]]:
    answer = tradectl(state, "export", *words)
    assert answer.code == 0, answer.err
    return [*csv.DictReader(io.StringIO(answer.out, newline=""))]


def shown(state: Path, what: str, *words: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tradectl(state, what, "--json", *words).document()
    return rows


@pytest.mark.parametrize("what", ["fills", "orders"])
def test_all_rows_of_the_account_or_of_a_run_or_a_time(
    state: Path, what: str, tmp_path: Path
) -> None:
    rows, name = shown(state, what), "trade_id" if what == "fills" else "order_id"
    assert len(rows) > 20
    assert [row[name] for row in exported(state, what)] == [row[name] for row in rows]
    answer = tradectl(state, "export", what, "--format", "json", "-o", tmp_path / "rows.json")
    assert answer.code == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    run = rows[-1]["run_id"]
    of_run = exported(state, what, "--run", run)
    assert [row[name] for row in of_run] == [row[name] for row in rows if row["run_id"] == run]
    time = "time" if what == "fills" else "created_at"
    edge = rows[len(rows) // 2][time]
    parts = exported(state, what, "--until", edge), exported(state, what, "--since", edge)
    assert sorted(row[name] for part in parts for row in part) == sorted(row[name] for row in rows)
    assert all(row[time] < edge for row in parts[0])


def test_what_the_database_let_go_comes_from_the_journals(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was made of it all the same adds up."""
    saved = tmp_path / "saved.tar.gz"
    assert tradectl(state, "backup", saved).code == 0
    pruned = tmp_path / "pruned"
    assert tradectl(pruned, "restore", saved).code == 0
    before = exported(state, "fills")
    monkeypatch.setattr(retention, "KEPT_ROWS", 5)
    with closing(sqlite3.connect(pruned / "state.db")) as db, db:
        retention.prune_account(db, before[0]["account_id"], pruned)
    assert len(shown(pruned, "fills")) < len(before)
    assert exported(pruned, "fills") == before


def test_the_account_is_the_sum_of_what_was_made(state: Path) -> None:
    account = tradectl(state, "status", "--json").document()["portfolio"]
    for words in ((), ("--by", "month"), ("--lots", "fifo"), ("--per", "symbol")):
        found = tradectl(state, "pnl", "--json", *words).document()
        total = found["total"]
        for name in ("fees", "funding"):
            assert sum(D(row[name]) for row in found["rows"]) == D(total[name])
            assert D(total[name]) == D(account[name])
        made = D(account["realized_pnl"]) + D(account["unrealized_pnl"]) - D(account["fees"])
        assert D(total["pnl"]) == made == D(account["equity"]) - D(account["initial_cash"])
        assert found["missing"] == []
    last = exported(state, "equity", "--every", "1s")[-1]
    assert D(last["equity"]) == D(account["equity"])
    assert len(exported(state, "equity", "--every", "1s")) > 2
    shown_too = tradectl(state, "pnl", "--time-zone", "Asia/Tokyo")
    assert "days of Asia/Tokyo" in shown_too.out


def test_what_cannot_be_is_said(state: Path, tmp_path: Path) -> None:
    for words, said in (
        (("export", "fills", "--format", "parquet"), "name a file"),
        (("export", "positions", "--since", "2026-01-01"), "positions"),
        (("export", "fills", "--every", "1h"), "equity alone"),
        (("export", "equity", "--every", "7x"), "timeframe"),
        (("export", "fills", "-o", tmp_path / "no" / "f"), "no such folder"),
        (("pnl", "--time-zone", "Mars/Olympus"), "time zone"),
        (("pnl", "--run", "nonesuch"), "nonesuch"),
    ):
        assert said in tradectl(state, *words).complaint()
    assert "begins one" in tradectl(tmp_path / "new", "pnl").complaint()


def test_a_link_beside_the_file_is_not_written_through(state: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for name in ("fills.parquet", ".fills.parquet.new"):
        (tmp_path / name).symlink_to(tmp_path / "mine")
    words = ("fills", "--format", "parquet", "-o", tmp_path / "fills.parquet")
    assert tradectl(state, "export", *words).code == 0
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "fills.parquet").read_bytes().startswith(b"PAR1")
    assert (tmp_path / ".fills.parquet.new").is_symlink()


def test_until_comes_after_since(state: Path) -> None:
    answer = tradectl(state, "export", "fills", "--since", "2026-02-01", "--until", "2026-01-01")
    assert answer.code == 2
    assert "--since comes before --until" in answer.err


@pytest.mark.parametrize("words", [("export", "fills"), ("backup",), ("vacuum",)])
def test_what_is_no_state_directory_is_told_in_a_line(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir(mode=0o700)
    for name, said in (("empty", "has none of tradectl's files"), ("missing", "does not exist")):
        answer = tradectl(tmp_path / name, *words)
        assert (answer.code, said in answer.err) == (2, True)
    assert [*(tmp_path / "empty").iterdir()] == []
