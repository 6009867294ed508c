"""Two real users: what one of them leaves about neither freezes, nor steers, nor halts the other."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.fixtures.live_trader import KEYS
from tests.fixtures.users import OWNER, STRANGER, Users, users_can_be_made
from tests.profiles import in_turn, is_deep
from tradectl.files.places import FOLDER
from tradectl.storage.directory import StateDir
from tradectl.testkit import loopback_thread

pytestmark = users_can_be_made


@pytest.fixture
def users() -> Iterator[Users]:
    """In a folder that everybody may enter, as those of pytest are not."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Users(Path(made))


def spare_name(state: Path) -> str:
    return hashlib.sha256(os.fsencode((state / "halt").resolve())).hexdigest()[:16]


PLANTS = {
    "a pipe": "os.mkfifo(sys.argv[1])",
    "a file": "open(sys.argv[1], 'w').write('halt')",
    "a link to an endless device": "os.symlink('/dev/zero', sys.argv[1])",
}


@pytest.mark.parametrize("plant", in_turn([*PLANTS], 3))
def test_what_another_user_puts_into_a_shared_folder_halts_and_holds_up_nobody(
    users: Users, plant: str
) -> None:
    """A name in /tmp that anybody can compute."""
    spare = Path(f"/tmp/tradectl-halt-{OWNER}-{spare_name(users.state)}")
    users.stranger(PLANTS[plant], spare)
    try:
        assert_nobody_is_held_up(users)
    finally:
        spare.unlink()


@pytest.mark.parametrize("plant", in_turn([*PLANTS], 3))
def test_what_another_user_has_put_in_the_place_of_the_spare_is_ignored_and_told(
    users: Users, plant: str
) -> None:
    """While its folder was open to him; now it is shut."""
    place = users.home / ".local" / "state" / FOLDER
    users.owner("os.makedirs(sys.argv[1]), os.chmod(sys.argv[1], 0o777)", place)
    spare = place / f"halt-{spare_name(users.state)}"
    users.stranger(PLANTS[plant], spare)
    for mode, why in ((0o777, "others could have put it there"), (0o700, "")):
        place.chmod(mode)
        assert_nobody_is_held_up(users)
        users.tradectl("run", "--headless", "--duration", "0.5")
        (alert,) = users.tradectl("alerts", "--all", "--json").document()[-1:]
        told = f"ignored as a halt latch: {spare}: {why}"
        assert alert["message"].startswith(told)
        doctor = users.tradectl("doctor", "--json").document()
        (line,) = (f for f in doctor["findings"] if f["check"] == "halt latch")
        assert (line["verdict"], str(spare) in line["message"]) == ("warned", True)
    assert os.path.lexists(spare)


def assert_nobody_is_held_up(users: Users) -> None:
    """Each command comes to its end, or is ended with an error by its time-out."""
    traded = users.tradectl("run", "--headless", "--duration", "0.5", "--json")
    assert traded.code == 0, traded.err
    stopped = users.tradectl("emergency-stop", "--json")
    assert (stopped.code, stopped.document()["confirmed"]) == (0, True)
    assert users.tradectl("run", "--headless", "--duration", "0.5").code == 6
    assert users.tradectl("clear-halt", "--confirm").code == 0


# --- a configuration that somebody else could have written ---------------------------------------


LIVE = """
mode = "live"
symbols = ["BTCUSDT"]
[[exchanges]]
id = "binance"
url = "{url}"
"""


def signed(exchange: Any) -> list[Any]:
    return [request for request in exchange.truth.requests() if "signature" in str(request)]


WITH_KEYS = (
    "run --live --yes --headless",
    "record --exchange binance --duration 1",
    "reconcile",
    "config check",
)
ASKED = {"his": WITH_KEYS[:2], "open to all": WITH_KEYS[2:3], "open to a group": WITH_KEYS[3:]}
"""Whose the configuration is, and with what words it is named; deep, with all of them."""


@pytest.mark.parametrize("whose", ASKED)
def test_no_key_is_read_before_the_configuration_is_known_to_be_ours(
    users: Users, whose: str
) -> None:
    """Nor sent: whoever writes it says where."""
    with loopback_thread(seed=1) as exchange:
        config = users.folder / "live.toml"
        config.write_text(LIVE.format(url=exchange.url))
        os.chown(config, STRANGER if whose == "his" else OWNER, OWNER)
        config.chmod({"his": 0o644, "open to all": 0o646, "open to a group": 0o664}[whose])
        is_his = whose == "his"
        why = "belongs to somebody else" if is_his else "others can write"
        for words in WITH_KEYS if is_deep() else ASKED[whose]:
            refused = users.tradectl(*words.split(), "-c", str(config), **KEYS)
            assert refused.code == 2
            assert why in refused.complaint()
        stopped = users.tradectl("emergency-stop", "--json", "-c", str(config), **KEYS)
        assert (stopped.code, why in stopped.err) == (0, True)
        assert exchange.truth.requests() == []
        examined = users.tradectl("doctor", "--json", "-c", str(config), **KEYS)
        findings = {f["check"]: f for f in json.loads(examined.out)["findings"]}
        assert (examined.code, findings["config file"]["verdict"]) == (1, "failed")
        assert why in findings["config file"]["message"]
        assert "binance: keys" not in findings
        assert signed(exchange) == []
        os.chown(config, OWNER, OWNER)
        config.chmod(0o600)
        users.tradectl("doctor", "--json", "-c", str(config), **KEYS)
        assert signed(exchange)


@pytest.mark.parametrize(
    "whose", ["his", "open to all", "in a folder of his", "with a helper of his", "behind his link"]
)
def test_a_strategy_that_somebody_else_could_have_written_is_refused_before_a_key_is_sent(
    users: Users, whose: str
) -> None:
    """It, what it loads, and whatever leads to them."""
    with loopback_thread(seed=1) as exchange:
        folder = users.home / "strategies"
        strategy, helper = folder / "momentum.py", folder / "helper.py"
        folder.mkdir(mode=0o755)
        strategy.write_text(
            f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport helper\n"
            "from tradectl.strategy import Strategy\nclass M(Strategy):\n    pass\n"
        )
        helper.write_text("x = 1\n")
        for path, named in (
            (folder, "in a folder of his"),
            (strategy, "his"),
            (helper, "with a helper of his"),
        ):
            os.chown(path, STRANGER if whose == named else OWNER, OWNER)
        if whose == "open to all":
            strategy.chmod(0o666)
        if whose == "behind his link":
            users.folder.joinpath("link.py").symlink_to(strategy)
            strategy = users.folder / "link.py"
            os.lchown(strategy, STRANGER, STRANGER)
        config = users.home / "live.toml"
        named = f'[[strategies]]\nname = "m"\nstrategy = "{strategy}:M"\n'
        config.write_text(LIVE.format(url=exchange.url) + named)
        os.chown(config, OWNER, OWNER)
        words = ("run", "--live", "--yes", "--headless", "-c", str(config))
        refused = users.tradectl(*words, **KEYS)
        assert refused.code == 2, refused.err
        assert exchange.truth.requests() == []
        told = users.tradectl("doctor", "-c", str(config), **KEYS).complaint()
        assert str(strategy if whose != "with a helper of his" else helper) in told


# --- a state directory that somebody else has prepared -------------------------------------------


ACCOUNT = ("run", "--headless", "--duration", "0.5", "--json")
IN_HIS_WAY = {
    "a link for journals": (
        "shutil.rmtree(at / 'journals'), os.symlink(his / 'journals', at / 'journals')",
        "journals cannot be used: it is a link in the place of ours",
    ),
    "a folder of his for journals": (
        "shutil.rmtree(at / 'journals'), shutil.copytree(his / 'journals', at / 'journals')",
        "journals cannot be used: it belongs to another user",
    ),
    "a lock of his": (
        "(at / 'lock').unlink(), (at / 'lock').write_text('')",
        "lock cannot be used: it belongs to another user",
    ),
    "a pipe for the lock": (
        "(at / 'lock').unlink(), os.mkfifo(at / 'lock')",
        "lock cannot be used: it is something else in the place of ours",
    ),
    "a database of his": (
        "(at / 'state.db').unlink(), shutil.copy(his / 'state.db', at / 'state.db')",
        "state.db cannot be used: it belongs to another user",
    ),
    "a pipe for the database": (
        "(at / 'state.db').unlink(), os.mkfifo(at / 'state.db')",
        "state.db cannot be used: it is something else in the place of ours",
    ),
    "a link for the database": (
        "(at / 'state.db').unlink(), os.symlink(his / 'state.db', at / 'state.db')",
        "state.db cannot be used: it is a link in the place of ours",
    ),
    "a file for the socket": (
        "(at / 'control.sock').write_text('')",
        "control.sock cannot be used: it is something else in the place of ours",
    ),
    "a note of his": (
        "(at / 'halt-cleared').write_text('all is well')",
        "halt-cleared cannot be used: it belongs to another user",
    ),
    "a latch of his": (
        "(at / 'halt').unlink(), (at / 'halt').write_text('halt')",
        "halt cannot be used: it belongs to another user",
    ),
    "a pipe for the latch": (
        "(at / 'halt').unlink(), os.mkfifo(at / 'halt')",
        "halt cannot be used: it is something else in the place of ours",
    ),
}
PLANTS_IN = "import pathlib, shutil; at, his = map(pathlib.Path, sys.argv[1:]); "


@pytest.fixture
def his(users: Users) -> Path:
    """Somebody else's account, which everybody may read."""
    made = users.folder / "his"
    assert users.tradectl(*ACCOUNT).code == 0
    shutil.copytree(users.state, made)
    for path in (made, *made.rglob("*")):
        os.chown(path, STRANGER, STRANGER)
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


@pytest.mark.parametrize("plant", in_turn([*IN_HIS_WAY], 2))
def test_what_another_user_put_into_the_state_directory_is_not_gone_on_with(
    users: Users, his: Path, plant: str
) -> None:
    """While that was open to him. Every command names it; the emergency stop latches all the same, waits
    for none of it, and confirms nothing of an account that it cannot know."""
    code, why = IN_HIS_WAY[plant]
    users.state.chmod(0o777)
    if "journals" in plant:
        (users.state / "journals").chmod(0o777)
        shutil.rmtree(users.state / "journals")
        code = code.partition(", ")[2]
    users.stranger(PLANTS_IN + code, users.state, his)
    users.state.chmod(0o700)
    for words in ("run --headless --duration 0.5", "status"):
        assert why in users.tradectl(*words.split()).complaint()
    examined = users.tradectl("doctor", "--json")
    (found,) = (f for f in json.loads(examined.out)["findings"] if f["check"] == "state directory")
    assert (examined.code, found["verdict"], why in found["message"]) == (1, "failed", True)
    stopped = users.tradectl("emergency-stop", "--json")
    receipt = json.loads(stopped.out)
    assert receipt["latched"]
    if any(word in plant for word in ("journals", "lock")):
        assert (stopped.code, receipt["confirmed"]) == (5, False)
        assert "journals" in receipt["error"] or "lock" in receipt["error"]
    assert StateDir(users.state).latch.read() is not None


def test_what_others_can_write_is_looked_at_first_by_its_owner(users: Users) -> None:
    assert users.tradectl(*ACCOUNT).code == 0
    for mode, name, why in (
        (0o777, "", "others can write the state directory"),
        (0o777, "journals", "journals cannot be used: others can write it"),
        (0o666, "lock", "lock cannot be used: others can write it"),
        (0o666, "state.db", "state.db cannot be used: others can write it"),
    ):
        path = users.state / name
        path.chmod(mode)
        for words in (ACCOUNT, ("status",)):
            assert why in users.tradectl(*words).complaint()
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert users.tradectl(*ACCOUNT).code == 0


@pytest.mark.parametrize("made", [False, True])
def test_a_state_directory_that_another_user_could_exchange_is_refused(
    users: Users, made: bool
) -> None:
    """Whoever can write a folder on the way to it."""
    open_to_all = users.folder / "open"
    open_to_all.mkdir()
    state = ("--state-dir", str(open_to_all / "state"))
    os.chown(open_to_all, OWNER, OWNER)
    if made:
        assert users.tradectl(*ACCOUNT, *state).code == 0
    open_to_all.chmod(0o777)
    why = f"could be another one at any time: others can write the folder {open_to_all}"
    for words in (ACCOUNT, ("status",)):
        assert why in users.tradectl(*words, *state).complaint()
    stopped = users.tradectl("emergency-stop", "--json", *state)
    assert json.loads(stopped.out)["latched"]
    assert users.tradectl("clear-halt", "--confirm", *state).code != 0
    open_to_all.chmod(0o1777)  # as /tmp is: only a thing's owner may take it away
    assert users.tradectl("clear-halt", "--confirm", *state).code == 0
    assert users.tradectl(*ACCOUNT, *state).code == 0


def test_a_link_of_another_users_on_the_way_is_refused(users: Users) -> None:
    shared = users.folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    users.stranger("os.symlink(sys.argv[1], sys.argv[2])", users.home, shared / "link")
    state = ("--state-dir", str(shared / "link" / "state"))
    why = f"the link {shared / 'link'} belongs to another user"
    assert why in users.tradectl(*ACCOUNT, *state).complaint()
    users.owner("os.symlink(sys.argv[1], sys.argv[2])", users.home, shared / "own")
    assert users.tradectl(*ACCOUNT, "--state-dir", str(shared / "own" / "state")).code == 0


def test_whatever_the_umask_and_whatever_was_copied_in_nothing_is_others_to_read(
    users: Users,
) -> None:
    assert users.tradectl(*ACCOUNT).code == 0
    for name in ("halt", "state.db", "lock"):
        (users.state / name).chmod(0o644)
    users.state.chmod(0o755)
    assert users.tradectl(*ACCOUNT).code == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in users.state.rglob("*")}
    assert set(modes.values()) == {0o700, 0o600}
    assert users.state.stat().st_mode & 0o777 == 0o700
