"""What is measured says what it has to say; how fast anything is, no test asserts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests import benchmarks
from tests.benchmarks import run, soak
from tests.fixtures.command import command
from tradectl.domain.errors import UsageError
from tradectl.operations.bench import growth, growth_beside, growth_kind, promises
from tradectl.operations.bench.bench import Bench
from tradectl.operations.bench.table import Row, at_most
from tradectl.operations.bench.trades import walk, write

RUN = Path(benchmarks.__file__).with_name("run.py")


def test_every_size_is_compared_with_the_smallest_of_its_kind_and_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (growth, growth_beside, growth_kind):
        monkeypatch.setattr(module, "ORDERS", 20)
    monkeypatch.setattr(growth_kind, "EVENTS", 200)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [str(RUN), "growth", "--quick", "--json"])
    assert run.main() == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len({row["what"] for row in rows}) == len(rows) == 2 * len(growth.GROWTHS)
    for row in rows:
        assert row["value"] > 0
        assert row["ratio"] == row["value"] / row["other"]
        assert row["verdict"] == ("goal" if row["ratio"] <= 1.25 else "missed")


def test_they_are_started_by_their_file(tmp_path: Path) -> None:
    words = [sys.executable, str(RUN), "--help"]
    told = subprocess.run(words, capture_output=True, timeout=300, check=True, cwd=tmp_path)
    assert b"growth" in told.stdout


def test_a_promise_is_measured_and_judged_on_this_machine() -> None:
    answer = command("bench", "component", "alerts", "--quick", "--json")
    found = json.loads(answer.out)
    assert answer.code == (0 if found["floors_hold"] else 1)
    assert [*dict.fromkeys(row["measure"] for row in found["rows"])] == ["component", "alerts"]
    assert all(row["measured"] > 0 and row["verdict"] for row in found["rows"])
    assert found["failed"] == {}


def test_what_comes_to_no_figure_is_told_and_costs_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(_: Bench) -> Iterator[Row]:
        yield Row(what="before", value=1.0, unit="s", floor=at_most(2))
        raise RuntimeError("no fill came")

    def too_slow(_: Bench) -> Iterator[Row]:
        yield Row(what="after", value=3.0, unit="s", floor=at_most(2), goals=(at_most(1),))

    monkeypatch.setattr(promises, "MEASURES", {"breaks": breaks, "slow": too_slow})
    found = promises.measured(quick=True)
    assert [(row.what, row.verdict) for row in found.rows] == [
        ("before", "floor"),
        ("after", "FLOOR MISSED"),
    ]
    assert found.failed == {"breaks": "no fill came"}
    assert not found.floors_hold
    assert promises.measured(["slow"], quick=True).failed == {}
    with pytest.raises(UsageError, match="breaks, slow"):
        promises.measured(["quick"])


def test_made_trades_are_trades_in_order_and_always_the_same(tmp_path: Path) -> None:
    write(tmp_path / "trades.csv", walk(500), 1_200)
    lines = (tmp_path / "trades.csv").read_text().splitlines()
    times = [int(line.partition(",")[0]) for line in lines[1:]]
    assert len(times) == 1_200
    assert times == sorted(times)
    assert walk(500) == walk(500)


def test_what_grows_in_the_second_half_of_a_soak_is_no_good_verdict() -> None:
    level = soak.Figures(0, 0, 60.0, 24, 7, 22, 5.0, 300.0, 4.0, 1_000)
    tenths = [replace(level, events=n * 10) for n in range(10)]
    assert all(soak.verdicts(tenths, {"verified": True}).values())
    assert not soak.verdicts(tenths, {"verified": False})["its journal is replayed and verified"]
    grown = {
        "rss": 70.0,
        "files": 40,
        "threads": 20,
        "tasks": 90,
        "database": 9.0,
        "journals": 400.0,
    }
    for name, value in grown.items():
        found = soak.verdicts([*tenths[:-1], replace(level, **{name: value})], {"verified": True})
        assert len([what for what, holds in found.items() if not holds]) == 1, name
    assert "60.0" in soak.as_text(soak.by_tenth(tenths, 100))
