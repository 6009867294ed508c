"""What its owner shut away from himself, by a wrong chmod, does not make an emergency stop untrue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fixtures.command import Answer
from tests.fixtures.users import Users, users_can_be_made

pytestmark = users_can_be_made

TRADED = ("run", "--headless", "--duration", "0.5")
REASON_GIVEN = {
    ".": "cannot read the journals in",
    "journals": "cannot read the journals in",
    "journals/*.jsonl": "cannot read the journal",
    "lock": "cannot lock",
    "state.db": None,
    "halt": None,
    "reserve": None,
}


@pytest.fixture
def users() -> Iterator[Users]:
    """In a folder that everybody may enter, as those of pytest are not."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Users(Path(made), bare=True)


def shut(path: Path) -> int:
    """Nobody but root can open it; the mode that it had."""
    mode = path.stat().st_mode & 0o777
    path.chmod(0)
    return mode


def stopped(users: Users, *words: str) -> Answer:
    return users.tradectl("emergency-stop", "--json", *words)


def test_a_stop_is_latched_where_it_says_so_whatever_is_shut(users: Users) -> None:
    """It still is when all can be read again; and once it is cleared, it trades."""
    assert users.tradectl(*TRADED).code == 0
    for name, why in REASON_GIVEN.items():
        path = max(users.state.glob(name)) if "*" in name else users.state / name
        mode = shut(path)
        answer = stopped(users)
        receipt = json.loads(answer.out)
        assert receipt["latched"], name
        assert (answer.code, receipt["confirmed"]) == ((0, True) if why is None else (5, False))
        assert why is None or receipt["error"].startswith(why), name
        path.chmod(mode)
        assert users.tradectl(*TRADED).code == 6, name
        assert users.tradectl("clear-halt", "--confirm").code == 0
        assert users.tradectl(*TRADED).code == 0, name


def test_where_the_folder_on_the_way_is_shut_it_latches_too(users: Users) -> None:
    state = users.home / "way" / "state"
    named = ("--state-dir", str(state))
    assert users.tradectl(*TRADED, *named).code == 0
    mode = shut(state.parent)
    answer = stopped(users, *named)
    assert (answer.code, json.loads(answer.out)["latched"]) == (5, True)
    state.parent.chmod(mode)
    assert users.tradectl(*TRADED, *named).code == 6


def test_a_configuration_that_is_shut_is_said_and_no_reason_not_to_stop(users: Users) -> None:
    config = users.home / "mine.toml"
    config.write_text("")
    shut(config)
    answer = stopped(users, "-c", str(config))
    assert (answer.code, json.loads(answer.out)["confirmed"]) == (0, True)
    assert f"{config}: cannot be read: Permission denied; it is stopped without it" in answer.err


@pytest.mark.parametrize("name", [".", "journals", "way"])
def test_the_doctor_finds_it_and_tells_the_rest(users: Users, name: str) -> None:
    state = users.home / "way" / "state"
    named = ("--state-dir", str(state))
    assert users.tradectl(*TRADED, *named).code == 0
    shut(state.parent if name == "way" else state / name)
    examined = users.tradectl("doctor", "--json", *named)
    findings = {found["check"]: found for found in json.loads(examined.out)["findings"]}
    assert (examined.code, findings["reserve"]["verdict"]) == (1, "failed")
    assert f"{state}/journals: Permission denied" in findings["reserve"]["message"]
    assert findings["disk"]["verdict"] != "failed"


def test_a_run_whose_lock_is_shut_is_asked_all_the_same(users: Users) -> None:
    with users.started("run", "--headless", "--duration", "60") as run:
        assert run.stderr is not None
        assert any("on the simulated market" in line for line in run.stderr)
        shut(users.state / "lock")
        examined = users.tradectl("doctor", "--json")
        findings = {found["check"]: found for found in json.loads(examined.out)["findings"]}
        assert "lock is shut" in findings["instance"]["message"]
        answer = stopped(users)
        receipt = json.loads(answer.out)
        assert (answer.code, receipt["confirmed"], receipt["method"]) == (0, True, "control")
        run.communicate(timeout=60)
    assert run.returncode == 6


def test_a_graceful_stop_waits_for_the_run_where_the_lock_is_shut(users: Users) -> None:
    with users.started("run", "--headless") as run:
        assert run.stderr is not None
        assert any(" journal " in line for line in run.stderr)
        mode = shut(users.state / "lock")
        answer = users.tradectl("stop")
        users.state.joinpath("lock").chmod(mode)
        run.communicate()
    assert (answer.code, answer.err) == (0, "")
    assert run.returncode == 0


def test_a_latch_that_is_shut_is_cleared_once_it_is_opened(users: Users) -> None:
    """Said how; what a stop put aside is cleared with it, and until then named."""
    assert users.tradectl(*TRADED).code == 0
    latch = users.state / "halt"
    shut(latch)
    told = users.tradectl("clear-halt", "--confirm").complaint()
    assert f"Permission denied: chmod 600 {latch}" in told
    assert json.loads(stopped(users).out)["latched"]
    (aside,) = users.state.glob("halt.*")
    (finding,) = (
        f
        for f in json.loads(users.tradectl("doctor", "--json").out)["findings"]
        if f["check"] == "halt latch"
    )
    assert (finding["verdict"], str(aside) in finding["message"]) == ("warned", True)
    assert users.tradectl("clear-halt", "--confirm").code == 0
    assert not aside.exists()
