"""What the database does not keep for ever is still answered: by the journal of the run that left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import tradectl
from tests.fixtures.store import rows
from tests.integration.test_clock_steps import OnPaper
from tradectl.config.settings import Settings
from tradectl.operations.inspector import Inspector
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage import retention
from tradectl.storage.directory import StateDir

pytestmark = pytest.mark.virtual_time(lasting=3600.0)


async def traded(folder: Path) -> str:
    """Some time on paper; the id of the run."""
    options = RunOptions(settings=Settings(), state_dir=StateDir(folder), duration=35.0)
    summary = await trade(options, OnPaper())
    assert summary.run_fills > 4
    return str(summary.run_id)


def left_by(folder: Path, run: str) -> list[Any]:
    inspector = Inspector(StateDir(folder), run)
    shown = [*inspector.orders()], [*inspector.fills()]
    return [*shown, inspector.status().portfolio, inspector.status().positions]


async def test_rows_that_were_pruned_are_read_from_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    first = await traded(folder)
    for inspector in (Inspector(StateDir(folder)), Inspector(StateDir(folder), first)):
        assert inspector.status().data_age_s == {}, "the run is over: its data has no age"
    before = left_by(folder, first)
    monkeypatch.setattr(retention, "KEPT_ROWS", 3)
    monkeypatch.setattr(retention, "KEPT_RUNS", 1)
    second = await traded(folder)
    third = await traded(folder)
    assert len(rows(folder / "state.db", "SELECT * FROM fills")) <= 4
    assert rows(folder / "state.db", "SELECT status FROM runs WHERE pruned")[0] == (None,)
    assert left_by(folder, first) == before
    assert len([*Inspector(StateDir(folder), second).fills()]) > 4
    told: list[str] = []
    assert len([*Inspector(StateDir(folder), warn=told.append).fills()]) <= 4
    assert told == ["older fills are in the journals of their runs: `tradectl fills --run ID`"]
    assert Inspector(StateDir(folder)).status().run_id == third
    answer = tradectl(folder, "fills", "--run", first, "--json")
    assert [row["trade_id"] for row in answer.document()] == [row.trade_id for row in before[1]]
