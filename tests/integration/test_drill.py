"""`drill`: real faults and real processes, and a scorecard that says when something does not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fixtures.command import command
from tests.profiles import in_turn
from tradectl.documents.drill import DrillRow
from tradectl.domain.errors import UsageError
from tradectl.operations.drill import drills
from tradectl.operations.drill.drills import DRILLS, Drill, drill
from tradectl.operations.drill.trial import CannotBeTried, NotSeen, Trial

KEY = "not to be told to anybody, nor to a drill"


ON_PAPER, ON_THE_LOOPBACK_EXCHANGE = "two-instances", "halt-with-a-stop"


@pytest.mark.slow
@pytest.mark.parametrize("name", in_turn([ON_PAPER, ON_THE_LOOPBACK_EXCHANGE], 2))
def test_a_drill_in_processes_of_its_own(tmp_path: Path, name: str) -> None:
    words = ("drill", name, "--json", "--keep", tmp_path)
    answer = command(*words, timeout=300, TRADECTL_BINANCE_API_KEY=KEY, TRADECTL__SYMBOLS='["X"]')
    assert answer.code == 0, answer.out
    found = json.loads(answer.out)
    assert [row["passed"] for row in found["rows"]] == [True]
    assert all(row["seen"] and not row["failed"] for row in found["rows"])
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".jsonl" for path in left)
    assert not [path for path in left if KEY.encode() in path.read_bytes()]


def passes(trial: Trial) -> None:
    trial.check("it holds", True)


def fails(trial: Trial) -> None:
    trial.check("this holds", True)
    trial.check("that holds", False)


def never_comes_to_it(trial: Trial) -> None:
    trial.check("this holds", True)
    trial.until("the end of the world", lambda: False, within=0.05)


def sees_nothing(trial: Trial) -> None:
    """No check is no pass."""


def breaks(trial: Trial) -> None:
    raise OSError(5, "broken")


def cannot_be_tried(trial: Trial) -> None:
    raise CannotBeTried("not on this machine")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = (passes, fails, never_comes_to_it, sees_nothing, breaks, cannot_be_tried)
    monkeypatch.setattr(drills, "DRILLS", {each.__name__: Drill("a try", each) for each in tried})


@pytest.mark.usefixtures("listed")
def test_only_what_was_seen_to_hold_has_passed(tmp_path: Path) -> None:
    heard: list[DrillRow] = []
    found = drill(folder=tmp_path, told=heard.append)
    assert not found.passed
    assert {row.name: row.passed for row in found.rows} == {
        "passes": True,
        "fails": False,
        "never_comes_to_it": False,
        "sees_nothing": False,
        "breaks": False,
        "cannot_be_tried": False,
    }
    assert len(heard) == len(found.rows)
    assert "the end of the world: not within" in found.rows[2].failed[0]
    assert found.rows[5].skipped == "not on this machine"
    assert drill(["passes", "cannot_be_tried"], folder=tmp_path).passed


@pytest.mark.usefixtures("listed")
def test_what_passed_leaves_nothing_and_what_failed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert drill(["passes"]).folder is None
    assert [*tmp_path.iterdir()] == []
    found = drill(["fails"])
    assert found.folder is not None
    assert Path(found.folder).parent == tmp_path


def test_no_other_drill_is_one() -> None:
    with pytest.raises(UsageError, match="kill-9"):
        drill(["kill-10"])
    assert {"kill-9", "full-disk", "lying-exchange", "your-coins"} <= {*DRILLS}


def test_waiting_ends(tmp_path: Path) -> None:
    with pytest.raises(NotSeen):
        Trial(tmp_path / "trial").until("nothing", lambda: None, within=0.01)
